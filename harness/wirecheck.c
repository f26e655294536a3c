/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Wire checks over a capture. Each segment is classified once (SYN, SYN-ACK, first data, first ACK)
 * with the help of a little state per connection, then every check looks at the class it is about.
 *
 * What the classes mean exactly:
 *  - A connection begins with a SYN whose sequence number is new for its addresses and ports; a
 *    SYN that is sent again is another SYN of the same connection.
 *  - First data: per direction, in the order of the capture, the first segment with payload that is
 *    no SYN (Fast Open data does not count). First ACK: the initiator's first segment with ACK and
 *    without SYN and RST. Both only where the capture has the connection's SYN or SYN-ACK: of one
 *    that was there before, nobody can tell what was its first.
 */
#include "wirecheck.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "capture_connections.h"
#include "decode.h"
#include "util.h"
#include "wirecheck_internal.h"

static const char *const segment_names[] = {
    [WIRE_SYN] = "SYN",
    [WIRE_SYNACK] = "SYN-ACK",
    [WIRE_FIRST_DATA] = "first data",
    [WIRE_FIRST_ACK] = "first ack",
    [WIRE_ALL] = "all",
    [WIRE_ANY] = "any",
};

int wire_segments_parse(const char *s, enum wire_segments *out)
{
    for (unsigned i = 0; i < ARRAY_SIZE(segment_names); i++) {
        if (!strcmp(s, segment_names[i])) {
            *out = (enum wire_segments)i;
            return 0;
        }
    }
    return -EINVAL;
}

const char *wire_segments_name(enum wire_segments s)
{
    return (unsigned)s < ARRAY_SIZE(segment_names) ? segment_names[s] : "?";
}

/* --- connections --- */
struct conn {
    struct connection id;
    bool begun;         /* its SYN or SYN-ACK is in the capture */
    bool has_isn;       /* the initiator's SYN is */
    uint32_t isn;       /* its sequence number */
    unsigned initiator; /* which end */
    bool first_ack_seen;
    bool data_seen[2];
};

struct check_state {
    struct check_plan plan;
    struct wire_result *r;
    uint64_t passed;
    bool some_failure; /* r->packet and value hold a failing segment, not a passing one */
    char value[192];   /* of the option in that segment, or what is wrong */
};

struct wire_run {
    struct conns conns;
    struct mptcp_track track; /* where a check needs it */
    bool tracks;
    struct check_state *checks;
    unsigned n;
    uint64_t first_ns;
    bool any_segment;
};

enum segment_class {
    CLASS_SYN = 1 << WIRE_SYN,
    CLASS_SYNACK = 1 << WIRE_SYNACK,
    CLASS_FIRST_DATA = 1 << WIRE_FIRST_DATA,
    CLASS_FIRST_ACK = 1 << WIRE_FIRST_ACK,
    CLASS_ANY = 1 << WIRE_ALL | 1 << WIRE_ANY
};

static void conn_begin(struct conn *c, unsigned initiator)
{
    c->begun = true;
    c->initiator = initiator;
    c->has_isn = false;
    c->first_ack_seen = false;
    c->data_seen[0] = c->data_seen[1] = false;
}

/* Which classes a segment is in (bits of enum segment_class); keeps the connection's state. */
static unsigned classify(struct wire_run *run, const struct segment *s)
{
    unsigned sender, classes = CLASS_ANY;
    struct conn *c = conns_get(&run->conns, s, &sender);

    if (s->flags & SEG_SYN) {
        if (s->flags & SEG_ACK) {
            /* Its SYN may have gone another way, or been before the capture. */
            if (!c->begun || c->initiator == sender)
                conn_begin(c, !sender);
            return classes | CLASS_SYNACK;
        }
        if (!c->has_isn || c->initiator != sender || c->isn != s->seq)
            conn_begin(c, sender);
        c->has_isn = true;
        c->isn = s->seq;
        return classes | CLASS_SYN;
    }
    if (!c->begun)
        return classes;
    if (s->payload_len && !c->data_seen[sender]) {
        c->data_seen[sender] = true;
        classes |= CLASS_FIRST_DATA;
    }
    if (sender == c->initiator && (s->flags & (SEG_ACK | SEG_RST)) == SEG_ACK &&
        !c->first_ack_seen) {
        c->first_ack_seen = true;
        classes |= CLASS_FIRST_ACK;
    }
    return classes;
}

/* --- one check, one segment --- */
static bool applies(const struct check_plan *p, const struct segment *s, unsigned classes)
{
    if (p->check->mptcp || !(classes & 1u << p->check->segments))
        return false;
    if (p->check->port && s->sport != p->check->port && s->dport != p->check->port)
        return false;
    return !p->n_from || addr_list_has(p->from, p->n_from, s->family, s->src);
}

/* Does the segment do what the check wants? value: what was found, in words. */
static bool segment_passes(const struct check_plan *p, const struct segment *s, char *value,
                           size_t size)
{
    bool there = false, matches = false;
    struct tcp_option_iter it;
    struct tcp_option o;
    char text[192];

    snprintf(value, size, "no %s", p->check->option);
    tcp_option_begin(&it, s);
    while (tcp_option_next(&it, &o)) {
        bool this_one;

        if (!check_names_option(p, &o))
            continue;
        this_one = check_value(p, &o, text, sizeof(text));
        /* Of several options of the kind the one that decides is shown. */
        if (!there || (this_one && !matches))
            snprintf(value, size, "%s", text);
        there = true;
        matches |= this_one;
    }
    if (!there && s->options_missing) {
        snprintf(value, size, "the capture does not hold all options");
        return false;
    }
    return p->check->absent ? !matches : matches;
}

static void remember(const struct wire_run *run, struct check_state *c, const struct segment *s,
                     uint64_t t_ns, uint64_t index)
{
    uint64_t t = t_ns > run->first_ns ? t_ns - run->first_ns : 0;
    int n = snprintf(c->r->packet, sizeof(c->r->packet),
                     "packet %" PRIu64 " at %" PRIu64 ".%09u s: ", index,
                     (uint64_t)(t / NSEC_PER_SEC), (unsigned)(t % NSEC_PER_SEC));
    char line[2048];

    /* 768 bytes hold the words for any options that fit a header; if not, the end says so. */
    if (segment_print(line, sizeof(line), s) >= (int)sizeof(c->r->packet) - n)
        memcpy(line + sizeof(c->r->packet) - (size_t)n - 4, "...", 4);
    snprintf(c->r->packet + n, sizeof(c->r->packet) - (size_t)n, "%.*s",
             (int)sizeof(c->r->packet) - n - 1, line);
}

static void check_segment(const struct wire_run *run, struct check_state *c,
                          const struct segment *s, uint64_t t_ns, uint64_t index)
{
    char value[sizeof(c->value)];
    bool ok = segment_passes(&c->plan, s, value, sizeof(value));

    c->r->matched++;
    c->passed += ok;
    c->r->failed += !ok;
    /* "any" shows the first that passes as soon as there is one, the others the first failing. */
    if (c->r->matched == 1 ||
        (c->plan.check->segments == WIRE_ANY ? ok && c->some_failure && c->passed == 1
                                             : !ok && !c->some_failure)) {
        c->some_failure = !ok;
        memcpy(c->value, value, sizeof(value));
        remember(run, c, s, t_ns, index);
    }
}

static int on_segment(const struct segment *s, uint64_t t_ns, uint64_t index, void *arg)
{
    struct wire_run *run = arg;
    unsigned classes = classify(run, s);

    if (!run->any_segment) {
        run->any_segment = true;
        run->first_ns = t_ns;
    }
    if (run->tracks)
        mptcp_track_segment(&run->track, s, t_ns, index);
    for (unsigned i = 0; i < run->n; i++)
        if (applies(&run->checks[i].plan, s, classes))
            check_segment(run, &run->checks[i], s, t_ns, index);
    return 0;
}

/* --- the verdict --- */
static void judge(const struct wire_run *run, struct check_state *c)
{
    const struct wire_check *check = c->plan.check;
    struct wire_result *r = c->r;
    bool any = check->segments == WIRE_ANY;

    if (check->mptcp) {
        wire_mptcp_judge(&run->track, &c->plan, r);
        return;
    }
    check_expected(check, r->expected, sizeof(r->expected));
    if (!r->matched) {
        r->ok = check->may_be_empty;
        snprintf(r->found, sizeof(r->found), "no such segment (%s)",
                 run->any_segment ? "the capture has others" : "the capture has no TCP segment");
        return;
    }
    r->ok = any ? c->passed > 0 : !r->failed;
    if (any && r->ok)
        r->failed = 0;
    if (r->ok)
        snprintf(r->found, sizeof(r->found), "%s (%" PRIu64 " of %" PRIu64 " segments)", c->value,
                 c->passed, r->matched);
    else
        snprintf(r->found, sizeof(r->found), "%s (%" PRIu64 " of %" PRIu64 " segments fail)",
                 c->value, r->failed, r->matched);
}

static void run_free(struct wire_run *run)
{
    for (unsigned i = 0; i < run->n; i++)
        check_plan_free(&run->checks[i].plan);
    conns_free(&run->conns);
    if (run->tracks)
        mptcp_track_free(&run->track);
    free(run->checks);
}

int wire_check_run(const struct wire_check *checks, unsigned n, const char *pcap_path,
                   struct wire_result *results, struct err *e)
{
    struct wire_run run = {.n = n, .checks = xcalloc(n ? n : 1, sizeof(*run.checks))};
    int rc = 0;

    conns_init(&run.conns, sizeof(struct conn));
    for (unsigned i = 0; i < n && !rc; i++) {
        results[i] = (struct wire_result){0};
        run.checks[i].r = &results[i];
        rc = check_plan_make(&run.checks[i].plan, &checks[i], e);
        run.tracks |= checks[i].mptcp != WIRE_NO_MPTCP;
    }
    if (run.tracks)
        mptcp_track_init(&run.track);
    if (!rc)
        rc = capture_read(pcap_path, on_segment, &run, e);
    for (unsigned i = 0; i < n && !rc; i++)
        judge(&run, &run.checks[i]);
    run_free(&run);
    return rc;
}

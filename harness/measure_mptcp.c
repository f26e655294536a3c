/* SPDX-License-Identifier: BSD-2-Clause */
/* Measures of MPTCP connections, and the gap, which is that of plain TCP as well. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "capture.h"
#include "measure.h"
#include "mptcp_track.h"
#include "stats.h"
#include "util.h"

static int on_segment(const struct segment *s, uint64_t t_ns, uint64_t index, void *arg)
{
    mptcp_track_segment(arg, s, t_ns, index);
    return 0;
}

static int track(struct mptcp_track *t, const struct measure_input *in, struct err *e)
{
    mptcp_track_init(t);
    return capture_read(in->pcap_path, on_segment, t, e);
}

static bool wanted(const struct measure_input *in, const struct connection *id)
{
    return !in->m->port || id->port[0] == in->m->port || id->port[1] == in->m->port;
}

struct values {
    double *v;
    size_t n;
};

static void add(struct values *l, double v)
{
    l->v = xrealloc(l->v, (l->n + 1) * sizeof(*l->v));
    l->v[l->n++] = v;
}

/* median, p99 and max as metrics NAME_median …; none where there is no value. Frees the values. */
static void spread(const struct measure_input *in, const char *name, const char *unit,
                   struct values *l)
{
    static const struct {
        const char *name;
        double quantile;
    } q[] = {{"median", 0.5}, {"p99", 0.99}, {"max", 1}};

    for (unsigned i = 0; l->n && i < ARRAY_SIZE(q); i++) {
        char *full = xasprintf("%s_%s", name, q[i].name);
        measure_metric(in, full, unit, stats_quantile(l->v, l->n, q[i].quantile));
        free(full);
    }
    free(l->v);
    *l = (struct values){0};
}

int measure_mptcp_join(const struct measure_input *in, struct err *e)
{
    struct values delay = {0}, after = {0};
    struct mptcp_track t;
    size_t connections = 0;
    int rc = track(&t, in, e);

    for (size_t i = 0; !rc && i < t.n; i++) {
        const struct mptcp_connection *c = t.connections[i];
        if (!c->mptcp || !c->capable_ack_ns || !wanted(in, &c->subflows->id))
            continue;
        connections++;
        if (!c->first_join_ns)
            continue;
        add(&delay, (double)(int64_t)(c->first_join_ns - c->capable_ack_ns) / 1e9);
        measure_series(in, c->capable_ack_ns, delay.v[delay.n - 1]);
        if (c->established_ns)
            add(&after, (double)(int64_t)(c->first_join_ns - c->established_ns) / 1e9);
    }
    if (!rc) {
        measure_metric(in, "connections", "count", (double)connections);
        measure_metric(in, "joined", "count", (double)delay.n);
    }
    spread(in, "delay", "s", &delay);
    spread(in, "after_established", "s", &after);
    mptcp_track_free(&t);
    return rc;
}

/* The next MP_JOIN SYN between the same addresses; NULL where there is none. */
static const struct mptcp_subflow *successor(const struct mptcp_subflow *s)
{
    size_t len = s->id.family == AF_INET ? 4 : 16;

    for (const struct mptcp_subflow *n = s->next; n; n = n->next)
        if (n->syn_ns > s->reset_ns && n->id.family == s->id.family &&
            !memcmp(mptcp_subflow_addr(n, 0), mptcp_subflow_addr(s, 0), len) &&
            !memcmp(mptcp_subflow_addr(n, 1), mptcp_subflow_addr(s, 1), len))
            return n;
    return NULL;
}

int measure_mptcp_rejoin(const struct measure_input *in, struct err *e)
{
    struct values delay = {0};
    uint64_t resets = 0, last = 0, complete = 0;
    struct mptcp_track t;
    int rc = track(&t, in, e);

    for (size_t i = 0; !rc && i < t.n; i++) {
        const struct mptcp_connection *c = t.connections[i];
        if (!c->mptcp || !wanted(in, &c->subflows->id))
            continue;
        for (const struct mptcp_subflow *s = c->subflows; s; s = s->next) {
            const struct mptcp_subflow *next = s->reset_ns && s->ack_ns ? successor(s) : NULL;
            if (s->join && s->syn_ns > last)
                last = s->syn_ns;
            if (s->join && mptcp_subflow_complete(s) && s->ack_ns > complete)
                complete = s->ack_ns;
            /* With the connection's end everything may be reset: that asks for nothing. */
            if (s->reset_ns && s->ack_ns && s->reset_ns < c->progress[0].last_ns + NSEC_PER_SEC)
                resets++;
            if (!next)
                continue;
            add(&delay, (double)(int64_t)(next->syn_ns - s->reset_ns) / 1e9);
            measure_series(in, s->reset_ns, delay.v[delay.n - 1]);
        }
    }
    if (!rc) {
        measure_metric(in, "resets", "count", (double)resets);
        measure_metric(in, "rejoined", "count", (double)delay.n);
        if (last)
            measure_metric(in, "last_join_s", "s", (double)(int64_t)(last - in->t0_real_ns) / 1e9);
        if (complete)
            measure_metric(in, "last_complete_s", "s",
                           (double)(int64_t)(complete - in->t0_real_ns) / 1e9);
    }
    spread(in, "delay", "s", &delay);
    mptcp_track_free(&t);
    return rc;
}

int measure_mptcp_subflows(const struct measure_input *in, struct err *e)
{
    double bytes = 0, largest = 0;
    uint64_t complete = 0, used = 0;
    struct values per = {0};
    struct mptcp_track t;
    int rc = track(&t, in, e);

    for (size_t i = 0; !rc && i < t.subflows.n; i++) {
        const struct mptcp_subflow *s = (const struct mptcp_subflow *)t.subflows.all[i];
        double here = (double)s->payload[0] + (double)s->payload[1];
        if (!wanted(in, &s->id))
            continue;
        complete += mptcp_subflow_complete(s);
        used += here > 0;
        bytes += here;
        largest = here > largest ? here : largest;
    }
    for (size_t i = 0; !rc && i < t.n; i++) {
        const struct mptcp_connection *c = t.connections[i];
        unsigned n = 0;
        if (!c->mptcp || !wanted(in, &c->subflows->id))
            continue;
        for (const struct mptcp_subflow *s = c->subflows; s; s = s->next)
            n += mptcp_subflow_complete(s);
        add(&per, n);
    }
    if (!rc) {
        measure_metric(in, "complete", "count", (double)complete);
        measure_metric(in, "used", "count", (double)used);
        measure_metric(in, "hit", "1", bytes > 0);
        measure_metric(in, "bytes", "byte", bytes);
        if (bytes > 0)
            measure_metric(in, "largest_share", "1", largest / bytes);
        if (per.n)
            measure_metric(in, "per_connection_min", "count", stats_quantile(per.v, per.n, 0));
    }
    spread(in, "per_connection", "count", &per);
    mptcp_track_free(&t);
    return rc;
}

int measure_gap(const struct measure_input *in, struct err *e)
{
    const struct mptcp_progress *most = NULL;
    struct mptcp_track t;
    int rc = track(&t, in, e);

    for (size_t i = 0; !rc && i < t.n; i++) {
        const struct mptcp_connection *c = t.connections[i];
        for (unsigned side = 0; wanted(in, &c->subflows->id) && side < 2; side++)
            if (!most || c->progress[side].acked > most->acked)
                most = &c->progress[side];
    }
    if (most && most->acked) {
        measure_metric(in, "longest", "s", (double)most->gap_ns / 1e9);
        measure_metric(in, "at_s", "s", (double)(int64_t)(most->gap_at_ns - in->t0_real_ns) / 1e9);
        measure_metric(in, "bytes", "byte", (double)most->acked);
    }
    mptcp_track_free(&t);
    return rc;
}

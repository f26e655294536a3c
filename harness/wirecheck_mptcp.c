/* SPDX-License-Identifier: BSD-2-Clause */
/* Wire checks that look at whole MPTCP connections. */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "util.h"
#include "wirecheck_internal.h"

static const char *const names[] = {
    [WIRE_JOINS] = "joins",
    [WIRE_ADD_ADDR] = "add_addr",
    [WIRE_HMAC] = "hmac",
    [WIRE_SUBFLOWS] = "subflows",
};

int wire_mptcp_parse(const char *s, enum wire_mptcp *out)
{
    for (unsigned i = WIRE_JOINS; i < ARRAY_SIZE(names); i++) {
        if (!strcmp(names[i], s)) {
            *out = (enum wire_mptcp)i;
            return 0;
        }
    }
    return -EINVAL;
}

static int needs(const struct wire_check *c, bool given, const char *key, struct err *e)
{
    return given ? 0
                 : err_usage(e, -EINVAL, "wire check '%s': mptcp: %s needs `%s:`", c->name,
                             names[c->mptcp], key);
}

static int refuses(const struct wire_check *c, bool given, const char *key, struct err *e)
{
    return given ? err_usage(e, -EINVAL, "wire check '%s': `%s:` does not go with `mptcp: %s`",
                             c->name, key, names[c->mptcp])
                 : 0;
}

int wire_mptcp_validate(const struct wire_check *c, struct err *e)
{
    struct net_addr a;

    if (refuses(c, c->option, "option", e) || refuses(c, c->field, "field", e) ||
        refuses(c, c->absent, "absent", e) ||
        refuses(c, c->value && c->mptcp != WIRE_SUBFLOWS, "value", e) ||
        refuses(c, c->to && c->mptcp != WIRE_JOINS, "to", e) ||
        refuses(c, c->address && c->mptcp != WIRE_ADD_ADDR, "address", e) ||
        refuses(c, c->id && c->mptcp != WIRE_ADD_ADDR, "id", e) ||
        refuses(c, c->from && c->mptcp >= WIRE_HMAC, "from", e))
        return -EINVAL;
    if (c->mptcp == WIRE_JOINS && (needs(c, c->from, "from", e) || needs(c, c->to, "to", e)))
        return -EINVAL;
    if (c->mptcp == WIRE_ADD_ADDR) {
        if (needs(c, c->address, "address", e))
            return -EINVAL;
        if (inet_pton(strchr(c->address, ':') ? AF_INET6 : AF_INET, c->address, a.addr) != 1)
            return err_usage(e, -EINVAL,
                             "wire check '%s': address: '%s' is no IPv4 or IPv6 address", c->name,
                             c->address);
    }
    return c->mptcp == WIRE_SUBFLOWS ? needs(c, c->value, "value", e) : 0;
}

void wire_mptcp_expected(const struct wire_check *c, char *buf, size_t size)
{
    char id[32] = "";

    switch (c->mptcp) {
    case WIRE_JOINS:
        snprintf(buf, size, "in every connection an MP_JOIN SYN from each of %s to each of %s",
                 c->from, c->to);
        break;
    case WIRE_ADD_ADDR:
        if (c->id)
            snprintf(id, sizeof(id), " with id %u", c->id);
        snprintf(buf, size, "in every connection ADD_ADDR %s%s, echoed", c->address, id);
        break;
    case WIRE_HMAC:
        snprintf(buf, size, "in every connection HMACs of MP_JOIN or ADD_ADDR, all of them valid");
        break;
    default:
        snprintf(buf, size, "in every connection %s complete subflows", c->value);
    }
}

/* --- judging --- */
struct judged {
    struct wire_result *r;
    char good[256]; /* the first that passes, in words */
};

/* One thing that was looked at. The first one that fails is told. */
static void look(struct judged *j, bool ok, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void look(struct judged *j, bool ok, const char *fmt, ...)
{
    char *text = ok ? j->good : j->r->packet;
    size_t size = ok ? sizeof(j->good) : sizeof(j->r->packet);
    va_list ap;

    j->r->matched++;
    j->r->failed += !ok;
    if (*text)
        return;
    va_start(ap, fmt);
    vsnprintf(text, size, fmt, ap);
    va_end(ap);
}

static bool has_addr(const struct mptcp_subflow *s, unsigned side, const struct net_addr *a)
{
    return s->id.family == a->family &&
           !memcmp(mptcp_subflow_addr(s, side), a->addr, a->family == AF_INET ? 4 : 16);
}

static const char *addr_text(const struct net_addr *a, char *buf)
{
    inet_ntop(a->family, a->addr, buf, INET6_ADDRSTRLEN);
    return buf;
}

static void judge_pair(const struct mptcp_connection *c, const struct net_addr *from,
                       const struct net_addr *to, struct judged *j)
{
    char a[INET6_ADDRSTRLEN], b[INET6_ADDRSTRLEN], first[160];
    const struct mptcp_subflow *found = NULL;

    if (from->family != to->family ||
        (has_addr(c->subflows, 0, from) && has_addr(c->subflows, 1, to)))
        return;
    for (const struct mptcp_subflow *s = c->subflows; s && !found; s = s->next)
        if (s->join && has_addr(s, s->side, from) && has_addr(s, !s->side, to))
            found = s;
    addr_text(from, a);
    addr_text(to, b);
    if (found)
        look(j, true, "packet %" PRIu64 ": MP_JOIN SYN %s", found->syn_index,
             mptcp_subflow_print(found, first, sizeof(first)));
    else
        look(j, false, "no MP_JOIN SYN from %s to %s in the connection of %s", a, b,
             mptcp_subflow_print(c->subflows, first, sizeof(first)));
}

static void judge_joins(const struct mptcp_connection *c, const struct check_plan *p,
                        struct judged *j)
{
    struct net_addr *to;
    unsigned n;

    if (addr_list_parse(p->check->to, &to, &n, NULL))
        n = 0;
    for (unsigned i = 0; i < p->n_from; i++)
        for (unsigned k = 0; k < n; k++)
            judge_pair(c, &p->from[i], &to[k], j);
    free(to);
}

/* Is this side of the connection the node that `from` names? */
static bool is_from(const struct mptcp_connection *c, const struct check_plan *p, unsigned side)
{
    return !p->n_from || addr_list_has(p->from, p->n_from, c->subflows->id.family,
                                       mptcp_subflow_addr(c->subflows, side));
}

static void judge_add_addr(const struct mptcp_connection *c, const struct check_plan *p,
                           struct judged *j)
{
    struct net_addr want = {.family = strchr(p->check->address, ':') ? AF_INET6 : AF_INET};
    const struct mptcp_announcement *other = NULL;
    char first[160];

    inet_pton(want.family, p->check->address, want.addr);
    mptcp_subflow_print(c->subflows, first, sizeof(first));
    for (const struct mptcp_announcement *a = c->announcements; a; a = a->next) {
        if (a->what.family != want.family || !is_from(c, p, a->side) ||
            memcmp(a->what.addr, want.addr, want.family == AF_INET ? 4 : 16))
            continue;
        other = a;
        if (p->check->id && a->what.id != p->check->id)
            continue;
        if (a->echo_ns) {
            look(j, true, "packet %" PRIu64 ": ADD_ADDR %s id %u", a->index, p->check->address,
                 a->what.id);
            return;
        }
    }
    if (!other)
        look(j, false, "no ADD_ADDR %s in the connection of %s", p->check->address, first);
    else
        look(j, false,
             "packet %" PRIu64 ": ADD_ADDR %s has id %u and was %s, in the connection of %s",
             other->index, p->check->address, other->what.id,
             other->echo_ns ? "echoed" : "not echoed", first);
}

static void judge_hmac(const struct mptcp_connection *c, struct judged *j)
{
    char text[160];
    uint64_t before = j->r->matched;

    for (const struct mptcp_subflow *s = c->subflows; s; s = s->next) {
        mptcp_subflow_print(s, text, sizeof(text));
        if (s->synack_hmac != HMAC_NONE)
            look(j, s->synack_hmac == HMAC_VALID, "the HMAC of the SYN-ACK of %s is %s", text,
                 hmac_state_name(s->synack_hmac));
        if (s->ack_hmac != HMAC_NONE)
            look(j, s->ack_hmac == HMAC_VALID, "the HMAC of the ACK of %s is %s", text,
                 hmac_state_name(s->ack_hmac));
    }
    mptcp_subflow_print(c->subflows, text, sizeof(text));
    for (const struct mptcp_announcement *a = c->announcements; a; a = a->next)
        look(j, a->hmac == HMAC_VALID, "packet %" PRIu64 ": the HMAC of ADD_ADDR is %s (%s)",
             a->index, hmac_state_name(a->hmac), text);
    if (j->r->matched == before)
        look(j, false, "no HMAC in the connection of %s", text);
}

static void judge_subflows(const struct mptcp_connection *c, const struct check_plan *p,
                           struct judged *j)
{
    char first[160];
    unsigned n = 0;

    for (const struct mptcp_subflow *s = c->subflows; s; s = s->next)
        n += mptcp_subflow_complete(s);
    mptcp_subflow_print(c->subflows, first, sizeof(first));
    look(j, check_number(p, n), "%u subflows in the connection of %s", n, first);
}

void wire_mptcp_judge(const struct mptcp_track *t, const struct check_plan *p,
                      struct wire_result *r)
{
    struct judged j = {.r = r};
    const struct wire_check *check = p->check;
    size_t connections = 0;

    wire_mptcp_expected(check, r->expected, sizeof(r->expected));
    for (size_t i = 0; i < t->n; i++) {
        const struct mptcp_connection *c = t->connections[i];
        if (!c->mptcp || (check->port && mptcp_subflow_port(c->subflows, 0) != check->port &&
                          mptcp_subflow_port(c->subflows, 1) != check->port))
            continue;
        connections++;
        if (check->mptcp == WIRE_JOINS)
            judge_joins(c, p, &j);
        else if (check->mptcp == WIRE_ADD_ADDR)
            judge_add_addr(c, p, &j);
        else if (check->mptcp == WIRE_HMAC)
            judge_hmac(c, &j);
        else
            judge_subflows(c, p, &j);
    }
    if (!r->matched) {
        r->ok = check->may_be_empty && !connections;
        snprintf(r->found, sizeof(r->found), "%s",
                 connections ? "nothing to look at" : "no MPTCP connection in the capture");
        return;
    }
    r->ok = !r->failed;
    if (r->ok)
        snprintf(r->packet, sizeof(r->packet), "%s", j.good);
    snprintf(r->found, sizeof(r->found), "%" PRIu64 " of %" PRIu64 " in %zu connections",
             r->ok ? r->matched : r->failed, r->matched, connections);
    if (!r->ok)
        snprintf(r->found + strlen(r->found), sizeof(r->found) - strlen(r->found), " fail");
}

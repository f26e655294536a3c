/* SPDX-License-Identifier: BSD-2-Clause */
#include "topology.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "topology_plan.h"
#include "util.h"

void topology_free(struct topology *t)
{
    if (!t)
        return;
    for (unsigned i = 0; i < t->n_nodes; i++) {
        for (unsigned k = 0; k < t->nodes[i].n_sysctls; k++)
            free(t->nodes[i].sysctls[k]);
        free(t->nodes[i].sysctls);
        free(t->nodes[i].name);
    }
    free(t->nodes);
    free(t->links);
    free(t->addrs);
    free(t->routes);
    free(t->rules);
    free(t->name);
    free(t->file);
    free(t->description);
    free(t);
}

int topology_node(const struct topology *t, const char *name)
{
    for (unsigned i = 0; i < t->n_nodes; i++)
        if (!strcmp(t->nodes[i].name, name))
            return (int)i;
    return -1;
}

int topology_link(const struct topology *t, const char *name)
{
    for (unsigned i = 0; i < t->n_links; i++)
        if (!strcmp(t->links[i].name, name))
            return (int)i;
    return -1;
}

const struct topo_addr *topology_addr(const struct topology *t, unsigned node, int link_or_minus1,
                                      int family)
{
    for (unsigned i = 0; i < t->n_addrs; i++) {
        const struct topo_addr *a = &t->addrs[i];
        if (a->node == node && a->family == family &&
            (link_or_minus1 < 0 || a->link == (unsigned)link_or_minus1))
            return a;
    }
    return NULL;
}

static bool prefix_match(const void *a, const void *b, unsigned bits)
{
    const uint8_t *x = a, *y = b;
    unsigned bytes = bits / 8;

    if (memcmp(x, y, bytes))
        return false;
    return !(bits % 8) || !((x[bytes] ^ y[bytes]) & (0xff << (8 - bits % 8)));
}

const struct topo_route *topology_lookup(const struct topology *t, unsigned node, int family,
                                         uint32_t table, const void *dst)
{
    const struct topo_route *best = NULL;

    for (unsigned i = 0; i < t->n_routes; i++) {
        const struct topo_route *r = &t->routes[i];
        if (r->node == node && r->family == family && r->table == table &&
            prefix_match(&r->dst, dst, r->dst_len) && (!best || r->dst_len > best->dst_len))
            best = r;
    }
    return best;
}

const struct topo_addr *topology_owner(const struct topology *t, int family, const void *addr)
{
    size_t len = family == AF_INET ? 4 : 16;

    for (unsigned i = 0; i < t->n_addrs; i++)
        if (t->addrs[i].family == family && !memcmp(&t->addrs[i].v6, addr, len))
            return &t->addrs[i];
    return NULL;
}

/* One hop towards dst: the link it leaves by and the node behind it. False where there is no route.
 */
static bool next_hop(const struct topology *t, unsigned node, int family, const void *dst,
                     unsigned *link, unsigned *next)
{
    const struct topo_route *r;
    const struct topo_addr *via;

    for (unsigned i = 0; i < t->n_addrs; i++) { /* a connected subnet */
        const struct topo_addr *a = &t->addrs[i];
        if (a->node == node && a->family == family && prefix_match(&a->v6, dst, a->prefix_len)) {
            const struct topo_link *l = &t->links[a->link];
            *link = a->link;
            *next = l->node[0] == node ? l->node[1] : l->node[0];
            return true;
        }
    }
    r = topology_lookup(t, node, family, TABLE_MAIN, dst);
    if (!r || !r->n_nexthops)
        return false;
    *link = r->nexthop[0].link;
    via = r->nexthop[0].has_via ? topology_owner(t, family, &r->nexthop[0].via) : NULL;
    const struct topo_link *l = &t->links[*link];
    *next = via ? via->node : l->node[0] == node ? l->node[1] : l->node[0];
    return true;
}

int topology_path(const struct topology *t, unsigned from, unsigned to, int family,
                  uint64_t *delay_us, uint64_t *rate_bps)
{
    const struct topo_addr *dst = topology_addr(t, to, -1, family);
    uint64_t delay = 0, rate = 0;
    unsigned node = from;

    if (!dst)
        return -ENETUNREACH;
    for (unsigned hops = 0; node != to; hops++) {
        unsigned link, next;
        if (hops > t->n_nodes || !next_hop(t, node, family, &dst->v6, &link, &next))
            return -ENETUNREACH;
        const struct topo_link *l = &t->links[link];
        const struct impairment *i = &l->dir[l->node[0] == node ? DIR_AB : DIR_BA];
        delay += i->delay_us;
        if (i->rate_bps && (!rate || i->rate_bps < rate))
            rate = i->rate_bps;
        node = next;
    }
    if (delay_us)
        *delay_us = delay;
    if (rate_bps)
        *rate_bps = rate;
    return 0;
}

bool impairment_needs_emulation(const struct impairment *imp)
{
    return imp->delay_us || imp->jitter_us || imp->loss > 0 || imp->reorder > 0 ||
           imp->duplicate > 0;
}

static int set_time(uint32_t *out, const char *key, const char *value, struct err *e)
{
    uint64_t us;

    if (parse_time_us(value, &us) || us > 60000000)
        return err_usage(
            e, -EINVAL,
            "%s: bad value '%s'; accepted: a time with its unit up to 60s, such as 40ms, 500us",
            key, value);
    *out = (uint32_t)us;
    return 0;
}

static int set_share(double *out, const char *key, const char *value, struct err *e)
{
    if (parse_share(value, out))
        return err_usage(e, -EINVAL, "%s: bad value '%s'; accepted: a share such as 1%% or 0.01",
                         key, value);
    return 0;
}

int impairment_set(struct impairment *imp, const char *key, const char *value, struct err *e)
{
    uint64_t n;

    if (!strcmp(key, "rate")) {
        if (parse_rate(value, &imp->rate_bps))
            return err_usage(
                e, -EINVAL,
                "rate: bad value '%s'; accepted: a rate such as 8mbit, 500kbit, unlimited", value);
        return 0;
    }
    if (!strcmp(key, "delay"))
        return set_time(&imp->delay_us, key, value, e);
    if (!strcmp(key, "jitter"))
        return set_time(&imp->jitter_us, key, value, e);
    if (!strcmp(key, "loss"))
        return set_share(&imp->loss, key, value, e);
    if (!strcmp(key, "reorder"))
        return set_share(&imp->reorder, key, value, e);
    if (!strcmp(key, "duplicate"))
        return set_share(&imp->duplicate, key, value, e);
    if (!strcmp(key, "loss_burst")) {
        double v;
        if (parse_double(value, &v) || v < 1 || v > 10000)
            return err_usage(
                e, -EINVAL,
                "loss_burst: bad value '%s'; accepted: a mean length from 1 to 10000 packets",
                value);
        imp->loss_burst = v;
        return 0;
    }
    if (!strcmp(key, "queue")) {
        if (parse_u64(value, &n) || n < 1 || n > 1000000)
            return err_usage(e, -EINVAL, "queue: bad value '%s'; accepted: 1 to 1000000 packets",
                             value);
        imp->queue_packets = (uint32_t)n;
        return 0;
    }
    return err_usage(e, -EINVAL,
                     "unknown key '%s'; accepted: rate, delay, jitter, loss, loss_burst, reorder, "
                     "duplicate, queue",
                     key);
}

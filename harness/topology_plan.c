/* SPDX-License-Identifier: BSD-2-Clause */
#include "topology_plan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define MIN_QUEUE_PACKETS 20
#define FAR               UINT32_MAX

/* Capacities are powers of two, so that appending needs no member for them. */
#define GROW(array, n)                                                                             \
    do {                                                                                           \
        if (!((n) & ((n)-1)))                                                                      \
            (array) = xrealloc((array), ((n) ? 2 * (size_t)(n) : 1) * sizeof(*(array)));           \
        memset(&(array)[(n)], 0, sizeof(*(array)));                                                \
    } while (0)

struct topo_addr *topology_add_addr(struct topology *t)
{
    GROW(t->addrs, t->n_addrs);
    return &t->addrs[t->n_addrs++];
}

struct topo_route *topology_add_route(struct topology *t)
{
    GROW(t->routes, t->n_routes);
    t->routes[t->n_routes].table = TABLE_MAIN;
    return &t->routes[t->n_routes++];
}

struct topo_rule *topology_add_rule(struct topology *t)
{
    GROW(t->rules, t->n_rules);
    return &t->rules[t->n_rules++];
}

static void link_addr(unsigned link, unsigned end, int family, void *out)
{
    if (family == AF_INET) {
        uint32_t v = htonl(0x0a000000u | link << 8 | (end + 1));
        memcpy(out, &v, 4);
    } else {
        uint8_t *b = out;
        memset(b, 0, 16);
        b[0] = 0xfd;
        b[6] = (uint8_t)(link >> 8);
        b[7] = (uint8_t)link;
        b[15] = (uint8_t)(end + 1);
    }
}

int topology_plan_addresses(struct topology *t, struct err *e)
{
    static const int families[] = {AF_INET, AF_INET6};

    if (t->n_links > 65535)
        return err_usage(e, -E2BIG, "%s: %u links; automatic addressing has room for 65535",
                         t->file, t->n_links);
    for (unsigned l = 0; l < t->n_links; l++) {
        for (unsigned end = 0; end < 2; end++) {
            for (unsigned f = 0; f < 2; f++) {
                struct topo_addr *a = topology_add_addr(t);
                a->node = t->links[l].node[end];
                a->link = l;
                a->family = families[f];
                a->prefix_len = a->family == AF_INET ? 24 : 64;
                link_addr(l, end, a->family, &a->v6);
            }
        }
    }
    return 0;
}

/* ---- shortest paths ---- */

struct reach { /* from one router to one node */
    uint32_t cost;
    uint64_t delay_us; /* of one of the cheapest paths */
    unsigned n;
    struct {
        unsigned link, node; /* first hop */
    } hop[TOPO_MAX_NEXTHOPS];
};

struct adjacency { /* the links of each node */
    unsigned *first, *links;
};

static void adjacency_make(const struct topology *t, struct adjacency *a)
{
    unsigned *fill = xcalloc(t->n_nodes + 1, sizeof(*fill));

    a->first = xcalloc(t->n_nodes + 2, sizeof(*a->first));
    a->links = xcalloc(2 * (size_t)t->n_links + 1, sizeof(*a->links));
    for (unsigned l = 0; l < t->n_links; l++)
        for (unsigned end = 0; end < 2; end++)
            a->first[t->links[l].node[end] + 1]++;
    for (unsigned i = 0; i < t->n_nodes; i++)
        a->first[i + 1] += a->first[i];
    for (unsigned l = 0; l < t->n_links; l++) {
        for (unsigned end = 0; end < 2; end++) {
            unsigned n = t->links[l].node[end];
            a->links[a->first[n] + fill[n]++] = l;
        }
    }
    free(fill);
}

static void adjacency_free(struct adjacency *a)
{
    free(a->first);
    free(a->links);
}

static unsigned other_end(const struct topology *t, unsigned link, unsigned node)
{
    return t->links[link].node[0] == node ? t->links[link].node[1] : t->links[link].node[0];
}

static void add_hop(struct reach *r, unsigned link, unsigned node)
{
    for (unsigned i = 0; i < r->n; i++)
        if (r->hop[i].link == link)
            return;
    if (r->n < TOPO_MAX_NEXTHOPS) {
        r->hop[r->n].link = link;
        r->hop[r->n++].node = node;
    }
}

static void relax(const struct topology *t, struct reach *to, const struct reach *from,
                  unsigned source, unsigned u, unsigned link, unsigned v)
{
    uint32_t cost = from->cost + t->links[link].cost;

    if (cost > to->cost)
        return;
    if (cost < to->cost) {
        to->cost = cost;
        to->delay_us = from->delay_us +
                       t->links[link].dir[t->links[link].node[0] == u ? DIR_AB : DIR_BA].delay_us;
        to->n = 0;
    }
    if (u == source)
        add_hop(to, link, v);
    for (unsigned i = 0; u != source && i < from->n; i++)
        add_hop(to, from->hop[i].link, from->hop[i].node);
}

/* Dijkstra from a router over routers. */
static void shortest(const struct topology *t, const struct adjacency *adj, unsigned source,
                     struct reach *r)
{
    bool *done = xcalloc(t->n_nodes, sizeof(*done));

    for (unsigned i = 0; i < t->n_nodes; i++) {
        r[i].cost = FAR;
        r[i].n = 0;
        r[i].delay_us = 0;
    }
    r[source].cost = 0;
    for (;;) {
        unsigned u = t->n_nodes;
        for (unsigned i = 0; i < t->n_nodes; i++)
            if (!done[i] && r[i].cost != FAR && (u == t->n_nodes || r[i].cost < r[u].cost))
                u = i;
        if (u == t->n_nodes)
            break;
        done[u] = true;
        for (unsigned k = adj->first[u]; k < adj->first[u + 1]; k++) {
            unsigned v = other_end(t, adj->links[k], u);
            if (t->nodes[v].kind == NODE_ROUTER && !done[v])
                relax(t, &r[v], &r[u], source, u, adj->links[k], v);
        }
    }
    free(done);
}

/* ---- routes ---- */

struct planner {
    struct topology *t;
    struct adjacency adj;
    struct reach **from; /* by node; only for routers */
};

static void subnet_of(struct topo_route *r, unsigned link, int family)
{
    link_addr(link, 0, family, &r->dst);
    r->dst_len = family == AF_INET ? 24 : 64;
    ((uint8_t *)&r->dst)[family == AF_INET ? 3 : 15] = 0;
}

static void add_nexthop(struct topo_route *r, const struct topology *t, unsigned link,
                        unsigned via_node)
{
    struct topo_nexthop *h = &r->nexthop[r->n_nexthops++];

    h->link = link;
    h->has_via = true;
    link_addr(link, t->links[link].node[0] == via_node ? 0 : 1, r->family, &h->via);
}

static bool has_end(const struct topology *t, unsigned link, unsigned node)
{
    return t->links[link].node[0] == node || t->links[link].node[1] == node;
}

/* How router s reaches the subnet of a link: through its nearest router end (either, where equally
 * near). */
static struct reach to_subnet(const struct planner *p, unsigned s, unsigned link)
{
    struct reach best = {.cost = FAR};

    for (unsigned end = 0; end < 2; end++) {
        unsigned n = p->t->links[link].node[end];
        const struct reach *r = &p->from[s][n];
        if (p->t->nodes[n].kind != NODE_ROUTER || r->cost == FAR || r->cost > best.cost)
            continue;
        if (r->cost < best.cost)
            best = *r;
        else
            for (unsigned i = 0; i < r->n; i++)
                add_hop(&best, r->hop[i].link, r->hop[i].node);
    }
    return best;
}

static void router_routes(const struct planner *p, unsigned s, int family)
{
    for (unsigned l = 0; l < p->t->n_links; l++) {
        struct reach r;
        if (has_end(p->t, l, s))
            continue;
        r = to_subnet(p, s, l);
        if (r.cost == FAR || !r.n)
            continue;
        struct topo_route *route = topology_add_route(p->t);
        route->node = s;
        route->family = family;
        subnet_of(route, l, family);
        for (unsigned i = 0; i < r.n; i++)
            add_nexthop(route, p->t, r.hop[i].link, r.hop[i].node);
    }
}

static void default_route(const struct planner *p, unsigned host, unsigned link, uint32_t table,
                          int family)
{
    struct topo_route *r = topology_add_route(p->t);

    r->node = host;
    r->family = family;
    r->table = table;
    add_nexthop(r, p->t, link, other_end(p->t, link, host));
}

/* A host with several interfaces: to each subnet over the nearest of its routers. */
static void multihomed_routes(const struct planner *p, unsigned host, int family)
{
    const struct topology *t = p->t;

    for (unsigned l = 0; l < t->n_links; l++) {
        struct reach best = {.cost = FAR};
        if (has_end(t, l, host))
            continue;
        for (unsigned k = p->adj.first[host]; k < p->adj.first[host + 1]; k++) {
            unsigned own = p->adj.links[k], router = other_end(t, own, host);
            if (t->nodes[router].kind != NODE_ROUTER)
                continue;
            struct reach r = to_subnet(p, router, l);
            if (r.cost == FAR || r.cost + t->links[own].cost > best.cost)
                continue;
            if (r.cost + t->links[own].cost < best.cost) {
                best.cost = r.cost + t->links[own].cost;
                best.n = 0;
            }
            add_hop(&best, own, router);
        }
        if (best.cost == FAR)
            continue;
        struct topo_route *route = topology_add_route(p->t);
        route->node = host;
        route->family = family;
        subnet_of(route, l, family);
        for (unsigned i = 0; i < best.n; i++)
            add_nexthop(route, t, best.hop[i].link, best.hop[i].node);
    }
}

static void source_routing(const struct planner *p, unsigned host, int family)
{
    unsigned k0 = p->adj.first[host], k1 = p->adj.first[host + 1];

    for (unsigned k = k0; k < k1; k++) {
        unsigned link = p->adj.links[k];
        struct topo_rule *rule;
        struct topo_route *own;

        if (p->t->nodes[other_end(p->t, link, host)].kind != NODE_ROUTER)
            continue;
        own =
            topology_add_route(p->t); /* its own subnet, then everything else through its router */
        own->node = host;
        own->family = family;
        own->table = TABLE_SOURCE + (k - k0);
        subnet_of(own, link, family);
        own->n_nexthops = 1;
        own->nexthop[0].link = link;
        default_route(p, host, link, TABLE_SOURCE + (k - k0), family);
        rule = topology_add_rule(p->t);
        rule->node = host;
        rule->family = family;
        link_addr(link, p->t->links[link].node[0] == host ? 0 : 1, family, &rule->src);
        rule->src_len = family == AF_INET ? 32 : 128;
        rule->table = TABLE_SOURCE + (k - k0);
        rule->priority = PRIORITY_SOURCE + (k - k0);
    }
}

static void planner_start(struct planner *p, struct topology *t)
{
    p->t = t;
    adjacency_make(t, &p->adj);
    p->from = xcalloc(t->n_nodes, sizeof(*p->from));
    for (unsigned i = 0; i < t->n_nodes; i++) {
        if (t->nodes[i].kind == NODE_ROUTER) {
            p->from[i] = xcalloc(t->n_nodes, sizeof(**p->from));
            shortest(t, &p->adj, i, p->from[i]);
        }
    }
}

static void planner_end(struct planner *p)
{
    for (unsigned i = 0; i < p->t->n_nodes; i++)
        free(p->from[i]);
    free(p->from);
    adjacency_free(&p->adj);
}

int topology_plan_routes(struct topology *t, struct err *e)
{
    static const int families[] = {AF_INET, AF_INET6};
    struct planner p;

    (void)e;
    planner_start(&p, t);
    for (unsigned f = 0; f < 2; f++) {
        for (unsigned n = 0; n < t->n_nodes; n++) {
            unsigned links = p.adj.first[n + 1] - p.adj.first[n];
            if (t->nodes[n].kind == NODE_ROUTER) {
                router_routes(&p, n, families[f]);
            } else if (links == 1) {
                unsigned l = p.adj.links[p.adj.first[n]];
                if (t->nodes[other_end(t, l, n)].kind == NODE_ROUTER)
                    default_route(&p, n, l, TABLE_MAIN, families[f]);
            } else if (links > 1) {
                multihomed_routes(&p, n, families[f]);
                source_routing(&p, n, families[f]);
            }
        }
    }
    planner_end(&p);
    return 0;
}

/* ---- queues ---- */

static uint32_t worst_delay(const struct topo_link *l)
{
    return l->dir[0].delay_us > l->dir[1].delay_us ? l->dir[0].delay_us : l->dir[1].delay_us;
}

/* The longest one-way delay from a host to a host. */
static uint64_t longest_path_us(struct topology *t)
{
    uint64_t *edge = xcalloc(t->n_nodes, sizeof(*edge)),
             *second = xcalloc(t->n_nodes, sizeof(*second)), longest = 0;
    struct planner p;

    planner_start(&p, t);
    for (unsigned l = 0; l < t->n_links; l++) {
        uint64_t d = worst_delay(&t->links[l]);
        if (d > longest)
            longest = d;
        for (unsigned end = 0; end < 2; end++) {
            unsigned n = t->links[l].node[end];
            if (t->nodes[other_end(t, l, n)].kind != NODE_HOST)
                continue;
            if (d > edge[n]) {
                second[n] = edge[n];
                edge[n] = d;
            } else if (d > second[n]) {
                second[n] = d;
            }
        }
    }
    for (unsigned s = 0; s < t->n_nodes; s++) {
        for (unsigned d = 0; p.from[s] && d < t->n_nodes; d++) {
            const struct reach *r = &p.from[s][d];
            if (t->nodes[d].kind != NODE_ROUTER || r->cost == FAR)
                continue;
            uint64_t sum = s == d ? edge[s] + second[s] : edge[s] + r->delay_us + edge[d];
            if (sum > longest)
                longest = sum;
        }
    }
    planner_end(&p);
    free(edge);
    free(second);
    return longest;
}

void topology_plan_queues(struct topology *t)
{
    uint64_t rtt_us = 2 * longest_path_us(t);

    for (unsigned l = 0; l < t->n_links; l++) {
        for (unsigned d = 0; d < 2; d++) {
            struct impairment *i = &t->links[l].dir[d];
            uint64_t packets =
                (uint64_t)((double)i->rate_bps * (double)rtt_us / 8e6 / t->links[l].mtu + 0.999);
            if (!i->queue_packets)
                i->queue_packets =
                    packets > MIN_QUEUE_PACKETS ? (uint32_t)packets : MIN_QUEUE_PACKETS;
        }
    }
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* From a YAML file to a topology (docs/topologies.md describes the format). */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd.h"
#include "topology_plan.h"
#include "util.h"
#include "yamlfile.h"

#define DEFAULT_MTU  1500
#define GSO_MAX_SEGS 65535 /* the kernel's limit (netdevice.h) */
#define MAX_COUNT    10000

/* The file as it is written. Names of members are the keys. */
struct t_node {
    char *name, *count, *hash, *loopback_mtu, *loopback_offloads, *loopback_gso_max_segs;
    char **sysctls;
    unsigned sysctls_count;
};
struct t_direction {
    char *rate, *delay, *jitter, *loss, *loss_burst, *reorder, *duplicate, *queue;
};
struct t_link {
    char *name;
    char **between;
    unsigned between_count;
    struct t_direction both;
    char *duplex, *overhead, *mtu, *offloads, *gso_max_segs, *cost;
    struct t_direction *forward, *backward;
};
struct t_address {
    char *node, *link, *address;
};
struct t_route {
    char *node, *to, *link, *table, *metric, *quickack;
    char **via;
    unsigned via_count;
};
struct t_rule {
    char *node, *from, *mark, *table, *priority;
};
struct t_file {
    char *name, *description, *addressing, *routing;
    struct t_link *defaults;
    struct t_node *hosts, *routers;
    unsigned hosts_count, routers_count;
    struct t_link *links;
    unsigned links_count;
    struct t_address *addresses;
    unsigned addresses_count;
    struct t_route *routes;
    unsigned routes_count;
    struct t_rule *rules;
    unsigned rules_count;
};

#define TEXT(s, m) CYAML_FIELD_STRING_PTR(#m, CYAML_FLAG_POINTER, struct s, m, 0, CYAML_UNLIMITED)
#define OPT_TEXT(s, m)                                                                             \
    CYAML_FIELD_STRING_PTR(#m, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct s, m, 0,           \
                           CYAML_UNLIMITED)
#define OPT_BOTH(m)                                                                                \
    CYAML_FIELD_STRING_PTR(#m, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct t_link, both.m, 0, \
                           CYAML_UNLIMITED)
#define LIST(s, m, entry)                                                                          \
    CYAML_FIELD_SEQUENCE(#m, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct s, m, &entry, 0,     \
                         CYAML_UNLIMITED)
#define ENTRY(name, s, f)                                                                          \
    static const cyaml_schema_value_t name = {CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct s, f)}

static const cyaml_schema_value_t text_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char, 0, CYAML_UNLIMITED)};
static const cyaml_schema_field_t node_fields[] = {TEXT(t_node, name),
                                                   OPT_TEXT(t_node, count),
                                                   OPT_TEXT(t_node, hash),
                                                   OPT_TEXT(t_node, loopback_mtu),
                                                   OPT_TEXT(t_node, loopback_offloads),
                                                   OPT_TEXT(t_node, loopback_gso_max_segs),
                                                   LIST(t_node, sysctls, text_entry),
                                                   CYAML_FIELD_END};
ENTRY(node_entry, t_node, node_fields);
static const cyaml_schema_field_t direction_fields[] = {OPT_TEXT(t_direction, rate),
                                                        OPT_TEXT(t_direction, delay),
                                                        OPT_TEXT(t_direction, jitter),
                                                        OPT_TEXT(t_direction, loss),
                                                        OPT_TEXT(t_direction, loss_burst),
                                                        OPT_TEXT(t_direction, reorder),
                                                        OPT_TEXT(t_direction, duplicate),
                                                        OPT_TEXT(t_direction, queue),
                                                        CYAML_FIELD_END};
#define LINK_PROPERTIES                                                                            \
    OPT_BOTH(rate), OPT_BOTH(delay), OPT_BOTH(jitter), OPT_BOTH(loss), OPT_BOTH(loss_burst),       \
        OPT_BOTH(reorder), OPT_BOTH(duplicate), OPT_BOTH(queue), OPT_TEXT(t_link, duplex),         \
        OPT_TEXT(t_link, overhead), OPT_TEXT(t_link, mtu), OPT_TEXT(t_link, offloads),             \
        OPT_TEXT(t_link, gso_max_segs), OPT_TEXT(t_link, cost)
static const cyaml_schema_field_t defaults_fields[] = {LINK_PROPERTIES, CYAML_FIELD_END};
static const cyaml_schema_field_t link_fields[] = {
    OPT_TEXT(t_link, name),
    CYAML_FIELD_SEQUENCE("between", CYAML_FLAG_POINTER, struct t_link, between, &text_entry, 0,
                         CYAML_UNLIMITED),
    LINK_PROPERTIES,
    CYAML_FIELD_MAPPING_PTR("forward", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct t_link,
                            forward, direction_fields),
    CYAML_FIELD_MAPPING_PTR("backward", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct t_link,
                            backward, direction_fields),
    CYAML_FIELD_END};
ENTRY(link_entry, t_link, link_fields);
static const cyaml_schema_field_t address_fields[] = {TEXT(t_address, node), TEXT(t_address, link),
                                                      TEXT(t_address, address), CYAML_FIELD_END};
ENTRY(address_entry, t_address, address_fields);
static const cyaml_schema_field_t route_fields[] = {TEXT(t_route, node),
                                                    TEXT(t_route, to),
                                                    OPT_TEXT(t_route, link),
                                                    OPT_TEXT(t_route, table),
                                                    OPT_TEXT(t_route, metric),
                                                    OPT_TEXT(t_route, quickack),
                                                    LIST(t_route, via, text_entry),
                                                    CYAML_FIELD_END};
ENTRY(route_entry, t_route, route_fields);
static const cyaml_schema_field_t rule_fields[] = {
    TEXT(t_rule, node),  OPT_TEXT(t_rule, from),     OPT_TEXT(t_rule, mark),
    TEXT(t_rule, table), OPT_TEXT(t_rule, priority), CYAML_FIELD_END};
ENTRY(rule_entry, t_rule, rule_fields);
static const cyaml_schema_field_t file_fields[] = {
    TEXT(t_file, name),
    OPT_TEXT(t_file, description),
    OPT_TEXT(t_file, addressing),
    OPT_TEXT(t_file, routing),
    CYAML_FIELD_MAPPING_PTR("defaults", CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, struct t_file,
                            defaults, defaults_fields),
    LIST(t_file, hosts, node_entry),
    LIST(t_file, routers, node_entry),
    CYAML_FIELD_SEQUENCE("links", CYAML_FLAG_POINTER, struct t_file, links, &link_entry, 0,
                         CYAML_UNLIMITED),
    LIST(t_file, addresses, address_entry),
    LIST(t_file, routes, route_entry),
    LIST(t_file, rules, rule_entry),
    CYAML_FIELD_END};
static const cyaml_schema_value_t file_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct t_file, file_fields)};

struct loader {
    struct topology *t;
    struct t_file *f;
    struct yamlfile *pos;
    struct err *e;
    unsigned *first, *count; /* of each raw node (hosts, then routers): its nodes in t */
};

static int bad(struct loader *l, const char *path, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
static int bad(struct loader *l, const char *path, const char *key, const char *fmt, ...)
{
    char where[128], text[1024];
    va_list ap;

    snprintf(where, sizeof(where), "%s%s%s", path, *path && *key ? "." : "", key);
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return yamlfile_err(l->e, l->pos, where, "%s", text);
}

static int number(struct loader *l, const char *path, const char *key, const char *raw,
                  uint64_t min, uint64_t max, uint32_t *out)
{
    uint64_t v;

    if (!raw)
        return 0;
    if (parse_u64(raw, &v) || v < min || v > max)
        return bad(l, path, key, "bad value '%s'; accepted: a whole number from %llu to %llu", raw,
                   (unsigned long long)min, (unsigned long long)max);
    *out = (uint32_t)v;
    return 0;
}

static const struct t_node *raw_node(const struct loader *l, unsigned i)
{
    return i < l->f->hosts_count ? &l->f->hosts[i] : &l->f->routers[i - l->f->hosts_count];
}

static bool name_ok(const char *s)
{
    size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    return n && !s[n] && n <= 32 && *s != '-';
}

static int loopback(struct loader *l, const char *path, const struct t_node *raw,
                    struct topo_loopback *lo)
{
    if (number(l, path, "loopback_mtu", raw->loopback_mtu, 1280, 65536, &lo->mtu) ||
        number(l, path, "loopback_gso_max_segs", raw->loopback_gso_max_segs, 1, GSO_MAX_SEGS,
               &lo->gso_max_segs))
        return l->e->code;
    lo->given = raw->loopback_offloads != NULL;
    if (lo->given && parse_bool(raw->loopback_offloads, &lo->offloads))
        return bad(l, path, "loopback_offloads", "bad value '%s'; accepted: on, off",
                   raw->loopback_offloads);
    return 0;
}

static int add_node(struct loader *l, const char *path, const struct t_node *raw,
                    enum node_kind kind, const char *name)
{
    struct topology *t = l->t;
    struct topo_node *n;

    if (!name_ok(name))
        return bad(l, path, "name",
                   "bad value '%s'; accepted: up to 32 letters, digits, '-' and '_'", name);
    if (topology_node(t, name) >= 0)
        return bad(l, path, "name", "there are two nodes named '%s'", name);
    n = &t->nodes[t->n_nodes++];
    n->name = xstrdup(name);
    n->kind = kind;
    n->hash_policy = HASH_L3;
    n->sysctls = xcalloc(raw->sysctls_count, sizeof(char *));
    for (unsigned i = 0; i < raw->sysctls_count; i++) {
        if (!strchr(raw->sysctls[i], '=') || strncmp(raw->sysctls[i], "net.", 4))
            return bad(l, path, "sysctls", "bad value '%s'; accepted: net.NAME=VALUE",
                       raw->sysctls[i]);
        n->sysctls[n->n_sysctls++] = xstrdup(raw->sysctls[i]);
    }
    if (raw->hash && !strcmp(raw->hash, "l4"))
        n->hash_policy = HASH_L4;
    else if (raw->hash && !strcmp(raw->hash, "l3-inner"))
        n->hash_policy = HASH_L3_INNER;
    else if (raw->hash && strcmp(raw->hash, "l3"))
        return bad(l, path, "hash", "bad value '%s'; accepted: l3, l4, l3-inner", raw->hash);
    return loopback(l, path, raw, &n->loopback);
}

static int add_nodes(struct loader *l)
{
    unsigned n = l->f->hosts_count + l->f->routers_count;
    uint64_t total = 0;

    l->first = xcalloc(n, sizeof(*l->first));
    l->count = xcalloc(n, sizeof(*l->count));
    for (unsigned i = 0; i < n; i++) {
        char path[32];
        bool host = i < l->f->hosts_count;
        uint32_t count = 1;
        snprintf(path, sizeof(path), "%s[%u]", host ? "hosts" : "routers",
                 host ? i : i - l->f->hosts_count);
        if (number(l, path, "count", raw_node(l, i)->count, 1, MAX_COUNT, &count))
            return l->e->code;
        l->count[i] = count;
        total += count;
    }
    l->t->nodes = xcalloc(total, sizeof(*l->t->nodes));
    for (unsigned i = 0; i < n; i++) {
        const struct t_node *raw = raw_node(l, i);
        bool host = i < l->f->hosts_count;
        char path[32];
        snprintf(path, sizeof(path), "%s[%u]", host ? "hosts" : "routers",
                 host ? i : i - l->f->hosts_count);
        l->first[i] = l->t->n_nodes;
        for (unsigned k = 0; k < l->count[i]; k++) {
            char *name = raw->count ? xasprintf("%s%u", raw->name, k + 1) : xstrdup(raw->name);
            int rc = add_node(l, path, raw, host ? NODE_HOST : NODE_ROUTER, name);
            free(name);
            if (rc)
                return rc;
        }
    }
    if (!l->t->n_nodes)
        return bad(l, "", "hosts", "there are no hosts");
    return 0;
}

static int direction(struct loader *l, const char *path, const struct t_direction *d,
                     struct impairment *imp)
{
    const struct {
        const char *key, *value;
    } rows[] = {{"rate", d->rate},       {"delay", d->delay},        {"jitter", d->jitter},
                {"loss", d->loss},       {"queue", d->queue},        {"loss_burst", d->loss_burst},
                {"reorder", d->reorder}, {"duplicate", d->duplicate}};

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
        struct err inner = ERR_INIT;
        if (rows[i].value && impairment_set(imp, rows[i].key, rows[i].value, &inner))
            return bad(l, path, rows[i].key, "%s", inner.msg);
    }
    if (imp->jitter_us > imp->delay_us)
        return bad(l, path, "jitter",
                   "the jitter (%u us) is larger than the delay (%u us); accepted: jitter <= delay",
                   imp->jitter_us, imp->delay_us);
    return 0;
}

static int properties(struct loader *l, const char *path, const struct t_link *raw,
                      struct topo_link *k)
{
    for (unsigned d = 0; d < 2; d++)
        if (direction(l, path, &raw->both, &k->dir[d]))
            return l->e->code;
    if (number(l, path, "overhead", raw->overhead, 0, 10000, &k->overhead_bytes) ||
        number(l, path, "mtu", raw->mtu, 1280, 65535, &k->mtu) ||
        number(l, path, "gso_max_segs", raw->gso_max_segs, 1, GSO_MAX_SEGS, &k->gso_max_segs) ||
        number(l, path, "cost", raw->cost, 1, 65535, &k->cost))
        return l->e->code;
    if (raw->offloads && parse_bool(raw->offloads, &k->offloads))
        return bad(l, path, "offloads", "bad value '%s'; accepted: on, off", raw->offloads);
    if (raw->duplex && strcmp(raw->duplex, "half") && strcmp(raw->duplex, "full"))
        return bad(l, path, "duplex", "bad value '%s'; accepted: half, full", raw->duplex);
    if (raw->duplex)
        k->half_duplex = !strcmp(raw->duplex, "half");
    return 0;
}

static int raw_index(struct loader *l, const char *path, const char *name, unsigned *out)
{
    unsigned n = l->f->hosts_count + l->f->routers_count;
    char names[512] = "";

    for (unsigned i = 0; i < n; i++) {
        if (!strcmp(raw_node(l, i)->name, name)) {
            *out = i;
            return 0;
        }
        if (strlen(names) + 40 < sizeof(names))
            snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i ? ", " : "",
                     raw_node(l, i)->name);
    }
    return bad(l, path, "between", "there is no node '%s'; accepted: %s", name, names);
}

static int check_link(struct loader *l, const char *path, const struct topo_link *k)
{
    const struct topology *t = l->t;
    unsigned routers =
        (t->nodes[k->node[0]].kind == NODE_ROUTER) + (t->nodes[k->node[1]].kind == NODE_ROUTER);
    bool impaired = k->overhead_bytes || k->half_duplex;

    for (unsigned d = 0; d < 2; d++)
        impaired |= k->dir[d].rate_bps || impairment_needs_emulation(&k->dir[d]);
    if (impaired && !routers)
        return bad(l, path, "between",
                   "a link between two hosts cannot have rate, delay or loss: they would sit where "
                   "TCP sees them as its own "
                   "queue; put a router between %s and %s",
                   t->nodes[k->node[0]].name, t->nodes[k->node[1]].name);
    if (k->half_duplex && routers != 1)
        return bad(l, path, "duplex",
                   "a half-duplex link needs a router at one end and a host at the other");
    if (k->half_duplex && !k->dir[0].rate_bps)
        return bad(l, path, "duplex", "a half-duplex link needs a rate for its shared medium");
    return 0;
}

static int link_name(struct loader *l, const char *path, const struct t_link *raw, unsigned a,
                     unsigned b, bool many, struct topo_link *k)
{
    const char *an = l->t->nodes[a].name, *bn = l->t->nodes[b].name;
    char *name = raw->name && !many ? xstrdup(raw->name)
                 : raw->name        ? xasprintf("%s%s", raw->name,
                                         strpbrk(l->t->nodes[a].name, "0123456789")
                                                    ? strpbrk(l->t->nodes[a].name, "0123456789")
                                                    : "")
                                    : xasprintf("%s-%s", an, bn);
    int rc = 0;

    if (strlen(name) >= IFNAMSIZ)
        rc = bad(
            l, path, "name",
            "'%s' is longer than an interface's name can be (%d); give the link a shorter `name:`",
            name, IFNAMSIZ - 1);
    else if (!name_ok(name))
        rc = bad(l, path, "name", "bad value '%s'; accepted: letters, digits, '-' and '_'", name);
    else if (!strcmp(name, "lo") || topology_link(l->t, name) >= 0)
        rc = bad(l, path, "name",
                 "there is a link '%s' already; several links between the same nodes need a "
                 "`name:` each",
                 name);
    else
        snprintf(k->name, sizeof(k->name), "%s", name);
    free(name);
    return rc;
}

static int add_link(struct loader *l, const char *path, const struct t_link *raw, unsigned a,
                    unsigned b, bool many)
{
    struct topo_link k = {.node = {a, b}, .mtu = DEFAULT_MTU, .cost = 1};
    char sub[64];

    if (a == b)
        return bad(l, path, "between", "the link goes from '%s' to itself", l->t->nodes[a].name);
    if (link_name(l, path, raw, a, b, many, &k))
        return l->e->code;
    if (l->f->defaults && properties(l, "defaults", l->f->defaults, &k))
        return l->e->code;
    if (properties(l, path, raw, &k))
        return l->e->code;
    snprintf(sub, sizeof(sub), "%s.forward", path);
    if (raw->forward && direction(l, sub, raw->forward, &k.dir[DIR_AB]))
        return l->e->code;
    snprintf(sub, sizeof(sub), "%s.backward", path);
    if (raw->backward && direction(l, sub, raw->backward, &k.dir[DIR_BA]))
        return l->e->code;
    if (check_link(l, path, &k))
        return l->e->code;
    if (!(l->t->n_links & (l->t->n_links - 1)))
        l->t->links =
            xrealloc(l->t->links, (l->t->n_links ? 2 * (size_t)l->t->n_links : 1) * sizeof(k));
    l->t->links[l->t->n_links++] = k;
    return 0;
}

static int add_links(struct loader *l)
{
    for (unsigned i = 0; i < l->f->links_count; i++) {
        const struct t_link *raw = &l->f->links[i];
        char path[32];
        unsigned a, b;

        snprintf(path, sizeof(path), "links[%u]", i);
        if (raw->between_count != 2)
            return bad(l, path, "between", "has %u nodes; accepted: [A, B]", raw->between_count);
        if (raw_index(l, path, raw->between[0], &a) || raw_index(l, path, raw->between[1], &b))
            return l->e->code;
        if (l->count[a] > 1 && l->count[b] > 1)
            return bad(l, path, "between", "both nodes have a count; accepted: one of them");
        bool many = raw_node(l, a)->count || raw_node(l, b)->count;
        unsigned n = l->count[a] > l->count[b] ? l->count[a] : l->count[b];
        for (unsigned k = 0; k < n; k++)
            if (add_link(l, path, raw, l->first[a] + (l->count[a] > 1 ? k : 0),
                         l->first[b] + (l->count[b] > 1 ? k : 0), many))
                return l->e->code;
    }
    return 0;
}

/* ---- by hand ---- */

static int node_and_link(struct loader *l, const char *path, const char *node, const char *link,
                         unsigned *n, unsigned *k)
{
    int i = topology_node(l->t, node), j = link ? topology_link(l->t, link) : 0;

    if (i < 0)
        return bad(l, path, "node", "there is no node '%s'", node);
    if (j < 0)
        return bad(l, path, "link", "there is no link '%s'", link);
    if (link && l->t->links[j].node[0] != (unsigned)i && l->t->links[j].node[1] != (unsigned)i)
        return bad(l, path, "link", "link '%s' does not end at node '%s'", link, node);
    *n = (unsigned)i;
    *k = (unsigned)j;
    return 0;
}

/* "10.0.0.1/24", "fd00::1/64"; without a length, a single address. */
static int prefix(struct loader *l, const char *path, const char *key, const char *text,
                  int *family, void *addr, uint8_t *len)
{
    char copy[64], *slash;
    uint64_t n;

    snprintf(copy, sizeof(copy), "%s", text);
    slash = strchr(copy, '/');
    if (slash)
        *slash = '\0';
    *family = strchr(copy, ':') ? AF_INET6 : AF_INET;
    n = *family == AF_INET ? 32 : 128;
    if (inet_pton(*family, copy, addr) != 1 ||
        (slash && (parse_u64(slash + 1, &n) || n > (*family == AF_INET ? 32u : 128u))))
        return bad(l, path, key,
                   "bad value '%s'; accepted: ADDRESS/LENGTH such as 10.0.0.1/24 or fd00::1/64",
                   text);
    *len = (uint8_t)n;
    return 0;
}

static int manual_addresses(struct loader *l)
{
    for (unsigned i = 0; i < l->f->addresses_count; i++) {
        const struct t_address *raw = &l->f->addresses[i];
        struct topo_addr *a = topology_add_addr(l->t);
        char path[32];

        snprintf(path, sizeof(path), "addresses[%u]", i);
        if (node_and_link(l, path, raw->node, raw->link, &a->node, &a->link) ||
            prefix(l, path, "address", raw->address, &a->family, &a->v6, &a->prefix_len))
            return l->e->code;
    }
    return 0;
}

static int manual_nexthop(struct loader *l, const char *path, struct topo_route *r, const char *via)
{
    struct topo_nexthop *h = &r->nexthop[r->n_nexthops];
    int family = strchr(via, ':') ? AF_INET6 : AF_INET;
    const struct topo_addr *owner;

    if (family != r->family || inet_pton(family, via, &h->via) != 1)
        return bad(l, path, "via",
                   "bad value '%s'; accepted: an address of the same family as `to`", via);
    owner = topology_owner(l->t, family, &h->via);
    if (!owner || (l->t->links[owner->link].node[0] != r->node &&
                   l->t->links[owner->link].node[1] != r->node))
        return bad(l, path, "via", "'%s' is no neighbour's address", via);
    h->has_via = true;
    h->link = owner->link;
    r->n_nexthops++;
    return 0;
}

static int manual_routes(struct loader *l)
{
    for (unsigned i = 0; i < l->f->routes_count; i++) {
        const struct t_route *raw = &l->f->routes[i];
        struct topo_route *r = topology_add_route(l->t);
        char path[32];
        unsigned link;

        snprintf(path, sizeof(path), "routes[%u]", i);
        if (node_and_link(l, path, raw->node, raw->link, &r->node, &link) ||
            number(l, path, "table", raw->table, 1, 0x7fffffff, &r->table) ||
            number(l, path, "metric", raw->metric, 0, 0x7fffffff, &r->metric))
            return l->e->code;
        if (raw->quickack && parse_bool(raw->quickack, &r->quickack))
            return bad(l, path, "quickack", "bad value '%s'; accepted: yes, no", raw->quickack);
        if (!strcmp(raw->to, "default") || !strcmp(raw->to, "default6"))
            r->family =
                raw->to[7] || (raw->via_count && strchr(raw->via[0], ':')) ? AF_INET6 : AF_INET;
        else if (prefix(l, path, "to", raw->to, &r->family, &r->dst, &r->dst_len))
            return l->e->code;
        if (!raw->link == !raw->via_count || raw->via_count > TOPO_MAX_NEXTHOPS)
            return bad(l, path, "via", "accepted: either `link:` or `via:` with 1 to %d addresses",
                       TOPO_MAX_NEXTHOPS);
        if (raw->link) {
            r->n_nexthops = 1;
            r->nexthop[0].link = link;
        }
        for (unsigned k = 0; k < raw->via_count; k++)
            if (manual_nexthop(l, path, r, raw->via[k]))
                return l->e->code;
    }
    return 0;
}

static int manual_rules(struct loader *l)
{
    for (unsigned i = 0; i < l->f->rules_count; i++) {
        const struct t_rule *raw = &l->f->rules[i];
        struct topo_rule r = {.priority = (raw->mark ? PRIORITY_MARK : PRIORITY_SOURCE) + i};
        char path[32];
        unsigned link;

        snprintf(path, sizeof(path), "rules[%u]", i);
        if (!raw->from && !raw->mark)
            return bad(l, path, "from", "accepted: `from:`, `mark:`, or both");
        if (node_and_link(l, path, raw->node, NULL, &r.node, &link) ||
            (raw->from && prefix(l, path, "from", raw->from, &r.family, &r.src, &r.src_len)) ||
            number(l, path, "mark", raw->mark, 1, UINT32_MAX, &r.mark) ||
            number(l, path, "table", raw->table, 1, 0x7fffffff, &r.table) ||
            number(l, path, "priority", raw->priority, 1, 32765, &r.priority))
            return l->e->code;
        if (raw->from) {
            *topology_add_rule(l->t) = r;
            continue;
        }
        for (unsigned f = 0; f < 2; f++) { /* a mark alone says nothing of the family */
            r.family = f ? AF_INET6 : AF_INET;
            *topology_add_rule(l->t) = r;
        }
    }
    return 0;
}

static int automatic(struct loader *l, const char *key, const char *raw, bool *is)
{
    *is = !raw || !strcmp(raw, "auto");
    if (!*is && strcmp(raw, "manual"))
        return bad(l, "", key, "bad value '%s'; accepted: auto, manual", raw);
    return 0;
}

/* ---- --set on a topology: changes the file's text before it becomes links ---- */

static int replace(char **field, const char *value)
{
    free(*field);
    *field = xstrdup(value);
    return 0;
}

static char **direction_field(struct t_direction *d, const char *key)
{
    const struct {
        const char *key;
        char **field;
    } rows[] = {{"rate", &d->rate},       {"delay", &d->delay},
                {"jitter", &d->jitter},   {"loss", &d->loss},
                {"queue", &d->queue},     {"loss_burst", &d->loss_burst},
                {"reorder", &d->reorder}, {"duplicate", &d->duplicate}};

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        if (!strcmp(rows[i].key, key))
            return rows[i].field;
    return NULL;
}

static int override_link(struct t_link *k, const char *key, const char *value, const char *text,
                         struct err *e)
{
    struct t_direction **side = !strncmp(key, "forward.", 8)    ? &k->forward
                                : !strncmp(key, "backward.", 9) ? &k->backward
                                                                : NULL;
    char **field;

    if (side && !*side)
        *side = xcalloc(1, sizeof(**side));
    field = direction_field(side ? *side : &k->both, side ? strchr(key, '.') + 1 : key);
    if (!field && !side)
        field = !strcmp(key, "duplex")         ? &k->duplex
                : !strcmp(key, "overhead")     ? &k->overhead
                : !strcmp(key, "mtu")          ? &k->mtu
                : !strcmp(key, "offloads")     ? &k->offloads
                : !strcmp(key, "gso_max_segs") ? &k->gso_max_segs
                : !strcmp(key, "cost")         ? &k->cost
                                               : NULL;
    if (!field)
        return err_usage(
            e, -EINVAL,
            "'%s': a link has no '%s'; accepted: [forward. or backward.] rate, delay, "
            "jitter, loss, loss_burst, "
            "reorder, duplicate, queue; and duplex, overhead, mtu, offloads, gso_max_segs, cost",
            text, key);
    return replace(field, value);
}

static int override_node(struct t_node *n, const char *key, const char *value, const char *text,
                         struct err *e)
{
    char **field = !strcmp(key, "count")                   ? &n->count
                   : !strcmp(key, "hash")                  ? &n->hash
                   : !strcmp(key, "loopback_mtu")          ? &n->loopback_mtu
                   : !strcmp(key, "loopback_offloads")     ? &n->loopback_offloads
                   : !strcmp(key, "loopback_gso_max_segs") ? &n->loopback_gso_max_segs
                                                           : NULL;

    if (!field)
        return err_usage(e, -EINVAL,
                         "'%s': a node has no '%s'; accepted: count, hash, loopback_mtu, "
                         "loopback_offloads, loopback_gso_max_segs",
                         text, key);
    return replace(field, value);
}

static bool raw_link_named(const struct t_link *k, const char *name)
{
    char *fallback;
    bool same;

    if (k->name)
        return !strcmp(k->name, name);
    if (k->between_count != 2)
        return false;
    fallback = xasprintf("%s-%s", k->between[0], k->between[1]);
    same = !strcmp(fallback, name);
    free(fallback);
    return same;
}

static int override_one(struct t_file *f, const char *text, struct err *e)
{
    char *copy = xstrdup(text), *eq = strchr(copy, '='), *dot, known[1024] = "";
    int rc = -ENOENT;

    if (eq)
        *eq = '\0';
    dot = strchr(copy, '.');
    if (!eq || !dot) {
        rc = err_usage(e, -EINVAL, "'%s': accepted: LINK.KEY=VALUE or NODE.KEY=VALUE", text);
        goto out;
    }
    *dot = '\0';
    for (unsigned i = 0; i < f->links_count && rc == -ENOENT; i++)
        if (raw_link_named(&f->links[i], copy))
            rc = override_link(&f->links[i], dot + 1, eq + 1, text, e);
    for (unsigned i = 0; i < f->hosts_count + f->routers_count && rc == -ENOENT; i++) {
        struct t_node *n = i < f->hosts_count ? &f->hosts[i] : &f->routers[i - f->hosts_count];
        if (strcmp(n->name, copy))
            continue;
        rc = override_node(n, dot + 1, eq + 1, text, e);
    }
    if (rc != -ENOENT)
        goto out;
    for (unsigned i = 0; i < f->links_count && strlen(known) + 80 < sizeof(known); i++)
        if (f->links[i].name || f->links[i].between_count == 2)
            snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s%s, ",
                     f->links[i].name ? f->links[i].name : f->links[i].between[0],
                     f->links[i].name ? "" : "-", f->links[i].name ? "" : f->links[i].between[1]);
    for (unsigned i = 0;
         i < f->hosts_count + f->routers_count && strlen(known) + 80 < sizeof(known); i++)
        snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", i ? ", " : "",
                 i < f->hosts_count ? f->hosts[i].name : f->routers[i - f->hosts_count].name);
    rc = err_usage(e, -EINVAL, "'%s': topology %s has no link or node '%s'; accepted: %s", text,
                   f->name, copy, known);
out:
    free(copy);
    return rc;
}

static int build(struct loader *l, char *const *overrides, unsigned n_overrides)
{
    bool addressing = true, routing = true;
    int rc = 0;

    l->t->name = xstrdup(l->f->name);
    l->t->description = xstrdup(l->f->description ? l->f->description : "");
    for (unsigned i = 0; i < n_overrides && !rc; i++)
        rc = override_one(l->f, overrides[i], l->e);
    if (!rc)
        rc = automatic(l, "addressing", l->f->addressing, &addressing);
    if (!rc)
        rc = automatic(l, "routing", l->f->routing, &routing);
    if (!rc && routing && !addressing)
        rc = bad(l, "", "routing",
                 "automatic routing needs automatic addressing; say `routing: manual`");
    if (!rc)
        rc = add_nodes(l);
    if (!rc)
        rc = add_links(l);
    if (!rc && addressing)
        rc = topology_plan_addresses(l->t, l->e);
    if (!rc)
        rc = manual_addresses(l);
    if (!rc && routing)
        rc = topology_plan_routes(l->t, l->e);
    if (!rc)
        rc = manual_routes(l);
    if (!rc)
        rc = manual_rules(l);
    if (!rc)
        topology_plan_queues(l->t);
    return rc;
}

static char *find_file(const char *name, struct err *e)
{
    char *path = strchr(name, '/') || strstr(name, ".yaml")
                     ? xstrdup(name)
                     : xasprintf("%s/topologies/%s.yaml", extcp_home(), name);
    struct stat st;

    if (!stat(path, &st))
        return path;
    char *dir = xasprintf("%s/topologies", extcp_home()), known[1024] = "";
    struct dirent **list = NULL;
    int n = scandir(dir, &list, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char *dot = strrchr(list[i]->d_name, '.');
        if (dot && !strcmp(dot, ".yaml") && strlen(known) + 80 < sizeof(known))
            snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%.*s",
                     *known ? ", " : "", (int)(dot - list[i]->d_name), list[i]->d_name);
        free(list[i]);
    }
    free(list);
    free(dir);
    free(path);
    err_usage(e, -ENOENT,
              "there is no topology '%s'; accepted: a path to a .yaml file, or one of %s", name,
              known);
    return NULL;
}

int topology_load(struct topology **out, const char *name_or_path, char *const *overrides,
                  unsigned n_overrides, struct err *e)
{
    struct loader l = {.e = e};
    char *path = find_file(name_or_path, e);
    int rc;

    *out = NULL;
    if (!path)
        return -ENOENT;
    rc = yamlfile_load(path, &file_schema, (cyaml_data_t **)&l.f, &l.pos, e);
    if (rc) {
        free(path);
        return rc;
    }
    l.t = xcalloc(1, sizeof(*l.t));
    l.t->file = path;
    rc = build(&l, overrides, n_overrides);
    yamlfile_data_free(&file_schema, l.f);
    yamlfile_free(l.pos);
    free(l.first);
    free(l.count);
    if (rc)
        topology_free(l.t);
    else
        *out = l.t;
    return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "capture_connections.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "util.h"

/* FNV-1a; the same for both directions because the ends are sorted. */
static size_t hash(const uint8_t addr[2][16], const uint16_t port[2])
{
    uint64_t h = 0xcbf29ce484222325ull;

    for (unsigned end = 0; end < 2; end++) {
        for (unsigned i = 0; i < 16; i++)
            h = (h ^ addr[end][i]) * 0x100000001b3ull;
        h = (h ^ port[end]) * 0x100000001b3ull;
    }
    return (size_t)(h ^ h >> 32);
}

void conns_init(struct conns *t, size_t size)
{
    *t = (struct conns){.size = size};
}

void conns_free(struct conns *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->all[i]);
    free(t->all);
    free(t->buckets);
    *t = (struct conns){0};
}

static void grow(struct conns *t)
{
    size_t n = t->n_buckets ? t->n_buckets * 2 : 1024;
    struct connection **buckets = xcalloc(n, sizeof(*buckets));

    for (size_t i = 0; i < t->n_buckets; i++) {
        for (struct connection *c = t->buckets[i], *next; c; c = next) {
            size_t at = hash(c->addr, c->port) & (n - 1);

            next = c->next;
            c->next = buckets[at];
            buckets[at] = c;
        }
    }
    free(t->buckets);
    t->buckets = buckets;
    t->n_buckets = n;
    t->all = xrealloc(t->all, n * sizeof(*t->all)); /* never more entries than buckets */
}

static struct connection *add(struct conns *t, const struct connection *id)
{
    struct connection *c = xcalloc(1, t->size);
    size_t at;

    if (t->n >= t->n_buckets)
        grow(t);
    at = hash(id->addr, id->port) & (t->n_buckets - 1);
    *c = *id;
    c->next = t->buckets[at];
    t->buckets[at] = c;
    t->all[t->n++] = c;
    return c;
}

void *conns_get(struct conns *t, const struct segment *s, unsigned *sender)
{
    size_t len = s->family == AF_INET ? 4 : 16;
    int order = memcmp(s->src, s->dst, len);
    struct connection id = {.family = s->family};

    *sender = order > 0 || (!order && s->sport > s->dport);
    memcpy(id.addr[*sender], s->src, len);
    memcpy(id.addr[!*sender], s->dst, len);
    id.port[*sender] = s->sport;
    id.port[!*sender] = s->dport;
    if (t->n_buckets)
        for (struct connection *c = t->buckets[hash(id.addr, id.port) & (t->n_buckets - 1)]; c;
             c = c->next)
            if (c->family == id.family && !memcmp(c->addr, id.addr, sizeof(id.addr)) &&
                !memcmp(c->port, id.port, sizeof(id.port)))
                return c;
    return add(t, &id);
}

void *conns_renew(struct conns *t, void *old)
{
    struct connection *c = old, id = *c;
    struct connection **at = &t->buckets[hash(c->addr, c->port) & (t->n_buckets - 1)];

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    return add(t, &id);
}

int addr_list_parse(const char *text, struct net_addr **out, unsigned *n, struct err *e)
{
    char *list = xstrdup(text), *save = NULL;
    int rc = 0;

    *out = NULL;
    *n = 0;
    for (char *a = strtok_r(list, ", ", &save); a && !rc; a = strtok_r(NULL, ", ", &save)) {
        struct net_addr *at;

        *out = xrealloc(*out, (*n + 1) * sizeof(**out));
        at = &(*out)[(*n)++];
        memset(at, 0, sizeof(*at));
        at->family = strchr(a, ':') ? AF_INET6 : AF_INET;
        if (inet_pton(at->family, a, at->addr) != 1)
            rc = err_usage(e, -EINVAL,
                           "from: '%s' is no IPv4 or IPv6 address; accepted: addresses with "
                           "commas between them",
                           a);
    }
    if (!rc && !*n)
        rc = err_usage(e, -EINVAL, "from: it names no address");
    free(list);
    return rc;
}

bool addr_list_has(const struct net_addr *list, unsigned n, int family, const uint8_t *addr)
{
    for (unsigned i = 0; i < n; i++)
        if (list[i].family == family && !memcmp(list[i].addr, addr, family == AF_INET ? 4 : 16))
            return true;
    return false;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* `checks:` of an experiment file. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiment_resolve.h"
#include "util.h"

/* The addresses of the node that the field names. */
static int node_field(struct resolve *r, const char *where, const char *key, const char *raw,
                      const struct variant *v, char **out)
{
    char *name = NULL;
    unsigned node = 0;
    int rc = field_text(r, where, key, raw, &name);

    if (!rc && name)
        rc = field_node(r, v->topology, where, key, name, &node);
    if (!rc && name)
        *out = field_addresses(v->topology, node, v->family);
    free(name);
    return rc;
}

/* An address as text, or NODE:LINK for that node's address there. */
static int address_field(struct resolve *r, const char *where, const char *raw,
                         const struct variant *v, char **out)
{
    const struct topo_addr *a = NULL;
    uint8_t scratch[16];
    char *text = NULL, *colon;
    int n, l;

    if (field_text(r, where, "address", raw, &text) || !text)
        return r->e->code;
    *out = text;
    if (inet_pton(AF_INET, text, scratch) == 1 || inet_pton(AF_INET6, text, scratch) == 1)
        return 0;
    colon = strchr(text, ':');
    if (colon) {
        *colon = '\0';
        n = topology_node(v->topology, text);
        l = topology_link(v->topology, colon + 1);
        a = n < 0 || l < 0 ? NULL : topology_addr(v->topology, (unsigned)n, l, v->family);
        *colon = ':';
    }
    if (!a)
        return field_error(r, where, "address",
                           "bad value '%s'; accepted: an address, or NODE:LINK of a node that has "
                           "one of the variant's family there",
                           text);
    free(text);
    *out = xcalloc(1, INET6_ADDRSTRLEN);
    inet_ntop(a->family, &a->v6, *out, INET6_ADDRSTRLEN);
    return 0;
}

/* Which segments and option, or what of MPTCP. */
static int check_object(struct resolve *r, const char *where, const struct x_check *x,
                        struct wire_check *c)
{
    char *segments = NULL, *mptcp = NULL;
    int rc = 0;

    if (field_text(r, where, "mptcp", x->mptcp, &mptcp) ||
        field_text(r, where, "segments", x->segments, &segments))
        rc = r->e->code;
    else if (mptcp && segments)
        rc = field_error(r, where, "", "accepted: either `segments:` and `option:`, or `mptcp:`");
    else if (mptcp && wire_mptcp_parse(mptcp, &c->mptcp))
        rc = field_error(r, where, "mptcp",
                         "bad value '%s'; accepted: joins, add_addr, hmac, subflows", mptcp);
    else if (!mptcp && !segments)
        rc = field_error(r, where, "segments", "is missing (or `mptcp:`)");
    else if (!mptcp && wire_segments_parse(segments, &c->segments))
        rc = field_error(r, where, "segments",
                         "bad value '%s'; accepted: SYN, SYN-ACK, first data, first ack, all, any",
                         segments);
    free(segments);
    free(mptcp);
    return rc;
}

static int check_fields(struct resolve *r, const char *where, const struct x_check *x,
                        const struct variant *v, struct wire_check *c)
{
    uint64_t port = 0, id = 0;

    if (field_text(r, where, "name", x->name, &c->name) ||
        field_text(r, where, "point", x->point, &c->point) ||
        field_unsigned(r, where, "port", x->port, 1, 65535, &port) ||
        field_text(r, where, "option", x->option, &c->option) ||
        field_text(r, where, "field", x->field, &c->field) ||
        field_text(r, where, "value", x->value, &c->value) ||
        field_bool(r, where, "absent", x->absent, &c->absent) ||
        field_bool(r, where, "may_be_empty", x->may_be_empty, &c->may_be_empty) ||
        field_unsigned(r, where, "id", x->id, 1, 255, &id) ||
        node_field(r, where, "from", x->from, v, &c->from) ||
        node_field(r, where, "to", x->to, v, &c->to) ||
        address_field(r, where, x->address, v, &c->address))
        return r->e->code;
    c->port = (unsigned)port;
    c->id = (unsigned)id;
    return check_object(r, where, x, c);
}

int resolve_checks(struct resolve *r, struct variant *v)
{
    for (unsigned i = 0; i < r->x->checks_count; i++) {
        const struct x_check *x = &r->x->checks[i];
        struct wire_check *c;
        struct err inner = ERR_INIT;
        char where[64];

        if (!variant_listed(x->variants, x->variants_count, v->name))
            continue;
        v->checks = xrealloc(v->checks, (v->n_checks + 1) * sizeof(*v->checks));
        c = &v->checks[v->n_checks++];
        memset(c, 0, sizeof(*c));
        snprintf(where, sizeof(where), "checks[%u]", i);
        if (check_fields(r, where, x, v, c))
            return r->e->code;
        if (wire_check_validate(c, &inner))
            return field_error(r, where, "", "%s", inner.msg);
        if (field_point(r, where, v, c->point))
            return r->e->code;
    }
    return 0;
}

void checks_free(struct variant *v)
{
    for (unsigned i = 0; i < v->n_checks; i++) {
        struct wire_check *c = &v->checks[i];
        free(c->name);
        free(c->point);
        free(c->from);
        free(c->to);
        free(c->address);
        free(c->option);
        free(c->field);
        free(c->value);
    }
    free(v->checks);
}

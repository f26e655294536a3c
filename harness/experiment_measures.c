/* SPDX-License-Identifier: BSD-2-Clause */
/* `measures:` and `sockets:` of an experiment file. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiment_resolve.h"
#include "util.h"

#define DEFAULT_INTERVAL_S 0.1

static int kind_of(struct resolve *r, const char *where, const char *raw, struct measure *m)
{
    char *kind = NULL, known[512] = "";

    if (field_text(r, where, "kind", raw, &kind))
        return r->e->code;
    m->kind = measure_kind_find(kind);
    for (unsigned i = 0; !m->kind && measure_kind_at(i) && strlen(known) + 80 < sizeof(known); i++)
        snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", i ? ", " : "",
                 measure_kind_at(i)->name);
    if (!m->kind)
        field_error(r, where, "kind", "bad value '%s'; accepted: %s", kind, known);
    free(kind);
    return m->kind ? 0 : r->e->code;
}

/* Two of the same name would write the same metrics. */
static int name_is_new(struct resolve *r, const char *where, const struct variant *v,
                       const char *name)
{
    unsigned n = 0;

    for (unsigned i = 0; i < v->n_measures; i++)
        n += v->measures[i].name && !strcmp(v->measures[i].name, name);
    for (unsigned i = 0; i < v->n_sockets; i++)
        n += v->sockets[i].name && !strcmp(v->sockets[i].name, name);
    for (unsigned i = 0; i < v->n_workloads; i++)
        n += !strcmp(v->workloads[i].name, name);
    if (n > 1)
        return field_error(r, where, "name",
                           "there is another '%s'; accepted: a name of its own, among measures, "
                           "sockets and workloads",
                           name);
    return 0;
}

static int one_measure(struct resolve *r, const char *where, const struct x_measure *x,
                       struct variant *v, struct measure *m)
{
    struct err inner = ERR_INIT;
    char *from = NULL;
    uint64_t port = 0;
    unsigned node = 0;
    int rc;

    if (field_text(r, where, "name", x->name, &m->name) || kind_of(r, where, x->kind, m) ||
        field_text(r, where, "point", x->point, &m->point) ||
        field_unsigned(r, where, "port", x->port, 1, 65535, &port) ||
        field_point(r, where, v, m->point) || name_is_new(r, where, v, m->name) ||
        field_text(r, where, "from", x->from, &from))
        return r->e->code;
    m->port = (unsigned)port;
    rc = from ? field_node(r, v->topology, where, "from", from, &node) : 0;
    if (from && !rc)
        m->from = field_addresses(v->topology, node, v->family);
    free(from);
    if (!rc && measure_validate(m, &inner))
        rc = field_error(r, where, "", "%s", inner.msg);
    return rc;
}

int resolve_measures(struct resolve *r, struct variant *v)
{
    for (unsigned i = 0; i < r->x->measures_count; i++) {
        const struct x_measure *x = &r->x->measures[i];
        char where[64];
        int rc;

        snprintf(where, sizeof(where), "measures[%u]", i);
        if (variants_exist(r, where, "variants", x->variants, x->variants_count))
            return r->e->code;
        if (!variant_listed(x->variants, x->variants_count, v->name))
            continue;
        v->measures = xrealloc(v->measures, (v->n_measures + 1) * sizeof(*v->measures));
        memset(&v->measures[v->n_measures++], 0, sizeof(*v->measures));
        rc = one_measure(r, where, x, v, &v->measures[v->n_measures - 1]);
        if (rc)
            return rc;
    }
    return 0;
}

static int one_watch(struct resolve *r, const char *where, const struct x_sockets *x,
                     struct variant *v, struct socket_watch *w)
{
    char *host = NULL;
    uint64_t port = 0;
    int rc;

    w->interval_s = DEFAULT_INTERVAL_S;
    if (field_text(r, where, "name", x->name, &w->name) ||
        field_unsigned(r, where, "port", x->port, 1, 65535, &port) ||
        field_double(r, where, "interval", x->interval, 0.001, 3600, &w->interval_s) ||
        name_is_new(r, where, v, w->name) || field_text(r, where, "host", x->host, &host))
        return r->e->code;
    w->port = (unsigned)port;
    rc = field_node(r, v->topology, where, "host", host, &w->node);
    free(host);
    return rc;
}

int resolve_sockets(struct resolve *r, struct variant *v)
{
    for (unsigned i = 0; i < r->x->sockets_count; i++) {
        const struct x_sockets *x = &r->x->sockets[i];
        char where[64];
        int rc;

        snprintf(where, sizeof(where), "sockets[%u]", i);
        if (variants_exist(r, where, "variants", x->variants, x->variants_count))
            return r->e->code;
        if (!variant_listed(x->variants, x->variants_count, v->name))
            continue;
        v->sockets = xrealloc(v->sockets, (v->n_sockets + 1) * sizeof(*v->sockets));
        memset(&v->sockets[v->n_sockets++], 0, sizeof(*v->sockets));
        rc = one_watch(r, where, x, v, &v->sockets[v->n_sockets - 1]);
        if (rc)
            return rc;
    }
    return 0;
}

void measures_free(struct variant *v)
{
    for (unsigned i = 0; i < v->n_measures; i++) {
        free(v->measures[i].name);
        free(v->measures[i].point);
        free(v->measures[i].from);
    }
    for (unsigned i = 0; i < v->n_sockets; i++)
        free(v->sockets[i].name);
    free(v->measures);
    free(v->sockets);
}

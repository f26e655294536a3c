/* SPDX-License-Identifier: BSD-2-Clause */
/* What must be true of the names in an experiment file as a whole: they become parts of paths, of
 * metrics and of arithmetic, so each is of letters that fit there, there once, and means something.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "experiment_resolve.h"
#include "expr.h"
#include "util.h"

const char *variant_names(const struct x_file *x, char *buf, size_t size)
{
    buf[0] = '\0';
    for (unsigned i = 0; i < x->variants_count && strlen(buf) + 64 < size; i++)
        snprintf(buf + strlen(buf), size - strlen(buf), "%s%s", i ? ", " : "", x->variants[i].name);
    return buf;
}

bool variant_exists(const struct x_file *x, const char *name)
{
    for (unsigned i = 0; i < x->variants_count; i++)
        if (!strcmp(x->variants[i].name, name))
            return true;
    return false;
}

int variants_exist(struct resolve *r, const char *path, const char *key, char *const *names,
                   unsigned n)
{
    char known[1024];

    for (unsigned i = 0; i < n; i++)
        if (!variant_exists(r->x, names[i]))
            return field_error(r, path, key, "there is no variant '%s'; accepted: %s", names[i],
                               variant_names(r->x, known, sizeof(known)));
    return 0;
}

/* Starts with a letter or digit and goes on with these and what `more` has. */
static int spelled(struct resolve *r, const char *path, const char *name, const char *more,
                   const char *accepted)
{
    bool ok = isalnum((unsigned char)*name);

    for (const char *p = name; *p && ok; p++)
        ok = isalnum((unsigned char)*p) || strchr(more, *p);
    return ok ? 0 : field_error(r, path, "name", "bad value '%s'; accepted: %s", name, accepted);
}

#define FILE_NAME(r, path, name) spelled(r, path, name, "-_.", "letters, digits, '-', '_' and '.'")
#define WORD(r, path, name)      spelled(r, path, name, "_", "letters, digits and '_'")

/* The name of the list's i-th member is none of those before it. */
#define ONLY_ONE(r, path, list, i, what)                                                           \
    for (unsigned k_ = 0; k_ < (i); k_++)                                                          \
        if ((list)[k_].name && !strcmp((list)[k_].name, (list)[i].name))                           \
    return field_error(r, path, "name", "there are two %s named '%s'", what, (list)[i].name)

static int check_workloads(struct resolve *r, const char *prefix, const struct x_workload *list,
                           unsigned n)
{
    char path[64];

    for (unsigned i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%sworkloads[%u]", prefix, i);
        ONLY_ONE(r, path, list, i, "workloads");
    }
    return 0;
}

static int check_events(struct resolve *r, const char *prefix, const struct x_event *list,
                        unsigned n)
{
    char path[64];

    for (unsigned i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%sevents[%u]", prefix, i);
        if (!list[i].name)
            continue;
        if (WORD(r, path, list[i].name))
            return r->e->code;
        ONLY_ONE(r, path, list, i, "events");
    }
    return 0;
}

static int check_variants(struct resolve *r)
{
    const struct x_file *x = r->x;
    char path[64];

    if (check_workloads(r, "", x->workloads, x->workloads_count) ||
        check_events(r, "", x->events, x->events_count))
        return r->e->code;
    for (unsigned i = 0; i < x->variants_count; i++) {
        const struct x_variant *v = &x->variants[i];
        snprintf(path, sizeof(path), "variants[%u]", i);
        if (FILE_NAME(r, path, v->name))
            return r->e->code;
        ONLY_ONE(r, path, x->variants, i, "variants");
        snprintf(path, sizeof(path), "variants[%u].", i);
        if (check_workloads(r, path, v->workloads, v->workloads_count) ||
            check_events(r, path, v->events, v->events_count))
            return r->e->code;
    }
    return 0;
}

static int check_parameters(struct resolve *r)
{
    const struct x_file *x = r->x;
    char path[64];

    for (unsigned i = 0; i < x->parameters_count; i++) {
        const struct x_param *p = &x->parameters[i];
        snprintf(path, sizeof(path), "parameters[%u]", i);
        if (WORD(r, path, p->name))
            return r->e->code;
        ONLY_ONE(r, path, x->parameters, i, "parameters");
        if (strstr(p->value, "${") || (p->quick && strstr(p->quick, "${")))
            return field_error(r, path, strstr(p->value, "${") ? "value" : "quick",
                               "bad value '%s'; accepted: a value without ${...} (a variant's "
                               "`parameters:` may be made of others)",
                               strstr(p->value, "${") ? p->value : p->quick);
    }
    return 0;
}

/* In the arithmetic of a metric: a parameter, a metric of a workload, an event or a program (which
 * have dots), or a derived one that comes before it. The number is only for the arithmetic's sake.
 */
static int some_number(const char *name, double *value, void *arg)
{
    const struct resolve *r = arg;

    *value = 0.7;
    if (strchr(name, '.'))
        return 0;
    for (unsigned i = 0; i < r->x->parameters_count; i++)
        if (!strcmp(r->x->parameters[i].name, name))
            return 0;
    for (unsigned i = 0; i < r->x->metrics_count; i++)
        if (!strcmp(r->x->metrics[i].name, name))
            return 0;
    return -ENOENT;
}

static bool share_a_variant(const struct x_metric *a, const struct x_metric *b)
{
    if (!a->variants_count || !b->variants_count)
        return true;
    for (unsigned i = 0; i < a->variants_count; i++)
        for (unsigned k = 0; k < b->variants_count; k++)
            if (!strcmp(a->variants[i], b->variants[k]))
                return true;
    return false;
}

static int check_metrics(struct resolve *r)
{
    const struct x_file *x = r->x;
    char path[64];

    for (unsigned i = 0; i < x->metrics_count; i++) {
        const struct x_metric *m = &x->metrics[i];
        struct err inner = ERR_INIT;
        double value;
        int rc;

        snprintf(path, sizeof(path), "metrics[%u]", i);
        if (spelled(r, path, m->name, "_.", "letters, digits, '_' and '.'") ||
            variants_exist(r, path, "variants", m->variants, m->variants_count))
            return r->e->code;
        for (unsigned k = 0; k < i; k++)
            if (!strcmp(x->metrics[k].name, m->name) && share_a_variant(&x->metrics[k], m))
                return field_error(r, path, "name", "there are two metrics named '%s'", m->name);
        rc = strstr(m->value, "${") ? 0 : expr_eval(m->value, some_number, r, &value, &inner);
        if (rc == -EINVAL || rc == -ENOENT)
            return field_error(r, path, "value", "%s", inner.msg);
    }
    return 0;
}

/* Pairs make metrics of their own. */
static int check_pairs(struct resolve *r)
{
    const struct x_file *x = r->x;
    char path[64];

    for (unsigned i = 0; i < x->pairs_count; i++) {
        snprintf(path, sizeof(path), "pairs[%u]", i);
        if (WORD(r, path, x->pairs[i].name))
            return r->e->code;
        ONLY_ONE(r, path, x->pairs, i, "pairs");
        for (unsigned k = 0; k < x->metrics_count; k++)
            if (!strcmp(x->metrics[k].name, x->pairs[i].name))
                return field_error(r, path, "name", "there is a metric named '%s' already",
                                   x->pairs[i].name);
    }
    return 0;
}

static int check_points(struct resolve *r)
{
    const struct x_file *x = r->x;
    char path[64];

    for (unsigned i = 0; i < x->captures_count; i++) {
        snprintf(path, sizeof(path), "captures[%u]", i);
        for (unsigned k = 0; k < i; k++)
            if (!strcmp(x->captures[k].point, x->captures[i].point))
                return field_error(r, path, "point", "'%s' is captured twice",
                                   x->captures[i].point);
    }
    for (unsigned i = 0; i < x->checks_count; i++) {
        snprintf(path, sizeof(path), "checks[%u]", i);
        if (variants_exist(r, path, "variants", x->checks[i].variants, x->checks[i].variants_count))
            return r->e->code;
    }
    return 0;
}

/* Their names begin metrics. That each is there once in a variant is seen when it is resolved. */
static int check_measures(struct resolve *r)
{
    char path[64];

    for (unsigned i = 0; i < r->x->measures_count; i++) {
        snprintf(path, sizeof(path), "measures[%u]", i);
        if (WORD(r, path, r->x->measures[i].name))
            return r->e->code;
    }
    for (unsigned i = 0; i < r->x->sockets_count; i++) {
        snprintf(path, sizeof(path), "sockets[%u]", i);
        if (WORD(r, path, r->x->sockets[i].name))
            return r->e->code;
    }
    return 0;
}

int experiment_check_names(struct resolve *r)
{
    const struct x_file *x = r->x;
    char path[64];

    if (FILE_NAME(r, "", x->name) || check_parameters(r) || check_variants(r) || check_metrics(r) ||
        check_pairs(r) || check_points(r) || check_measures(r))
        return r->e->code;
    for (unsigned i = 0; i < x->figures_count; i++) {
        snprintf(path, sizeof(path), "figures[%u]", i);
        ONLY_ONE(r, path, x->figures, i, "figures");
    }
    return 0;
}

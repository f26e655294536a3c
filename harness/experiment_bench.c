/* SPDX-License-Identifier: BSD-2-Clause */
/* `bench:` of an experiment file: what the benchmarks watch. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiment_resolve.h"
#include "util.h"

static int threshold(struct resolve *r, const char *where, const char *raw, double *out)
{
    char *text = NULL;
    int rc = field_text(r, where, "threshold", raw, &text);

    if (!rc && (parse_share(text, out) || !(*out > 0)))
        rc =
            field_error(r, where, "threshold",
                        "bad value '%s'; accepted: how much worse is a regression, e.g. 5%%", text);
    free(text);
    return rc;
}

static int better(struct resolve *r, const char *where, const char *raw, bool *higher)
{
    char *text = NULL;
    int rc = field_text(r, where, "better", raw, &text);

    if (!rc && strcmp(text, "higher") && strcmp(text, "lower"))
        rc = field_error(r, where, "better", "bad value '%s'; accepted: higher, lower", text);
    *higher = !rc && !strcmp(text, "higher");
    free(text);
    return rc;
}

static int one_metric(struct resolve *r, const char *where, const struct x_bench *xb,
                      struct bench_metric *m)
{
    if (field_text(r, where, "name", xb->name, &m->name) ||
        field_text(r, where, "about", xb->about, &m->about) ||
        field_text(r, where, "metric", xb->metric, &m->metric) ||
        field_text(r, where, "variant", xb->variant, &m->variant) ||
        variants_exist(r, where, "variant", &m->variant, 1) ||
        field_text(r, where, "over", xb->over, &m->over) ||
        (m->over && variants_exist(r, where, "over", &m->over, 1)) ||
        better(r, where, xb->better, &m->higher_is_better))
        return r->e->code;
    return threshold(r, where, xb->threshold, &m->threshold);
}

int resolve_bench(struct resolve *r, struct experiment *x)
{
    x->bench = xcalloc(r->x->bench_count, sizeof(*x->bench));
    for (unsigned i = 0; i < r->x->bench_count; i++) {
        char where[64];
        int rc;

        snprintf(where, sizeof(where), "bench[%u]", i);
        x->n_bench++;
        rc = one_metric(r, where, &r->x->bench[i], &x->bench[i]);
        for (unsigned k = 0; !rc && k < i; k++)
            if (!strcmp(x->bench[k].name, x->bench[i].name))
                rc = field_error(r, where, "name", "there is another '%s'; accepted: a new name",
                                 x->bench[i].name);
        if (rc)
            return rc;
    }
    return 0;
}

void bench_metrics_free(struct bench_metric *m, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        free(m[i].name);
        free(m[i].about);
        free(m[i].metric);
        free(m[i].variant);
        free(m[i].over);
    }
    free(m);
}

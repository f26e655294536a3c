/* SPDX-License-Identifier: BSD-2-Clause */
#include "pairs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

int pairing_validate(const struct pairing *p, struct err *e)
{
    const char *star = p->of ? strchr(p->of, '*') : NULL;

    if (!p->name || !*p->name)
        return err_usage(e, -EINVAL, "pairs without a name; accepted: a name for the metric");
    if (!star || strchr(star + 1, '*'))
        return err_usage(e, -EINVAL,
                         "pairs '%s': of = '%s'; accepted: a metric's name with one '*', such as "
                         "load.page*_s",
                         p->name, p->of ? p->of : "");
    if (!p->than || !*p->than)
        return err_usage(e, -EINVAL, "pairs '%s': 'than' is missing; accepted: a variant", p->name);
    return 0;
}

/* The text that '*' stands for in `name`, or NULL where the pattern does not fit. The caller frees.
 */
static char *fits(const char *pattern, const char *name)
{
    const char *star = strchr(pattern, '*');
    size_t before = (size_t)(star - pattern), after = strlen(star + 1), n = strlen(name);

    if (n <= before + after || strncmp(name, pattern, before) || strcmp(name + n - after, star + 1))
        return NULL;
    return xasprintf("%.*s", (int)(n - before - after), name + before);
}

/* The median of a metric in a variant; false where it has no value. */
static bool median_of(const struct results *r, unsigned variant, unsigned metric, double *out)
{
    size_t n;
    double *v = results_select(r, variant, metric, &n);

    if (n)
        *out = stats_median(v, n);
    free(v);
    return n > 0;
}

static void add_pair(const struct pairing *p, struct results *r, unsigned than, unsigned of,
                     unsigned made, unsigned pair)
{
    double base = 0, value = 0;

    if (!median_of(r, than, of, &base) || (p->ratio && base == 0))
        return;
    for (unsigned v = 0; v < r->n_variants; v++)
        if (v != than && median_of(r, v, of, &value))
            results_add(r, v, pair, made, p->ratio ? value / base : value - base);
}

/* Does a variant but `than` have a value of a metric that fits? */
static bool others_have_one(const struct pairing *p, const struct results *r, unsigned than)
{
    bool have = false;

    for (size_t i = 0; i < r->n_values && !have; i++) {
        char *name =
            r->values[i].variant == than ? NULL : fits(p->of, r->metrics[r->values[i].metric].name);

        have = name != NULL;
        free(name);
    }
    return have;
}

void pairing_apply(const struct pairing *p, struct results *r)
{
    int than = results_find_variant(r, p->than);
    unsigned n = r->n_metrics, made = 0;
    bool any = false;

    if (than < 0 || !others_have_one(p, r, (unsigned)than))
        return;
    for (unsigned m = 0; m < n; m++) {
        char *name = r->metrics[m].pairs ? NULL : fits(p->of, r->metrics[m].name);

        if (!name)
            continue;
        if (!any)
            made = results_metric(r, p->name, p->ratio ? "1" : r->metrics[m].unit);
        any = true;
        add_pair(p, r, (unsigned)than, m, made, results_add_pair(r, made, name));
        free(name);
    }
}

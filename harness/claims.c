/* SPDX-License-Identifier: BSD-2-Clause */
#include "claims.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

int claim_validate(const struct claim *c, struct err *e)
{
    bool compares = c->kind == CLAIM_GREATER || c->kind == CLAIM_LESS;

    if (compares && !c->than)
        return err_usage(e, -EINVAL,
                         "claim '%s': `than:` is missing; accepted: the variant to compare with",
                         c->name);
    if (compares && (isfinite(c->min) || isfinite(c->max)))
        return err_usage(
            e, -EINVAL,
            "claim '%s': min and max are for each and median; greater and less take `by:`",
            c->name);
    if (!compares && (c->than || c->ratio))
        return err_usage(e, -EINVAL, "claim '%s': than and ratio are for greater and less",
                         c->name);
    if (!compares && !isfinite(c->min) && !isfinite(c->max))
        return err_usage(e, -EINVAL, "claim '%s': needs `min:` or `max:`", c->name);
    if (c->min > c->max)
        return err_usage(e, -EINVAL, "claim '%s': min %g is larger than max %g", c->name, c->min,
                         c->max);
    return 0;
}

static int metric_index(const struct results *r, const char *name)
{
    for (unsigned i = 0; i < r->n_metrics; i++)
        if (!strcmp(r->metrics[i].name, name))
            return (int)i;
    return -1;
}

static int variant_index(const struct results *r, const char *name)
{
    for (unsigned i = 0; i < r->n_variants; i++)
        if (!strcmp(r->variants[i], name))
            return (int)i;
    return -1;
}

static void add(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void add(char *buf, size_t size, const char *fmt, ...)
{
    size_t n = strlen(buf);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(buf + n, size - n, fmt, ap);
    va_end(ap);
}

static const char *range(char *buf, size_t size, const struct claim *c, const char *unit)
{
    char a[48], b[48];

    if (!isfinite(c->min))
        snprintf(buf, size, "at most %s", format_value(a, sizeof(a), c->max, unit));
    else if (!isfinite(c->max))
        snprintf(buf, size, "at least %s", format_value(a, sizeof(a), c->min, unit));
    else if (c->min == c->max)
        snprintf(buf, size, "%s", format_value(a, sizeof(a), c->min, unit));
    else
        snprintf(buf, size, "from %s to %s", format_value(a, sizeof(a), c->min, unit),
                 format_value(b, sizeof(b), c->max, unit));
    return buf;
}

static void judge_each(const struct claim *c, const struct results *r, unsigned v, unsigned m,
                       struct claim_result *out)
{
    const char *unit = r->metrics[m].unit;
    size_t n;
    struct value *values = results_values(r, v, m, &n);
    double low = INFINITY, high = -INFINITY;
    char a[48], b[48];

    if (!n) {
        out->held = false;
        add(out->found, sizeof(out->found), "%s: no value; ", r->variants[v]);
    }
    for (size_t i = 0; i < n; i++) {
        double x = values[i].value;
        low = fmin(low, x);
        high = fmax(high, x);
        if (!(x >= c->min && x <= c->max)) {
            out->held = false;
            add(out->found, sizeof(out->found), "%s repetition %u: %s (!); ", r->variants[v],
                values[i].repetition, format_value(a, sizeof(a), x, unit));
        }
    }
    if (n && low == high)
        add(out->found, sizeof(out->found), "%s: %s (%zu); ", r->variants[v],
            format_value(a, sizeof(a), low, unit), n);
    else if (n)
        add(out->found, sizeof(out->found), "%s: %s to %s (%zu); ", r->variants[v],
            format_value(a, sizeof(a), low, unit), format_value(b, sizeof(b), high, unit), n);
    free(values);
}

static void judge_median(const struct claim *c, const struct results *r, unsigned v, unsigned m,
                         struct claim_result *out)
{
    struct interval i = results_interval(r, v, m);
    const char *unit = r->metrics[m].unit;
    char a[48], b[48], d[48];

    if (!i.n || !(i.median >= c->min && i.median <= c->max))
        out->held = false;
    if (!i.n)
        add(out->found, sizeof(out->found), "%s: no value; ", r->variants[v]);
    else
        add(out->found, sizeof(out->found), "%s: %s [%s, %s] (n = %zu); ", r->variants[v],
            format_value(a, sizeof(a), i.median, unit), format_value(b, sizeof(b), i.low, unit),
            format_value(d, sizeof(d), i.high, unit), i.n);
}

static void judge_compare(const struct claim *c, const struct results *r, unsigned v, unsigned than,
                          unsigned m, struct claim_result *out)
{
    const char *unit = c->ratio ? "ratio" : r->metrics[m].unit;
    size_t na, nb;
    double *a = results_select(r, v, m, &na), *b = results_select(r, than, m, &nb);
    struct interval i =
        c->ratio ? stats_ratio(a, na, b, nb, r->seed) : stats_difference(a, na, b, nb, r->seed);
    char t[3][48];

    free(a);
    free(b);
    if (!na || !nb) {
        out->held = false;
        add(out->found, sizeof(out->found), "%s: no value; ", na ? c->than : r->variants[v]);
        return;
    }
    if (!(c->kind == CLAIM_GREATER ? i.low > c->by : i.high < c->by))
        out->held = false;
    add(out->found, sizeof(out->found), "%s against %s: %s [%s, %s] (n = %zu and %zu%s); ",
        r->variants[v], c->than, format_value(t[0], sizeof(t[0]), i.median, unit),
        format_value(t[1], sizeof(t[1]), i.low, unit),
        format_value(t[2], sizeof(t[2]), i.high, unit), na, nb,
        na < 2 || nb < 2 ? ": no interval" : "");
}

static void expectation(const struct claim *c, const char *unit, struct claim_result *out)
{
    char text[128], by[48];

    if (c->kind == CLAIM_EACH || c->kind == CLAIM_MEDIAN)
        snprintf(out->expected, sizeof(out->expected), "%s %s: %s",
                 c->kind == CLAIM_EACH ? "each repetition's" : "the median", c->metric,
                 range(text, sizeof(text), c, unit));
    else
        snprintf(out->expected, sizeof(out->expected), "%s %s %s's: %s %s, with its 95 %% interval",
                 c->metric, c->ratio ? "as a ratio to" : "minus", c->than,
                 c->kind == CLAIM_GREATER ? "above" : "below",
                 format_value(by, sizeof(by), c->by, c->ratio ? "ratio" : unit));
}

void claim_judge(const struct claim *c, const struct results *r, struct claim_result *out)
{
    int m = metric_index(r, c->metric), than = c->than ? variant_index(r, c->than) : -1;
    unsigned judged = 0;
    size_t n;

    memset(out, 0, sizeof(*out));
    out->held = true;
    expectation(c, m >= 0 ? r->metrics[m].unit : "", out);
    for (unsigned v = 0; m >= 0 && v < r->n_variants; v++) {
        bool named = false;
        for (unsigned k = 0; k < c->n_variants; k++)
            named |= !strcmp(c->variants[k], r->variants[v]);
        if (c->n_variants ? !named : (int)v == than)
            continue;
        if (!c->n_variants) { /* without names: every variant that has the metric */
            free(results_select(r, v, (unsigned)m, &n));
            if (!n)
                continue;
        }
        judged++;
        if (c->kind == CLAIM_EACH)
            judge_each(c, r, v, (unsigned)m, out);
        else if (c->kind == CLAIM_MEDIAN)
            judge_median(c, r, v, (unsigned)m, out);
        else if (than >= 0)
            judge_compare(c, r, v, (unsigned)than, (unsigned)m, out);
    }
    if (m < 0 || !judged || (c->n_variants && judged < c->n_variants) || (c->than && than < 0)) {
        out->held = false;
        add(out->found, sizeof(out->found),
            m < 0 ? "no variant has a value of this metric; " : "a variant has no result; ");
    }
    n = strlen(out->found);
    if (n >= 2)
        out->found[n - 2] = '\0';
}

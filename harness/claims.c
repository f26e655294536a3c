/* SPDX-License-Identifier: BSD-2-Clause */
#include "claims.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats.h"
#include "util.h"

/* Fewer have no interval at all. */
#define COMPARISON_MIN 2

static bool is_comparison(const struct claim *c)
{
    return c->kind == CLAIM_GREATER || c->kind == CLAIM_LESS || c->kind == CLAIM_EQUAL;
}

static int validate_comparison(const struct claim *c, struct err *e)
{
    if (!c->than || !*c->than)
        return err_usage(e, -EINVAL, "claim '%s': 'than' is missing; accepted: another variant",
                         c->name);
    for (unsigned i = 0; i < c->n_variants; i++)
        if (!strcmp(c->variants[i], c->than))
            return err_usage(e, -EINVAL, "claim '%s': variant '%s' cannot be compared with itself",
                             c->name, c->than);
    if (isfinite(c->min) || isfinite(c->max))
        return err_usage(e, -EINVAL,
                         "claim '%s': 'min' and 'max' mean nothing in a comparison; accepted: 'by'",
                         c->name);
    if (!isfinite(c->by) || (c->ratio && c->by <= 0))
        return err_usage(e, -EINVAL, "claim '%s': by = %g; accepted: a %snumber", c->name, c->by,
                         c->ratio ? "positive " : "");
    if (c->kind != CLAIM_EQUAL && c->within != 0)
        return err_usage(e, -EINVAL, "claim '%s': 'within' belongs to the kind equal only",
                         c->name);
    if (!(c->within >= 0 && isfinite(c->within)))
        return err_usage(e, -EINVAL, "claim '%s': within = %g; accepted: a positive number",
                         c->name, c->within);
    return 0;
}

int claim_validate(const struct claim *c, struct err *e)
{
    const char *name = c->name ? c->name : "";

    if (!*name)
        return err_usage(e, -EINVAL, "a claim has no name; accepted: a sentence");
    if (!c->metric || !*c->metric)
        return err_usage(e, -EINVAL, "claim '%s': 'metric' is missing", name);
    if ((int)c->kind < CLAIM_EACH || (int)c->kind > CLAIM_SHARE)
        return err_usage(
            e, -EINVAL,
            "claim '%s': kind %d; accepted: each, median, greater, less, equal or share", name,
            (int)c->kind);
    for (unsigned i = 0; i < c->n_variants; i++)
        for (unsigned k = 0; k < i; k++)
            if (!strcmp(c->variants[i], c->variants[k]))
                return err_usage(e, -EINVAL, "claim '%s': variant '%s' is named twice", name,
                                 c->variants[i]);
    if (is_comparison(c))
        return validate_comparison(c, e);
    if (c->than)
        return err_usage(e, -EINVAL,
                         "claim '%s': 'than' belongs to the kinds greater, less and equal only",
                         name);
    if (isnan(c->min) || isnan(c->max) || c->min > c->max)
        return err_usage(e, -EINVAL, "claim '%s': min = %g, max = %g; accepted: min <= max", name,
                         c->min, c->max);
    if (!isfinite(c->min) && !isfinite(c->max))
        return err_usage(e, -EINVAL, "claim '%s': accepted: a number for 'min', 'max' or both",
                         name);
    if (c->kind == CLAIM_SHARE && !(c->by >= 0 && c->by < 1))
        return err_usage(e, -EINVAL, "claim '%s': by = %g; accepted: a share from 0 to less than 1",
                         name, c->by);
    return 0;
}

/* A text of a fixed size that ends with "…" rather than in the middle of a number. */
struct text {
    char *buf;
    size_t size, n;
    bool full;
};

static void add(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *t, const char *fmt, ...)
{
    static const char more[] = " …";
    va_list ap;
    size_t end;
    int n;

    if (t->full)
        return;
    va_start(ap, fmt);
    n = vsnprintf(t->buf + t->n, t->size - t->n, fmt, ap);
    va_end(ap);
    if (n >= 0 && t->n + (size_t)n < t->size - sizeof(more)) {
        t->n += (size_t)n;
        return;
    }
    t->full = true;
    /* Back to a word's end, or at least to a character's. */
    end = t->size - sizeof(more);
    while (end > t->n && t->buf[end] != ' ')
        end--;
    if (!end)
        for (end = t->size - sizeof(more); end && (t->buf[end] & 0xc0) == 0x80;)
            end--;
    memcpy(t->buf + end, more, sizeof(more));
    t->n = end + sizeof(more) - 1;
}

/* Claims are checked against the number that is printed: as many digits as it takes to see on which
 * side of the limit the value is. */
static const char *value_text(char *buf, double value, const char *unit, double min, double max)
{
    for (int digits = 3; digits < 17; digits++) {
        char plain[48];
        double shown;

        snprintf(plain, sizeof(plain), "%.*g", digits, value);
        shown = strtod(plain, NULL);
        if ((shown < min) == (value < min) && (shown > max) == (value > max) &&
            (shown == min) == (value == min) && (shown == max) == (value == max))
            return format_value_digits(buf, FORMAT_VALUE_SIZE, value, unit, digits);
    }
    return format_value_digits(buf, FORMAT_VALUE_SIZE, value, unit, 17);
}

/* A limit as it was written in the experiment, as far as a double keeps it. */
static const char *limit_text(char *buf, double value, const char *unit)
{
    for (int digits = 1; digits < 17; digits++) {
        char plain[48];

        snprintf(plain, sizeof(plain), "%.*g", digits, value);
        if (strtod(plain, NULL) == value)
            return format_value_digits(buf, FORMAT_VALUE_SIZE, value, unit, digits);
    }
    return format_value_digits(buf, FORMAT_VALUE_SIZE, value, unit, 17);
}

static void add_bounds(struct text *t, const struct claim *c, const char *unit)
{
    char low[FORMAT_VALUE_SIZE], high[FORMAT_VALUE_SIZE];

    limit_text(low, c->min, unit);
    limit_text(high, c->max, unit);
    if (isfinite(c->min) && isfinite(c->max))
        add(t, "in %s..%s", low, high);
    else if (isfinite(c->min))
        add(t, "at least %s", low);
    else
        add(t, "at most %s", high);
}

static const char *percent(char *buf, double share)
{
    snprintf(buf, FORMAT_VALUE_SIZE, "%.3g %%", 100 * share);
    return buf;
}

static void add_expected(struct text *t, const struct claim *c, const char *unit)
{
    const char *side = c->kind == CLAIM_GREATER ? "above" : "below";
    char by[FORMAT_VALUE_SIZE], within[FORMAT_VALUE_SIZE];

    switch (c->kind) {
    case CLAIM_EACH:
        add(t, "each repetition of %s ", c->metric);
        add_bounds(t, c, unit);
        break;
    case CLAIM_MEDIAN:
        add(t, "the median of %s ", c->metric);
        add_bounds(t, c, unit);
        break;
    case CLAIM_EQUAL:
        add(t, "95 %% interval of %s, %s %s, contains %s", c->metric,
            c->ratio ? "ratio to" : "difference to", c->than,
            limit_text(by, c->by, c->ratio ? "" : unit));
        if (c->within > 0)
            add(t, " and stays within %s of it",
                limit_text(within, c->within, c->ratio ? "" : unit));
        break;
    case CLAIM_SHARE:
        add(t, "%s ", c->metric);
        add_bounds(t, c, unit);
        add(t, " in more than %s of the values (95 %% interval of the share)", percent(by, c->by));
        break;
    default:
        add(t, "95 %% interval of %s, %s %s, wholly %s %s", c->metric,
            c->ratio ? "ratio to" : "difference to", c->than, side,
            limit_text(by, c->by, c->ratio ? "" : unit));
    }
    for (unsigned i = 0; i < c->n_variants; i++)
        add(t, "%s%s", i ? ", " : ": ", c->variants[i]);
}

/* The values of one variant, with what a claim needs to know about their repetitions. */
struct sample {
    const char *variant;
    const struct metric *metric;
    double *v;
    unsigned *repetition; /* of each value; or its pair */
    size_t n;
    size_t repetitions; /* of the variant, or pairs of the metric, with a value or without */
    unsigned missing;   /* first of them that has no value of the metric; 0: none */
    size_t n_missing;
};

static unsigned *count_to(unsigned n, size_t *out)
{
    unsigned *all = xcalloc(n, sizeof(*all));

    for (unsigned i = 0; i < n; i++)
        all[i] = i + 1;
    *out = n;
    return all;
}

/* "repetition 4", or "pair 017" of a metric that has pairs. */
static const char *which(char *buf, const struct sample *s, unsigned repetition)
{
    if (s->metric->pairs)
        snprintf(buf, FORMAT_VALUE_SIZE, "pair %s", s->metric->pairs[repetition - 1]);
    else
        snprintf(buf, FORMAT_VALUE_SIZE, "repetition %u", repetition);
    return buf;
}

static void sample_take(struct sample *s, const struct results *r, unsigned variant,
                        unsigned metric)
{
    const struct metric *m = &r->metrics[metric];
    unsigned *all = m->pairs ? count_to(m->n_pairs, &s->repetitions)
                             : results_repetitions(r, variant, &s->repetitions);

    s->variant = r->variants[variant];
    s->metric = m;
    s->v = results_select_repetitions(r, variant, metric, &s->n, &s->repetition);
    s->missing = 0;
    s->n_missing = 0;
    for (size_t i = 0, k = 0; i < s->repetitions; i++) {
        while (k < s->n && s->repetition[k] < all[i])
            k++;
        if (k < s->n && s->repetition[k] == all[i])
            continue;
        s->n_missing++;
        if (!s->missing)
            s->missing = all[i];
    }
    free(all);
}

static void sample_drop(struct sample *s)
{
    free(s->v);
    free(s->repetition);
}

/* "uto-3s: no value of abort_ratio in repetition 4 (and 2 more)": true where there is something
 * to say, and the claim cannot hold. */
static bool add_missing(struct text *t, const struct sample *s, const char *metric)
{
    char one[FORMAT_VALUE_SIZE];

    if (!s->n)
        add(t, "%s: no value of %s", s->variant, metric);
    else if (s->missing)
        add(t, "%s: no value of %s in %s", s->variant, metric, which(one, s, s->missing));
    else
        return false;
    if (s->n && s->n_missing > 1)
        add(t, " (and %zu more)", s->n_missing - 1);
    return true;
}

struct judge {
    const struct claim *c;
    const struct results *r;
    unsigned metric;
    const char *unit;
};

/* Each of these says what it found of one variant, and whether the claim holds for it. */
static bool judge_each(const struct judge *j, const struct sample *s, struct text *t)
{
    char low[FORMAT_VALUE_SIZE], high[FORMAT_VALUE_SIZE];
    double min = j->c->min, max = j->c->max;
    size_t bad = 0, first = 0;

    for (size_t i = 0; i < s->n; i++)
        if (!(s->v[i] >= min && s->v[i] <= max) && !bad++)
            first = i;
    if (bad) {
        add(t, "%s %s: %s", s->variant, which(high, s, s->repetition[first]),
            value_text(low, s->v[first], j->unit, min, max));
        if (bad > 1)
            add(t, " (and %zu more of %zu values)", bad - 1, s->n);
        return false;
    }
    value_text(low, stats_quantile(s->v, s->n, 0), j->unit, min, max);
    value_text(high, stats_quantile(s->v, s->n, 1), j->unit, min, max);
    add(t, "%s: %s", s->variant, low);
    if (strcmp(low, high))
        add(t, " to %s", high);
    add(t, " (%zu %s%s)", s->repetitions, s->metric->pairs ? "pair" : "repetition",
        s->repetitions == 1 ? "" : "s");
    return true;
}

static void add_interval(struct text *t, struct interval i, const char *unit, double min,
                         double max)
{
    char median[FORMAT_VALUE_SIZE], low[FORMAT_VALUE_SIZE], high[FORMAT_VALUE_SIZE];

    value_text(median, i.median, unit, min, max);
    if (i.n == 1) {
        add(t, "%s (n = 1, no interval)", median);
        return;
    }
    value_text(low, i.low, unit, min, max);
    value_text(high, i.high, unit, min, max);
    add(t, "%s [%s, %s] (n = %zu)", median, low, high, i.n);
}

static bool judge_median(const struct judge *j, const struct sample *s, struct text *t)
{
    uint64_t seed = results_seed(j->r, s->variant, j->c->metric);
    struct interval i = stats_median_interval(s->v, s->n, seed);

    add(t, "%s: median ", s->variant);
    add_interval(t, i, j->unit, j->c->min, j->c->max);
    return i.median >= j->c->min && i.median <= j->c->max;
}

static bool judge_comparison(const struct judge *j, const struct sample *s,
                             const struct sample *than, struct text *t)
{
    const struct claim *c = j->c;
    uint64_t seed = results_seed(j->r, s->variant, c->metric);
    struct interval i;

    if (s->n < COMPARISON_MIN || than->n < COMPARISON_MIN) {
        add(t,
            "%s against %s: n = %zu and %zu, no interval; a comparison needs %d repetitions of "
            "each at least",
            s->variant, than->variant, s->n, than->n, COMPARISON_MIN);
        return false;
    }
    i = (c->ratio ? stats_ratio : stats_difference)(s->v, s->n, than->v, than->n, seed);
    if (!i.n) {
        add(t, "%s: no ratio, as %s of %s is not positive in every repetition", s->variant,
            c->metric, than->variant);
        return false;
    }
    add(t, "%s %s %s: ", s->variant, c->ratio ? "/" : "-", than->variant);
    add_interval(t, i, c->ratio ? "" : j->unit, c->by, c->by);
    if (c->kind == CLAIM_EQUAL)
        return i.low <= c->by && i.high >= c->by &&
               (!(c->within > 0) || (i.low >= c->by - c->within && i.high <= c->by + c->within));
    return c->kind == CLAIM_GREATER ? i.low > c->by : i.high < c->by;
}

static bool judge_share(const struct judge *j, const struct sample *s, struct text *t)
{
    char share[FORMAT_VALUE_SIZE], lowest[FORMAT_VALUE_SIZE], highest[FORMAT_VALUE_SIZE];
    double low, high;
    size_t in = 0;

    for (size_t i = 0; i < s->n; i++)
        in += s->v[i] >= j->c->min && s->v[i] <= j->c->max;
    stats_binomial(in, s->n, 0.05, &low, &high);
    add(t, "%s: %zu of %zu, %s [%s, %s]", s->variant, in, s->n,
        percent(share, (double)in / (double)s->n), percent(lowest, low), percent(highest, high));
    return low > j->c->by;
}

/* Judges one variant into `t`; what breaks the claim before it is judged counts as well. */
static bool judge_variant(const struct judge *j, unsigned variant, const struct sample *than,
                          struct text *t)
{
    struct sample s;
    bool held;

    sample_take(&s, j->r, variant, j->metric);
    if (add_missing(t, &s, j->c->metric))
        held = false;
    else if (j->c->kind == CLAIM_EACH)
        held = judge_each(j, &s, t);
    else if (j->c->kind == CLAIM_MEDIAN)
        held = judge_median(j, &s, t);
    else if (j->c->kind == CLAIM_SHARE)
        held = judge_share(j, &s, t);
    else
        held = judge_comparison(j, &s, than, t);
    sample_drop(&s);
    return held;
}

/* The variants that the claim is about; -1 for a name that the results do not know. */
static int *claim_variants(const struct claim *c, const struct results *r, unsigned metric,
                           unsigned *n)
{
    int *out = xcalloc(c->n_variants ? c->n_variants : r->n_variants, sizeof(*out));

    *n = 0;
    for (unsigned i = 0; i < c->n_variants; i++)
        out[(*n)++] = results_find_variant(r, c->variants[i]);
    for (unsigned v = 0; !c->n_variants && v < r->n_variants; v++) {
        size_t values;

        free(results_select(r, v, metric, &values));
        if (values && !(is_comparison(c) && !strcmp(c->than, r->variants[v])))
            out[(*n)++] = (int)v;
    }
    return out;
}

/* What broke the claim comes first and leaves no room to what did not. */
static void judge_all(const struct judge *j, const struct sample *than, struct claim_result *out)
{
    struct text bad = {.buf = out->found, .size = sizeof(out->found)};
    char good_text[sizeof(out->found)] = "";
    struct text good = {.buf = good_text, .size = sizeof(good_text)};
    unsigned n;
    int *v = claim_variants(j->c, j->r, j->metric, &n);

    out->held = n > 0;
    if (!n)
        add(&bad, "no %svariant has a value of %s", is_comparison(j->c) ? "other " : "",
            j->c->metric);
    for (unsigned i = 0; i < n; i++) {
        char one_text[sizeof(out->found)] = "";
        struct text one = {.buf = one_text, .size = sizeof(one_text)}, *to;
        bool held = v[i] >= 0 && judge_variant(j, (unsigned)v[i], than, &one);

        if (v[i] < 0)
            add(&one, "%s: no such variant in the results", j->c->variants[i]);
        out->held = out->held && held;
        to = held ? &good : &bad;
        add(to, "%s%s", to->n ? "; " : "", one_text);
    }
    if (out->held)
        memcpy(out->found, good_text, sizeof(good_text));
    free(v);
}

void claim_judge(const struct claim *c, const struct results *r, struct claim_result *out)
{
    struct text expected = {.buf = out->expected, .size = sizeof(out->expected)};
    struct text found = {.buf = out->found, .size = sizeof(out->found)};
    int metric = results_find_metric(r, c->metric);
    struct judge j = {.c = c, .r = r, .metric = (unsigned)metric};
    struct sample than = {0};
    int other;

    memset(out, 0, sizeof(*out));
    j.unit = metric < 0 ? "" : r->metrics[metric].unit;
    add_expected(&expected, c, j.unit);
    if (metric < 0) {
        add(&found, "no value of %s in any variant", c->metric);
        return;
    }
    if (!is_comparison(c)) {
        judge_all(&j, NULL, out);
        return;
    }
    other = results_find_variant(r, c->than);
    if (other < 0) {
        add(&found, "%s: no such variant in the results", c->than);
        return;
    }
    sample_take(&than, r, (unsigned)other, (unsigned)metric);
    if (!add_missing(&found, &than, c->metric))
        judge_all(&j, &than, out);
    sample_drop(&than);
}

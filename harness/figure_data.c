/* SPDX-License-Identifier: BSD-2-Clause */
#include "figure_data.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "util.h"

#define SERIES_STEPS 300 /* points of a line: more cannot be told apart on a page */
#define GAP_STEPS    5   /* without a sample for so many usual distances, the line is broken */

static double figure_scale(const struct figure *f)
{
    return f->scale != 0 ? f->scale : 1;
}

static bool figure_wants(const struct figure *f, const char *variant)
{
    for (unsigned i = 0; i < f->n_variants; i++)
        if (!strcmp(f->variants[i], variant))
            return true;
    return !f->n_variants;
}

void figure_data_free(struct figure_data *d)
{
    for (unsigned i = 0; i < d->n_groups; i++) {
        free(d->groups[i].values);
        free(d->groups[i].repetition);
        free(d->groups[i].points);
    }
    free(d->groups);
    memset(d, 0, sizeof(*d));
}

static struct figure_group *new_group(struct figure_data *d, const struct figure *f,
                                      const struct results *r, unsigned variant)
{
    struct figure_group *g;

    d->groups = xrealloc(d->groups, (d->n_groups + 1) * sizeof(*d->groups));
    g = &d->groups[d->n_groups++];
    memset(g, 0, sizeof(*g));
    g->variant = r->variants[variant];
    g->seed = results_seed(r, g->variant, f->metric);
    return g;
}

/* Says which of the variants that were asked for are not in the figure. */
static int check_groups(const struct figure_data *d, const struct figure *f, struct err *e)
{
    for (unsigned i = 0; i < f->n_variants; i++) {
        bool there = false;

        for (unsigned k = 0; k < d->n_groups && !there; k++)
            there = !strcmp(d->groups[k].variant, f->variants[i]);
        if (!there)
            log_line("figure %s: variant %s has no value of %s and is left out", f->name,
                     f->variants[i], f->metric);
    }
    if (!d->n_groups)
        return err_broke(e, -ENODATA, "figure %s: no variant has a value of '%s'", f->name,
                         f->metric);
    return 0;
}

/* The scale that makes values multiples of the median of the variant they are relative to. */
static int relative_scale(const struct figure *f, const struct results *r, int metric,
                          double *scale, struct err *e)
{
    int v = results_find_variant(r, f->relative_to);
    struct interval i = {0};

    if (v >= 0 && metric >= 0)
        i = results_interval(r, (unsigned)v, (unsigned)metric);
    if (!i.n || !(i.median > 0))
        return err_broke(e, -ENODATA, "figure %s: %s has no positive median of '%s' to divide by",
                         f->name, f->relative_to, f->metric);
    *scale /= i.median;
    return 0;
}

int figure_data_values(struct figure_data *d, const struct figure *f, const struct results *r,
                       struct err *e)
{
    int metric = results_find_metric(r, f->metric);
    int reference = f->reference_metric ? results_find_metric(r, f->reference_metric) : -1;

    double scale = figure_scale(f);

    memset(d, 0, sizeof(*d));
    d->unit = metric < 0 || f->relative_to ? "" : r->metrics[metric].unit;
    if (f->relative_to && relative_scale(f, r, metric, &scale, e))
        return e->code;
    if (f->reference_metric && reference < 0)
        return err_broke(e, -ENODATA, "figure %s: no variant has a value of the reference '%s'",
                         f->name, f->reference_metric);
    for (unsigned v = 0; metric >= 0 && v < r->n_variants; v++) {
        struct figure_group *g;
        unsigned *repetition;
        size_t n;
        double *values = results_select_repetitions(r, v, (unsigned)metric, &n, &repetition);

        if (!n || !figure_wants(f, r->variants[v])) {
            free(values);
            free(repetition);
            continue;
        }
        g = new_group(d, f, r, v);
        g->values = values;
        g->repetition = repetition;
        g->n_values = n;
        for (size_t i = 0; i < n; i++)
            values[i] *= scale;
        if (reference >= 0) {
            struct interval i = results_interval(r, v, (unsigned)reference);

            g->has_reference = i.n > 0;
            g->reference = i.median * scale;
            d->has_reference = d->has_reference || g->has_reference;
        }
    }
    return check_groups(d, f, e);
}

struct series_reader {
    struct figure_data *d;
    const struct figure *f;
    const struct results *r;
    const char *path;
    size_t *room; /* of each group */
    struct err *e;
};

static struct figure_group *group_of(struct series_reader *s, const char *variant)
{
    int v;

    for (unsigned i = 0; i < s->d->n_groups; i++)
        if (!strcmp(s->d->groups[i].variant, variant))
            return &s->d->groups[i];
    v = results_find_variant(s->r, variant);
    if (v < 0)
        return NULL;
    s->room = xrealloc(s->room, (s->d->n_groups + 1) * sizeof(*s->room));
    s->room[s->d->n_groups] = 0;
    return new_group(s->d, s->f, s->r, (unsigned)v);
}

/* experiment,variant,repetition,series,t_s,value */
static int series_record(char *const *field, void *arg)
{
    struct series_reader *s = arg;
    struct figure_group *g;
    uint64_t repetition;
    double t, value;
    size_t i, *room;

    if (strcmp(field[3], s->f->metric) || !figure_wants(s->f, field[1]))
        return 0;
    if (parse_u64(field[2], &repetition) || parse_double(field[4], &t) ||
        parse_double(field[5], &value))
        return err_broke(s->e, -EINVAL,
                         "%s: '%s,%s,%s,%s': repetition, t_s and value must be numbers", s->path,
                         field[1], field[2], field[4], field[5]);
    g = group_of(s, field[1]);
    if (!g)
        return err_broke(s->e, -EINVAL, "%s: variant '%s' is not in the results", s->path,
                         field[1]);
    i = g->n_points++;
    room = &s->room[g - s->d->groups];
    if (i >= *room) {
        *room = *room ? *room * 2 : 256;
        g->points = xrealloc(g->points, *room * sizeof(*g->points));
        g->repetition = xrealloc(g->repetition, *room * sizeof(*g->repetition));
    }
    g->points[i] = (struct sample_point){.t_s = t, .value = value * figure_scale(s->f)};
    g->repetition[i] = (unsigned)repetition;
    return 0;
}

struct keyed {
    unsigned repetition;
    size_t order;
    struct sample_point p;
};

static int by_repetition_and_time(const void *a, const void *b)
{
    const struct keyed *x = a, *y = b;

    if (x->repetition != y->repetition)
        return x->repetition < y->repetition ? -1 : 1;
    if (x->p.t_s != y->p.t_s)
        return x->p.t_s < y->p.t_s ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static void sort_points(struct figure_group *g)
{
    struct keyed *k = xcalloc(g->n_points, sizeof(*k));

    for (size_t i = 0; i < g->n_points; i++)
        k[i] = (struct keyed){.repetition = g->repetition[i], .order = i, .p = g->points[i]};
    qsort(k, g->n_points, sizeof(*k), by_repetition_and_time);
    for (size_t i = 0; i < g->n_points; i++) {
        g->repetition[i] = k[i].repetition;
        g->points[i] = k[i].p;
    }
    free(k);
}

/* The variants in the order of the results, whatever the order of the repetitions was. */
static void order_groups(struct figure_data *d, const struct results *r)
{
    unsigned at = 0;

    for (unsigned v = 0; v < r->n_variants; v++) {
        for (unsigned i = at; i < d->n_groups; i++) {
            struct figure_group g = d->groups[i];

            if (strcmp(g.variant, r->variants[v]))
                continue;
            d->groups[i] = d->groups[at];
            d->groups[at++] = g;
            break;
        }
    }
}

int figure_data_series(struct figure_data *d, const struct figure *f, const struct results *r,
                       const char *series_path, struct err *e)
{
    struct series_reader s = {.d = d, .f = f, .r = r, .path = series_path, .e = e};
    int rc;

    memset(d, 0, sizeof(*d));
    d->unit = "";
    rc = csv_read(series_path, CSV_HEADER_SERIES, series_record, &s, e);
    free(s.room);
    if (rc)
        return err_prefix(e, "figure %s", f->name);
    for (unsigned i = 0; i < d->n_groups; i++)
        sort_points(&d->groups[i]);
    order_groups(d, r);
    return check_groups(d, f, e);
}

void figure_data_points_as_values(struct figure_data *d)
{
    for (unsigned i = 0; i < d->n_groups; i++) {
        struct figure_group *g = &d->groups[i];
        g->values = xcalloc(g->n_points, sizeof(*g->values));
        g->n_values = g->n_points;
        for (size_t k = 0; k < g->n_points; k++)
            g->values[k] = g->points[k].value;
    }
}

static void see(struct figure_data *d, double value)
{
    d->low = fmin(d->low, value);
    d->high = fmax(d->high, value);
}

static int open_figure_csv(struct csv **c, struct figure_data *d, const char *path,
                           const char *header, struct err *e)
{
    d->low = INFINITY;
    d->high = -INFINITY;
    return csv_open(c, path, header, e);
}

/* A row of the files of interval and box: three numbers that are empty where they mean nothing. */
static void group_row(struct figure_data *d, struct csv *c, unsigned position, const char *kind,
                      double x, double value, const double *more, unsigned n_more)
{
    char name[512], number[2][CSV_NUMBER_SIZE], rest[4 * (CSV_NUMBER_SIZE + 1)] = "";
    size_t n = 0;

    see(d, value);
    for (unsigned i = 0; i < n_more; i++) {
        if (!isnan(more[i]))
            see(d, more[i]);
        n +=
            (size_t)snprintf(rest + n, sizeof(rest) - n, ",%s",
                             isnan(more[i]) ? "" : csv_number(number[0], CSV_NUMBER_SIZE, more[i]));
    }
    csv_row(c, "%s,%u,%s,%s,%s%s", csv_quote(name, sizeof(name), d->groups[position - 1].variant),
            position, kind, csv_number(number[0], CSV_NUMBER_SIZE, x),
            csv_number(number[1], CSV_NUMBER_SIZE, value), rest);
}

static void reference_row(struct figure_data *d, struct csv *c, unsigned position, unsigned n_more)
{
    const double none[] = {NAN, NAN, NAN, NAN};
    const struct figure_group *g = &d->groups[position - 1];

    if (g->has_reference)
        group_row(d, c, position, "reference", position, g->reference, none, n_more);
}

int figure_write_interval(struct figure_data *d, const char *path, struct err *e)
{
    struct csv *c;
    int rc = open_figure_csv(&c, d, path, "variant,position,kind,x,value,low,high", e);

    if (rc)
        return rc;
    for (unsigned p = 1; p <= d->n_groups; p++) {
        const struct figure_group *g = &d->groups[p - 1];
        const double none[] = {NAN, NAN};
        struct interval i = stats_median_interval(g->values, g->n_values, g->seed);
        struct rng r;

        /* The raw values stand beside the interval, apart from each other by chance. */
        rng_seed(&r, g->seed);
        for (size_t k = 0; k < g->n_values; k++)
            group_row(d, c, p, "value", p + 0.12 + 0.22 * rng_unit(&r), g->values[k], none, 2);
        group_row(d, c, p, "median", p - 0.12, i.median, (double[]){i.low, i.high}, 2);
        reference_row(d, c, p, 2);
        d->n_max = g->n_values > d->n_max ? g->n_values : d->n_max;
    }
    return csv_close(c, e);
}

/* Tukey's box: quartiles, whiskers to the last value within 1.5 times their distance. */
int figure_write_box(struct figure_data *d, const char *path, struct err *e)
{
    struct csv *c;
    int rc = open_figure_csv(
        &c, d, path, "variant,position,kind,x,value,quartile1,quartile3,whisker_low,whisker_high",
        e);

    if (rc)
        return rc;
    for (unsigned p = 1; p <= d->n_groups; p++) {
        const struct figure_group *g = &d->groups[p - 1];
        const double none[] = {NAN, NAN, NAN, NAN};
        double q1 = stats_quantile(g->values, g->n_values, 0.25);
        double q3 = stats_quantile(g->values, g->n_values, 0.75);
        double low = q1, high = q3, reach = 1.5 * (q3 - q1);

        for (size_t k = 0; k < g->n_values; k++) {
            double v = g->values[k];

            if (v >= q1 - reach && v <= q3 + reach) {
                low = fmin(low, v);
                high = fmax(high, v);
            } else {
                group_row(d, c, p, "outlier", p, v, none, 4);
                d->has_outliers = true;
            }
        }
        group_row(d, c, p, "box", p, stats_median(g->values, g->n_values),
                  (double[]){q1, q3, low, high}, 4);
        reference_row(d, c, p, 4);
        d->n_max = g->n_values > d->n_max ? g->n_values : d->n_max;
    }
    return csv_close(c, e);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int figure_write_cdf(struct figure_data *d, const char *path, struct err *e)
{
    char name[512], value[CSV_NUMBER_SIZE], share[CSV_NUMBER_SIZE];
    struct csv *c;
    int rc = open_figure_csv(&c, d, path, "variant,position,kind,value,share", e);

    if (rc)
        return rc;
    for (unsigned p = 1; p <= d->n_groups; p++) {
        const struct figure_group *g = &d->groups[p - 1];
        const char *q = csv_quote(name, sizeof(name), g->variant);

        qsort(g->values, g->n_values, sizeof(*g->values), by_value);
        /* The first row starts the steps at a share of 0. */
        for (size_t k = 0; k <= g->n_values; k++) {
            double at = g->values[k ? k - 1 : 0];

            see(d, at);
            csv_row(c, "%s,%u,step,%s,%s", q, p, csv_number(value, sizeof(value), at),
                    csv_number(share, sizeof(share), (double)k / (double)g->n_values));
        }
        if (g->has_reference) {
            see(d, g->reference);
            csv_row(c, "%s,%u,reference,%s,", q, p, csv_number(value, sizeof(value), g->reference));
        }
        d->n_max = g->n_values > d->n_max ? g->n_values : d->n_max;
    }
    return csv_close(c, e);
}

/* The usual distance in time between two samples of one repetition. */
static double usual_distance(const struct figure_group *g)
{
    double *gap = xcalloc(g->n_points, sizeof(*gap)), usual;
    size_t n = 0;

    for (size_t i = 1; i < g->n_points; i++)
        if (g->repetition[i] == g->repetition[i - 1])
            gap[n++] = g->points[i].t_s - g->points[i - 1].t_s;
    usual = n ? stats_median(gap, n) : 0;
    free(gap);
    return usual;
}

/*
 * One repetition at the time t: the median of what lies in the step around it, else between the two
 * samples beside it; NaN outside of the repetition and in a gap of it.
 */
static double value_at(const struct sample_point *p, size_t n, double t, double step, double gap)
{
    size_t low = 0, high = n, first;
    double share;

    while (low < high) { /* the first sample that is not before the step */
        size_t mid = low + (high - low) / 2;

        if (p[mid].t_s < t - step / 2)
            low = mid + 1;
        else
            high = mid;
    }
    for (first = low; high < n && p[high].t_s < t + step / 2;)
        high++;
    if (high > first) {
        double *v = xcalloc(high - first, sizeof(*v)), median;

        for (size_t i = first; i < high; i++)
            v[i - first] = p[i].value;
        median = stats_median(v, high - first);
        free(v);
        return median;
    }
    if (!first || first == n || p[first].t_s - p[first - 1].t_s > gap)
        return NAN;
    share = (t - p[first - 1].t_s) / (p[first].t_s - p[first - 1].t_s);
    return p[first - 1].value * (1 - share) + p[first].value * share;
}

/* The values of all repetitions of a group at t; returns how many there are. */
static size_t values_at(const struct figure_group *g, double t, double step, double gap, double *v)
{
    size_t n = 0;

    for (size_t i = 0, end; i < g->n_points; i = end) {
        double x;

        for (end = i; end < g->n_points && g->repetition[end] == g->repetition[i];)
            end++;
        x = value_at(g->points + i, end - i, t, step, gap);
        if (!isnan(x))
            v[n++] = x;
    }
    return n;
}

static void write_line(struct figure_data *d, struct csv *c, unsigned position)
{
    const struct figure_group *g = &d->groups[position - 1];
    double usual = usual_distance(g), step = (d->t_high - d->t_low) / SERIES_STEPS, t;
    char name[512], number[4][CSV_NUMBER_SIZE];
    const char *q = csv_quote(name, sizeof(name), g->variant);
    double *v = xcalloc(g->n_points, sizeof(*v));
    size_t steps;

    step = usual > step ? usual : step;
    steps = step > 0 ? (size_t)((d->t_high - d->t_low) / step + 0.5) + 1 : 1;
    d->n_max = steps > d->n_max ? steps : d->n_max;
    for (size_t i = 0; i < steps; i++) {
        size_t n;
        double part[3];

        t = d->t_low + (double)i * step;
        n = values_at(g, t, step > 0 ? step : 1, GAP_STEPS * fmax(usual, step), v);
        csv_number(number[3], CSV_NUMBER_SIZE, t);
        if (!n) {
            csv_row(c, "%s,%u,%s,NaN,NaN,NaN,0", q, position, number[3]);
            continue;
        }
        part[0] = stats_median(v, n);
        part[1] = stats_quantile(v, n, 0);
        part[2] = stats_quantile(v, n, 1);
        for (unsigned k = 0; k < 3; k++) {
            see(d, part[k]);
            csv_number(number[k], CSV_NUMBER_SIZE, part[k]);
        }
        d->has_band = d->has_band || n > 1;
        csv_row(c, "%s,%u,%s,%s,%s,%s,%zu", q, position, number[3], number[0], number[1], number[2],
                n);
    }
    free(v);
}

int figure_write_series(struct figure_data *d, const char *path, struct err *e)
{
    struct csv *c;
    int rc = open_figure_csv(&c, d, path, "variant,position,t_s,median,min,max,n", e);

    if (rc)
        return rc;
    d->t_low = INFINITY;
    d->t_high = -INFINITY;
    for (unsigned i = 0; i < d->n_groups; i++) {
        for (size_t k = 0; k < d->groups[i].n_points; k++) {
            d->t_low = fmin(d->t_low, d->groups[i].points[k].t_s);
            d->t_high = fmax(d->t_high, d->groups[i].points[k].t_s);
        }
    }
    for (unsigned p = 1; p <= d->n_groups; p++)
        write_line(d, c, p);
    return csv_close(c, e);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "results.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define TABLE_COLUMNS 100
#define TABLE_DIGITS  4 /* significant; an interval is often narrower than three show */

struct step {
    double factor; /* in the base unit */
    const char *unit;
};

/* From the largest to the smallest; the base is what `known` below refers to. */
static const struct step time_steps[] = {
    {1, "s"}, {1e-3, "ms"}, {1e-6, "µs"}, {1e-9, "ns"}, {0, NULL}};
static const struct step rate_steps[] = {
    {1e9, "Gbit/s"}, {1e6, "Mbit/s"}, {1e3, "kbit/s"}, {1, "bit/s"}, {0, NULL}};
static const struct step size_steps[] = {
    {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}, {1, "B"}, {0, NULL}};

static const struct {
    const char *unit;
    double factor; /* one of it in the base unit */
    const struct step *steps;
} known[] = {
    {"s", 1, time_steps},        {"ms", 1e-3, time_steps},    {"us", 1e-6, time_steps},
    {"µs", 1e-6, time_steps},    {"ns", 1e-9, time_steps},    {"bit/s", 1, rate_steps},
    {"kbit/s", 1e3, rate_steps}, {"Mbit/s", 1e6, rate_steps}, {"Gbit/s", 1e9, rate_steps},
    {"bps", 1, rate_steps},      {"B", 1, size_steps},        {"byte", 1, size_steps},
    {"bytes", 1, size_steps},    {"kB", 1e3, size_steps},     {"MB", 1e6, size_steps},
};

/* x with so many significant digits: 999.6 is to become "1.00 s" and not "1000 ms". */
static double rounded(double x, int digits)
{
    char text[48];

    snprintf(text, sizeof(text), "%.*e", digits - 1, x);
    return strtod(text, NULL);
}

static double scale_rounded(double value, const char *unit, int digits, const char **scaled_unit)
{
    *scaled_unit = unit ? unit : "";
    for (size_t i = 0; unit && i < ARRAY_SIZE(known); i++) {
        const struct step *s = known[i].steps;
        double base = rounded(fabs(value) * known[i].factor, digits);

        if (strcmp(unit, known[i].unit))
            continue;
        if (base == 0)
            return 1;
        while (s[1].unit && base < s->factor)
            s++;
        *scaled_unit = s->unit;
        return known[i].factor / s->factor;
    }
    return 1;
}

double format_scale(double value, const char *unit, const char **scaled_unit)
{
    return scale_rounded(value, unit, TABLE_DIGITS, scaled_unit);
}

/* Whole, but for what scaling a whole number costs. */
static bool is_whole(double x)
{
    return fabs(x) < 1e15 && fabs(x - round(x)) <= 1e-12 * fabs(x);
}

/* Decimals that show so many significant digits of x; -1 where only an exponent can. */
static int decimals(double x, int digits)
{
    double a = fabs(rounded(x, digits));
    int d;

    if (a == 0)
        return digits - 1;
    if (a < 1e-5 || a >= 1e15)
        return -1;
    d = digits - 1 - (int)floor(log10(a) + 1e-12);
    return d > 0 ? d : 0;
}

const char *format_value_digits(char *buf, size_t size, double value, const char *unit, int digits)
{
    const char *u;
    char number[48];
    double x;
    int d;

    if (!isfinite(value)) {
        snprintf(buf, size, "no value");
        return buf;
    }
    x = value * scale_rounded(value, unit, digits, &u);
    d = is_whole(x) ? 0 : decimals(x, digits);
    if (d >= 0)
        snprintf(number, sizeof(number), "%.*f", d, x);
    else
        snprintf(number, sizeof(number), "%.*g", digits, x);
    snprintf(buf, size, "%s%s%s", number, *u && strcmp(u, "1") ? " " : "", strcmp(u, "1") ? u : "");
    return buf;
}

const char *format_interval(char *buf, size_t size, struct interval i, const char *unit)
{
    char median[FORMAT_VALUE_SIZE], low[FORMAT_VALUE_SIZE], high[FORMAT_VALUE_SIZE];

    if (!i.n)
        snprintf(buf, size, "-");
    else if (i.n < 2)
        format_value_digits(buf, size, i.median, unit, 4);
    else
        snprintf(buf, size, "%s [%s, %s]",
                 format_value_digits(median, sizeof(median), i.median, unit, 4),
                 format_value_digits(low, sizeof(low), i.low, unit, 4),
                 format_value_digits(high, sizeof(high), i.high, unit, 4));
    return buf;
}

const char *format_value(char *buf, size_t size, double value, const char *unit)
{
    return format_value_digits(buf, size, value, unit, 3);
}

static void pad(FILE *f, int n)
{
    if (n > 0)
        fprintf(f, "%*s", n, "");
}

static void put_right(FILE *f, const char *s, int columns)
{
    pad(f, columns - (int)text_columns(s));
    fputs(s, f);
}

static void put_left(FILE *f, const char *s, int columns)
{
    fputs(s, f);
    pad(f, columns - (int)text_columns(s));
}

static void fill_cell(struct table_cell *c, struct interval i, double scale)
{
    const double part[3] = {i.median * scale, i.low * scale, i.high * scale};
    bool whole = is_whole(part[0]) && is_whole(part[1]) && is_whole(part[2]);
    int d = whole ? 0 : decimals(part[0] != 0 ? part[0] : part[2], TABLE_DIGITS);

    c->n = i.n;
    for (unsigned p = 0; p < 3; p++) {
        if (d >= 0)
            snprintf(c->part[p], sizeof(c->part[p]), "%.*f", d, part[p]);
        else
            snprintf(c->part[p], sizeof(c->part[p]), "%.*g", TABLE_DIGITS, part[p]);
    }
}

void table_column_free(struct table_column *col)
{
    free(col->cells);
}

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

void table_column_make(struct table_column *col, const struct results *r, const char *metric)
{
    int m = results_find_metric(r, metric);
    struct interval *in = xcalloc(r->n_variants, sizeof(*in));
    double largest = 0, scale;
    bool intervals = false;

    col->name = metric;
    col->unit = "";
    col->cells = xcalloc(r->n_variants, sizeof(*col->cells));
    for (unsigned v = 0; m >= 0 && v < r->n_variants; v++) {
        in[v] = results_interval(r, v, (unsigned)m);
        if (in[v].n && fabs(in[v].median) > largest)
            largest = fabs(in[v].median);
    }
    scale = m < 0 ? 1 : format_scale(largest, r->metrics[m].unit, &col->unit);
    if (!strcmp(col->unit, "1"))
        col->unit = "";
    for (unsigned v = 0; v < r->n_variants; v++) {
        if (!in[v].n)
            continue;
        fill_cell(&col->cells[v], in[v], scale);
        intervals = intervals || in[v].n > 1;
        for (unsigned p = 0; p < 3; p++)
            col->part[p] = max_int(col->part[p], (int)text_columns(col->cells[v].part[p]));
    }
    col->cell = max_int(col->part[0] + (intervals ? col->part[1] + col->part[2] + 5 : 0), 1);
    col->all =
        max_int(col->cell, max_int((int)text_columns(col->name), (int)text_columns(col->unit)));
    free(in);
}

/* Nothing is padded at the end of a line. */
static void print_cell(FILE *f, const struct table_column *col, const struct table_cell *c,
                       bool last)
{
    pad(f, col->all - col->cell);
    put_right(f, c->n ? c->part[0] : "-", col->part[0] ? col->part[0] : col->cell);
    if (c->n < 2) { /* no interval */
        pad(f, last ? 0 : col->cell - max_int(col->part[0], 1));
        return;
    }
    fputs(" [", f);
    put_right(f, c->part[1], col->part[1]);
    fputs(", ", f);
    put_right(f, c->part[2], col->part[2]);
    fputc(']', f);
}

/* How many values the cells of a row in this block stand for: "10", or "8-10". */
static void count_text(char *buf, size_t size, const struct table_column *cols, unsigned n,
                       unsigned v)
{
    size_t low = 0, high = 0;

    for (unsigned i = 0; i < n; i++) {
        size_t k = cols[i].cells[v].n;

        if (k && (!low || k < low))
            low = k;
        if (k > high)
            high = k;
    }
    if (low == high)
        snprintf(buf, size, "%zu", high);
    else
        snprintf(buf, size, "%zu-%zu", low, high);
}

static void print_block(FILE *f, const struct results *r, const struct table_column *cols,
                        unsigned n, int names)
{
    char count[48];
    int counts = 1;

    for (unsigned v = 0; v < r->n_variants; v++) {
        count_text(count, sizeof(count), cols, n, v);
        counts = max_int(counts, (int)text_columns(count));
    }
    for (unsigned line = 0; line < 2; line++) {
        put_left(f, line ? "" : "variant", names);
        fputs("  ", f);
        put_right(f, line ? "" : "n", counts);
        for (unsigned i = 0; i < n; i++) {
            fputs("  ", f);
            put_right(f, line ? cols[i].unit : cols[i].name, cols[i].all);
        }
        fputc('\n', f);
    }
    for (unsigned v = 0; v < r->n_variants; v++) {
        count_text(count, sizeof(count), cols, n, v);
        put_left(f, r->variants[v], names);
        fputs("  ", f);
        put_right(f, count, counts);
        for (unsigned i = 0; i < n; i++) {
            fputs("  ", f);
            print_cell(f, &cols[i], &cols[i].cells[v], i + 1 == n);
        }
        fputc('\n', f);
    }
}

void results_print_table(FILE *f, const struct results *r, char *const *metrics, unsigned n_metrics)
{
    unsigned n = n_metrics ? n_metrics : r->n_metrics, first = 0;
    struct table_column *cols = xcalloc(n, sizeof(*cols));
    int names = (int)text_columns("variant");

    for (unsigned i = 0; i < n; i++)
        table_column_make(&cols[i], r, n_metrics ? metrics[i] : r->metrics[i].name);
    for (unsigned v = 0; v < r->n_variants; v++)
        names = max_int(names, (int)text_columns(r->variants[v]));
    fprintf(f, "%s: median [95 %% interval] of n values\n", r->experiment);
    while (first < n) {
        int used = names + 2 + 5 + 2 + cols[first].all; /* 5: room for "8-10" and more in n */
        unsigned last = first + 1;

        while (last < n && used + 2 + cols[last].all <= TABLE_COLUMNS)
            used += 2 + cols[last++].all;
        fputc('\n', f);
        print_block(f, r, cols + first, last - first, names);
        first = last;
    }
    for (unsigned i = 0; i < n; i++)
        table_column_free(&cols[i]);
    free(cols);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "figure.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "figure_data.h"
#include "gnuplot.h"
#include "util.h"

/* The size of the figure in pixels, which is that of a paper's column at 144 pixels an inch; the
 * scripts add to the height what the names of the variants need. */
#define PLOT_WIDTH   480
#define AXIS_WIDTH   75  /* tics and label on the left, margin on the right */
#define CHAR_WIDTH   8.6 /* of digits and wide letters */
#define LABEL_LINES  3
#define TITLE_CHARS  60
#define SIDE_CHARS   34 /* of a label along the y axis */
#define TILTED_CHARS 18 /* longer names stand upright, as tilted they would leave the page */

enum axis { AXIS_Y, AXIS_X };

static const struct script {
    const char *name;
    int (*write)(struct figure_data *d, const char *path, struct err *e);
    enum axis values; /* which axis shows the metric */
    bool categories;  /* variants along x; else they are in the legend */
    bool series;
} scripts[] = {
    {"interval", figure_write_interval, AXIS_Y, true, false},
    {"box", figure_write_box, AXIS_Y, true, false},
    {"cdf", figure_write_cdf, AXIS_X, false, false},
    {"series", figure_write_series, AXIS_Y, false, true},
};

static const struct script *find_script(const char *name)
{
    for (size_t i = 0; name && i < ARRAY_SIZE(scripts); i++)
        if (!strcmp(scripts[i].name, name))
            return &scripts[i];
    return NULL;
}

int figure_validate(const struct figure *f, struct err *e)
{
    const struct script *s = find_script(f->script);

    if (!gnuplot_name_ok(f->name))
        return err_usage(e, -EINVAL,
                         "figure '%s': accepted as a name: letters, digits, '-', '_' and '.'",
                         f->name ? f->name : "");
    if (!s)
        return err_usage(e, -EINVAL,
                         "figure %s: unknown script '%s'; accepted: interval, box, cdf, series",
                         f->name, f->script ? f->script : "");
    if (!f->metric || !*f->metric)
        return err_usage(e, -EINVAL, "figure %s: 'metric' is missing", f->name);
    if (!isfinite(f->scale))
        return err_usage(e, -EINVAL, "figure %s: scale = %g; accepted: a number", f->name,
                         f->scale);
    if (s->series && f->relative_to)
        return err_usage(e, -EINVAL,
                         "figure %s: the script 'series' draws nothing relative to a variant "
                         "('%s'); interval, box and cdf do",
                         f->name, f->relative_to);
    if (s->series && f->reference_metric)
        return err_usage(e, -EINVAL,
                         "figure %s: the script 'series' draws no reference metric ('%s'); "
                         "interval, box and cdf do",
                         f->name, f->reference_metric);
    if (f->scale != 0 && f->scale != 1 && !(s->values == AXIS_X ? f->xlabel : f->ylabel))
        return err_usage(e, -EINVAL,
                         "figure %s: values scaled by %g need a label that names their unit: "
                         "%slabel is missing",
                         f->name, f->scale, s->values == AXIS_X ? "x" : "y");
    return 0;
}

/*
 * Breaks a name into lines of at most `room` characters, after a blank or '-', '_', ',', '/' or
 * '+'. Returns the lines, or 0 where it cannot be done in LABEL_LINES. `out` has twice the room of
 * s.
 */
static unsigned wrap(char *out, const char *s, unsigned room)
{
    unsigned lines = 1;

    while (text_columns(s) > room) {
        size_t best = 0, i = 0;

        for (unsigned used = 0; s[i] && used <= room; i++) {
            used += ((unsigned char)s[i] & 0xc0) != 0x80;
            if (s[i] == ' ' ? used <= room + 1 : strchr("-_,/+", s[i]) && used <= room)
                best = i + 1;
        }
        if (!best || ++lines > LABEL_LINES)
            return 0;
        memcpy(out, s, best);
        out += best;
        out -= out[-1] == ' ';
        *out++ = '\n';
        s += best;
    }
    strcpy(out, s);
    return lines;
}

/* NAME_text: a title or a label, in lines where it is long. Returns how many. */
static unsigned put_text(FILE *f, const char *name, const char *text, unsigned room)
{
    char *wrapped;
    unsigned lines;

    text = text ? text : "";
    wrapped = xcalloc(2, strlen(text) + 1);
    lines = wrap(wrapped, text, room);
    fprintf(f, "%s_text = ", name);
    gnuplot_string(f, lines ? wrapped : text);
    fputc('\n', f);
    free(wrapped);
    return !*text ? 0 : lines ? lines : 1;
}

/* The names under the axis: wrapped where that is enough, else tilted, else upright. */
static void put_categories(FILE *f, const struct figure_data *d)
{
    unsigned room = (unsigned)((PLOT_WIDTH - AXIS_WIDTH) / CHAR_WIDTH / d->n_groups), lines = 1;
    unsigned longest = 0;
    int tilt = 0;

    room = room > 1 ? room - 1 : 0;
    for (unsigned i = 0; i < d->n_groups; i++) {
        const char *name = d->groups[i].variant;
        char *wrapped = xcalloc(2, strlen(name) + 1);
        unsigned n = wrap(wrapped, name, room);

        lines = n > lines ? n : lines;
        longest = text_columns(name) > longest ? text_columns(name) : longest;
        if (!n)
            tilt = 40;
        free(wrapped);
    }
    if (tilt && longest > TILTED_CHARS)
        tilt = 90;
    for (unsigned i = 0; i < d->n_groups; i++) {
        const char *name = d->groups[i].variant;
        char *wrapped = xcalloc(2, strlen(name) + 1);

        if (!tilt)
            wrap(wrapped, name, room);
        fprintf(f, "label[%u] = ", i + 1);
        gnuplot_string(f, tilt ? name : wrapped);
        fputc('\n', f);
        free(wrapped);
    }
    fprintf(f, "tilt = %d\nlabel_lines = %u\nlabel_chars = %u\n", tilt, tilt ? 1 : lines, longest);
}

static void put_legend(FILE *f, const struct figure_data *d)
{
    unsigned longest = 0;

    for (unsigned i = 0; i < d->n_groups; i++) {
        const char *name = d->groups[i].variant;

        longest = text_columns(name) > longest ? text_columns(name) : longest;
        fprintf(f, "label[%u] = ", i + 1);
        gnuplot_string(f, name);
        fputc('\n', f);
    }
    fprintf(f, "tilt = 0\nlabel_lines = 1\nlabel_chars = %u\n", longest);
}

/* The next 1, 2 or 5 times a power of ten above x, or below it. */
static double step_125(double x, bool up)
{
    static const double mantissa[] = {1, 2, 5, 10};
    double power = pow(10, floor(log10(x) + 1e-9)), m = x / power;

    if (up) {
        for (size_t i = 0; i < ARRAY_SIZE(mantissa); i++)
            if (m <= mantissa[i] * (1 + 1e-9))
                return mantissa[i] * power;
    }
    for (size_t i = ARRAY_SIZE(mantissa); i > 0; i--)
        if (m >= mantissa[i - 1] * (1 - 1e-9))
            return mantissa[i - 1] * power;
    return x;
}

/* Range and tics of a logarithmic axis: gnuplot alone would label nothing within one decade. */
static void put_log_range(FILE *f, double low, double high)
{
    double from = step_125(low / 1.05, false), to = step_125(high * 1.05, true);
    bool decades = to / from > 200;

    if (decades) {
        from = pow(10, floor(log10(from) + 1e-9));
        to = pow(10, ceil(log10(to) - 1e-9));
    }
    fprintf(f, "value_min = %.15g\nvalue_max = %.15g\nvalue_tics = \"", from, to);
    for (double t = from; t <= to * (1 + 1e-9); t = decades ? t * 10 : step_125(t * 1.1, true))
        fprintf(f, "%s%.12g", t == from ? "" : ", ", t);
    fprintf(f, "\"\n");
}

/* A linear axis starts at 0 where the values are not far from it, and has some air around them. */
static void put_range(FILE *f, double low, double high)
{
    double air = (high - low) * 0.06;

    if (high - low <= fabs(high) * 1e-6)
        air = high != 0 ? fabs(high) * 0.1 : 1;
    if (low >= 0 && low <= 0.5 * high)
        low = 0;
    else
        low = low - air;
    fprintf(f, "value_min = %.15g\nvalue_max = %.15g\nvalue_tics = \"\"\n", low, high + air);
}

/* The label of the axis of values where none is given: the metric and its unit. */
static char *value_label(const struct figure *f, const struct figure_data *d, const char *given)
{
    if (given)
        return xstrdup(given);
    return *d->unit && strcmp(d->unit, "1") ? xasprintf("%s (%s)", f->metric, d->unit)
                                            : xstrdup(f->metric);
}

static void put_labels(FILE *f, const struct figure *fig, const struct script *s,
                       const struct figure_data *d)
{
    const char *other = s->values == AXIS_X ? fig->ylabel : fig->xlabel;
    unsigned title, along, across;
    char *value = value_label(fig, d, s->values == AXIS_X ? fig->xlabel : fig->ylabel);

    if (!other)
        other = s->series ? "time (s)" : s->values == AXIS_X ? "share of the values" : "";
    title = put_text(f, "title", fig->title, TITLE_CHARS);
    along = put_text(f, "value", value, s->values == AXIS_X ? TITLE_CHARS : SIDE_CHARS);
    across = put_text(f, "other", other, s->values == AXIS_X ? SIDE_CHARS : TITLE_CHARS);
    fprintf(f, "title_lines = %u\nunder_lines = %u\n", title, s->values == AXIS_X ? along : across);
    free(value);
}

/* What the script is told, as a gnuplot program that also draws the figure again by hand. */
static int write_program(const char *path, const struct figure *fig, const struct script *s,
                         const struct figure_data *d, struct err *e)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    int rc;

    if (!f)
        return err_broke(e, -ENOMEM, "figure %s: out of memory", fig->name);
    fprintf(f,
            "# Draws %s.svg and %s.png from %s.csv: gnuplot -d %s.gp, in this directory, with\n"
            "# -e \"plots = 'DIR'\" in front where the project's plots/ is not where it was.\n"
            "if (!exists(\"plots\")) plots = \"../../../../plots\"\n"
            "name = \"%s\"\nn_variants = %u\narray label[%u]\n",
            fig->name, fig->name, fig->name, fig->name, fig->name, d->n_groups, d->n_groups);
    if (s->categories)
        put_categories(f, d);
    else
        put_legend(f, d);
    put_labels(f, fig, s, d);
    fprintf(f,
            "log_values = %d\nhas_reference = %d\nhas_outliers = %d\nhas_band = %d\nn_max = %zu\n",
            fig->logscale, d->has_reference, d->has_outliers, d->has_band, d->n_max);
    if (fig->has_mark)
        fprintf(f, "mark = %.15g\n", fig->mark);
    double low = fig->has_mark ? fmin(d->low, fig->mark) : d->low;
    double high = fig->has_mark ? fmax(d->high, fig->mark) : d->high;
    if (fig->logscale)
        put_log_range(f, low, high);
    else
        put_range(f, low, high);
    if (s->series) {
        double air = d->t_high > d->t_low ? 0 : 0.5; /* a single sample has no range */
        bool from_0 = d->t_low >= 0 && d->t_low <= 0.1 * d->t_high;

        fprintf(f, "t_min = %.15g\nt_max = %.15g\n", from_0 ? 0 : d->t_low - air, d->t_high + air);
    }
    fprintf(f, "format = \"svg\"\nload plots.\"/%s.gp\"\nformat = \"png\"\nload plots.\"/%s.gp\"\n",
            s->name, s->name);
    if (fclose(f) == EOF)
        rc = err_broke(e, -ENOMEM, "figure %s: out of memory", fig->name);
    else
        rc = write_file_atomic(path, text, size, e);
    free(text);
    return rc;
}

/* A distribution may be that of all values of a series, where no metric has the name. */
static bool of_series(const struct figure *f, const struct script *s, const struct results *r)
{
    return s->write == figure_write_cdf && results_find_metric(r, f->metric) < 0;
}

int figure_draw(const struct figure *f, const struct results *r, const char *dir, struct err *e)
{
    const struct script *s = find_script(f->script);
    char *figures = xasprintf("%s/figures", dir), *series = xasprintf("%s/series.csv", dir);
    char *csv = xasprintf("%s/%s.csv", figures, f->name ? f->name : "");
    char *program = xasprintf("%s/%s.gp", figures, f->name ? f->name : "");
    struct figure_data d = {0};
    int rc = figure_validate(f, e);

    if (!rc && (rc = mkdir_p(figures)))
        err_broke(e, rc, "figure %s: cannot make %s: %s", f->name, figures, strerror(-rc));
    if (!rc)
        rc = s->series || of_series(f, s, r) ? figure_data_series(&d, f, r, series, e)
                                             : figure_data_values(&d, f, r, e);
    if (!rc && !s->series && of_series(f, s, r))
        figure_data_points_as_values(&d);
    if (!rc)
        rc = s->write(&d, csv, e);
    if (!rc && f->logscale && f->has_mark && f->mark <= 0)
        rc = err_broke(e, -ERANGE, "figure %s: mark = %g has no place on a logarithmic axis",
                       f->name, f->mark);
    if (!rc && f->logscale && d.low <= 0)
        rc = err_broke(e, -ERANGE,
                       "figure %s: %g cannot be drawn on a logarithmic axis; accepted: values "
                       "above 0, or logscale: no",
                       f->name, d.low);
    if (!rc)
        rc = write_program(program, f, s, &d, e);
    if (!rc)
        rc = gnuplot_run(f->name, figures, e);
    figure_data_free(&d);
    free(program);
    free(csv);
    free(series);
    free(figures);
    return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "figure.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "child.h"
#include "cmd.h"
#include "util.h"

#include <poll.h>

#define GNUPLOT_MS 60000

static bool wanted(const struct figure *f, const char *variant)
{
    for (unsigned i = 0; i < f->n_variants; i++)
        if (!strcmp(f->variants[i], variant))
            return true;
    return !f->n_variants;
}

static int metric_index(const struct results *r, const char *name)
{
    for (unsigned i = 0; name && i < r->n_metrics; i++)
        if (!strcmp(r->metrics[i].name, name))
            return (int)i;
    return -1;
}

/*
 * NAME.csv: what the scripts read. One row a value: x (position of the variant, from 1), variant,
 * repetition, value, median, low, high, reference. The medians stand in every row of their variant.
 * Returns the number of variants with values.
 */
static int write_values(const struct figure *f, const struct results *r, const char *path,
                        unsigned *rows, struct err *e)
{
    int m = metric_index(r, f->metric), ref = metric_index(r, f->reference_metric), rc;
    struct csv *c;
    unsigned x = 0;

    rc = csv_open(&c, path, "x,variant,repetition,value,median,low,high,reference", e);
    if (rc)
        return rc;
    for (unsigned v = 0; m >= 0 && v < r->n_variants; v++) {
        struct interval i = results_interval(r, v, (unsigned)m), k = {.n = 0};
        char q[200], reference[40] = "NaN";
        size_t n;
        struct value *values = results_values(r, v, (unsigned)m, &n);

        if (ref >= 0)
            k = results_interval(r, v, (unsigned)ref);
        if (k.n)
            snprintf(reference, sizeof(reference), "%.10g", k.median * f->scale);
        x += wanted(f, r->variants[v]) && n;
        for (size_t j = 0; wanted(f, r->variants[v]) && j < n; j++)
            csv_row(c, "%u,%s,%u,%.10g,%.10g,%.10g,%.10g,%s", x,
                    csv_quote(q, sizeof(q), r->variants[v]), values[j].repetition,
                    values[j].value * f->scale, i.median * f->scale, i.low * f->scale,
                    i.high * f->scale, reference);
        free(values);
    }
    *rows = x;
    return csv_close(c, e);
}

/* NAME.csv of a series: x, variant, repetition, t, value, out of the run's series.csv. */
static int write_series(const struct figure *f, const struct results *r, const char *dir,
                        const char *path, unsigned *rows, struct err *e)
{
    char *in = xasprintf("%s/series.csv", dir), line[1024];
    FILE *s = fopen(in, "re");
    struct csv *c = NULL;
    int rc = s ? csv_open(&c, path, "x,variant,repetition,t,value", e)
               : err_broke(e, -errno, "%s: %s", in, strerror(errno));
    bool seen[256] = {false};

    free(in);
    while (!rc && fgets(line, sizeof(line), s)) {
        char variant[200], series[200];
        unsigned repetition, x = 0;
        double t, value;
        if (sscanf(line, "%*[^,],%199[^,],%u,%199[^,],%lf,%lf", variant, &repetition, series, &t,
                   &value) != 5 ||
            strcmp(series, f->metric) || !wanted(f, variant))
            continue;
        while (x < r->n_variants && strcmp(r->variants[x], variant))
            x++;
        if (x < sizeof(seen)) {
            *rows += !seen[x];
            seen[x] = true;
        }
        csv_row(c, "%u,%s,%u,%.6f,%.10g", x + 1, variant, repetition, t, value * f->scale);
    }
    if (s)
        fclose(s);
    if (c) {
        int closed = csv_close(c, rc ? NULL : e);
        rc = rc ? rc : closed;
    }
    return rc;
}

/* A gnuplot string: single quotes, doubled inside. */
static char *quoted(const char *s)
{
    char *out = xcalloc(2 * strlen(s ? s : "") + 3, 1), *p = out;

    *p++ = '\'';
    for (; s && *s; s++) {
        if (*s == '\'')
            *p++ = '\'';
        *p++ = *s == '\n' ? ' ' : *s;
    }
    *p = '\'';
    return out;
}

/* NAME.gp: the variables of the figure, then the script. It can be run again by hand. */
static int write_script(const struct figure *f, const char *base, const char *path, struct err *e)
{
    char *title = quoted(f->title), *xl = quoted(f->xlabel), *yl = quoted(f->ylabel),
         *in = quoted(base);
    char *home = quoted(extcp_home());
    char *text = xasprintf("# made by extcp; gnuplot %s draws it again\n"
                           "home = %s\nbase = %s\ntitle_text = %s\nx_text = %s\ny_text = %s\nlog_y "
                           "= %d\nhas_reference = %d\n"
                           "load home.'/plots/%s.gp'\n",
                           path, home, in, title, xl, yl, f->logscale, f->reference_metric != NULL,
                           f->script);
    int rc = write_file_atomic(path, text, strlen(text), e);

    free(title);
    free(xl);
    free(yl);
    free(in);
    free(home);
    free(text);
    return rc;
}

static int run_gnuplot(const struct figure *f, const char *script, const char *log, struct err *e)
{
    char *argv[] = {(char *)"gnuplot", (char *)script, NULL};
    struct child_spec spec = {.name = "gnuplot",
                              .argv = argv,
                              .ns_fd = -1,
                              .cgroup_fd = -1,
                              .stdout_path = log,
                              .time_limit_ms = GNUPLOT_MS};
    struct child *c;
    char *words;
    int rc = child_start(&c, &spec, e);

    if (rc) {
        if (e)
            e->status = EXIT_LACKS;
        return rc;
    }
    while (child_poll(c) == CHILD_RUNNING) {
        struct pollfd p = {.fd = child_fd(c), .events = POLLIN};
        poll(&p, 1, 1000);
    }
    words = child_last_words(c);
    /* gnuplot says little, and what it says is a mistake in a script or in data */
    if (child_exit_status(c) || *words)
        rc = err_broke(e, -EIO, "figure %s: gnuplot (status %d): %s", f->name, child_exit_status(c),
                       words);
    free(words);
    child_free(c);
    return rc;
}

static int came_out(const struct figure *f, const char *base, const char *ending, struct err *e)
{
    char *path = xasprintf("%s%s", base, ending);
    struct stat st;
    int rc = stat(path, &st) || !st.st_size
                 ? err_broke(e, -EIO, "figure %s: gnuplot made no %s", f->name, path)
                 : 0;

    free(path);
    return rc;
}

int figure_draw(const struct figure *f, const struct results *r, const char *dir, struct err *e)
{
    char *base = xasprintf("%s/figures/%s", dir, f->name), *csv = xasprintf("%s.csv", base),
         *gp = xasprintf("%s.gp", base);
    char *log = xasprintf("%s.log", base);
    unsigned rows = 0;
    int rc = !strcmp(f->script, "series") ? write_series(f, r, dir, csv, &rows, e)
                                          : write_values(f, r, csv, &rows, e);

    if (!rc && !rows)
        rc = err_broke(e, -ENODATA, "figure %s: there is no value of '%s'", f->name, f->metric);
    if (!rc)
        rc = write_script(f, base, gp, e);
    if (!rc)
        rc = run_gnuplot(f, gp, log, e);
    if (!rc)
        rc = came_out(f, base, ".svg", e);
    if (!rc)
        rc = came_out(f, base, ".png", e);
    if (!rc)
        unlink(log);
    free(base);
    free(csv);
    free(gp);
    free(log);
    return rc;
}

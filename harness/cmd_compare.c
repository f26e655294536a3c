/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp compare: two runs side by side, as a table and a figure. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "compare.h"
#include "figure_ratios.h"
#include "results.h"
#include "rundir.h"
#include "statedir.h"
#include "util.h"

#define MAX_METRICS 64

static const char *const usage =
    "usage: ./run.sh compare RUN_A RUN_B [--metric M]... [--all] [--out DIR] [--json]\n"
    "Two runs side by side: the median of each variant and metric with its 95 % interval, what B "
    "is\n"
    "to A, and a figure of the ratios. RUN is a directory of results, or an experiment's name: "
    "its\n"
    "newest run.\n"
    "  --metric M   only this one (may be given several times; default: the experiment's table)\n"
    "  --all        every metric that both have\n"
    "  --out DIR    where compare.csv, .svg and .png go (default: results/compare/<UTC "
    "time>-<id>)\n"
    "  --json       one JSON object a line on stdout\n"
    "Times of different machines say little about the software: see `bench` for a verdict.\n";

/* What makes the two not the same thing to begin with. */
static void warn_about(const struct rundir *a, const struct rundir *b)
{
    static const char *const path[][3] = {{"experiment", NULL, NULL},
                                          {"quick", NULL, NULL},
                                          {"machine", "kernel", "release"},
                                          {"machine", "cpu", NULL},
                                          {"machine", "source", "revision"}};

    for (size_t i = 0; i < ARRAY_SIZE(path); i++) {
        json_t *x = a->json, *y = b->json;
        char *tx, *ty;

        for (unsigned k = 0; k < 3 && path[i][k]; k++) {
            x = json_object_get(x, path[i][k]);
            y = json_object_get(y, path[i][k]);
        }
        if (json_equal(x, y))
            continue;
        tx = json_dumps(x, JSON_ENCODE_ANY);
        ty = json_dumps(y, JSON_ENCODE_ANY);
        fprintf(stderr, "note: the runs differ in %s%s%s: %s and %s\n", path[i][0],
                path[i][1] ? "." : "", path[i][1] ? path[i][1] : "", tx ? tx : "nothing",
                ty ? ty : "nothing");
        free(tx);
        free(ty);
    }
}

static void print_json(const struct comparison *c, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const struct comparison *x = &c[i];
        json_t *j = json_pack(
            "{s:s, s:s, s:s, s:[ooo], s:[ooo], s:[ooo], s:[ooo], s:s}", "variant", x->variant,
            "metric", x->metric, "unit", x->unit, "a", json_finite(x->a.median),
            json_finite(x->a.low), json_finite(x->a.high), "b", json_finite(x->b.median),
            json_finite(x->b.low), json_finite(x->b.high), "difference",
            json_finite(x->difference.median), json_finite(x->difference.low),
            json_finite(x->difference.high), "ratio", json_finite(x->ratio.median),
            json_finite(x->ratio.low), json_finite(x->ratio.high), "found", compare_words(x));
        json_dumpf(j, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
        putchar('\n');
        json_decref(j);
    }
}

static int write_csv(const char *dir, const struct comparison *c, unsigned n, struct err *e)
{
    char *path = xasprintf("%s/compare-table.csv", dir), q[3][512], num[12][CSV_NUMBER_SIZE];
    struct csv *f;
    int rc = csv_open(&f, path,
                      "variant,metric,unit,a,a_low,a_high,b,b_low,b_high,ratio,ratio_low,"
                      "ratio_high,difference,difference_low,difference_high",
                      e);

    free(path);
    if (rc)
        return rc;
    for (unsigned i = 0; i < n; i++) {
        const struct interval *in[4] = {&c[i].a, &c[i].b, &c[i].ratio, &c[i].difference};

        for (unsigned k = 0; k < 4; k++) {
            csv_number(num[3 * k], CSV_NUMBER_SIZE, in[k]->median);
            csv_number(num[3 * k + 1], CSV_NUMBER_SIZE, in[k]->low);
            csv_number(num[3 * k + 2], CSV_NUMBER_SIZE, in[k]->high);
        }
        csv_row(f, "%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s,%s",
                csv_quote(q[0], sizeof(q[0]), c[i].variant),
                csv_quote(q[1], sizeof(q[1]), c[i].metric),
                csv_quote(q[2], sizeof(q[2]), c[i].unit), num[0], num[1], num[2], num[3], num[4],
                num[5], num[6], num[7], num[8], num[9], num[10], num[11]);
    }
    return csv_close(f, e);
}

static int draw(const char *dir, const struct comparison *c, unsigned n, struct err *e)
{
    struct ratio_row *rows = xcalloc(n, sizeof(*rows));
    int rc;

    for (unsigned i = 0; i < n; i++) {
        rows[i].label = xasprintf("%s, %s", c[i].variant, c[i].metric);
        rows[i].ratio = c[i].ratio;
    }
    rc = figure_ratios_draw("compare", "Run B against run A", "ratio of the medians, B / A [95 %]",
                            rows, n, dir, e);
    for (unsigned i = 0; i < n; i++)
        free(rows[i].label);
    free(rows);
    return rc;
}

/* Where the files go; made. The caller frees *dir. */
static int output_dir(char **dir, const char *given, struct err *e)
{
    struct statedir *guard = NULL;
    struct results_dir d = {0};
    char *base;
    int rc;

    if (given) {
        *dir = xstrdup(given);
        rc = mkdir_p(given);
        return rc ? err_usage(e, rc, "--out %s: cannot make it: %s", given, strerror(-rc)) : 0;
    }
    base = xasprintf("%s/results", extcp_home());
    rc = statedir_create(&guard, e);
    if (!rc)
        rc = results_dir_start(&d, base, "compare", statedir_id(guard), e);
    if (!rc)
        rc = results_dir_finish(&d, e);
    *dir = rc ? NULL : xstrdup(d.final_path);
    results_dir_free(&d);
    statedir_remove(guard);
    free(base);
    return rc;
}

struct options {
    const char *metrics[MAX_METRICS], *out;
    unsigned n_metrics;
    bool all, json;
};

/* The metrics that are compared where none is named: those of A's table. */
static void default_metrics(struct options *o, const struct rundir *a)
{
    json_t *table = json_object_get(a->json, "table"), *t;
    size_t i;

    json_array_foreach (table, i, t)
        if (o->n_metrics < MAX_METRICS)
            o->metrics[o->n_metrics++] = json_string_value(t);
}

static int compare_runs(const struct rundir *a, const struct rundir *b, struct options *o,
                        struct err *e)
{
    struct comparison *c;
    char *dir = NULL;
    unsigned n, ratios = 0;
    int rc = 0;

    if (!o->n_metrics && !o->all)
        default_metrics(o, a);
    n = compare_results(&c, &a->results, &b->results, o->metrics, o->all ? 0 : o->n_metrics);
    if (!n)
        rc = err_usage(e, -ENODATA,
                       "%s and %s have no variant and metric in common%s; --all compares every "
                       "metric that both have",
                       a->path, b->path, o->n_metrics ? " of those that are asked for" : "");
    if (!rc) {
        warn_about(a, b);
        if (o->json)
            print_json(c, n);
        else
            compare_print(stdout, c, n);
        rc = output_dir(&dir, o->out, e);
    }
    if (!rc)
        rc = write_csv(dir, c, n, e);
    for (unsigned i = 0; i < n; i++)
        ratios += c[i].ratio.n > 0;
    if (!rc && ratios)
        rc = draw(dir, c, n, e);
    if (!rc && !o->json)
        printf("%s/compare-table.csv%s\n", dir, ratios ? ", compare.svg, compare.png" : "");
    free(dir);
    free(c);
    return rc;
}

int cmd_compare(int argc, char **argv)
{
    static const struct option options[] = {
        {"metric", required_argument, NULL, 'm'}, {"all", no_argument, NULL, 'a'},
        {"out", required_argument, NULL, 'o'},    {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {0}};
    struct options o = {0};
    struct rundir run[2] = {0};
    struct err e = ERR_INIT;
    int c, rc = 0;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c == 'm' && o.n_metrics < MAX_METRICS)
            o.metrics[o.n_metrics++] = optarg;
        else if (c == 'a')
            o.all = true;
        else if (c == 'o')
            o.out = optarg;
        else if (c == 'j')
            o.json = true;
        else if (c == 'h')
            return fputs(usage, stdout), EXIT_OK;
        else
            return fputs(usage, stderr), EXIT_USAGE;
    }
    if (optind != argc - 2) {
        err_usage(&e, -EINVAL, "%d runs are named; accepted: two (see --help)", argc - optind);
        return cmd_fail("compare", &e);
    }
    for (int i = 0; i < 2 && !rc; i++) {
        char *path = NULL;
        rc = rundir_find(&path, argv[optind + i], NULL, &e);
        if (!rc)
            rc = rundir_open(&run[i], path, &e);
        free(path);
    }
    if (!rc)
        rc = compare_runs(&run[0], &run[1], &o, &e);
    rundir_close(&run[0]);
    rundir_close(&run[1]);
    return rc ? cmd_fail("compare", &e) : EXIT_OK;
}

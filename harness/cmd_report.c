/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp report: one HTML page of runs that are there. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "experiment.h"
#include "report_page.h"
#include "util.h"

static const char *const usage =
    "usage: ./run.sh report [--out FILE] [--title TEXT] [RUN]...\n"
    "Builds one self-contained HTML page from runs that are there: per experiment what the paper\n"
    "did, what was run, figures, tables with intervals, claims and wire checks; and the machine.\n"
    "RUN is a directory of results, or the name of an experiment: its newest run. Without one, "
    "the\n"
    "newest run of every experiment that has run.\n"
    "  --out FILE     where to write it (default: results/report.html)\n"
    "  --title TEXT   of the page\n"
    "  --results DIR  where names are looked up (default: results)\n"
    "With several runs of one experiment each has a section of its own.\n";

struct names {
    char **v;
    unsigned n;
};

static void one_name(const char *name, const char *title, const struct err *e, void *arg)
{
    struct names *all = arg;

    (void)title;
    (void)e;
    all->v = xrealloc(all->v, (all->n + 1) * sizeof(*all->v));
    all->v[all->n++] = xstrdup(name);
}

/* The experiments that have run. */
static int all_runs(struct names *paths, const char *base, struct err *e)
{
    struct names known = {0};
    int rc = experiment_each(one_name, &known, e);

    for (unsigned i = 0; i < known.n; i++) {
        char *path;
        if (!rc && !rundir_find(&path, known.v[i], base, NULL)) {
            one_name(path, NULL, NULL, paths);
            free(path);
        }
        free(known.v[i]);
    }
    free(known.v);
    if (!rc && !paths->n)
        rc = err_usage(e, -ENOENT,
                       "no experiment has run yet; run one, e.g. ./run.sh uto --quick, or name a "
                       "directory of results");
    return rc;
}

static int write_report(const struct names *paths, const char *out, const char *title,
                        struct err *e)
{
    struct rundir *runs = xcalloc(paths->n, sizeof(*runs));
    struct report_entry *entries = xcalloc(paths->n, sizeof(*entries));
    struct report_doc doc = {.title = title, .entries = entries, .n_entries = paths->n};
    char *html = NULL;
    int rc = 0;

    for (unsigned i = 0; i < paths->n && !rc; i++) {
        rc = rundir_open(&runs[i], paths->v[i], e);
        entries[i].run = &runs[i];
        entries[i].experiment = rundir_text(&runs[i], "experiment");
    }
    if (!rc)
        rc = report_page(&html, &doc, e);
    if (!rc)
        rc = write_file_atomic(out, html, strlen(html), e);
    if (!rc)
        printf("%s: %u run%s\n", out, paths->n, paths->n == 1 ? "" : "s");
    for (unsigned i = 0; i < paths->n; i++)
        rundir_close(&runs[i]);
    free(runs);
    free(entries);
    free(html);
    return rc;
}

int cmd_report(int argc, char **argv)
{
    static const struct option options[] = {{"out", required_argument, NULL, 'o'},
                                            {"title", required_argument, NULL, 't'},
                                            {"results", required_argument, NULL, 'r'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const char *title = "extcp: results", *base = NULL;
    char *out = NULL;
    struct names paths = {0};
    struct err e = ERR_INIT;
    int c, rc = 0;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c == 'o')
            out = xstrdup(optarg);
        else if (c == 't')
            title = optarg;
        else if (c == 'r')
            base = optarg;
        else if (c == 'h')
            return fputs(usage, stdout), EXIT_OK;
        else
            return fputs(usage, stderr), EXIT_USAGE;
    }
    for (int i = optind; i < argc && !rc; i++) {
        char *path;
        rc = rundir_find(&path, argv[i], base, &e);
        if (!rc) {
            one_name(path, NULL, NULL, &paths);
            free(path);
        }
    }
    if (!rc && optind == argc)
        rc = all_runs(&paths, base, &e);
    if (!out)
        out = base ? xasprintf("%s/report.html", base)
                   : xasprintf("%s/results/report.html", extcp_home());
    if (!rc)
        rc = write_report(&paths, out, title, &e);
    for (unsigned i = 0; i < paths.n; i++)
        free(paths.v[i]);
    free(paths.v);
    free(out);
    return rc ? cmd_fail("report", &e) : EXIT_OK;
}

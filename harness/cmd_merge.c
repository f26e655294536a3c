/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp merge: the parts of a run that was spread over machines become one run. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "merge.h"
#include "run.h"
#include "util.h"

static const char *const usage =
    "usage: ./run.sh merge DIR... [--out DIR] [--force] [--json]\n"
    "Joins the runs that --shard K/N left on several machines (or one after the other) into one, "
    "the\n"
    "same as if it had been run in one piece: claims are judged, figures drawn. Every part must "
    "be\n"
    "there once, and all must be of one experiment, with the same options, seed and revision.\n"
    "  --out DIR  results go to DIR/EXPERIMENT/ instead of results/EXPERIMENT/\n"
    "  --force    join in spite of another revision or kernel, or of missing parts; run.json says "
    "so\n"
    "  --json     one JSON object a line on stdout\n";

/* Takes the parts through the same door as a run's own repetitions. */
static int replay(struct run *run, void *merge, struct err *e)
{
    const struct merge *m = merge;

    for (unsigned i = 0; i < run->plan.n; i++) {
        const struct plan_item *it = &run->plan.items[i];
        const char *variant = run->x->variants[it->variant].name;
        int rc;

        if (!merge_has(m, variant, it->repetition))
            continue; /* --force: the verdict counts it as not done */
        rc = merge_part(m, variant, it->repetition, run->dir.tmp_path, e);
        if (!rc)
            rc = run_take_result(run, it, e);
        if (rc)
            return rc;
        run->totals.done++;
    }
    return 0;
}

int cmd_merge(int argc, char **argv)
{
    static const struct option options[] = {{"out", required_argument, NULL, 'o'},
                                            {"force", no_argument, NULL, 'f'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct run_options o = {.argc = argc, .argv = argv};
    struct experiment *x = NULL;
    struct merge *m = NULL;
    struct err e = ERR_INIT;
    bool force = false;
    int c, rc, status;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c == 'o')
            o.out_base = optarg;
        else if (c == 'f')
            force = true;
        else if (c == 'j')
            o.json = true;
        else if (c == 'h')
            return fputs(usage, stdout), EXIT_OK;
        else
            return fputs(usage, stderr), EXIT_USAGE;
    }
    if (optind == argc) {
        err_usage(&e, -EINVAL, "no run is named; accepted: the parts' directories (see --help)");
        return cmd_fail("merge", &e);
    }
    rc = merge_open(&m, argv + optind, (unsigned)(argc - optind), force, &e);
    if (!rc) {
        const struct experiment_options *xo = merge_options(m);
        o.experiment = xo;
        o.quick = xo->quick;
        o.seed = merge_seed(m);
        o.merged = merge_list(m);
        rc = experiment_load(&x, merge_experiment(m), xo, &e);
    }
    status = rc ? cmd_fail("merge", &e) : run_with(x, &o, replay, m);
    json_decref(o.merged);
    experiment_free(x);
    merge_close(m);
    return status;
}

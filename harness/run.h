/* SPDX-License-Identifier: BSD-2-Clause */
/* A whole run: the plan (variants × repetitions, interleaved and seeded), its execution, and what
 * it leaves. */
#ifndef EXTCP_RUN_H
#define EXTCP_RUN_H

#include <jansson.h>

#include "experiment.h"
#include "linkemu.h"
#include "plan.h"
#include "results.h"

struct run_options {
    const char *out_base; /* results directory; NULL: HOME/results */
    uint64_t seed;
    enum link_backend backend;
    bool keep, json;
    int argc; /* the command line, for run.json */
    char **argv;
    bool quick;
    unsigned shard, n_shards; /* run part `shard` of n_shards only; 0: all of it */
    const struct experiment_options *experiment; /* what x was loaded with */
    json_t *merged; /* of `merge`: what was joined, for run.json; else NULL */
};

struct run_totals {
    unsigned done, planned;
    unsigned checks, checks_failed;
    unsigned claims, claims_failed;
};

struct run {
    const struct experiment *x;
    const struct run_options *o;
    struct plan plan;
    struct results results;
    struct results_dir dir;
    json_t *repetitions; /* array: what repetition_run gave */
    struct claim_result *claims;
    struct run_totals totals;
    uint64_t started_real_ns, started_mono_ns;
    struct err error; /* why it broke, where it did */
    bool interrupted;
};

/* One repetition's result, parts/<stem>.json with .series.csv and .log beside it, becomes part of
 * the run: results, wire.csv, totals. An error that the repetition reports is this one's. */
int run_take_result(struct run *run, const struct plan_item *it, struct err *e);

/* A run whose repetitions come from `fill`, which takes each with run_take_result; before it the
 * directory is opened, after it everything is judged, written and printed. Returns the exit status.
 */
int run_with(const struct experiment *x, const struct run_options *o,
             int (*fill)(struct run *run, void *arg, struct err *e), void *arg);

/* Runs the experiment and prints progress, table and verdict. Returns the exit status (err.h). */
int run_experiment(const struct experiment *x, const struct run_options *o);

#endif

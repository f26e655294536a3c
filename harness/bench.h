/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Benchmarks: files in bench/ are experiments with a `bench:` section, short ones. A sample is one
 * run of such a file by one build of extcp, with one repetition of each variant. A gate takes pairs
 * of samples, of the baseline (A) and of this build (B), in random order side by side, until every
 * metric is decided (gate.h).
 */
#ifndef EXTCP_BENCH_H
#define EXTCP_BENCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "experiment.h"
#include "gate.h"
#include "stats.h"

struct bench_file {
    struct experiment *x;
};

enum { BENCH_A, BENCH_B }; /* the baseline, and what is compared with it */

struct bench_value { /* of one metric */
    const struct bench_file *file;
    const struct bench_metric *metric;
    char *unit; /* "1" for ratios */
    double *v[2];
    size_t n[2];
    bool judged;     /* part of the gate */
    unsigned rounds; /* after which it was judged last */
    struct gate_answer answer;
};

struct bench {
    struct bench_file *files;
    unsigned n_files;
    struct bench_value *values;
    unsigned n_values;
    uint64_t seed;
};

/* Every file of HOME/bench/ that has a `bench:` section, or those named (n_names > 0): file names
 * without .yaml, or names of metrics' files. The error lists what there is. */
int bench_load(struct bench *b, char *const *names, unsigned n_names, bool quick, struct err *e);
void bench_free(struct bench *b);

struct bench_side {            /* a build of extcp; strings belong to whoever filled it in */
    const char *binary, *home; /* home: its experiments, plots and tools */
};

/* One sample of a file by that build: the values of its metrics are appended to side `side`. seed:
 * of the run; the same for both sides of a pair. A wire check or claim that fails, and a metric
 * that has no value, are errors that name it. scratch: a directory for its results, emptied again.
 * Stops (-EINTR) when *stop is set. */
int bench_sample(struct bench *b, unsigned file, const struct bench_side *build, int side,
                 uint64_t seed, const char *scratch, const volatile int *stop, struct err *e);

/* Judges all that is judged and not decided yet. Returns how many are undecided. */
unsigned bench_judge(struct bench *b, bool paired);
/* Does the file have a metric that is not decided yet? */
bool bench_open(const struct bench *b, unsigned file);
/* Metrics found worse. */
unsigned bench_regressions(const struct bench *b);
struct interval bench_interval(const struct bench *b, const struct bench_value *v, int side);

/* Baseline files: the values of side B, with revision and machine, and read back into side A. Only
 * ratios (metrics with `over`) are read, others are not judged. Metrics that only one of both has
 * are left out; *missing counts them. */
json_t *bench_baseline(const struct bench *b);
int bench_read_baseline(struct bench *b, const char *path, unsigned *missing, struct err *e);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* What a gate, or a plain run of the benchmarks, leaves: for people, and for CI systems. Pure but
 * for the writing. */
#ifndef EXTCP_BENCH_REPORT_H
#define EXTCP_BENCH_REPORT_H

#include <stdio.h>

#include "bench.h"

struct bench_run { /* of what the reports tell; strings belong to whoever filled it in */
    const struct bench *bench;
    const char *baseline; /* NULL: none; else what was named */
    bool paired;          /* a revision, side by side; else a file */
    const char *baseline_revision;
    double seconds;
    unsigned rounds;
};

/* A table; with a baseline the verdict in a line for each regression: both values, the interval,
 * the direction. */
void bench_print(FILE *f, const struct bench_run *r);
/* bench.json. New reference. */
json_t *bench_json(const struct bench_run *r);
/* JUnit XML, a test case for each metric: a regression is a failure. */
void bench_junit(FILE *f, const struct bench_run *r);
/* GitHub's job summary: Markdown. */
void bench_markdown(FILE *f, const struct bench_run *r);
/* The custom JSON of github-action-benchmark, for metrics of which more is better, or less. New
 * reference. */
json_t *bench_action_json(const struct bench_run *r, bool higher_is_better);

/* All of them into a directory that is there. */
int bench_write(const struct bench_run *r, const char *dir, struct err *e);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The raw values of a run, and the files it leaves: run.json, data.csv, series.csv, wire.csv
 * (docs/results.md is the contract). */
#ifndef EXTCP_RESULTS_H
#define EXTCP_RESULTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "err.h"
#include "stats.h"

#define RESULTS_SCHEMA_VERSION 1

struct value {
    unsigned variant, metric; /* indices */
    unsigned repetition;      /* from 1 */
    double value;
};

struct metric {
    char *name, *unit;
};

struct results {
    char *experiment;
    char **variants;
    unsigned n_variants;
    struct metric *metrics;
    unsigned n_metrics;
    struct value *values;
    size_t n_values, cap_values;
    uint64_t seed; /* for the bootstrap */
};

void results_init(struct results *r, const char *experiment, uint64_t seed);
void results_free(struct results *r);
unsigned results_variant(struct results *r, const char *name); /* index, added when new */
unsigned results_metric(struct results *r, const char *name,
                        const char *unit); /* index, added when new */
void results_add(struct results *r, unsigned variant, unsigned repetition, unsigned metric,
                 double value);
/* The values of one variant and metric in repetition order, whole or only the numbers; the caller
 * frees. */
struct value *results_values(const struct results *r, unsigned variant, unsigned metric, size_t *n);
double *results_select(const struct results *r, unsigned variant, unsigned metric, size_t *n);
struct interval results_interval(const struct results *r, unsigned variant, unsigned metric);

/* The directory RESULTS/EXPERIMENT/<UTC>-<id>/, written under a temporary name and renamed by
 * results_dir_finish, which also moves `latest`. */
struct results_dir {
    char *tmp_path, *final_path;
};
int results_dir_start(struct results_dir *d, const char *base, const char *experiment,
                      const char *id, struct err *e);
int results_dir_finish(struct results_dir *d, struct err *e);
void results_dir_free(struct results_dir *d);

/* Rows that are written as they come, so that a long run's memory does not grow; closed with sync;
 * -errno of the first failed write. */
struct csv;
int csv_open(struct csv **out, const char *path, const char *header, struct err *e);
void csv_row(struct csv *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))); /* %s fields must go through csv_quote */
const char *csv_quote(char *buf, size_t size, const char *s); /* RFC 4180 */
int csv_close(struct csv *c, struct err *e);

int results_write_data_csv(const struct results *r, const char *path, struct err *e);
/* Per variant and metric: n, median, interval, unit; for run.json. New reference. */
json_t *results_summary_json(const struct results *r);
int json_write_atomic(const char *path, json_t *j, struct err *e);

/* The table at the end: variants down, the metrics named across, median [low, high] with units
 * scaled for people (ms, Mbit/s). */
void results_print_table(FILE *f, const struct results *r, char *const *metrics,
                         unsigned n_metrics);
/* "12.3 ms", "7.61 Mbit/s": a value in a unit as a person would write it. */
const char *format_value(char *buf, size_t size, double value, const char *unit);

#endif

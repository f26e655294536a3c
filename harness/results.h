/* SPDX-License-Identifier: BSD-2-Clause */
/* The raw values of a run, and the files it leaves: run.json, data.csv, series.csv, wire.csv
 * (docs/results.md is the contract). */
#ifndef EXTCP_RESULTS_H
#define EXTCP_RESULTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>
#include <stdio.h>

#include "err.h"
#include "stats.h"

#define RESULTS_SCHEMA_VERSION 1

struct value {
    unsigned variant, metric; /* indices */
    unsigned repetition;      /* from 1; of a metric with pairs: which pair, from 1 */
    double value;
};

struct metric {
    char *name, *unit;
    char **pairs; /* not NULL: it has a value for each pair (pairs.h), with these names, and not for
                     each repetition */
    unsigned n_pairs;
};

struct results {
    char *experiment;
    char **variants;
    unsigned n_variants;
    struct metric *metrics;
    unsigned n_metrics;
    struct value *values;
    size_t n_values, cap_values;
    uint64_t seed;    /* for the bootstrap */
    size_t n_refused; /* values that were not finite numbers, logged and not kept */
};

void results_init(struct results *r, const char *experiment, uint64_t seed);
void results_free(struct results *r);
unsigned results_variant(struct results *r, const char *name); /* index, added when new */
unsigned results_metric(struct results *r, const char *name,
                        const char *unit); /* index, added when new; a known name with another unit
                                              is a metric of its own, "name (unit)" */
/* One raw value; a repetition may have several of a metric. What is not a finite number is logged,
 * counted in n_refused and not kept, so that claims see it as missing. */
void results_add(struct results *r, unsigned variant, unsigned repetition, unsigned metric,
                 double value);
/* One more pair of a metric that has pairs, or has no values yet. Returns its number, from 1. */
unsigned results_add_pair(struct results *r, unsigned metric, const char *name);
/* Index, or -1. */
int results_find_variant(const struct results *r, const char *name);
int results_find_metric(const struct results *r, const char *name);
/* The values of one variant and metric in repetition order; the caller frees. The second form also
 * gives the repetition of each (the caller frees both). */
double *results_select(const struct results *r, unsigned variant, unsigned metric, size_t *n);
double *results_select_repetitions(const struct results *r, unsigned variant, unsigned metric,
                                   size_t *n, unsigned **repetitions);
/* The repetitions of a variant that have a value of any metric (but those with pairs), ascending;
 * the caller frees. */
unsigned *results_repetitions(const struct results *r, unsigned variant, size_t *n);
/* Seed of the bootstrap of one variant and metric: r->seed and the two names, so that an interval
 * does not depend on what else was measured. */
uint64_t results_seed(const struct results *r, const char *variant, const char *metric);
struct interval results_interval(const struct results *r, unsigned variant, unsigned metric);

/*
 * The directory RESULTS/EXPERIMENT/<UTC>-<id>/, written under a temporary name
 * (RESULTS/EXPERIMENT/.<UTC>-<id>.tmp). results_dir_finish
 * syncs it, renames it (never over another one) and moves `latest` to it. results_dir_free frees
 * the paths only: what was started and not finished stays where it is.
 */
struct results_dir {
    char *tmp_path, *final_path;
};
int results_dir_start(struct results_dir *d, const char *base, const char *experiment,
                      const char *id, struct err *e);
int results_dir_finish(struct results_dir *d, struct err *e);
void results_dir_free(struct results_dir *d);

/*
 * Rows that are written as they come, so that a long run's memory does not grow. RFC 4180 with a
 * line feed as the end of a line. csv_row adds the line feed (unless fmt ends with one) and is safe
 * to call from several threads; the first write that fails is kept and is what csv_close reports,
 * with the path and the reason. csv_close syncs and frees c, whatever it returns, and removes a
 * regular file that is not whole; NULL is fine. header NULL: none.
 */
struct csv;
int csv_open(struct csv **out, const char *path, const char *header, struct err *e);
void csv_row(struct csv *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3))); /* %s fields must go through csv_quote */
/* The field as it must stand in the file: s itself where nothing needs quoting, else in buf. A
 * buffer of 2 * strlen(s) + 3 always suffices; in a smaller one the field ends with "[cut]". */
const char *csv_quote(char *buf, size_t size, const char *s);
/* The shortest decimal number (15 to 17 digits, no trailing zeros) that reads back as value. */
const char *csv_number(char *buf, size_t size, double value);
#define CSV_NUMBER_SIZE 32
int csv_close(struct csv *c, struct err *e);

#define CSV_HEADER_DATA   "experiment,variant,repetition,metric,unit,value"
#define CSV_HEADER_PAIRS  "experiment,variant,pair,metric,unit,value"
#define CSV_HEADER_SERIES "experiment,variant,repetition,series,t_s,value"
#define CSV_HEADER_WIRE   "variant,repetition,point,check,expected,found,result"

/* Reads a CSV file whose first line must be `header`, a record at a time; fields[] has as many
 * entries as the header and is valid during the call. fn's non-zero return stops and is returned.
 * A record with another number of fields is an error that names file and line. */
typedef int (*csv_fn)(char *const *fields, void *arg);
int csv_read(const char *path, const char *header, csv_fn fn, void *arg, struct err *e);

/* The raw values; and those of metrics with pairs, which are computed from them. */
int results_write_data_csv(const struct results *r, const char *path, struct err *e);
int results_write_pairs_csv(const struct results *r, const char *path, struct err *e);
bool results_have_pairs(const struct results *r);
/* {variant: {metric: {unit, n, median, low, high, min, max}}}; for run.json. New reference. */
json_t *results_summary_json(const struct results *r);
/* A real number, or null where it is not finite (JSON has no such numbers). New reference. */
json_t *json_finite(double value);
int json_write_atomic(const char *path, json_t *j, struct err *e);

/* The table at the end: variants down, the metrics named across (n_metrics 0: all), median
 * [low, high] with units scaled for people (ms, Mbit/s), in blocks of at most 100 columns. */
void results_print_table(FILE *f, const struct results *r, char *const *metrics,
                         unsigned n_metrics);
/*
 * One metric as a column of a table, a cell per variant, all in one scale, that of its largest
 * median, so that its numbers compare. What stands in the widths is in terminal columns. The names
 * belong to the results or to the caller; free the column with table_column_free.
 */
struct table_cell {
    size_t n;         /* 0: no value */
    char part[3][32]; /* median, low, high; an interval means something from n = 2 on */
};
struct table_column {
    const char *name;
    const char *unit;         /* "" where there is none to show */
    struct table_cell *cells; /* by variant */
    int part[3];              /* that each part takes */
    int cell;                 /* that median and interval take together */
    int all;                  /* with the heading */
};
void table_column_make(struct table_column *col, const struct results *r, const char *metric);
void table_column_free(struct table_column *col);

/* "12.3 ms", "7.61 Mbit/s": a value in a unit as a person would write it, with three significant
 * digits (or `digits`, 1..17). Whole numbers stay whole. */
const char *format_value(char *buf, size_t size, double value, const char *unit);
const char *format_value_digits(char *buf, size_t size, double value, const char *unit, int digits);
/* "12.3 ms [11.9 ms, 12.8 ms]": a median and its interval, with four digits; one value alone has no
 * interval, none is "-". */
const char *format_interval(char *buf, size_t size, struct interval i, const char *unit);
/* What to multiply a value of this size by so that it is easy to read, and the unit it then has
 * (static storage, or `unit` itself). */
double format_scale(double value, const char *unit, const char **scaled_unit);
#define FORMAT_VALUE_SIZE 64

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of a run that was spread with --shard: do they belong together, and what is in them. */
#ifndef EXTCP_MERGE_H
#define EXTCP_MERGE_H

#include <jansson.h>
#include <stdbool.h>

#include "experiment.h"

struct merge;

/*
 * Opens n directories. EXIT_USAGE, naming the directory, the value and the other one's, where they
 * are not parts of one run: another experiment, seed, option or number of parts, a part twice, a
 * part that broke; and without `force` also another revision or kernel, or a part missing.
 */
int merge_open(struct merge **out, char *const *dirs, unsigned n, bool force, struct err *e);
void merge_close(struct merge *m); /* NULL is fine */

/* All belong to m. */
const char *merge_experiment(const struct merge *m); /* a name, or the path of its file */
const struct experiment_options *merge_options(const struct merge *m);
uint64_t merge_seed(const struct merge *m);
/* For run.json: [{shard, started, machine, command}]. New reference. */
json_t *merge_list(const struct merge *m);

/* Is this repetition in one of them? */
bool merge_has(const struct merge *m, const char *variant, unsigned repetition);
/* Writes what it left as repetition.h does: DIR/parts/<stem>.json, .series.csv and .log, and its
 * captures into DIR/captures/. */
int merge_part(const struct merge *m, const char *variant, unsigned repetition, const char *dir,
               struct err *e);

#endif

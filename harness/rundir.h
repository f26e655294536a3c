/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a run back: the directory that results.h and report.h have written (docs/results.md). */
#ifndef EXTCP_RUNDIR_H
#define EXTCP_RUNDIR_H

#include <jansson.h>

#include "err.h"
#include "results.h"

struct rundir {
    char *path;
    json_t *json;           /* run.json */
    struct results results; /* data.csv, with the run's seed and its variants in its order */
};

/*
 * Where a run is that a person names: its directory, its run.json, or the name of an experiment,
 * whose newest run it is then (in base, NULL: HOME/results). The caller frees *path. EXIT_USAGE
 * where there is no such run; the message says what is accepted.
 */
int rundir_find(char **path, const char *what, const char *base, struct err *e);
/* EXIT_USAGE with the file and the line or the key where something in it is not as it must be.
 * Close it also after an error. */
int rundir_open(struct rundir *d, const char *path, struct err *e);
void rundir_close(struct rundir *d);

/* A text of run.json, "" where it is not there or no text. Belongs to d. */
const char *rundir_text(const struct rundir *d, const char *key);

#endif

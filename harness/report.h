/* SPDX-License-Identifier: BSD-2-Clause */
/* What a run prints and leaves: progress, result files, figures, table, verdict. */
#ifndef EXTCP_REPORT_H
#define EXTCP_REPORT_H

#include "run.h"

struct statedir;

/* Makes the run's directory (noted in *guard, so that `clean` finds it if we are killed), opens the
 * CSV files and the log, prints the head line. */
int report_open(struct run *run, struct statedir **guard, struct err *e);
/* A repetition has ended; error: why it broke, or NULL. */
void report_progress(struct run *run, const struct plan_item *it, double seconds,
                     const char *error);
/* Called about twice a second: keeps the line with the time left on a terminal alive. */
void report_tick(struct run *run, unsigned at_once);
/* A wire check that failed: the packet in words. */
void report_failed_check(struct run *run, const char *variant, unsigned repetition,
                         const json_t *check);
/* Writes everything, draws the figures, prints table and verdict, renames the directory to its
 * final name. The exit status. */
int report_close(struct run *run);

#endif

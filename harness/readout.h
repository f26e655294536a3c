/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading a repetition out: counters, the workloads' output, wire checks, derived metrics;
 * everything into its JSON. */
#ifndef EXTCP_READOUT_H
#define EXTCP_READOUT_H

#include "calibrate.h"
#include "rep.h"

void readout_begin(struct rep *r);
/* metric_fn and series_fn of workload.h with a struct rep. */
void readout_metric(const char *metric, const char *unit, double value, void *rep);
void readout_series(const char *series, double t_s, double value, void *rep);
/* The sysctls of each host that are not those of the machine, into out.sysctls. */
void readout_sysctls(struct rep *r);
json_t *readout_calibration(const struct topology *t, const struct calibration *c,
                            unsigned attempt);
/* Programs' counters and the links' counters; while the testbed is up. */
int readout_counters(struct rep *r, struct err *e);
int readout_workloads(struct rep *r, struct err *e);
/* What is computed from the captures; they must be complete. */
int readout_measures(struct rep *r, struct err *e);
int readout_checks(struct rep *r, struct err *e);
int readout_derived(struct rep *r, struct err *e);

#endif

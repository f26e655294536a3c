/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measures: what is computed from a capture after the run (round-trip times, ACKs, windows …) and
 * becomes metrics and a series. A new kind is a function and an entry in the table of measure.c;
 * measure_flow.h does the work that kinds about one direction of data share. Pure but for reading
 * the capture.
 */
#ifndef EXTCP_MEASURE_H
#define EXTCP_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "workload.h"

struct measure_kind;

/* As the experiment gives it; strings belong to whoever filled it in. */
struct measure {
    char *name; /* unique in the experiment: its metrics are NAME.xxx, its series NAME */
    const struct measure_kind *kind;
    char *point;   /* "server:r1-server": which capture */
    char *from;    /* addresses of the node that sends the data, comma separated; NULL: not given */
    unsigned port; /* either port is this one; 0: any */
};

struct measure_input {
    const struct measure *m;
    const char *pcap_path;
    uint64_t t0_real_ns; /* t = 0 of the series, CLOCK_REALTIME */
    metric_fn metric;    /* with whole names: measure_metric and measure_series make them */
    series_fn series;
    void *arg;
};

/* A metric is left out where there is nothing to compute it from; claims see it as missing. */
struct measure_kind {
    const char *name;
    int (*run)(const struct measure_input *in, struct err *e);
    bool needs_from; /* `from:` must be given */
    const char *about;
};

/* NULL where there is no such kind. */
const struct measure_kind *measure_kind_find(const char *name);
/* The i-th kind, or NULL behind the last. */
const struct measure_kind *measure_kind_at(unsigned i);
/* Can it be run? Errors name the key, the value and what is accepted. */
int measure_validate(const struct measure *m, struct err *e);
/* Computes it and calls in->metric and in->series. */
int measure_run(const struct measure_input *in, struct err *e);

/* For kinds: the metric NAME.`what`, and a point of the series NAME at a time of the capture. */
void measure_metric(const struct measure_input *in, const char *what, const char *unit,
                    double value);
void measure_series(const struct measure_input *in, uint64_t t_ns, double value);

/* The kinds (measure_KIND.c). */
int measure_rtt(const struct measure_input *in, struct err *e);
int measure_acks(const struct measure_input *in, struct err *e);
int measure_initial_window(const struct measure_input *in, struct err *e);
int measure_goodput(const struct measure_input *in, struct err *e);
int measure_mptcp_join(const struct measure_input *in, struct err *e);
int measure_mptcp_rejoin(const struct measure_input *in, struct err *e);
int measure_mptcp_subflows(const struct measure_input *in, struct err *e);
int measure_gap(const struct measure_input *in, struct err *e);

#endif

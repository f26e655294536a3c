/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside workloads: reading what each kind's client printed. */
#ifndef EXTCP_WORKLOAD_OUTPUT_H
#define EXTCP_WORKLOAD_OUTPUT_H

#include "workload.h"

struct output {
    const struct workload *w;
    uint64_t t0_real_ns;
    metric_fn metric;
    series_fn series;
    void *arg;
};

int output_iperf3(const struct output *o, const char *client_out, struct err *e);
int output_stream(const struct output *o, const char *client_out, const char *server_out,
                  struct err *e);
int output_command(const struct output *o, const char *client_out, struct err *e);

#endif

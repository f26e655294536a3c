/* SPDX-License-Identifier: BSD-2-Clause */
/* Workloads: how a description in an experiment becomes commands, and how their output becomes
 * metrics. Pure but for reading output files. */
#ifndef EXTCP_WORKLOAD_H
#define EXTCP_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

enum workload_kind { WORK_IPERF3, WORK_STREAM, WORK_COMMAND, WORK_REQUESTS };

/* As the experiment gives it; strings belong to whoever filled it in. 0 or NULL: not given. */
struct workload {
    char *name; /* unique in the experiment: prefix of its metrics and files */
    enum workload_kind kind;
    char *from, *to;     /* client's node; server's node (WORK_COMMAND: only from) */
    double at_s;         /* start, after the captures run */
    double seconds;      /* how long the client sends; also the base of the time limit */
    unsigned cpu;        /* 1 + the CPU that client and server run on; 0: any */
    bool batch;          /* client and server under SCHED_BATCH */
    double time_limit_s; /* default: seconds + 15 */
    unsigned port;       /* default 5201 (iperf3), 5000 (stream) */
    unsigned chunk;      /* bytes a write, default 1000 (stream), 131072 (iperf3) */
    /* iperf3 */
    uint64_t bytes; /* instead of seconds */
    bool reverse;
    unsigned parallel;
    char *congestion;  /* -C */
    uint64_t rate_bps; /* -b; stream: its send rate */
    /* stream */
    double user_timeout_s; /* the application sets TCP_USER_TIMEOUT itself; 0: it does not */
    double app_timeout_s;  /* the application gives up when nothing comes back for that long; 0:
                              never */
    bool echo;             /* the server sends every chunk back */
    bool ping;             /* with echo: a chunk is sent when the one before it has come back */
    bool fast_open;        /* connect with TCP Fast Open (both) */
    bool mptcp;            /* every kind: run under `mptcpize run` */
    /* requests; chunk as well */
    unsigned connections;
    double hold_s; /* how long each stays open after its answer */
    /* command */
    char *command; /* run with sh -c; {NODE} or {NODE:LINK} is replaced by that node's address */
    bool server;   /* runs until the end and then is stopped; `port` is waited for when given */
    bool may_fail; /* a non-zero exit status is a result, not an error */
};

/* Checks what can be checked without a machine; the error names the workload, key, value and what
 * is accepted. */
int workload_validate(const struct workload *w, struct err *e);

/* argv for the server (NULL when it has none) and the client; to: address as text. The caller frees
 * with argv_free. */
char **workload_server_argv(const struct workload *w, const char *bind_addr);
char **workload_client_argv(const struct workload *w, const char *to_addr);
void argv_free(char **argv);

/* The port its server listens on (the kind's default where none is given); 0: a command without a
 * port. */
unsigned workload_port(const struct workload *w);

/* Replaces each {NAME} in a command by what lookup gives for it; NULL from lookup is an error that
 * names it. The caller frees. NULL: e is filled. */
char *workload_expand(const char *command, const char *(*lookup)(const char *name, void *arg),
                      void *arg, struct err *e);

/* What came out of it. */
typedef void (*metric_fn)(const char *metric, const char *unit, double value, void *arg);
typedef void (*series_fn)(const char *series, double t_s, double value, void *arg);
/*
 * Reads the client's output file (and the server's, may be NULL). iperf3: goodput (bit/s),
 * retransmits, cpu_client, cpu_server (%), rtt (ms), and series per interval. stream: connected_s,
 * first_write_s, last_write_s, error_s, errno, closed_s, bytes, survived … (docs/experiments.md
 * lists them). t0_real_ns: the run's t = 0 on CLOCK_REALTIME. An unreadable or truncated output,
 * and an error that iperf3 reports, are errors with its text.
 */
int workload_metrics(const struct workload *w, const char *client_out, const char *server_out,
                     uint64_t t0_real_ns, metric_fn metric, series_fn series, void *arg,
                     struct err *e);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of a running repetition, shared by repetition.c (driving it) and readout.c (reading it
 * out). */
#ifndef EXTCP_REP_H
#define EXTCP_REP_H

#include <jansson.h>

#include "cmd.h"
#include "repetition.h"
#include "results.h"

struct rep_child {
    struct child *child;
    const struct workload *w;
    bool server;
    char *name, *out, *errors;
};

struct rep {
    const struct repetition_job *job;
    struct testbed *tb;
    struct program **programs; /* by index in the variant */
    struct manager *managers;  /* likewise; managers.c knows what is in it */
    struct capture **captures;
    struct sockdiag **sockets; /* by index in the variant */
    char **capture_paths;
    struct rep_child *children;
    unsigned n_children;
    bool *event_done, *client_started;
    struct impairment *current; /* [2 * link + direction]: as events have left them */
    uint64_t t0_mono_ns, t0_real_ns;
    unsigned event_program; /* whose events are being polled */
    json_t *last_events;    /* "NODE.PROGRAM.EVENT": the value of the last one */
    char *stem, *work_dir, *series_path;
    struct csv *series;
    json_t *out; /* the result; the next three are members of it */
    json_t *metrics, *calibrations, *capture_info;
};

/* Does an event of the variant, and notes when (rep_event.c). */
int rep_event(struct rep *r, const struct event *ev, struct err *e);

#endif

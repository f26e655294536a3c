/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One repetition of one variant: build, calibrate, attach, capture, drive, stop, tear down, read
 * out. It runs in a process of its own (run.c forks it), so that several can run at once and none
 * can harm another; what it found goes back as JSON.
 */
#ifndef EXTCP_REPETITION_H
#define EXTCP_REPETITION_H

#include <jansson.h>

#include "experiment.h"
#include "linkemu.h"

struct repetition_job {
    const struct experiment *x;
    const struct variant *v;
    unsigned repetition; /* from 1 */
    uint64_t seed;
    enum link_backend backend;
    const char *dir; /* the run's directory: captures/ and parts/ are in it */
    bool keep;       /* wait for SIGINT or SIGTERM before tearing down */
};

/* Stem of the job's file names: "<variant>-<repetition>". The caller frees. */
char *repetition_stem(const struct repetition_job *job);

/*
 * Runs it. *out (a new reference, also on an error, then with what is known so far) has: variant,
 * repetition, family, testbed, started_unix_s, calibration[], metrics[[name, unit, value]],
 * checks[], captures[], links[], programs[]. Series are in parts/<stem>.series.csv. 0, or -errno
 * with e filled; -EINTR where a signal stopped it.
 */
int repetition_run(const struct repetition_job *job, json_t **out, struct err *e);

/* SIGINT and SIGTERM of this process end the repetition; call it before repetition_run. */
void repetition_catch_signals(void);
/* Has one come? */
bool repetition_stopped(void);

#endif

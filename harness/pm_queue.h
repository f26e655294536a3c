/* SPDX-License-Identifier: BSD-2-Clause */
/* Commands of a path manager that are to be done later: asked for with a delay, or failed for now.
 * Pure; times are CLOCK_MONOTONIC nanoseconds. */
#ifndef EXTCP_PM_QUEUE_H
#define EXTCP_PM_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/pm.h"

struct pm_job {
    uint64_t due_ns;
    unsigned tries; /* so far */
    struct pm_command command;
};

struct pm_queue { /* a heap, the next one first; all zero: empty */
    struct pm_job *jobs;
    unsigned n, size;
};

void pm_queue_add(struct pm_queue *q, const struct pm_job *job);
/* Takes the next job whose time has come. */
bool pm_queue_take(struct pm_queue *q, uint64_t now_ns, struct pm_job *out);
/* When the next one is due; UINT64_MAX: there is none. */
uint64_t pm_queue_next_ns(const struct pm_queue *q);
void pm_queue_free(struct pm_queue *q);

/*
 * A command failed with `error` (-errno) the tries-th time (from 1): how long to wait before the
 * next try, or 0: it failed for good. -ENOTCONN (not fully established yet) is tried again from 20
 * us on, 20 times, 2.6 s in all; a route or an address that is not there yet, and memory, 5 times.
 */
uint64_t pm_retry_after_ns(int error, unsigned tries);

#endif

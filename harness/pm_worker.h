/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The threads that execute commands, one for each processor and bound to it: a command is put into
 * the ring buffer of the processor that decided, so its worker is woken there and runs as soon as
 * the kernel is done with the segment. Waking another processor takes several times as long. Each
 * has all it needs; they share nothing but the eBPF maps.
 */
#ifndef EXTCP_PM_WORKER_H
#define EXTCP_PM_WORKER_H

#include <stdint.h>

#include "err.h"
#include "pm_delays.h"

struct pm;
struct pm_worker;

struct pm_worker_stats {
    /* From asking in the kernel to: the worker begins, the SYN goes out, the kernel has answered.
     */
    struct pm_delays wake, syn, done;
    uint64_t executed, retried; /* commands, tries again */
};

/* Starts a worker for each processor that we may use, and gives each processor's commands one. */
int pm_workers_start(struct pm *p, struct err *e);
/* Adds all workers' numbers to the report. */
void pm_workers_stats(const struct pm *p, struct pm_worker_stats *sum);
/* Ends them; what they have not begun is not done. Then their numbers do not change any more. */
void pm_workers_stop(struct pm *p);
void pm_workers_free(struct pm *p);

#endif

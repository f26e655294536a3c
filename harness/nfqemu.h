/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The nfqueue emulator: one process that holds packets of many queues (in several namespaces) until
 * they are due. The packets stay in the kernel; only their verdicts pass through here. Parameters
 * and counters are in shared memory.
 */
#ifndef EXTCP_NFQEMU_H
#define EXTCP_NFQEMU_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"
#include "topology.h"

struct nfqemu;

struct nfqemu_queue { /* one direction of one link */
    int ns_fd;
    uint16_t number; /* of the queue in its namespace */
    struct impairment imp;
};

struct nfqemu_counters {
    uint64_t packets, bytes, lost, reordered, duplicated;
    uint64_t overflow; /* the emulator held too many */
    uint64_t late_max_ns;
};

/*
 * Forks the process, which binds all queues; returns when it holds them. It joins cgroup_procs (may
 * be NULL), asks for SCHED_FIFO and locked memory and goes on without. It dies with its parent.
 */
int nfqemu_start(struct nfqemu **out, const struct nfqemu_queue *queues, unsigned n, uint64_t seed,
                 const char *cgroup_procs, struct err *e);
int nfqemu_fd(const struct nfqemu *q); /* pidfd */
/* 0 while it lives, else the error says how it ended. */
int nfqemu_check(struct nfqemu *q, struct err *e);
/* Takes effect for packets that come from now on; those already held keep their time. */
void nfqemu_change(struct nfqemu *q, unsigned queue, const struct impairment *imp);
void nfqemu_counters(const struct nfqemu *q, unsigned queue, struct nfqemu_counters *out);
pid_t nfqemu_pid(const struct nfqemu *q);
/* Did it get its real-time priority? */
bool nfqemu_realtime(const struct nfqemu *q);
/* Ends it; what it holds is released first. NULL is fine. */
void nfqemu_stop(struct nfqemu *q);

/* The mark of a packet that the emulator itself sent (a duplicate): rules must let it pass. */
#define NFQEMU_MARK 0x65780001u

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's state, for pm.c and pm_adopt.c. */
#ifndef EXTCP_PM_INTERNAL_H
#define EXTCP_PM_INTERNAL_H

#include "pm.h"
#include "pm_host.h"
#include "pm_locals.h"

struct bpf_program;
struct pm_netlink;
struct pm_worker;

struct pm {
    struct pm_options o;
    struct pm_host host;
    struct pm_netlink *netlink;
    struct program *program;
    struct pm_worker **workers;
    unsigned n_workers;
    struct pm_shared *shared;
    int feed_fd, overflow_fd;
    struct bpf_program *adopt;
    unsigned cgroup_level;
    int watch, epoll;
    struct pm_locals locals;
    unsigned without_slot; /* addresses of this host, said so already */
    uint64_t started_ns;
    double user_before_s, system_before_s; /* CPU, when it was ready */
    uint64_t overruns, looked_ns;          /* looked_ns: when for what was missed, the last time */
    uint32_t missed;                       /* of pm_shared, as it was then */
};

/* A line for the user; from any thread. */
void pm_warn(struct pm *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Runs the program pm_feed; from any thread. */
void pm_feed(struct pm *p, const struct pm_input *in);

#endif

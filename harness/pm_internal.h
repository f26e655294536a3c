/* SPDX-License-Identifier: BSD-2-Clause */
/* The daemon's state, for pm.c and pm_adopt.c. */
#ifndef EXTCP_PM_INTERNAL_H
#define EXTCP_PM_INTERNAL_H

#include "pm.h"
#include "pm_host.h"
#include "pm_locals.h"
#include "pm_queue.h"

struct bpf_program;
struct ring_buffer;
struct pm_netlink;

struct pm {
    struct pm_options o;
    struct pm_host host;
    struct pm_netlink *netlink;
    struct program *program;
    struct ring_buffer *commands;
    struct pm_shared *shared;
    int feed_fd;
    struct bpf_program *adopt;
    unsigned cgroup_level;
    int watch, timer, epoll;
    struct pm_locals locals;
    unsigned without_slot; /* addresses of this host, said so already */
    struct pm_queue queue;
    uint64_t armed_ns; /* what the timer is set to */
    uint64_t started_ns;
    double user_before_s, system_before_s; /* CPU, when it was ready */
    struct pm_report report;
};

/* Runs the program pm_feed. */
void pm_feed(struct pm *p, const struct pm_input *in);

#endif

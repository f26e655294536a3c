/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The daemon of a path manager: loads its eBPF programs, executes the commands that they ask for
 * over the generic-netlink family `mptcp_pm`, and tells them what became of them and what only
 * netlink knows. It has no policy.
 */
#ifndef EXTCP_PM_H
#define EXTCP_PM_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "pm_locals.h"
#include "pm_worker.h"
#include "program.h"

struct pm_options {
    const char *policy;
    char *const *settings; /* KEY=VALUE */
    unsigned n_settings;
    struct pm_locals_wanted addresses; /* of this host, that it may use */
    const char *cgroup;                /* a directory of cgroup v2 */
    uint32_t ring_bytes;   /* of a processor's commands: a power of two, from a page on */
    uint32_t events_bytes; /* the receive buffer of the kernel's events, and of rtnetlink's */
    uint32_t connections;  /* managed at the same time, at most */
    int stop_fd;           /* readable: end */
    void (*on_ready)(void *arg);
    void (*on_event)(const struct program_event *ev, void *arg);
    void (*on_warning)(const char *text, void *arg); /* from any thread */
    void *arg;
};

struct pm_report {
    struct pm_worker_stats commands;
    uint64_t overruns;                        /* netlink buffers that were full */
    uint64_t left_connections, left_subflows; /* in the maps at the end */
    double cpu_user_s, cpu_system_s;          /* since it was ready */
    double seconds;
    const struct program_decl *declaration; /* whose counters: */
    uint64_t counters[64];
};

struct pm;

/* Takes the namespace (pm_host.h), loads and attaches. On an error nothing stays. */
int pm_start(struct pm **out, const struct pm_options *o, struct err *e);
/* Manages until stop_fd is readable. */
int pm_run(struct pm *p, struct err *e);
/* Ends the work and fills the report; valid until pm_stop. */
int pm_report(struct pm *p, struct pm_report *r, struct err *e);
/* Detaches, puts the namespace back. Connections keep their subflows. NULL is fine. */
int pm_stop(struct pm *p, struct err *e);

#endif

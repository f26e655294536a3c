/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which path manager the kernel uses for new MPTCP connections of this namespace, changed for as
 * long as the daemon runs. What it was before is kept in /run/extcp-pm/, so that it can be put back
 * also after the daemon was killed: by the next one's orderly end, or by hand.
 */
#ifndef EXTCP_PM_HOST_H
#define EXTCP_PM_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct pm_host {
    char sysctl[64]; /* "net/mptcp/path_manager" or "net/mptcp/pm_type" */
    char before[32]; /* its value before */
    char state[128]; /* the file that says so */
    int lock;        /* one daemon in a namespace; -1: not held */
    bool changed;
};

/* Is this the namespace of the machine itself, and not one of a testbed or a container? */
bool pm_host_is_machine(void);
/* The number that the kernel gave this namespace. */
int pm_host_cookie(uint64_t *cookie, struct err *e);
/* Switches to user space. EXIT_USAGE where another daemon runs here already. */
int pm_host_take(struct pm_host *h, struct err *e);
/* After a daemon that was killed: puts back what was before in the caller's namespace. 1: it did
 * (*what: which sysctl, and its value), 0: there is nothing to do, -errno. */
int pm_host_clean(char *what, size_t size, struct err *e);
/* Puts back what was before. */
int pm_host_release(struct pm_host *h, struct err *e);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* cgroup v2: where it is mounted, making and removing our own groups. */
#ifndef EXTCP_CGROUP_H
#define EXTCP_CGROUP_H

#include <stddef.h>

#include <stdint.h>

#include "err.h"

/* The mount point of cgroup v2, from /proc/self/mounts (it need not be /sys/fs/cgroup). EXIT_LACKS
 * where there is none. */
int cgroup_mount(char *path, size_t size, struct err *e);
/* mkdir, and a descriptor of the directory (O_CLOEXEC). -errno. */
int cgroup_create(const char *path, struct err *e);
/* Kills every process in the group and below (cgroup.kill, else one by one), waits until it is
 * empty (2 s at most). 0, -ENOENT, -errno. */
int cgroup_kill(const char *path);
/* CPU time that the processes in it and below have used so far, in microseconds (cpu.stat,
 * usage_usec; needs no controller). It includes what the kernel did on their behalf while they ran.
 * 0 or -errno. */
int cgroup_cpu_us(const char *path, uint64_t *us);
/* Removes the group and the groups below it, which must be empty. 0 (also where it is gone) or
 * -errno. */
int cgroup_remove(const char *path);

#endif

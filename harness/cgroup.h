/* SPDX-License-Identifier: BSD-2-Clause */
/* cgroup v2: where it is mounted, making and removing our own groups. */
#ifndef EXTCP_CGROUP_H
#define EXTCP_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

/* The mount point of cgroup v2, from /proc/self/mounts (it need not be /sys/fs/cgroup). EXIT_LACKS
 * where there is none. */
int cgroup_mount(char *path, size_t size, struct err *e);
/* The path of the group that this process is in; the mount point where that cannot be seen. */
int cgroup_current(char *path, size_t size, struct err *e);
/* mkdir, and a descriptor of the directory (O_CLOEXEC). -errno. */
int cgroup_create(const char *path, struct err *e);
/* A group that somebody else made: its descriptor (O_CLOEXEC) and the kernel's id of it. EXIT_USAGE
 * where there is none, or it is no group of cgroup v2. */
int cgroup_open(const char *path, uint64_t *id, struct err *e);
/* Where the group with this id is; the caller frees. NULL where it is gone or out of our sight. */
char *cgroup_path_of(uint64_t id);
/* Is it known to be gone? Needs root. */
bool cgroup_is_gone(uint64_t id);
/* Kills every process in the group and below (cgroup.kill, else one by one), waits until it is
 * empty (2 s at most). 0, -ENOENT, -errno. */
int cgroup_kill(const char *path);
/* CPU time that the processes in it and below have used so far, in microseconds (cpu.stat,
 * usage_usec; needs no controller). It includes what the kernel did on their behalf while they ran.
 * 0 or -errno. */
int cgroup_cpu_us(const char *path, uint64_t *us);
/* Asks every process in the group to end (SIGTERM), kills what is left after grace_ms. How many
 * were there. */
unsigned cgroup_end(const char *path, unsigned grace_ms);
/* Removes the group and the groups below it, which must be empty. 0 (also where it is gone) or
 * -errno. */
int cgroup_remove(const char *path);

#endif

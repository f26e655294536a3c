/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What `extcp attach` leaves in bpffs so that it outlives the command: a directory for each program
 * on a cgroup, <bpffs>/extcp/<cgroup id>-<program>/, with
 *   link_N                       what holds it attached
 *   struct_ops_N                 a congestion control where the kernel has no links for them
 *   rodata, data, bss, connections  its maps: settings, live parameters, counters, sockets
 *   packets, carrier, thin_parked   those for late ACKs (carrier.h)
 * While it is made it is called new-<random> and is locked (flock): one that nobody holds was left
 * by a command that was killed.
 */
#ifndef EXTCP_PINS_H
#define EXTCP_PINS_H

#include <stdint.h>

#include "err.h"

struct pin_dir; /* one that is being made */

int pin_begin(struct pin_dir **out, struct err *e);
const char *pin_path(const struct pin_dir *p);
/* Gives it its name; frees. -EEXIST (and removes it) where that program is there already. */
int pin_commit(struct pin_dir *p, uint64_t cgroup_id, const char *program, struct err *e);
/* Removes it with what it holds; frees. NULL is fine. */
void pin_abort(struct pin_dir *p);

/* The directory in bpffs, there or not; the caller frees. NULL where bpffs is not mounted:
 * EXIT_LACKS, and the message names the command that mounts it. */
char *pins_root(struct err *e);
/* Path of the directory of a program on a cgroup, there or not; the caller frees. NULL: error. */
char *pin_name(uint64_t cgroup_id, const char *program, struct err *e);
/* Calls fn for each; a bpffs that is not mounted has none. */
int pins_each(void (*fn)(const char *path, uint64_t cgroup_id, const char *program, void *arg),
              void *arg, struct err *e);
/* Detaches and removes one. */
int pin_remove(const char *path, struct err *e);
/* Removes those whose cgroup is gone; calls removed (may be NULL) for each. The number, or -errno.
 */
int pins_clean_gone(void (*removed)(const char *why, const char *path), struct err *e);
/* The same, and those that a killed command left. */
int pins_clean(void (*removed)(const char *why, const char *path), struct err *e);

#endif

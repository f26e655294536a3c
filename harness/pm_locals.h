/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The addresses of this namespace that subflows can use: global addresses of interfaces that have
 * carrier. Each has a slot and an MPTCP address id that stay the same while it comes and goes.
 */
#ifndef EXTCP_PM_LOCALS_H
#define EXTCP_PM_LOCALS_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "lib/pm.h"

struct pm_locals {
    struct pm_addr slots[PM_LOCALS]; /* family 0: never used; up: usable now */
    unsigned next_id;
};

/* Pure: the table. */

/* The id that an address had already, for a connection of an earlier daemon. Before the first
 * update. */
void pm_locals_learn(struct pm_locals *l, const struct pm_addr *a);
/* Takes the list of all usable addresses; calls fn for each slot that goes down, then for each that
 * comes up. Returns how many addresses found no slot. */
unsigned pm_locals_update(struct pm_locals *l, const struct pm_addr *usable, unsigned n,
                          void (*fn)(unsigned slot, bool up, void *arg), void *arg);

/* The kernel's side. */

/* A socket that becomes readable when links or addresses change; bytes: its receive buffer. */
int pm_locals_watch(int *fd, uint32_t bytes, struct err *e);
/* Reads what is there on it away (also after an overrun: the table is read anew anyway). */
void pm_locals_drain(int fd);
struct pm_locals_wanted {
    char *const *interfaces; /* only theirs; none: of all */
    unsigned n_interfaces;
    int family; /* AF_INET, AF_INET6; AF_UNSPEC: both */
};
/* All usable addresses now, at most max. Returns how many, or -errno. */
int pm_locals_read(struct pm_addr *out, unsigned max, const struct pm_locals_wanted *wanted,
                   struct err *e);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages of the generic-netlink family `mptcp_pm` (linux/mptcp_pm.h), in buffers of the
 * caller's. Pure: no sockets, no memory. Names and numbers that Debian 12's linux/mptcp.h lacks are
 * not needed: the commands have been there since Linux 5.19.
 */
#ifndef EXTCP_PM_WIRE_H
#define EXTCP_PM_WIRE_H

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>

#include "lib/pm.h"

#define PM_WIRE_MAX 512 /* bytes of any of our messages */

/* Writes the command for the family into buf (PM_WIRE_MAX bytes). */
struct nlmsghdr *pm_wire_command(void *buf, unsigned family, unsigned seq,
                                 const struct pm_command *c);
/* A dump request for the addresses that a connection knows (MPTCP_PM_CMD_GET_ADDR). */
struct nlmsghdr *pm_wire_addresses(void *buf, unsigned family, unsigned seq, __u32 token);
/*
 * What an acknowledgement says: 0 or -errno; -ESTALE: there is no connection with this token (the
 * kernel points at our token attribute). *text: the kernel's words, or NULL.
 */
int pm_wire_ack(const struct nlmsghdr *h, size_t len, const char **text);
/* An event of the group mptcp_pm_events as an input; false: it is none that matters. */
bool pm_wire_event(const struct nlmsghdr *h, size_t len, struct pm_input *in);
/* An address of a GET_ADDR dump; *announced: it was announced to the peer. */
bool pm_wire_address(const struct nlmsghdr *h, size_t len, struct pm_addr *a, bool *announced);

#endif

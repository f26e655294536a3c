/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets of the generic-netlink family `mptcp_pm` in the current namespace: one for commands, and
 * one for events. For one thread. */
#ifndef EXTCP_PM_NETLINK_H
#define EXTCP_PM_NETLINK_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "lib/pm.h"

struct pm_netlink;

/* EXIT_LACKS where the kernel has no such family. events_bytes: the receive buffer of the
 * socket for events; 0: without one. While one is open, the kernel accepts subflows and echoes
 * announcements of connections that user space manages. */
int pm_netlink_open(struct pm_netlink **out, uint32_t events_bytes, struct err *e);
void pm_netlink_close(struct pm_netlink *n);

/* Has the kernel execute the command now. 0 or -errno (-ESTALE: no such connection). *text: its
 * words about it, or NULL; valid until the next call. */
int pm_netlink_execute(struct pm_netlink *n, const struct pm_command *c, const char **text);
/* Calls fn for each of our addresses that the connection knows. 0 or -errno. */
int pm_netlink_addresses(struct pm_netlink *n, __u32 token,
                         void (*fn)(__u32 token, const struct pm_addr *a, int announced, void *arg),
                         void *arg);

/* For epoll: readable when there are events. */
int pm_netlink_events_fd(const struct pm_netlink *n);
/* Calls fn for one datagram's events. 1: there may be more, 0: none left, -ENOBUFS: some were lost,
 * another -errno. */
int pm_netlink_events(struct pm_netlink *n, void (*fn)(const struct pm_input *in, void *arg),
                      void *arg);

#endif

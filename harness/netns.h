/* SPDX-License-Identifier: BSD-2-Clause */
/* Doing something inside a network namespace from this thread, and coming back. */
#ifndef EXTCP_NETNS_H
#define EXTCP_NETNS_H

#include "err.h"

/*
 * Enters the network namespace behind ns_fd with this thread. Returns a file descriptor of the
 * namespace it was in, to be given to netns_leave, or -errno. Sockets that are opened in between
 * stay in that namespace.
 */
int netns_enter(int ns_fd);
/* Goes back and closes the descriptor. Aborts when it cannot: going on in the wrong namespace would
 * touch the host. */
void netns_leave(int saved_fd);
/* Writes VALUE to /proc/sys/NAME ("net/ipv4/ip_forward") of the namespace and reads it back. */
int netns_sysctl(int ns_fd, const char *name, const char *value, struct err *e);

#endif

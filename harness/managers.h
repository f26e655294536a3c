/* SPDX-License-Identifier: BSD-2-Clause */
/* The MPTCP path managers of a repetition's nodes: the in-kernel one, told over netlink, and
 * daemons in the node's namespace and cgroup. */
#ifndef EXTCP_MANAGERS_H
#define EXTCP_MANAGERS_H

#include "rep.h"

/* Sets up and starts what the variant says, each until it manages; before any server starts. Errors
 * name the node. EXIT_LACKS where a node has no MPTCP, or mptcpd is not installed. */
int managers_start(struct rep *r, struct err *e);
/* Has one of the daemons ended? Then that is an error, with its last words. */
int managers_check(struct rep *r, struct err *e);
/* Asks the daemons to end and reads what they say: metrics NODE.pm.NAME. With e NULL they are only
 * ended. */
int managers_stop(struct rep *r, struct err *e);
/* Ends what still runs, frees. */
void managers_end(struct rep *r);

#endif

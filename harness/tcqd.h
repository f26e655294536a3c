/* SPDX-License-Identifier: BSD-2-Clause */
/* Traffic control objects as rtnetlink messages, queued on an rtnl (linux/pkt_sched.h,
 * linux/pkt_cls.h). */
#ifndef EXTCP_TCQD_H
#define EXTCP_TCQD_H

#include <stdint.h>

#include "rtnl.h"
#include "topology.h"

#define TCQD_ROOT        0xffffffffu /* TC_H_ROOT */
#define TCQD_NETEM       0x00010000u /* handle 1: of netem, the root where there is one */
#define TCQD_NETEM_CHILD 0x00010001u
#define TCQD_TBF         0x00020000u /* handle 2: of tbf */
#define TCQD_TBF_CHILD   0x00020001u

/* An ifb interface, up, with this ifindex. */
void tcqd_ifb(struct rtnl *r, const char *name, int ifindex, uint32_t mtu);
/* Or changes the one that is there. rate 0: as fast as nothing here can be. overhead: bytes added
 * to each packet (stab). */
void tcqd_tbf(struct rtnl *r, int ifindex, uint32_t parent, uint64_t rate_bps, uint32_t mtu,
              uint32_t overhead_bytes, uint32_t queue_packets);
void tcqd_netem(struct rtnl *r, int ifindex, const struct impairment *imp);
void tcqd_clsact(struct rtnl *r, int ifindex);
/* On the way out of `ifindex`: what came in on interface `indev` (NULL: everything) goes through
 * `ifb` first. */
void tcqd_redirect(struct rtnl *r, int ifindex, unsigned priority, const char *indev, int ifb);

/* Drops and backlog of the tbf on an interface. 0, -ENOENT where there is none. rate: as the kernel
 * has it, bit/s. */
int tcqd_tbf_stats(struct rtnl *r, int ifindex, uint64_t *drops, uint64_t *rate_bps, struct err *e);

/* netem's parameters, computed (pure, for tests): Gilbert-Elliott p and r for a loss share and mean
 * burst length, in 2^32-ths. */
void tcqd_gilbert(double loss, double burst, uint32_t *p, uint32_t *r);

#endif

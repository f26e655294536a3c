/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rtnetlink in a namespace, batched: messages are queued with a label for errors, sent together,
 * and acknowledged one by one. Built with libnl-3's message functions; see rtnetlink(7) and
 * linux/if_link.h for the attributes.
 */
#ifndef EXTCP_RTNL_H
#define EXTCP_RTNL_H

#include <netinet/in.h>
#include <netlink/msg.h>
#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct rtnl;

/* Opens a socket in the namespace. name: for errors ("client"). */
int rtnl_open(struct rtnl **out, int ns_fd, const char *name, struct err *e);
void rtnl_close(struct rtnl *r);

/* Queues a message of this type and takes it; label (printf) says what it does. A full batch is
 * sent at once, and the error comes with rtnl_flush. */
void rtnl_queue(struct rtnl *r, struct nl_msg *msg, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* New message with NLM_F_REQUEST | NLM_F_ACK | flags. */
struct nl_msg *rtnl_msg(int type, int flags);
/* Sends what is queued and reads the acknowledgements. The first error: "NAME: cannot LABEL: reason
 * (extended ack)". */
int rtnl_flush(struct rtnl *r, struct err *e);
/* Calls fn for each object of a dump (RTM_GETLINK, …). payload: the family header of the request.
 * fn returns non-zero to stop. */
int rtnl_dump(struct rtnl *r, int type, const void *payload, size_t len,
              int (*fn)(struct nlmsghdr *h, void *arg), void *arg, struct err *e);

/* Both ends of a veth pair in one message; this end is in r's namespace. MACs follow from ifindex
 * (rtnl_mac). */
void rtnl_veth(struct rtnl *r, const char *name, int ifindex, uint32_t mtu, int peer_ns_fd);
/* The MAC of end 0 (created) or 1 (peer) of the pair with this ifindex: locally administered. */
void rtnl_mac(uint8_t mac[6], int ifindex, unsigned end);
/* The MTU and the most segments in one packet that TCP makes (IFLA_GSO_MAX_SEGS) of an interface;
 * 0: left as it is. */
void rtnl_link_limits(struct rtnl *r, const char *name, int ifindex, uint32_t mtu,
                      uint32_t gso_max_segs);
void rtnl_link_up(struct rtnl *r, const char *name, int ifindex, bool up);
void rtnl_addr(struct rtnl *r, int ifindex, int family, const void *addr, unsigned prefix_len);
void rtnl_neighbour(struct rtnl *r, int ifindex, int family, const void *addr,
                    const uint8_t mac[6]);

#endif

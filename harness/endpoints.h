/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The in-kernel MPTCP path manager of a namespace: its endpoints and limits, over generic netlink
 * ("mptcp_pm", linux/mptcp.h), read back after they were set.
 */
#ifndef EXTCP_ENDPOINTS_H
#define EXTCP_ENDPOINTS_H

#include <netinet/in.h>
#include <stdint.h>

#include "err.h"

#define ENDPOINTS_MAX 8 /* what the kernel takes; also of subflows and accepted addresses */

struct pm_endpoint {
    int family;
    union {
        struct in_addr v4;
        struct in6_addr v6;
    };
    uint8_t id;     /* 0: the kernel chooses */
    uint32_t flags; /* MPTCP_PM_ADDR_FLAG_* */
    uint16_t port;  /* 0: none; the kernel listens on it, and announces it with the address */
    int ifindex;    /* 0: any */
};

struct pm_limits {
    unsigned subflows;          /* besides the first one */
    unsigned add_addr_accepted; /* addresses of the peer */
};

/* "signal", "subflow", "backup", "fullmesh". 0 where unknown. */
uint32_t endpoint_flag(const char *name);
/* "subflow fullmesh"; returns buf. */
const char *endpoint_flags_print(uint32_t flags, char *buf, size_t size);

/*
 * Replaces every endpoint and both limits in the namespace, and reads them back. name: for errors.
 * EXIT_LACKS where the kernel has no MPTCP.
 */
int endpoints_set(int ns_fd, const char *name, const struct pm_endpoint *endpoints, unsigned n,
                  const struct pm_limits *limits, struct err *e);
/* At most `max` of them into endpoints; *n: how many there are. */
int endpoints_get(int ns_fd, const char *name, struct pm_endpoint *endpoints, unsigned max,
                  unsigned *n, struct pm_limits *limits, struct err *e);

#endif

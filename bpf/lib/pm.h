/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What a path manager's eBPF side and the daemon (harness/pm.c) say to each other. Commands go up
 * in the ring buffer `commands`, what became of them and what only netlink tells comes down as a
 * struct pm_input to the program `pm_feed`. The daemon reads no policy out of either.
 */
#ifndef EXTCP_BPF_LIB_PM_H
#define EXTCP_BPF_LIB_PM_H

#include <linux/types.h>

#define PM_LOCALS     16 /* addresses of this host that can be used at the same time */
#define PM_REMOTES    8  /* addresses of the peer, of one connection, its first one included */
#define PM_NO_SLOT    0xff
#define PM_MAX_CPUS   256
#define PM_RING_BYTES (1 << 20) /* of the commands of a processor */
#define PM_OVERFLOW   65536     /* commands that had no room in a ring */
#define PM_MAX_CONNS  65536     /* connections at the same time */

struct pm_addr {
    __u8 ip[16];  /* network order; the first 4 bytes for IPv4 */
    __u16 family; /* AF_INET, AF_INET6; 0: an empty slot */
    __u16 port;   /* host order; 0: any, or the first subflow's */
    __u32 ifindex;
    __u8 id; /* MPTCP address id */
    __u8 up; /* of a local slot: usable now */
    __u8 pad[2];
};

enum pm_op {
    PM_CREATE = 1, /* MPTCP_PM_CMD_SUBFLOW_CREATE */
    PM_CLOSE,      /* MPTCP_PM_CMD_SUBFLOW_DESTROY */
    PM_ANNOUNCE,   /* MPTCP_PM_CMD_ANNOUNCE */
    PM_WITHDRAW,   /* MPTCP_PM_CMD_REMOVE */
    PM_BACKUP,     /* MPTCP_PM_CMD_SET_FLAGS */
    PM_OPS,
};

struct pm_command {
    __u64 asked_ns; /* CLOCK_MONOTONIC */
    __u32 token;
    __u32 delay_ms; /* not before */
    __u8 op, on;    /* on: of PM_BACKUP, and create as backup */
    __u8 local_slot, remote_slot;
    __u32 tag; /* the policy's own; comes back with the result */
    struct pm_addr local, remote;
};

enum pm_input_kind {
    PM_IN_LOCAL_UP = 1,   /* local, slot */
    PM_IN_LOCAL_DOWN,     /* slot */
    PM_IN_ANNOUNCED,      /* token, remote: MPTCP_EVENT_ANNOUNCED */
    PM_IN_REMOVED,        /* token, remote.id: MPTCP_EVENT_REMOVED */
    PM_IN_SUBFLOW_CLOSED, /* token, local, remote, error, reason: MPTCP_EVENT_SUB_CLOSED */
    PM_IN_CLOSED,         /* token: MPTCP_EVENT_CLOSED */
    PM_IN_RESULT,         /* command, error, connected */
    PM_IN_OURS,           /* token, local.id: what an earlier daemon has announced already */
    PM_IN_ADOPT, /* token: all that is known of a connection that was there has been said */
    PM_IN_ALIVE, /* token: the kernel has this connection */
    PM_IN_SWEEP, /* value: forget the connections not seen since this time */
};

struct pm_input {
    __u32 kind, token;
    __s32 error; /* -errno or 0; of a subflow, a positive errno */
    __u32 reason, slot;
    __u32 connected; /* a subflow was there when the command ended */
    __u64 value;
    struct pm_addr local, remote;
    struct pm_command command;
};

/* What the adoption iterator tells, one for each subflow. */
struct pm_seen {
    __u32 token;
    __u8 fresh, fully_established, pad[2];
};

/* The array map `shared`, which both sides have in memory. */
struct pm_shared {
    /* Written by the daemon, before it is ready. */
    __u64 netns_cookie; /* sockets of other namespaces are left alone */
    __u64 cgroup_id;
    __u32 cgroup_level;
    __u32 list_only; /* 1: pm_adopt only lists */
    /* Written by both. */
    __s32 overflowed; /* commands in the map `overflow` */
    __u32 missed;     /* connections and subflows that a full map had no room for, in all */
    /* By processor: when the SYN of the subflow that is being created there went out. */
    __u64 syn_ns[PM_MAX_CPUS];
};

#endif

/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The path-manager framework: what a policy sees. A policy is one file that
 *   1. may define PM_CONN_STATE and PM_SUBFLOW_STATE (members it keeps per connection and subflow);
 *   2. includes this header;
 *   3. defines config (with PM_LIMITS) and counters;
 *   4. defines the callbacks it wants and `static const struct pm_policy policy` with them;
 *   5. includes pm_main.bpf.h, which has the programs.
 * docs/path-managers.md goes through it step by step.
 *
 * Callbacks run in sock_ops, in the kernel, where a segment caused them, and in the program pm_feed
 * where only netlink can tell. They may run at the same time on two processors, for one connection
 * too. What they ask for is done by the daemon, a moment later, in the order they asked.
 */
#ifndef EXTCP_BPF_LIB_PM_BPF_H
#define EXTCP_BPF_LIB_PM_BPF_H

#include <linux/errno.h>
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "extcp_prog.h"
#include "mptcp_types.bpf.h"
#include "pm.h"

#define AF_INET             2
#define AF_INET6            10
#define SOL_SOCKET          1
#define SO_MAX_PACING_RATE  47
#define PM_SUBFLOWS         32 /* of one connection */
#define PM_TCP_ESTABLISHED  1
#define PM_TCP_SYN_SENT     2
#define PM_TCP_CLOSE        7
#define PM_TYPE_USERSPACE   1
#define PM_TCPOPT_MPTCP     30
#define PM_SUBTYPE_DSS      2
#define PM_SUBTYPE_ADD_ADDR 3
#define PM_DSS_HAS_ACK      0x01

/* Every policy has these limits; put them first into its config, and PM_LIMITS_DEFAULT into the
 * initial values. Whatever a peer asks for stays inside them. */
#define PM_LIMITS                                                                                  \
    __u32 subflows PARAM(1, 32, "", "subflows of a connection, at most");                          \
    __u32 addresses PARAM(0, 7, "", "addresses of the peer that are kept, besides its first");     \
    __u32 quiet PARAM(0, 1, "", "1: no events, only counters")
#define PM_LIMITS_DEFAULT .subflows = 8, .addresses = 7

/* The counters of every policy; put them first into its struct. */
#define PM_COUNTERS                                                                                \
    __u64 connections, adopted, established, closed;                                               \
    __u64 subflows_established, subflows_closed, subflows_reset, subflows_failed;                  \
    __u64 commands, done, failed, gone, over_limit, no_room, overflowed;                           \
    __u64 addresses_announced, addresses_refused, addresses_withdrawn, parsed

/* i where it is a valid index; the mask shows the verifier what the compiler knows already and
 * would leave out. */
#define PM_INDEX(i, n)                                                                             \
    ({                                                                                             \
        __u32 index_ = (i);                                                                        \
        asm volatile("" : "+r"(index_));                                                           \
        index_ &((n)-1);                                                                           \
    })

#define COUNT(name) __sync_fetch_and_add(&counters.name, 1)

#ifndef PM_CONN_STATE
#define PM_CONN_STATE
#endif
#ifndef PM_SUBFLOW_STATE
#define PM_SUBFLOW_STATE
#endif

#define PM_LISTED_CLOSING 1 /* asked to be closed */
#define PM_LISTED_BACKUP  2 /* as s->backup */

/* A subflow as its connection lists it. */
struct pm_listed {
    __u16 local_port, remote_port;
    __u8 local_slot, remote_slot;
    __u8 used, flags;
};

struct pm_conn {
    __u32 token;
    __u32 established; /* fully: subflows can be created */
    __u32 closed;
    __u32 ready;                    /* filled in: before that, it is not found */
    __u32 subflows, asked, in_call; /* there; asked for; asked for and there already */
    __u32 listed;                   /* bit i: list[i] is taken */
    __u32 announced;                /* bit i: our local slot i was announced */
    __u32 mesh[PM_LOCALS]; /* bit r of mesh[l]: a subflow from l to r is there or asked for */
    __u64 seen_ns;
    struct pm_addr local;               /* of the first subflow */
    struct pm_addr remotes[PM_REMOTES]; /* [0]: of the first subflow; family 0: empty */
    struct pm_listed list[PM_SUBFLOWS];
    __u8 server;     /* the peer opened it */
    __u8 only_v4;    /* an IPv4 socket: it cannot have IPv6 subflows */
    __u8 local_slot; /* of local, or PM_NO_SLOT */
    __u8 pad[5];
    PM_CONN_STATE
};

#define PM_PARSING      1
#define PM_PARSING_OURS 2 /* and the flag for that was set by us */

struct pm_subflow {
    __u32 token;
    __u32 srtt_us; /* smoothed RTT */
    __u32 retransmits;
    __s32 error;                  /* once closed: errno, 0: in order */
    __u32 reason;                 /* once closed: of MP_TCPRST, 0: none */
    __u64 established_ns;         /* 0: not yet */
    struct pm_addr local, remote; /* with ports */
    __u8 first;                   /* the connection's first one */
    __u8 index;                   /* in the connection's list */
    __u8 local_slot, remote_slot; /* or PM_NO_SLOT */
    __u8 backup;                  /* what we last had set */
    __u8 parsing;                 /* PM_PARSING…: its headers are looked at */
    __u8 parsed;                  /* segments, until it was taken away again */
    __u8 pad;
    __u32 gone; /* its end is being told */
    __u64 seen_ns;
    PM_SUBFLOW_STATE
};

/* Any of them may be absent. */
struct pm_policy {
    /* The connection can have more subflows now; once for each connection. */
    void (*established)(struct pm_conn *c);
    /* The peer announced an address, which is in c->remotes[remote] now; withdrew it (its subflows
     * are closed by the kernel; the slot is emptied after the callback). */
    void (*announced)(struct pm_conn *c, __u32 remote);
    void (*withdrawn)(struct pm_conn *c, __u32 remote);
    /* A subflow (also the first) completed its handshake; ended, see s->error and s->reason. */
    void (*subflow_established)(struct bpf_sock_ops *ctx, struct pm_conn *c, struct pm_subflow *s);
    void (*subflow_closed)(struct pm_conn *c, struct pm_subflow *s);
    /* A new RTT sample is in s->srtt_us; segments were sent again, s->retransmits in all. */
    void (*rtt)(struct bpf_sock_ops *ctx, struct pm_conn *c, struct pm_subflow *s);
    void (*loss)(struct bpf_sock_ops *ctx, struct pm_conn *c, struct pm_subflow *s);
    /* An address of this host can be used, cannot be used any more; for each connection. */
    void (*local_up)(struct pm_conn *c, __u32 local);
    void (*local_down)(struct pm_conn *c, __u32 local);
    /* What became of a command, 0 or -errno; a command that failed for now was repeated before. */
    void (*result)(struct pm_conn *c, const struct pm_command *command, int error);
    void (*closed)(struct pm_conn *c);
};

enum event_type {
    pm_connection,     /* value: 1 the peer opened it */
    pm_established,    /* value: nanoseconds since it was first seen */
    pm_subflow,        /* established; value: address ids, local * 256 + remote */
    pm_subflow_closed, /* value: errno, 0 in order */
    pm_subflow_failed, /* closed before it was established; value: errno */
    pm_announced,      /* by the peer; value: address id */
    pm_refused,        /* an announcement that is not used; value: address id */
    pm_withdrawn,      /* by the peer; value: address id */
    pm_local_up,       /* value: address id */
    pm_local_down,     /* value: address id */
    pm_command_failed, /* for good; value: errno */
    pm_closed,         /* value: subflows that were still there */
    pm_backup,         /* value: 1 asked to be backup, 0 no longer */
};
EVENTS(event_type);

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 1 << 20);
} events SEC(".maps");

/* One for each processor, made by the daemon. */
struct pm_ring {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, PM_RING_BYTES);
};

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, PM_MAX_CPUS);
    __type(key, __u32);
    __array(values, struct pm_ring);
} commands SEC(".maps");

/* What a full ring has no room for. */
struct {
    __uint(type, BPF_MAP_TYPE_QUEUE);
    __uint(max_entries, PM_OVERFLOW);
    __type(value, struct pm_command);
} overflow SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, PM_MAX_CONNS);
    __type(key, __u32); /* token */
    __type(value, struct pm_conn);
} connections SEC(".maps");

struct pm_tuple {
    __u8 local[16], remote[16];
    __u16 local_port, remote_port;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 4 * PM_MAX_CONNS);
    __type(key, struct pm_tuple);
    __type(value, struct pm_subflow);
} subflows SEC(".maps");

/* Written by pm_feed only. */
struct pm_addr pm_locals[PM_LOCALS];

/* The usable local address in this slot, or NULL. */
static __always_inline struct pm_addr *pm_local(__u32 slot)
{
    struct pm_addr *a = &pm_locals[PM_INDEX(slot, PM_LOCALS)];

    return slot < PM_LOCALS && a->up ? a : NULL;
}

/* The peer's address in this slot, or NULL. */
static __always_inline struct pm_addr *pm_remote(struct pm_conn *c, __u32 slot)
{
    struct pm_addr *a = &c->remotes[PM_INDEX(slot, PM_REMOTES)];

    return slot < PM_REMOTES && a->family ? a : NULL;
}

/*
 * Commands. Each returns 0 when it was asked for, or why it was not: -E2BIG (a limit), -EEXIST,
 * -ENOENT (an empty slot), -EAFNOSUPPORT (the families do not go together), -EPIPE (the connection
 * is closed), -ENOBUFS (no room in the ring buffer). What became of it comes to policy.result.
 */

#define PM_FIRST     0xfe /* as `local`: the address of the connection's first subflow */
#define PM_ANOTHER   1 /* flag: also where a subflow between the two addresses is there already */
#define PM_AS_BACKUP 2 /* flag */
/* A subflow from our address in a slot, and a new port, to the peer's in a slot. */
int pm_create(struct pm_conn *c, __u32 local, __u32 remote, __u32 flags, __u32 delay_ms);
/* Closes the subflow at this place of the connection's list. */
int pm_close(struct pm_conn *c, __u32 index);
/* Announces our address in this slot to the peer, once; withdraws it (also one that was never
 * announced: the peer closes its subflows to it). */
int pm_announce(struct pm_conn *c, __u32 local);
int pm_withdraw(struct pm_conn *c, __u32 local);
/* Asks both ends to use the subflow only when no other can be used, or as the others. */
int pm_set_backup(struct pm_conn *c, struct pm_subflow *s, __u32 on, __u32 delay_ms);

/* How many subflows of the connection go through this interface. */
int pm_count_through(const struct pm_conn *c, __u32 ifindex);

/* At once, without the daemon: the subflow sends no faster than this. 0 or -errno. */
static __always_inline int pm_pace(struct bpf_sock_ops *ctx, __u32 bytes_per_s)
{
    return bpf_setsockopt(ctx, SOL_SOCKET, SO_MAX_PACING_RATE, &bytes_per_s, sizeof(bytes_per_s));
}

#endif

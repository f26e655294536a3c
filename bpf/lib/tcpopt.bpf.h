/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The TCP option framework: what a sock_ops program must do so that an option is written and read,
 * whatever the option is.
 *
 * An option is one file that
 *   1. defines OPT_KIND (and OPT_EXID for kind 254, RFC 6994), struct opt_conn (its state of one
 * connection), config, counters, events;
 *   2. includes this header;
 *   3. defines opt_length, opt_write, opt_received, opt_established;
 *   4. includes tcpopt_main.bpf.h, which has the program itself.
 * docs/options.md goes through it step by step.
 *
 * What the framework takes care of: the sock_ops states of both sides; saving the SYN on listeners;
 * reserving space, and leaving the option out where there is none; finding the option in a header
 * and refusing it where it is malformed or repeated; SYN cookies (the SYN is lost, so the option is
 * sent again with the first segments after it); TCP Fast Open; several programs on one socket.
 */
#ifndef EXTCP_BPF_LIB_TCPOPT_BPF_H
#define EXTCP_BPF_LIB_TCPOPT_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "extcp_prog.h"
#include "tcp_exids.h"

#define AF_INET          2
#define AF_INET6         10
#define SOL_SOCKET       1
#define SO_KEEPALIVE     9
#define SOL_TCP          6
#define TCP_KEEPIDLE     4
#define TCP_USER_TIMEOUT 18
#define TCP_SAVE_SYN     27

/*
 * An option may say before it includes this header what it can do at all with the configuration it
 * was loaded with; whatever it cannot, it costs nothing.
 *   OPT_WRITES   an expression: 0 where it never writes; its sockets then get no callback for what
 *                they send
 *   OPT_READS    0 where it never reads: none for what they receive, and no SYN is saved
 *   OPT_ALWAYS   not 0 where it is on every segment, whatever the connection: opt_length and
 *                opt_write are then asked without one (c is NULL), which saves looking it up
 * and, before it includes tcpopt_main.bpf.h:
 *   OPT_OTHER    a function of the ctx for the sock_ops callbacks that the framework does not use
 *                (state changes, retransmissions, round-trip times), whose flags it sets itself
 */
#ifndef OPT_WRITES
#define OPT_WRITES 1
#endif
#ifndef OPT_READS
#define OPT_READS 1
#endif
#ifndef OPT_ALWAYS
#define OPT_ALWAYS 0
#endif

/*
 * What the values are that tcpopt_decide is given, for those who read them: a unit ("s"), or the
 * name of an enum whose enumerators are printed instead of numbers.
 *   #define OPT_UNIT "s"
 *   #define OPT_VALUES "cc_algorithm"
 */
#if defined(OPT_VALUES)
#define OPT_VALUES_TAG __attribute__((btf_decl_tag("values:" OPT_VALUES)))
#elif defined(OPT_UNIT)
#define OPT_VALUES_TAG __attribute__((btf_decl_tag("unit:" OPT_UNIT)))
#else
#define OPT_VALUES_TAG
#endif

#define TCPHDR_FIN 0x01
#define TCPHDR_SYN 0x02
#define TCPHDR_RST 0x04
#define TCPHDR_ACK 0x10

#define TCP_HEADER      20
#define TCP_HEADER_MAX  60
#define TCP_OPTIONS_MAX 40

/* Which segment an option is on, or is to be on. */
enum segment {
    ON_SYN,
    ON_SYNACK,
    ON_FIRST, /* after the handshake, until the first one with data: says the SYN's again, in case
                 it was lost on a SYN cookie */
    ON_DATA,  /* later */
};

/* The counters of every option; put them first into the option's own struct. `other` counts
 * experimental options (RFC 6994) that were not for us: another ExID, or ours under kind 253. */
#define TCPOPT_COUNTERS                                                                            \
    __u64 sent_syn, sent_synack, sent_first, sent_data;                                            \
    __u64 received_syn, received_synack, received_first, received_data;                            \
    __u64 malformed, repeated, other, no_space

#define COUNT(name) __sync_fetch_and_add(&counters.name, 1)

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 256 * 1024);
} events SEC(".maps");

#ifndef OPT_MAX_DATA
#define OPT_MAX_DATA 8
#endif

/*
 * A header's options are copied here before they are walked: constant bounds for the verifier, and
 * the same code for every source. It is in the connection's storage and not in one of the CPU:
 * the socket is locked while a program looks at its segments, but on the same CPU another socket's
 * segment may interrupt it. The state of the walk is here too: what is read back from a map is an
 * unknown number to the verifier, so the iterations of a loop look alike to it and it follows one
 * of them instead of all their combinations.
 */
struct tcpopt_walk {
    __u32 words[16 + (OPT_MAX_DATA + 3) / 4]; /* as in the header; data may begin at byte 63 */
    /* volatile, so that they are really read back and not kept in registers */
    volatile __u32 len;              /* of the header */
    volatile __u32 off, found, size; /* the walk; the option's data and its length */
    volatile __u32 repeated, malformed, other;
};

/* The framework's state of a connection, with the option's own behind it. */
struct tcpopt_conn {
    struct extcp_record record; /* must be the first: it is read as such whatever follows */
    __u8 established;
    __u8 first_left; /* segments that may still carry the option as ON_FIRST */
    __u8 resend;     /* the option asks for one more (tcpopt_resend) */
    __u8 every;      /* … for all that follow (tcpopt_every_segment) */
    __u8 no_room;    /* on the segment at hand */
    struct opt_conn opt;
    struct tcpopt_walk walk;
};

struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct tcpopt_conn);
} connections SEC(".maps") OPT_VALUES_TAG;

static __always_inline void emit(struct bpf_sock_ops *ctx, __u32 type, __s64 value)
{
    struct extcp_event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);

    if (!e)
        return;
    __builtin_memset(e, 0, sizeof(*e));
    e->t_ns = bpf_ktime_get_ns();
    e->cookie = bpf_get_socket_cookie(ctx);
    e->type = type;
    e->value = value;
    e->family = ctx->family;
    e->local_port = ctx->local_port;
    e->remote_port = bpf_ntohl(ctx->remote_port);
    if (ctx->family == AF_INET) {
        __u32 a = ctx->local_ip4;
        __builtin_memcpy(e->local, &a, 4);
        a = ctx->remote_ip4;
        __builtin_memcpy(e->remote, &a, 4);
    } else {
        __u32 a[4] = {ctx->local_ip6[0], ctx->local_ip6[1], ctx->local_ip6[2], ctx->local_ip6[3]};
        __builtin_memcpy(e->local, a, 16);
        __u32 b[4] = {ctx->remote_ip6[0], ctx->remote_ip6[1], ctx->remote_ip6[2],
                      ctx->remote_ip6[3]};
        __builtin_memcpy(e->remote, b, 16);
    }
    bpf_ringbuf_submit(e, 0);
}

#define DECISION_EVENTS 16 /* of one connection: a peer that changes its mind cannot flood us */

/*
 * What became of a request on this connection: asked for, granted (what is in effect now), why.
 * `extcp status` lists it. Cheap where nothing changed, but meant for when something was received,
 * not for every segment.
 */
static __always_inline void tcpopt_decide(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                          __s64 asked, __s64 granted, enum extcp_decision why)
{
    struct extcp_record *r = &c->record;

    if (r->decided_ns && r->asked == asked && r->granted == granted && r->why == why)
        return;
    r->asked = asked;
    r->granted = granted;
    r->why = why;
    r->decided_ns = bpf_ktime_get_ns();
    if (r->changes++ < DECISION_EVENTS)
        emit(ctx, EXTCP_EVENT_DECISION + why, granted);
}

/* The option asks that the next segment carry it once more. */
static __always_inline void tcpopt_resend(struct tcpopt_conn *c)
{
    c->resend = 1;
}

/* The option wants to be on every segment from here on, for as long as opt_length says so. */
static __always_inline void tcpopt_every_segment(struct tcpopt_conn *c)
{
    c->every = 1;
}

static __always_inline void set_flags(struct bpf_sock_ops *ctx, __u32 flags)
{
    /* One word for every program on this socket: add, never take away. */
    bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | flags);
}

#endif

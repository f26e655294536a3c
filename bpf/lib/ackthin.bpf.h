/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * ACK thinning: acknowledging less often than the kernel does, on a stock kernel.
 *
 * The kernel makes its ACKs as ever. A cgroup_skb/egress program lets only some of them out; to the
 * kernel all of them are sent. So an ACK that was held back is not the kernel's concern any more,
 * and nobody would send it when the peer has stopped and waits for it. Therefore
 *   - the last ACK that was held back is kept, and a timer is set to the strategy's time bound, or
 *     sooner where the peer may have stopped (due_at). When it expires and no later segment has
 *     acknowledged as much, the packet goes to the carrier (harness/carrier.c) through a ring
 *     buffer, and the carrier sends it: an ACK is late, never lost;
 *   - without a living carrier nothing is held back;
 *   - with or without: only an ACK that looks like the next of an undisturbed bulk transfer is ever
 *     held back (may_hold). All others go out at once.
 *
 * A program defines THIN_RTT_DIV, THIN_MAX_DELAY_MS and THIN_FIRST (expressions), puts
 * THIN_COUNTERS into its counters, includes this, calls thin_begin when a connection is established
 * and thin_state when its state changes, and sets `ratio`.
 */
#ifndef EXTCP_BPF_LIB_ACKTHIN_BPF_H
#define EXTCP_BPF_LIB_ACKTHIN_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "ackthin.h"
#include "extcp_prog.h"

#define THIN_MIN_DELAY_NS 1000000ull /* no timer is set to less */
/* The kernel's own smallest delayed ACK (TCP_DELACK_MIN): a peer that has stopped waits no longer.
 */
#define THIN_IDLE_NS  40000000ull
#define THIN_TICKS_NS 2000000ull
#define THIN_MSEC     1000000ull

#define SO_MARK           36
#define CLOCK_MONOTONIC   1
#define ETH_P_IP          0x0800
#define ETH_P_IPV6        0x86dd
#define PROTO_TCP         6
#define THIN_FIN          0x01
#define THIN_SYN          0x02
#define THIN_RST          0x04
#define THIN_PSH          0x08
#define THIN_ACK          0x10
#define THIN_URG          0x20
#define THIN_TS_ONLY      0x0101080a /* NOP, NOP, timestamps: RFC 7323, appendix A */
#define STATE_ESTABLISHED 1
#define STATE_CLOSED      7

/* Of the kernel's struct tcp_sock. */
struct tcp_sock {
    __u32 rcv_wnd, snd_wnd, srtt_us;
    struct {
        __u32 rtt_us;
    } rcv_rtt_est;
} __attribute__((preserve_access_index));

struct thin_conn {
    __u32 ratio;    /* segments for each ACK; 0: the kernel's own way */
    __u32 passed;   /* the last acknowledgement number that went out … */
    __u32 edge;     /* … and the right edge of the window with it */
    __u32 last;     /* the last one that the kernel made */
    __u32 must;     /* what covers this sequence number goes out */
    __u32 next;     /* one past the highest byte that came in */
    __u32 mss;      /* the largest segment that came in */
    __u32 segments; /* that came in, up to THIN_FIRST */
    __u32 rtt_us;   /* the kernel's estimate */
    __u32 base_us;  /* the smallest smoothed round trip of our own segments: at least the SYN's */
    __u32 gap_ns;   /* between two arrivals, smoothed; pauses do not count */
    __u64 arrived_ns, passed_ns;
    __u64 calm_ns; /* until then something was lost or reordered */
    __u8 waiting;  /* an ACK may be waiting in thin_parked */
};

struct {
    __uint(type, BPF_MAP_TYPE_SK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct thin_conn);
} thin_conns SEC(".maps");

/* The last ACK that was held back, by socket cookie: a timer cannot be in socket storage. */
struct thin_parked {
    struct bpf_timer timer;
    struct bpf_spin_lock lock;
    __u32 ack, edge;
    __u8 waiting, carried;
    __u64 due_ns, carried_ns;
    struct thin_packet packet;
};

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, 8192);
    __type(key, __u64);
    __type(value, struct thin_parked);
} thin_parked SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_RINGBUF);
    __uint(max_entries, 256 * 1024);
} packets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} carrier SEC(".maps");

struct thin_segment {
    __u32 seq, ack, payload;
    __u16 headers; /* bytes of IP and TCP */
    __u8 flags;
    bool plain; /* no option but timestamps */
};

static __always_inline bool thin_after(__u32 a, __u32 b)
{
    return (__s32)(a - b) > 0;
}

static __always_inline bool read_tcp(struct __sk_buff *skb, __u32 ip, struct thin_segment *s)
{
    __u8 *tcp = (__u8 *)(long)skb->data + ip, *end = (__u8 *)(long)skb->data_end;
    __u32 doff;

    if (tcp + 20 > end)
        return false;
    doff = (tcp[12] >> 4) * 4;
    s->seq = bpf_ntohl(*(__u32 *)(tcp + 4));
    s->ack = bpf_ntohl(*(__u32 *)(tcp + 8));
    /* With the bits of RFC 3168 and of accurate ECN (AE) in one byte and a half. */
    s->flags = tcp[13];
    s->headers = ip + doff;
    s->payload = skb->len > s->headers ? skb->len - s->headers : 0;
    s->plain = doff == 20;
    if (doff == 32 && tcp + 24 <= end)
        s->plain = *(__u32 *)(tcp + 20) == bpf_htonl(THIN_TS_ONLY);
    if (tcp[12] & 0x0f)
        s->plain = false; /* AE or a reserved bit */
    return true;
}

/* The packet begins with its IP header. IP options and extension headers: not ours. */
static __always_inline bool read_segment(struct __sk_buff *skb, struct thin_segment *s)
{
    __u8 *ip = (__u8 *)(long)skb->data, *end = (__u8 *)(long)skb->data_end;

    if (skb->protocol == bpf_htons(ETH_P_IP))
        return ip + 20 <= end && ip[0] == 0x45 && ip[9] == PROTO_TCP && read_tcp(skb, 20, s);
    if (skb->protocol == bpf_htons(ETH_P_IPV6))
        return ip + 40 <= end && ip[6] == PROTO_TCP && read_tcp(skb, 40, s);
    return false;
}

static __always_inline bool carrier_alive(__u64 now)
{
    __u32 zero = 0;
    __u64 *t = bpf_map_lookup_elem(&carrier, &zero);

    return t && now - *t < THIN_DEAD_MS * THIN_MSEC;
}

static int thin_due(void *map, __u64 *cookie, struct thin_parked *p)
{
    struct thin_packet out = {};
    __u64 now = bpf_ktime_get_ns(), left = 0;
    __u32 ack = 0;

    bpf_spin_lock(&p->lock);
    if (p->waiting && p->due_ns > now) {
        left = p->due_ns - now;
    } else if (p->waiting) {
        out = p->packet;
        ack = p->ack;
    }
    bpf_spin_unlock(&p->lock);
    if (out.len && bpf_ringbuf_output(&packets, &out, sizeof(out), 0))
        left = THIN_MIN_DELAY_NS; /* the buffer is full: again, soon */
    if (left) {
        bpf_timer_start(&p->timer, left, 0);
        return 0;
    }
    if (!out.len)
        return 0;
    __sync_fetch_and_add(&counters.acks_late, 1);
    bpf_spin_lock(&p->lock);
    if (p->waiting && p->ack == ack) {
        p->waiting = 0;
        p->carried = 1;
        p->carried_ns = now;
    } else if (p->waiting) { /* another one came meanwhile, and saw that the timer was running */
        left = p->due_ns > now ? p->due_ns - now : 1;
    }
    bpf_spin_unlock(&p->lock);
    if (left)
        bpf_timer_start(&p->timer, left, 0);
    return 0;
}

static __always_inline struct thin_parked *parked_of(__u64 cookie)
{
    struct thin_parked *p = bpf_map_lookup_elem(&thin_parked, &cookie);
    struct thin_parked fresh = {};

    if (p)
        return p;
    bpf_map_update_elem(&thin_parked, &cookie, &fresh, BPF_NOEXIST);
    p = bpf_map_lookup_elem(&thin_parked, &cookie);
    if (!p)
        return NULL; /* too many connections */
    /* -EBUSY where another CPU was here first */
    bpf_timer_init(&p->timer, &thin_parked, CLOCK_MONOTONIC);
    return bpf_timer_set_callback(&p->timer, thin_due) ? NULL : p;
}

/* Keeps the packet until due_ns. False: it cannot be kept, so it must not be held back. */
static __always_inline bool park(struct __sk_buff *skb, struct thin_conn *c,
                                 const struct thin_segment *s, __u32 edge, __u64 now, __u64 due_ns)
{
    struct thin_parked *p = parked_of(bpf_get_socket_cookie(skb));
    struct thin_packet copy = {.len = s->headers};
    bool was;

    if (!p || s->headers < 40 || s->headers > THIN_PACKET_MAX ||
        bpf_skb_load_bytes(skb, 0, copy.bytes, s->headers))
        return false;
    bpf_spin_lock(&p->lock);
    p->packet = copy;
    p->ack = s->ack;
    p->edge = edge;
    p->due_ns = due_ns;
    p->carried = 0;
    was = p->waiting;
    p->waiting = 1;
    bpf_spin_unlock(&p->lock);
    /* -EPERM: the process that held the maps is gone */
    if (!was && bpf_timer_start(&p->timer, due_ns > now ? due_ns - now : 0, 0)) {
        bpf_spin_lock(&p->lock);
        p->waiting = 0;
        bpf_spin_unlock(&p->lock);
        return false;
    }
    c->waiting = 1;
    return true;
}

/* What has become of the one that was waiting; `cancel`: it is not needed any more. */
static __always_inline void settle(struct __sk_buff *skb, struct thin_conn *c, bool cancel)
{
    __u64 cookie = bpf_get_socket_cookie(skb);
    struct thin_parked *p;

    if (!c->waiting)
        return;
    p = bpf_map_lookup_elem(&thin_parked, &cookie);
    if (!p)
        return;
    bpf_spin_lock(&p->lock);
    if (p->carried) {
        c->passed = p->ack;
        c->edge = p->edge;
        c->passed_ns = p->carried_ns;
        c->waiting = 0;
    }
    if (cancel) {
        p->waiting = 0;
        c->waiting = 0;
    }
    bpf_spin_unlock(&p->lock);
}

/*
 * When the ACK that is held back now goes out at the latest: at the time bound. The kernel's
 * estimate of the RTT at a receiver includes the pauses of the peer's application, so where nothing
 * comes in any more it does not count. Then the peer may have stopped, and sends a tail loss probe
 * after two of its smoothed round trips, each at least the base and a segment long, and two ticks
 * of its clock (RFC 8985, section 7; TCP_TIMEOUT_MIN). The ACK is there before. That is counted
 * from the last arrival, so that the kernel's own delay of the ACK does not come on top.
 */
static __always_inline __u64 due_at(const struct thin_conn *c)
{
    __u64 ns = c->rtt_us * 1000ull / THIN_RTT_DIV, idle = THIN_TICKS_NS;

    if (ns > THIN_MAX_DELAY_MS * THIN_MSEC)
        ns = THIN_MAX_DELAY_MS * THIN_MSEC;
    if (ns < THIN_MIN_DELAY_NS)
        ns = THIN_MIN_DELAY_NS;
    ns += c->passed_ns;
    idle += c->base_us * 1000ull + 2 * c->gap_ns;
    if (idle > THIN_IDLE_NS)
        idle = THIN_IDLE_NS;
    return ns < c->arrived_ns + idle ? ns : c->arrived_ns + idle;
}

/* Does this ACK cover `seq`, and none before it? */
static __always_inline bool first_to_cover(const struct thin_conn *c, __u32 ack, __u32 seq)
{
    return thin_after(seq, c->passed) && !thin_after(seq, ack);
}

/* Is it one of many in an undisturbed bulk transfer, and neither the ratio nor the time asks for
 * it? */
static __always_inline bool may_hold(struct thin_conn *c, const struct thin_segment *s,
                                     __u32 before, __u8 state, __u64 now)
{
    __u32 held = s->ack - c->passed;

    if (c->ratio < 2 || !c->mss || !c->rtt_us || c->segments < THIN_FIRST ||
        state != STATE_ESTABLISHED)
        return false;
    /* Data, FIN, ECE, SACK blocks, other options. */
    if (s->payload || s->flags != THIN_ACK || !s->plain)
        return false;
    /* A duplicate, or the window alone. */
    if (!thin_after(s->ack, before))
        return false;
    /* The end of what the peer had to send. */
    if (first_to_cover(c, s->ack, c->must))
        return false;
    if (now < c->calm_ns || now >= due_at(c))
        return false;
    /* The peer must not run into the end of the window that it knows. */
    if (held > (c->edge - c->passed) / 2)
        return false;
    return held < c->ratio * c->mss;
}

/* The receiver's estimate, where the peer has sent enough for one; else that of the handshake. */
static __always_inline __u32 round_trip_us(struct tcp_sock *tp)
{
    return (tp->rcv_rtt_est.rtt_us ?: tp->srtt_us) >> 3;
}

SEC("cgroup_skb/egress")
int ackthin_out(struct __sk_buff *skb)
{
    struct bpf_sock *sk = skb->sk;
    struct thin_segment s = {};
    struct thin_conn *c;
    struct tcp_sock *tp;
    __u64 now;
    __u32 before, edge;
    bool hold;

    if (!sk)
        return 1;
    sk = bpf_sk_fullsock(sk);
    if (!sk)
        return 1;
    c = bpf_sk_storage_get(&thin_conns, sk, 0, 0);
    tp = c ? bpf_skc_to_tcp_sock(sk) : NULL;
    if (!c || !tp || !read_segment(skb, &s) || !(s.flags & THIN_ACK))
        return 1;
    now = bpf_ktime_get_ns();
    c->rtt_us = round_trip_us(tp);
    if (!c->base_us || tp->srtt_us >> 3 < c->base_us)
        c->base_us = tp->srtt_us >> 3;
    edge = s.ack + tp->rcv_wnd;
    before = c->last;
    c->last = s.ack;
    settle(skb, c, false);
    if (!s.payload)
        __sync_fetch_and_add(&counters.acks_made, 1);
    hold = may_hold(c, &s, before, sk->state, now);
    if (hold && !(carrier_alive(now) && park(skb, c, &s, edge, now, due_at(c)))) {
        hold = false; /* nobody could send it later */
        __sync_fetch_and_add(&counters.acks_unsafe, 1);
    }
    if (hold) {
        __sync_fetch_and_add(&counters.acks_held, 1);
        return 0;
    }
    settle(skb, c, true);
    if (!s.plain)
        c->calm_ns = now + c->rtt_us * 1000ull; /* SACK blocks: something is missing */
    c->passed = s.ack;
    c->edge = edge;
    c->passed_ns = now;
    return 1;
}

SEC("cgroup_skb/ingress")
int ackthin_in(struct __sk_buff *skb)
{
    struct bpf_sock *sk = skb->sk;
    struct thin_segment s = {};
    struct thin_conn *c;
    __u32 end, size;
    __u64 now;

    if (!sk)
        return 1;
    sk = bpf_sk_fullsock(sk);
    c = sk ? bpf_sk_storage_get(&thin_conns, sk, 0, 0) : NULL;
    if (!c || !read_segment(skb, &s) || (!s.payload && !(s.flags & THIN_FIN)))
        return 1;
    now = bpf_ktime_get_ns();
    end = s.seq + s.payload;
    size = skb->gso_size ?: s.payload;
    if (size > c->mss)
        c->mss = size;
    if (c->segments < THIN_FIRST)
        c->segments += skb->gso_segs ?: 1;
    if (now - c->arrived_ns < THIN_IDLE_NS)
        c->gap_ns = (c->gap_ns * 7ull + (now - c->arrived_ns)) / 8;
    c->arrived_ns = now;
    if (s.seq != c->next)
        c->calm_ns = now + c->rtt_us * 1000ull; /* lost, reordered or sent again */
    if (thin_after(end, c->next))
        c->next = end;
    /*
     * A short segment is the last of what the peer had to send. PSH would say so too, but Linux
     * (since 5.4) also sets it at the end of each packet that it leaves to segmentation offload.
     */
    if ((s.flags & (THIN_FIN | THIN_URG) || (s.payload % c->mss)) && thin_after(end, c->must))
        c->must = end;
    return 1;
}

static __always_inline struct thin_conn *thin_of(struct bpf_sock_ops *ctx)
{
    struct bpf_sock *sk = ctx->sk;

    return sk ? bpf_sk_storage_get(&thin_conns, sk, 0, 0) : NULL;
}

/* The connection is established: from here on its ACKs are thinned to `ratio`. */
static __always_inline struct thin_conn *thin_begin(struct bpf_sock_ops *ctx, __u32 ratio)
{
    struct bpf_sock *sk = ctx->sk;
    struct thin_conn *c =
        sk ? bpf_sk_storage_get(&thin_conns, sk, 0, BPF_SK_STORAGE_GET_F_CREATE) : NULL;

    if (!c)
        return NULL;
    c->ratio = ratio;
    c->passed = c->last = c->must = c->next = c->edge = ctx->rcv_nxt;
    bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_STATE_CB_FLAG);
    return c;
}

/* For BPF_SOCK_OPS_STATE_CB; others are left alone. */
static __always_inline void thin_state(struct bpf_sock_ops *ctx)
{
    __u64 cookie;

    if (ctx->op != BPF_SOCK_OPS_STATE_CB || ctx->args[1] != STATE_CLOSED)
        return;
    cookie = bpf_get_socket_cookie(ctx);
    bpf_map_delete_elem(&thin_parked, &cookie);
}

/*
 * Each segment is acknowledged where the route has RTAX_QUICKACK; an ip rule leads marked packets
 * to a table with such a route. The kernel looks the route up again with the next segment it sends.
 */
static __always_inline void thin_mark(struct bpf_sock_ops *ctx, __u32 mark)
{
    if (bpf_setsockopt(ctx, 1 /* SOL_SOCKET */, SO_MARK, &mark, sizeof(mark)))
        __sync_fetch_and_add(&counters.not_marked, 1);
}

#endif

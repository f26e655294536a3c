/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The TCP ACK Rate Request option (draft-ietf-tcpm-ack-rate-request): whoever sends data asks its
 * peer for an ACK every R segments, or for one at once (R = 0). Negotiated with the SYN and the
 * SYN-ACK; the same program is at both ends, and each connection uses both halves of it: the peer's
 * requests are honoured, within the policy, by thinning our ACKs (ackthin.bpf.h); our own requests
 * follow our congestion window.
 */
#include "ackthin.h"
#include "extcp_prog.h"
#include "tcp_exids.h"

#define OPT_KIND     TCPOPT_KIND_EXP2
#define OPT_EXID     EXID_TARR
#define OPT_MAX_DATA 1
#define OPT_UNIT     "segments"

struct opt_conn {
    __u64 asked_ns; /* when */
    __u32 asked;    /* the R that the peer was told last, 0: none */
    __u32 next;     /* the one to be told with the next segment … */
    __u32 at_once;  /* as many immediate ACKs were asked for (control.ask_at_once) */
    __u32 cwnd;     /* a round trip ago, where ssthresh says nothing … */
    __u32 flat;     /* … and for so many round trips it has not grown by a quarter */
    __u64 cwnd_ns;
    __u8 peer;   /* its SYN had the option */
    __u8 hurry;  /* the delayed-ACK timer was shortened for R = 0 */
    __u8 marked; /* the socket takes the route with quickack */
};

#include "tcpopt.bpf.h"

struct tarr_config {
    __u32 max_r PARAM(0, 127, "segment", "larger requests of a peer are refused; 0: all but R = 0");
    __u32 ask PARAM(0, 1, "", "ask the peer, when we send data");
    __u32 max_ask PARAM(1, 127, "segment", "never ask for more");
    __u32 acks_per_window PARAM(1, 64, "",
                                "ask for so many ACKs a window: R = window / this, "
                                "rounded down to a power of two");
    __u32 rtt_div PARAM(1, 64, "", "an ACK at the latest RTT / this after the one before");
    __u32 max_delay_ms PARAM(1, 499, "ms",
                             "and never later than this (RFC 9293, 3.8.6.3: less than 0.5 s)");
    __u32 first_segments PARAM(1, 100000, "segment", "of a connection that are left alone");
    __u32 quick_mark PARAM(0, 4294967295, "",
                           "SO_MARK that leads to a route with quickack, for R = 1; 0: there is "
                           "none, and the kernel acknowledges every second segment");
};
const volatile struct tarr_config
    config HELP("ACK rate request option: the sender of data says how often it wants ACKs") = {
        .max_r = 64,
        .ask = 1,
        .max_ask = 64,
        .acks_per_window = 4,
        .rtt_div = 4,
        .max_delay_ms = 200,
        .first_segments = 16,
};

struct tarr_control {
    __u32 ask_at_once PARAM(0, 4294967295, "",
                            "each time it changes, every connection asks for one ACK at once");
};
struct tarr_control control SEC(".data"); /* zero, but not in .bss: it is no counter */

#define THIN_RTT_DIV      config.rtt_div
#define THIN_MAX_DELAY_MS config.max_delay_ms
#define THIN_FIRST        config.first_segments

struct tarr_counters {
    TCPOPT_COUNTERS;
    THIN_COUNTERS;
    __u64 honoured, at_once, refused /* R over max_r */, over_window /* R x MSS over our window */,
        not_negotiated, asked;
} counters;

enum event_type { tarr_honoured, tarr_refused, tarr_over_window, tarr_at_once, tarr_asked };
EVENTS(event_type);

#include "ackthin.bpf.h"

/*
 * Is the congestion window still growing towards the path's capacity? A congestion control without
 * ssthresh (bbr) has left that phase when the window has not grown by a quarter for three round
 * trips (the same criterion as its own "full pipe").
 */
static __always_inline bool slow_start(struct bpf_sock_ops *ctx, struct opt_conn *o, __u64 now)
{
    __u32 cwnd = ctx->snd_cwnd;

    if (ctx->snd_ssthresh < 0x7fffffff)
        return cwnd < ctx->snd_ssthresh;
    if (now - o->cwnd_ns >= (ctx->srtt_us >> 3) * 1000ull) {
        o->flat = cwnd * 4 >= o->cwnd * 5 ? 0 : o->flat + 1;
        o->cwnd = cwnd;
        o->cwnd_ns = now;
    }
    return o->flat < 3;
}

/* What the peer should be told; what it was told last where there is nothing new. */
static __always_inline __u32 wanted_r(struct bpf_sock_ops *ctx, struct opt_conn *o,
                                      struct tcp_sock *tp, __u64 now)
{
    __u32 window = ctx->snd_cwnd, mss = ctx->mss_cache, limit, r = 1;

    if (!mss || !ctx->packets_out)
        return o->asked; /* we send nothing */
    if (ctx->lost_out || ctx->retrans_out || ctx->sacked_out)
        return 1;
    /* An application that does not fill the window says nothing about it, and slow_start would
     * take it for one that has stopped to grow. */
    if (ctx->packets_out * 2 < window || slow_start(ctx, o, now))
        return o->asked;
    if (tp->snd_wnd / mss < window)
        window = tp->snd_wnd / mss;
    limit = window / config.acks_per_window;
    if (limit > config.max_ask)
        limit = config.max_ask;
    for (int i = 0; i < 6 && r * 2 <= limit; i++)
        r *= 2;
    if (r <= 2 && !o->asked)
        return 0; /* what the kernel does anyway */
    /* Less at once, more not before a round trip has shown that the window holds. */
    if (r > o->asked && o->asked && now - o->asked_ns < (ctx->srtt_us >> 3) * 1000ull)
        return o->asked;
    return r;
}

/* Looks whether there is something to ask for, before each segment. */
static __always_inline void steer(struct bpf_sock_ops *ctx, struct tcpopt_conn *c)
{
    struct opt_conn *o = &c->opt;
    struct bpf_sock *sk = ctx->sk;
    struct tcp_sock *tp;

    if (!config.ask || !o->peer || !sk)
        return;
    tp = bpf_skc_to_tcp_sock(sk);
    if (tp)
        o->next = wanted_r(ctx, o, tp, bpf_ktime_get_ns());
}

/* The kernel's delayed-ACK timer for the segment at hand: as short as it can be (two ticks, whose
 * length we do not know), or as ever. */
static __always_inline void hurry(struct bpf_sock_ops *ctx, struct tcpopt_conn *c, bool on)
{
    int us = on ? 2000 : 200000;

    if (c->opt.hurry == on)
        return;
    c->opt.hurry = on;
    for (int i = 0; i < 3; i++) {
        if (!bpf_setsockopt(ctx, SOL_TCP, TCP_BPF_DELACK_MAX, &us, sizeof(us)))
            return;
        us = us == 2000 ? 8000 : 20000;
    }
}

static __always_inline int opt_length(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                      enum segment on)
{
    __u8 asked[4] = {OPT_KIND, 4, OPT_EXID >> 8, OPT_EXID & 0xff};

    if (on == ON_SYN)
        return 0;
    if (on == ON_SYNACK) /* only where the SYN had it */
        return bpf_load_hdr_opt(ctx, asked, sizeof(asked), BPF_LOAD_HDR_OPT_TCP_SYN) == 4 ? 0 : -1;
    if (!c || !c->established || !c->opt.peer)
        return -1;
    hurry(ctx, c, false);
    if (c->opt.at_once != control.ask_at_once) {
        tcpopt_resend(c);
        return 1;
    }
    if (ctx->op == BPF_SOCK_OPS_HDR_OPT_LEN_CB)
        steer(ctx, c);
    if (c->opt.next == c->opt.asked)
        return -1;
    tcpopt_resend(c);
    return 1;
}

static __always_inline void opt_write(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                      enum segment on, __u8 *data)
{
    if (!c || on == ON_SYN || on == ON_SYNACK)
        return;
    if (c->opt.at_once != control.ask_at_once) {
        c->opt.at_once = control.ask_at_once;
        data[0] = 0;
        return;
    }
    data[0] = c->opt.next << 1;
    c->opt.asked = c->opt.next;
    c->opt.asked_ns = bpf_ktime_get_ns();
    COUNT(asked);
    emit(ctx, tarr_asked, c->opt.asked);
}

static __always_inline void honour(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                   struct thin_conn *t, __u32 r)
{
    struct bpf_sock *sk = ctx->sk;
    struct tcp_sock *tp = sk ? bpf_skc_to_tcp_sock(sk) : NULL;
    __u32 mss = t->mss ?: ctx->mss_cache;

    if (r > config.max_r) {
        COUNT(refused);
        tcpopt_decide(ctx, c, r, t->ratio, decided_policy);
        emit(ctx, tarr_refused, r);
        return;
    }
    if (!tp || r * mss > tp->rcv_wnd) {
        COUNT(over_window);
        tcpopt_decide(ctx, c, r, t->ratio, decided_window);
        emit(ctx, tarr_over_window, r);
        return;
    }
    if (t->ratio == r)
        return; /* a copy: segmentation offload puts the option on each segment of a packet */
    t->ratio = r;
    if (config.quick_mark && c->opt.marked != (r == 1)) {
        c->opt.marked = r == 1;
        thin_mark(ctx, r == 1 ? config.quick_mark : 0);
    }
    COUNT(honoured);
    tcpopt_decide(ctx, c, r, r, decided_granted);
    emit(ctx, tarr_honoured, r);
}

static __always_inline void opt_received(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                         enum segment on, const __u8 *data, int len)
{
    struct thin_conn *t;

    if (len != (on == ON_SYN || on == ON_SYNACK ? 0 : 1)) {
        COUNT(malformed);
        tcpopt_decide(ctx, c, 0, c->record.granted, decided_malformed);
        return;
    }
    if (!len) {
        c->opt.peer = 1;
        return;
    }
    t = thin_of(ctx);
    if (!t)
        t = thin_begin(ctx, 0);
    if (!c->opt.peer || !t) {
        COUNT(not_negotiated);
        tcpopt_decide(ctx, c, data[0] >> 1, 0, decided_unannounced);
    } else if (data[0] >> 1) {
        honour(ctx, c, t, data[0] >> 1);
    } else {
        t->must = t->next;
        hurry(ctx, c, true);
        COUNT(at_once);
        emit(ctx, tarr_at_once, 0);
    }
}

static __always_inline void opt_established(struct bpf_sock_ops *ctx, struct tcpopt_conn *c)
{
    c->opt.at_once = control.ask_at_once;
    if (c->opt.peer && !thin_of(ctx))
        thin_begin(ctx, 0);
}

#define OPT_OTHER(ctx) thin_state(ctx)

#include "tcpopt_main.bpf.h"

/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * TCP Vegas: L. Brakmo and L. Peterson, "TCP Vegas: End to End Congestion Avoidance on a Global
 * Internet", IEEE JSAC 13(8), 1995, sections 3.2 (congestion avoidance) and 3.3 (slow start). Plain
 * arithmetic on plain numbers, shared by the eBPF program (vegas.bpf.c) and its unit tests.
 *
 * Once in each round trip the rate that is expected without a queue, window / BaseRTT, is compared
 * with the actual one, window / RTT. In segments, the difference times BaseRTT is what stands in
 * queues:
 *
 *   queued = window * (RTT - BaseRTT) / RTT
 *
 * Congestion avoidance: one segment more in the next round trip where queued < alpha, one less
 * where queued > beta. Slow start: the window doubles only in every other round trip; in those
 * between it stands still, so that the comparison is about one window; where queued > gamma, it is
 * over.
 *
 * What the paper leaves open, or differs on purpose:
 *  - In congestion avoidance, RTT is the smallest of a round trip's samples and not that of one
 *    segment: an ACK that was delayed on its way then does not look like a queue. In slow start it
 *    is that of the segment that was sent first in the round trip, as in the paper: the smallest
 *    would be of one that was sent before the window had doubled.
 *  - window is what was really under way, and the congestion window grows only where it was used,
 *    so that an application that pauses is no sign of a free path.
 *  - Leaving slow start, the window becomes what fills the path without the queue that slow start
 *    has built, window * BaseRTT / RTT, and one segment.
 *  - The paper's own retransmission mechanism is not here: the kernel's recovery is as good.
 */
#ifndef EXTCP_BPF_CC_VEGAS_H
#define EXTCP_BPF_CC_VEGAS_H

#include <linux/types.h>

#define VEGAS_MIN_CWND 2u

struct vegas_params {
    __u32 alpha, beta, gamma; /* segments in queues */
};

/* The state of a connection. */
struct vegas {
    __u32 base_rtt_us;  /* the smallest ever; 0: none yet */
    __u32 round_rtt_us; /* the smallest in this round trip; 0: none yet */
    __u32 rtt_us;       /* the newest */
    __u32 round_end;    /* it is over when the segment that begins here is acknowledged */
    __u32 in_flight;    /* the most in this round trip, segments */
    __u8 in_round;      /* round_end is valid */
    __u8 growing;       /* slow start: this is a round trip in which the window doubles */
    __u8 off;           /* during loss recovery: no comparisons */
};

/* Of the socket; changed in place. Segments. */
struct vegas_window {
    __u32 cwnd, ssthresh, clamp; /* clamp: cwnd is never more */
};

enum vegas_step { VEGAS_NOTHING, VEGAS_HELD, VEGAS_UP, VEGAS_DOWN, VEGAS_LEFT_SLOW_START };

static inline void vegas_init(struct vegas *v)
{
    *v = (struct vegas){.growing = 1};
}

/* After recovery or idle time: what was measured in the round trip at hand means nothing. */
static inline void vegas_restart(struct vegas *v)
{
    v->in_round = 0;
    v->round_rtt_us = 0;
    v->in_flight = 0;
    v->growing = 1;
}

static inline void vegas_rtt(struct vegas *v, __u32 rtt_us)
{
    if (!rtt_us)
        rtt_us = 1;
    v->rtt_us = rtt_us;
    if (!v->base_rtt_us || rtt_us < v->base_rtt_us)
        v->base_rtt_us = rtt_us;
    if (!v->round_rtt_us || rtt_us < v->round_rtt_us)
        v->round_rtt_us = rtt_us;
}

/* Above 0: more than n segments of this round trip's window are queued; below 0: fewer. */
static inline __s64 vegas_queued(const struct vegas *v, __u32 rtt_us, __u32 n)
{
    return (__s64)((__u64)v->in_flight * (rtt_us - v->base_rtt_us)) - (__s64)((__u64)n * rtt_us);
}

static inline int vegas_in_slow_start(const struct vegas_window *w)
{
    return w->cwnd < w->ssthresh;
}

/* The comparison at the end of a round trip. */
static inline enum vegas_step vegas_round(struct vegas *v, const struct vegas_params *p,
                                          struct vegas_window *w)
{
    if (!v->round_rtt_us)
        return VEGAS_NOTHING;
    if (vegas_in_slow_start(w)) {
        int grew = v->growing;
        v->growing = !grew;
        if (grew || vegas_queued(v, v->rtt_us, p->gamma) <= 0)
            return VEGAS_NOTHING;
        __u64 fits = (__u64)w->cwnd * v->base_rtt_us / v->rtt_us + 1;
        if (fits < w->cwnd)
            w->cwnd = fits > VEGAS_MIN_CWND ? (__u32)fits : VEGAS_MIN_CWND;
        w->ssthresh = w->cwnd;
        return VEGAS_LEFT_SLOW_START;
    }
    v->growing = 1; /* for the slow start after a time-out */
    if (vegas_queued(v, v->round_rtt_us, p->beta) > 0) {
        if (w->cwnd > VEGAS_MIN_CWND)
            w->cwnd--;
        if (w->ssthresh > w->cwnd)
            w->ssthresh = w->cwnd; /* less is no reason for slow start */
        return VEGAS_DOWN;
    }
    if (vegas_queued(v, v->round_rtt_us, p->alpha) >= 0 || v->in_flight < w->cwnd ||
        w->cwnd >= w->clamp)
        return VEGAS_HELD;
    w->cwnd++;
    return VEGAS_UP;
}

/*
 * An ACK that is no part of a recovery. ack: its number; snd_nxt: the next that will be sent;
 * in_flight: segments under way before it; acked: segments that it acknowledges.
 */
static inline enum vegas_step vegas_ack(struct vegas *v, const struct vegas_params *p,
                                        struct vegas_window *w, __u32 ack, __u32 snd_nxt,
                                        __u32 in_flight, __u32 acked)
{
    enum vegas_step step = VEGAS_NOTHING;

    if (in_flight > v->in_flight)
        v->in_flight = in_flight;
    if (!v->in_round || (__s32)(ack - v->round_end) > 0) {
        if (v->in_round && !v->off)
            step = vegas_round(v, p, w);
        v->in_round = 1;
        v->round_end = snd_nxt;
        v->round_rtt_us = 0;
        v->in_flight = in_flight > acked ? in_flight - acked : 0;
    }
    /* Half of the window in use is enough where it doubles (RFC 7661 leaves it to the sender). */
    if (vegas_in_slow_start(w) && (v->growing || v->off) && 2 * in_flight >= w->cwnd) {
        __u32 room = w->ssthresh - w->cwnd;
        w->cwnd += acked < room ? acked : room;
        if (w->cwnd > w->clamp)
            w->cwnd = w->clamp;
    }
    return step;
}

/* After a loss: half of the window, as in Reno. */
static inline __u32 vegas_ssthresh(__u32 cwnd)
{
    return cwnd / 2 > VEGAS_MIN_CWND ? cwnd / 2 : VEGAS_MIN_CWND;
}

#endif

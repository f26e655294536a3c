/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * TCP Vegas as a congestion control of its own (struct_ops): it is registered for as long as the
 * program is attached. The algorithm is in vegas.h; here is what ties it to the kernel's socket.
 */
#include <linux/bpf.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "cc/vegas.h"
#include "extcp_prog.h"

/* include/net/tcp.h: enum tcp_ca_event, enum tcp_ca_state */
#define CA_EVENT_TX_START     0
#define CA_EVENT_CWND_RESTART 1
#define TCP_CA_OPEN           0

/* What is used of the kernel's types; CO-RE finds the real offsets. */
struct sock {
    int unused;
} __attribute__((preserve_access_index));
struct inet_connection_sock {
    __u64 icsk_ca_priv[13]; /* ICSK_CA_PRIV_SIZE is 104 bytes */
} __attribute__((preserve_access_index));
struct tcp_sock {
    __u32 snd_cwnd, snd_ssthresh, snd_cwnd_clamp, prior_cwnd, packets_out, snd_nxt;
} __attribute__((preserve_access_index));
struct ack_sample {
    __s32 rtt_us;
} __attribute__((preserve_access_index));
struct tcp_congestion_ops {
    void (*init)(struct sock *sk);
    __u32 (*ssthresh)(struct sock *sk);
    void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
    void (*set_state)(struct sock *sk, __u8 new_state);
    void (*cwnd_event)(struct sock *sk, __u32 ev);
    __u32 (*undo_cwnd)(struct sock *sk);
    void (*pkts_acked)(struct sock *sk, const struct ack_sample *sample);
    char name[16];
} __attribute__((preserve_access_index));

_Static_assert(sizeof(struct vegas) <= 104, "it has to fit into icsk_ca_priv");

struct vegas_config {
    __u32 alpha PARAM(1, 1000, "segments", "fewer in queues: the window grows by one");
    __u32 beta PARAM(1, 1000, "segments", "more in queues: it shrinks by one; at least alpha");
    __u32 gamma PARAM(1, 1000, "segments", "more in queues: slow start is over");
};
const volatile struct vegas_config
    config HELP("congestion control: TCP Vegas (Brakmo and Peterson, 1995), as `vegas`") = {
        .alpha = 2,
        .beta = 4,
        .gamma = 1,
};

struct vegas_counters {
    __u64 connections, rounds; /* rounds that were compared */
    __u64 up, down, held, left_slow_start, losses;
} counters;

#define COUNT(name) __sync_fetch_and_add(&counters.name, 1)

static __always_inline struct vegas *state_of(struct sock *sk)
{
    return (struct vegas *)((struct inet_connection_sock *)sk)->icsk_ca_priv;
}

SEC("struct_ops/vegas_init")
void BPF_PROG(extcp_vegas_init, struct sock *sk)
{
    vegas_init(state_of(sk));
    COUNT(connections);
}

SEC("struct_ops/vegas_ssthresh")
__u32 BPF_PROG(extcp_vegas_ssthresh, struct sock *sk)
{
    COUNT(losses);
    return vegas_ssthresh(((struct tcp_sock *)sk)->snd_cwnd);
}

static __always_inline void count_step(enum vegas_step step)
{
    if (step == VEGAS_UP)
        COUNT(up);
    else if (step == VEGAS_DOWN)
        COUNT(down);
    else if (step == VEGAS_HELD)
        COUNT(held);
    else if (step == VEGAS_LEFT_SLOW_START)
        COUNT(left_slow_start);
    if (step != VEGAS_NOTHING)
        COUNT(rounds);
}

SEC("struct_ops/vegas_cong_avoid")
void BPF_PROG(extcp_vegas_cong_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
    struct tcp_sock *tp = (struct tcp_sock *)sk;
    struct vegas_window w = {tp->snd_cwnd, tp->snd_ssthresh, tp->snd_cwnd_clamp};
    const struct vegas_params p = {
        config.alpha, config.beta > config.alpha ? config.beta : config.alpha, config.gamma};

    count_step(vegas_ack(state_of(sk), &p, &w, ack, tp->snd_nxt, tp->packets_out + acked, acked));
    tp->snd_cwnd = w.cwnd;
    tp->snd_ssthresh = w.ssthresh;
}

SEC("struct_ops/vegas_pkts_acked")
void BPF_PROG(extcp_vegas_pkts_acked, struct sock *sk, const struct ack_sample *sample)
{
    if (sample->rtt_us > 0)
        vegas_rtt(state_of(sk), sample->rtt_us);
}

SEC("struct_ops/vegas_set_state")
void BPF_PROG(extcp_vegas_set_state, struct sock *sk, __u8 new_state)
{
    struct vegas *v = state_of(sk);

    v->off = new_state != TCP_CA_OPEN;
    vegas_restart(v);
}

SEC("struct_ops/vegas_cwnd_event")
void BPF_PROG(extcp_vegas_cwnd_event, struct sock *sk, __u32 ev)
{
    if (ev == CA_EVENT_CWND_RESTART || ev == CA_EVENT_TX_START)
        vegas_restart(state_of(sk));
}

SEC("struct_ops/vegas_undo_cwnd")
__u32 BPF_PROG(extcp_vegas_undo_cwnd, struct sock *sk)
{
    const struct tcp_sock *tp = (struct tcp_sock *)sk;

    return tp->snd_cwnd > tp->prior_cwnd ? tp->snd_cwnd : tp->prior_cwnd;
}

SEC(".struct_ops")
struct tcp_congestion_ops vegas = {
    .init = (void *)extcp_vegas_init,
    .ssthresh = (void *)extcp_vegas_ssthresh,
    .cong_avoid = (void *)extcp_vegas_cong_avoid,
    .set_state = (void *)extcp_vegas_set_state,
    .cwnd_event = (void *)extcp_vegas_cwnd_event,
    .undo_cwnd = (void *)extcp_vegas_undo_cwnd,
    .pkts_acked = (void *)extcp_vegas_pkts_acked,
    .name = "vegas",
};

char LICENSE[] SEC("license") = "Dual BSD/GPL";

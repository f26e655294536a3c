/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* For tests: a congestion control that never grows its window, and a sock_ops program that puts
 * every connection on it by the name that it was given here. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "extcp_prog.h"

#define SOL_TCP        6
#define TCP_CONGESTION 13

/* What is used of the kernel's types; CO-RE finds the real offsets. */
struct sock {
    int unused;
} __attribute__((preserve_access_index));
struct tcp_sock {
    __u32 snd_cwnd;
} __attribute__((preserve_access_index));
struct tcp_congestion_ops {
    __u32 (*ssthresh)(struct sock *sk);
    void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
    __u32 (*undo_cwnd)(struct sock *sk);
    char name[16];
} __attribute__((preserve_access_index));

const volatile char own_name[16] HELP("for tests: a congestion control of its own")
    STRUCT_OPS_NAME("catest");

struct ca_test_counters {
    __u64 acks, chosen, refused;
} counters;

SEC("struct_ops/catest_ssthresh")
__u32 BPF_PROG(catest_ssthresh, struct sock *sk)
{
    return 2;
}

SEC("struct_ops/catest_cong_avoid")
void BPF_PROG(catest_cong_avoid, struct sock *sk, __u32 ack, __u32 acked)
{
    __sync_fetch_and_add(&counters.acks, 1);
}

SEC("struct_ops/catest_undo_cwnd")
__u32 BPF_PROG(catest_undo_cwnd, struct sock *sk)
{
    return ((struct tcp_sock *)sk)->snd_cwnd;
}

SEC(".struct_ops")
struct tcp_congestion_ops catest = {
    .ssthresh = (void *)catest_ssthresh,
    .cong_avoid = (void *)catest_cong_avoid,
    .undo_cwnd = (void *)catest_undo_cwnd,
    .name = "catest",
};

SEC("sockops")
int choose(struct bpf_sock_ops *ctx)
{
    char name[16];

    if (ctx->op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB)
        return 1;
    for (int i = 0; i < 16; i++)
        name[i] = own_name[i];
    if (bpf_setsockopt(ctx, SOL_TCP, TCP_CONGESTION, name, sizeof(name)))
        __sync_fetch_and_add(&counters.refused, 1);
    else
        __sync_fetch_and_add(&counters.chosen, 1);
    return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

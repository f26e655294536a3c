/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * How often a receiver acknowledges, without asking anybody: the fixed strategies of Tran and
 * Bonaventure (Netdev 0x13, 2019). Every segment; or 10 segments or RTT/4; or 100 segments or
 * RTT/2; or any other pair.
 */
#include "ackthin.h"
#include "extcp_prog.h"

struct ack_rate_config {
    __u32 segments PARAM(0, 1000, "segment",
                         "an ACK for so many; 0: the kernel's own way; 1: for each (needs "
                         "quick_mark); odd ones are rounded up where the kernel makes one for two");
    __u32 rtt_div PARAM(1, 64, "", "an ACK at the latest RTT / this after the one before");
    __u32 max_delay_ms PARAM(1, 499, "ms",
                             "and never later than this (RFC 9293, 3.8.6.3: less than 0.5 s)");
    __u32 first_segments PARAM(1, 100000, "segment", "of a connection that are left alone");
    __u32 quick_mark PARAM(0, 4294967295, "",
                           "SO_MARK that leads to a route with quickack, for 1; 0: there is none");
};
const volatile struct ack_rate_config
    config HELP("acknowledges every segment, or one of many, or the kernel's own way") = {
        .segments = 10,
        .rtt_div = 4,
        .max_delay_ms = 200,
        .first_segments = 16,
};

#define THIN_RTT_DIV      config.rtt_div
#define THIN_MAX_DELAY_MS config.max_delay_ms
#define THIN_FIRST        config.first_segments

struct ack_rate_counters {
    __u64 connections;
    THIN_COUNTERS;
} counters;

#include "ackthin.bpf.h"

SEC("sockops")
int ack_rate(struct bpf_sock_ops *ctx)
{
    switch (ctx->op) {
    case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
    case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
        __sync_fetch_and_add(&counters.connections, 1);
        if (config.segments == 1 && config.quick_mark)
            thin_mark(ctx, config.quick_mark);
        else if (config.segments == 1)
            __sync_fetch_and_add(&counters.not_marked, 1);
        thin_begin(ctx, config.segments);
        break;
    case BPF_SOCK_OPS_STATE_CB:
        thin_state(ctx);
        break;
    }
    return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

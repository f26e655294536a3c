/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The overhead probe: an option without a meaning, on every segment, to measure what adding options
 * costs (the overhead study of Tran and Bonaventure, Netdev 0x13, 2019). Its data never changes:
 * GRO merges only segments whose options are equal.
 */
#include "extcp_prog.h"
#include "tcp_exids.h"

#define OPT_KIND     TCPOPT_KIND_EXP2
#define OPT_EXID     EXID_OVERHEAD
#define OPT_MAX_DATA 24
#define OPT_WRITES   (config.mode >= MODE_INSERT)
#define OPT_READS    (config.mode >= MODE_PARSE)
#define OPT_ALWAYS   1
#define FILL         0x5a

enum mode { MODE_UNUSED, MODE_INSERT, MODE_PARSE, MODE_SETSOCKOPT };

struct opt_conn {
    __u32 unused;
};

#include "tcpopt.bpf.h"

struct overhead_config {
    __u32 mode PARAM(0, 3, "",
                     "0: attached, and no socket uses it; 1: insert; 2: and parse; 3: and "
                     "bpf_setsockopt for each one received");
    __u32 size PARAM(4, 28, "byte",
                     "of the whole option; a data segment has room for 28 beside timestamps, a SYN "
                     "for 20");
    __u32 timeout_ms PARAM(1, 2147483647, "ms", "TCP_USER_TIMEOUT that is set over and over");
};
const volatile struct overhead_config
    config HELP("an option on every segment, to measure what it costs") = {
        .mode = MODE_SETSOCKOPT,
        .size = 8,
        .timeout_ms = 600000,
};

struct overhead_counters {
    TCPOPT_COUNTERS;
    __u64 set, set_failed;
} counters;

static __always_inline int opt_length(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                      enum segment on)
{
    return OPT_WRITES ? (int)config.size - 4 : -1;
}

static __always_inline void opt_write(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                      enum segment on, __u8 *data)
{
    __builtin_memset(data, FILL, OPT_MAX_DATA);
}

static __always_inline void opt_received(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                         enum segment on, const __u8 *data, int len)
{
    __u32 ms = config.timeout_ms;

    if (len != (int)config.size - 4 || (len && data[0] != FILL)) {
        COUNT(malformed);
        return;
    }
    if (config.mode < MODE_SETSOCKOPT)
        return;
    if (bpf_setsockopt(ctx, SOL_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)))
        COUNT(set_failed);
    else
        COUNT(set);
}

static __always_inline void opt_established(struct bpf_sock_ops *ctx, struct tcpopt_conn *c)
{
}

#include "tcpopt_main.bpf.h"

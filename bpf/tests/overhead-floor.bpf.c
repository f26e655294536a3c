/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* For the experiment `overhead`: puts the option of `overhead` (8 bytes) on every segment with the
 * shortest program that can, without the framework. What it costs is what the kernel's callbacks
 * and the longer header cost. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "extcp_prog.h"
#include "tcp_exids.h"

struct overhead_floor_config {
    __u32 fill PARAM(0, 255, "", "the option's data");
};
const volatile struct overhead_floor_config
    config HELP("for tests: the option of overhead by the shortest program that can") = {
        .fill = 0x5a,
};

SEC("sockops")
int overhead_floor(struct bpf_sock_ops *ctx)
{
    __u8 f = config.fill;
    __u8 option[8] = {TCPOPT_KIND_EXP2, 8, EXID_OVERHEAD >> 8, EXID_OVERHEAD & 0xff, f, f, f, f};

    switch (ctx->op) {
    case BPF_SOCK_OPS_TCP_LISTEN_CB:
    case BPF_SOCK_OPS_TCP_CONNECT_CB:
    case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
    case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
        bpf_sock_ops_cb_flags_set(ctx,
                                  ctx->bpf_sock_ops_cb_flags | BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG);
        break;
    case BPF_SOCK_OPS_HDR_OPT_LEN_CB:
        bpf_reserve_hdr_opt(ctx, sizeof(option), 0);
        break;
    case BPF_SOCK_OPS_WRITE_HDR_OPT_CB:
        bpf_store_hdr_opt(ctx, option, sizeof(option), 0);
        break;
    }
    return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

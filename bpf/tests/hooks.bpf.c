/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* For tests: one program of each kind that can go to a cgroup; each counts its calls. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "extcp_prog.h"

struct hooks_config {
    __u32 step PARAM(1, 1000, "", "what each call adds");
};
const volatile struct hooks_config config HELP("for tests: counts the calls of each hook") = {
    .step = 1,
};

struct hooks_counters {
    __u64 sockops, egress, ingress, connect4, connect6, setsockopt;
} counters;

#define HOOK(section, name, context)                                                               \
    SEC(section)                                                                                   \
    int on_##name(context *ctx)                                                                    \
    {                                                                                              \
        __sync_fetch_and_add(&counters.name, config.step);                                         \
        return 1;                                                                                  \
    }

HOOK("sockops", sockops, struct bpf_sock_ops)
HOOK("cgroup_skb/egress", egress, struct __sk_buff)
HOOK("cgroup_skb/ingress", ingress, struct __sk_buff)
HOOK("cgroup/connect4", connect4, struct bpf_sock_addr)
HOOK("cgroup/connect6", connect6, struct bpf_sock_addr)

SEC("cgroup/setsockopt")
int on_setsockopt(struct bpf_sockopt *ctx)
{
    __sync_fetch_and_add(&counters.setsockopt, config.step);
    ctx->optlen = ctx->optlen > 4096 ? 0 : ctx->optlen; /* larger ones are not handed over whole */
    return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* For tests: takes the settings of `uto`, and never writes the option. A wire check must find that
 * out. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "extcp_prog.h"

struct uto_silent_config {
    __u32 adv_uto_s PARAM(0, 1966020, "s", "ignored");
    __u32 l_limit_s PARAM(1, 1966020, "s", "ignored");
};
const volatile struct uto_silent_config
    config HELP("for tests: like uto, but it never writes the option") = {
        .adv_uto_s = 300,
        .l_limit_s = 100,
};

struct uto_silent_counters {
    __u64 calls;
} counters;

SEC("sockops")
int silent(struct bpf_sock_ops *ctx)
{
    __sync_fetch_and_add(&counters.calls, config.adv_uto_s ? 1 : 1);
    return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

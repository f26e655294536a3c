/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* cap: a full mesh in which what a connection sends through one interface, a metered link, is
 * paced. Its subflows through it share the rate. */
#define PM_SUBFLOW_STATE __u32 paced; /* bytes/s */
#include "pm.bpf.h"
#include "pm_mesh.bpf.h"

struct cap_config {
    PM_LIMITS;
    __u32 interface PARAM(0, 2147483647, "interface", "the metered interface (number or name)");
    __u32 rate_kbit PARAM(8, 10000000, "kbit/s", "rate of each connection through it");
};
const volatile struct cap_config
    config HELP("path manager: a full mesh; paces what is sent through one interface") = {
        PM_LIMITS_DEFAULT,
        .interface = 0,
        .rate_kbit = 1000,
};

struct cap_counters {
    PM_COUNTERS;
    __u64 paced;
} counters;

/* When a subflow is new, and with each RTT sample, for others may have come or gone. */
static void pace(struct bpf_sock_ops *ctx, struct pm_conn *c, struct pm_subflow *s)
{
    struct pm_addr *a = pm_local(s->local_slot);
    __u32 sharing, share;

    if (!a || a->ifindex != config.interface)
        return;
    sharing = pm_count_through(c, config.interface);
    share = (__u64)config.rate_kbit * 125 / (sharing ? sharing : 1);
    if (share == s->paced || pm_pace(ctx, share))
        return;
    s->paced = share;
    COUNT(paced);
}

static const struct pm_policy policy = {MESH, .subflow_established = pace, .rtt = pace};

#include "pm_main.bpf.h"

/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* priority: a full mesh in which a path with a high RTT is only a backup. A backup carries nothing,
 * so nothing is learnt about it: after a while it is tried again. */
#define PM_SUBFLOW_STATE                                                                           \
    __u64 judge_ns; /* not before: what was asked for has to show first */                         \
    __u32 tried;    /* times in a row that it was found slow again */
#include "pm.bpf.h"
#include "pm_mesh.bpf.h"

struct priority_config {
    PM_LIMITS;
    __u32 high_ms PARAM(1, 60000, "ms", "RTT above which a path becomes a backup");
    __u32 low_ms PARAM(1, 60000, "ms", "RTT below which it is an ordinary one again");
    __u32 settle_ms PARAM(0, 60000, "ms", "after a change, RTT is not judged for so long");
    __u32 retry_ms PARAM(0, 3600000, "ms", "a backup is tried again after so long, 0: never");
};
const volatile struct priority_config
    config HELP("path manager: a full mesh; paths with a high RTT are backups") = {
        PM_LIMITS_DEFAULT, .high_ms = 80, .low_ms = 60, .settle_ms = 1000, .retry_ms = 10000,
};

struct priority_counters {
    PM_COUNTERS;
    __u64 demoted, promoted, retried;
} counters;

static bool another_carries(struct pm_conn *c, struct pm_subflow *s)
{
    for (__u32 i = 0; i < PM_SUBFLOWS; i++)
        if (i != s->index && c->list[i].used && !c->list[i].flags)
            return true;
    return false;
}

static void rtt(struct bpf_sock_ops *ctx, struct pm_conn *c, struct pm_subflow *s)
{
    __u64 now = bpf_ktime_get_ns();

    if (now < s->judge_ns)
        return;
    if (!s->backup && s->srtt_us > config.high_ms * 1000 && another_carries(c, s)) {
        s->judge_ns = now + config.settle_ms * 1000000ull;
        if (pm_set_backup(c, s, 1, 0))
            return;
        COUNT(demoted);
        if (config.retry_ms && !pm_set_backup(c, s, 0, config.retry_ms << s->tried)) {
            COUNT(retried);
            s->judge_ns += (__u64)config.retry_ms << s->tried;
        }
        s->tried = s->tried < 4 ? s->tried + 1 : 4;
    } else if (s->srtt_us < config.low_ms * 1000) {
        s->tried = 0;
        if (s->backup && !pm_set_backup(c, s, 0, 0)) {
            COUNT(promoted);
            s->judge_ns = now + config.settle_ms * 1000000ull;
        }
    }
}

static const struct pm_policy policy = {MESH, .rtt = rtt};

#include "pm_main.bpf.h"

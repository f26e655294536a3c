/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* recovery: a full mesh in which a subflow that broke is opened again, after a pause that doubles
 * each time until one has lasted. */
#define PM_CONN_STATE __u8 broke[16]; /* by local slot: times in a row */
#include "pm.bpf.h"
#include "pm_mesh.bpf.h"

struct recovery_config {
    PM_LIMITS;
    __u32 first_ms PARAM(1, 60000, "ms", "pause before the first try");
    __u32 most_ms PARAM(1, 3600000, "ms", "pause at most");
    __u32 lasting_ms PARAM(1, 3600000, "ms", "a subflow that lived so long begins anew");
    __u32 tries PARAM(1, 255, "", "tries in a row, at most");
};
const volatile struct recovery_config
    config HELP("path manager: a full mesh; opens a subflow that broke again, with back-off") = {
        PM_LIMITS_DEFAULT, .first_ms = 100, .most_ms = 10000, .lasting_ms = 5000, .tries = 20,
};

struct recovery_counters {
    PM_COUNTERS;
    __u64 recreated, given_up;
} counters;

static void again(struct pm_conn *c, __u32 local, __u32 remote)
{
    __u8 *broke = &c->broke[local & 15];
    __u32 pause = config.first_ms;

    if (c->server)
        return;
    if (*broke >= config.tries) {
        COUNT(given_up);
        return;
    }
    for (__u32 i = 0; i < 16 && i < *broke && pause < config.most_ms; i++)
        pause *= 2;
    if (!pm_create(c, local == PM_NO_SLOT ? PM_FIRST : local, remote, PM_ANOTHER,
                   pause < config.most_ms ? pause : config.most_ms))
        COUNT(recreated);
    (*broke)++;
}

/* One that ended in order is not wanted any more. */
static void subflow_closed(struct pm_conn *c, struct pm_subflow *s)
{
    __u64 lived = s->established_ns ? bpf_ktime_get_ns() - s->established_ns : 0;

    if (lived > config.lasting_ms * 1000000ull)
        c->broke[s->local_slot & 15] = 0;
    if (s->error)
        again(c, s->local_slot, s->remote_slot);
}

static void result(struct pm_conn *c, const struct pm_command *m, int error)
{
    if (error && m->op == PM_CREATE)
        again(c, m->local_slot, m->remote_slot);
}

static const struct pm_policy policy = {MESH, .subflow_closed = subflow_closed, .result = result};

#include "pm_main.bpf.h"

/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* ndiffports: n subflows between the addresses of the first one, each from another port, so that
 * equal-cost paths that are chosen by ports carry different ones. */
#include "pm.bpf.h"

struct ndiffports_config {
    PM_LIMITS;
    __u32 n PARAM(1, 32, "", "subflows of a connection, the first one included");
};
const volatile struct ndiffports_config
    config HELP("path manager: n subflows between one pair of addresses, on different ports") = {
        PM_LIMITS_DEFAULT,
        .n = 2,
};

struct ndiffports_counters {
    PM_COUNTERS;
} counters;

/* The side that opened the connection opens its subflows. */
static void established(struct pm_conn *c)
{
    for (__u32 i = 1; i < config.n && i < PM_SUBFLOWS; i++)
        if (!c->server && pm_create(c, PM_FIRST, 0, PM_ANOTHER, 0))
            break;
}

static const struct pm_policy policy = {
    .established = established,
};

#include "pm_main.bpf.h"

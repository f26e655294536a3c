/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* fullmesh: a subflow between each of our addresses and each of the peer's, also new ones on either
 * side, and again after an interface was lost and came back. */
#include "pm.bpf.h"
#include "pm_mesh.bpf.h"

struct fullmesh_config {
    PM_LIMITS;
};
const volatile struct fullmesh_config
    config HELP("path manager: a subflow between each pair of addresses") = {
        PM_LIMITS_DEFAULT,
};

struct fullmesh_counters {
    PM_COUNTERS;
} counters;

static const struct pm_policy policy = {MESH};

#include "pm_main.bpf.h"

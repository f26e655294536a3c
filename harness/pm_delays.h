/* SPDX-License-Identifier: BSD-2-Clause */
/* A histogram of delays in fixed memory: 16 steps for each power of two, so a quantile is at most 6
 * % too large. Pure. */
#ifndef EXTCP_PM_DELAYS_H
#define EXTCP_PM_DELAYS_H

#include <stdint.h>

#define PM_DELAY_STEPS 16

struct pm_delays { /* all zero: empty */
    uint64_t n, max_ns;
    uint64_t count[60 * PM_DELAY_STEPS];
};

void pm_delays_add(struct pm_delays *d, uint64_t ns);
/* The q-quantile (0..1) in nanoseconds: the upper end of its step. 0: empty. */
uint64_t pm_delays_quantile(const struct pm_delays *d, double q);

#endif

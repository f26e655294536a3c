/* SPDX-License-Identifier: BSD-2-Clause */
#include "pm_delays.h"

#include <math.h>

/* Below 16 ns each value has a step of its own; above, the four bits after the highest one. */
static unsigned step_of(uint64_t ns)
{
    unsigned top;

    if (ns < PM_DELAY_STEPS)
        return (unsigned)ns;
    top = 63 - (unsigned)__builtin_clzll(ns);
    return (top - 3) * PM_DELAY_STEPS + (unsigned)(ns >> (top - 4) & (PM_DELAY_STEPS - 1));
}

static uint64_t end_of(unsigned step)
{
    unsigned top = step / PM_DELAY_STEPS + 3;

    if (step < PM_DELAY_STEPS)
        return step;
    return ((PM_DELAY_STEPS + step % PM_DELAY_STEPS + 1ull) << (top - 4)) - 1;
}

void pm_delays_add(struct pm_delays *d, uint64_t ns)
{
    unsigned step = step_of(ns);

    d->n++;
    if (ns > d->max_ns)
        d->max_ns = ns;
    if (step >= sizeof(d->count) / sizeof(d->count[0]))
        step = sizeof(d->count) / sizeof(d->count[0]) - 1;
    d->count[step]++;
}

uint64_t pm_delays_quantile(const struct pm_delays *d, double q)
{
    uint64_t wanted = (uint64_t)ceil(q * (double)d->n), seen = 0;

    for (unsigned i = 0; i < sizeof(d->count) / sizeof(d->count[0]); i++) {
        seen += d->count[i];
        if (d->count[i] && seen >= wanted)
            return end_of(i) < d->max_ns ? end_of(i) : d->max_ns;
    }
    return 0;
}

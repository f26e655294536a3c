/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A simulated machine for the gate (harness/gate.h): pairs of measurements of one metric, and how a
 * gate over them ends. Shared by the unit test and the table of `make bench-gate-sim`.
 */
#ifndef EXTCP_GATE_SIM_H
#define EXTCP_GATE_SIM_H

#include <math.h>

#include "gate.h"
#include "stats.h"

enum sim_noise {
    SIM_NORMAL,
    SIM_HEAVY, /* one value in ten is a normal one of four times the width */
    SIM_DRIFT, /* normal, and the machine becomes 1 % slower with every measurement; which of a pair
                  is the first is random, as it is in a gate */
};

static inline double sim_normal(struct rng *r, double sd)
{
    double sum = 0; /* near enough to normal */

    for (int i = 0; i < 12; i++)
        sum += rng_unit(r);
    return sd * (sum - 6);
}

static inline double sim_value(struct rng *r, enum sim_noise noise, double sd)
{
    if (noise == SIM_HEAVY && rng_below(r, 10) == 0)
        sd *= 4;
    return sim_normal(r, sd);
}

struct sim {
    enum sim_noise noise;
    double sd;     /* of log(b / a), without the heavy tail */
    double change; /* true ratio b / a */
    unsigned metrics;
    bool higher_is_better;
};

/* A gate's course for one of the metrics; *n: the pairs it took. */
static inline enum gate_verdict sim_gate(struct rng *r, const struct sim *s, unsigned *n)
{
    const struct gate_question q = {s->higher_is_better, 0.05, s->metrics, true};
    struct gate_answer ans;
    double x[GATE_MAX], y[GATE_MAX];
    unsigned have = 0;

    do {
        unsigned to = gate_next(have);
        for (; have < to; have++) {
            double shared = sim_normal(r, 0.10), drift = s->noise == SIM_DRIFT ? 0.01 : 0;
            unsigned first = (unsigned)rng_below(r, 2);
            x[have] = 100 * exp(shared + drift * (2 * have + first) +
                                sim_value(r, s->noise, s->sd / sqrt(2)));
            y[have] = 100 *
                      exp(shared + drift * (2 * have + !first) +
                          sim_value(r, s->noise, s->sd / sqrt(2))) *
                      s->change;
        }
        gate_judge(&q, x, have, y, have, &ans);
    } while (ans.verdict == GATE_UNDECIDED && gate_next(have));
    *n = have;
    return ans.verdict;
}

#endif

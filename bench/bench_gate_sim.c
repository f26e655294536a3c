/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the gate of `bench` does on a simulated machine, as a table: for each kind and width of the
 * noise and each true change, the share of one metric's gates that end in each verdict, and after
 * how many rounds. 9 metrics, threshold 5 %. bench_gate_sim [GATES]
 */
#include <stdio.h>
#include <stdlib.h>

#include "gate_sim.h"
#include "util.h"

static void row(unsigned gates, const char *noise, const struct sim *s)
{
    unsigned ends[4] = {0}, after[GATE_MAX + 1] = {0}, n;
    double total = 0;
    struct rng r;

    rng_seed(&r, 1);
    for (unsigned i = 0; i < gates; i++) {
        ends[sim_gate(&r, s, &n)]++;
        after[n]++;
        total += n;
    }
    printf("%-7s %4.0f %% %+5.0f %%  %7.2f %% %7.2f %% %7.2f %%  %5.1f ", noise, s->sd * 100,
           (s->change - 1) * 100, 100.0 * ends[GATE_REGRESSION] / gates,
           100.0 * ends[GATE_NO_REGRESSION] / gates, 100.0 * ends[GATE_UNDECIDED] / gates,
           total / gates);
    for (n = gate_next(0); n; n = gate_next(n))
        printf(" %5.1f %%", 100.0 * after[n] / gates);
    putchar('\n');
}

int main(int argc, char **argv)
{
    static const char *const noises[] = {"normal", "heavy", "drift"};
    static const double sd[] = {0.02, 0.04, 0.08}, change[] = {1, 1.05, 1.10, 1.20};
    uint64_t gates = 2000;

    if (argc > 2 || (argc == 2 && (parse_u64(argv[1], &gates) || !gates || gates > 1000000))) {
        fprintf(stderr, "usage: bench_gate_sim [GATES]; accepted: 1 to 1000000\n");
        return 2;
    }
    printf("noise, width, change: regression, no regression, undecided; rounds, ended after");
    for (unsigned n = gate_next(0); n; n = gate_next(n))
        printf(" %u", n);
    putchar('\n');
    for (unsigned k = 0; k < ARRAY_SIZE(noises); k++)
        for (unsigned i = 0; i < ARRAY_SIZE(sd); i++)
            for (unsigned c = 0; c < ARRAY_SIZE(change); c++) {
                const struct sim s = {(enum sim_noise)k, sd[i], change[c], 9, false};
                row((unsigned)gates, noises[k], &s);
            }
    return 0;
}

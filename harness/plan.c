/* SPDX-License-Identifier: BSD-2-Clause */
#include "plan.h"

#include <stdlib.h>

#include "stats.h"
#include "util.h"

void plan_make(struct plan *p, unsigned n_variants, unsigned repetitions, uint64_t seed)
{
    unsigned *order = xcalloc(n_variants, sizeof(*order));
    struct rng rng;

    rng_seed(&rng, seed);
    p->n = 0;
    p->items = xcalloc((size_t)n_variants * repetitions, sizeof(*p->items));
    for (unsigned rep = 1; rep <= repetitions; rep++) {
        for (unsigned i = 0; i < n_variants; i++)
            order[i] = i;
        rng_shuffle(&rng, order, n_variants);
        for (unsigned i = 0; i < n_variants; i++)
            /* JSON has no integers above 2^63: a seed must survive run.json */
            p->items[p->n++] = (struct plan_item){order[i], rep, rng_next(&rng) >> 1};
    }
    free(order);
}

void plan_shard(struct plan *p, unsigned k, unsigned n)
{
    unsigned kept = 0;

    for (unsigned i = k - 1; i < p->n; i += n)
        p->items[kept++] = p->items[i];
    p->n = kept;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of a run: in each round every variant once, in a random order that the seed determines.
 * Pure. */
#ifndef EXTCP_PLAN_H
#define EXTCP_PLAN_H

#include <stdint.h>

struct plan_item {
    unsigned variant;    /* index */
    unsigned repetition; /* from 1 */
    uint64_t seed;       /* of this repetition: of its losses, jitter, … */
};

struct plan {
    struct plan_item *items;
    unsigned n;
};

/* The caller frees items. */
void plan_make(struct plan *p, unsigned n_variants, unsigned repetitions, uint64_t seed);
/* Keeps part k of n (1 <= k <= n) of a plan: every n-th item, so that each part has some of every
 * variant. The parts 1..n together are the plan. */
void plan_shard(struct plan *p, unsigned k, unsigned n);

#endif

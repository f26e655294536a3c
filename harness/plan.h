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

#endif

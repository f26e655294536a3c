/* SPDX-License-Identifier: BSD-2-Clause */
/* Two runs side by side: what each measured, their ratio or difference, and whether it can be seen.
 */
#ifndef EXTCP_COMPARE_H
#define EXTCP_COMPARE_H

#include <stdbool.h>
#include <stdio.h>

#include "results.h"

#define COMPARE_MIN_VALUES 4

struct comparison {
    const char *variant, *metric, *unit; /* belong to the results */
    struct interval a, b;
    struct interval ratio;      /* b / a; n = 0 where it means nothing (zeros, changing signs) */
    struct interval difference; /* b - a */
    bool enough;   /* both sides have COMPARE_MIN_VALUES: a range of fewer is no interval */
    int direction; /* 1: b is higher, -1: lower, 0: no difference was seen */
};

/*
 * Every variant and metric that both runs have, in the order of `a`; metrics (n_metrics 0: all)
 * limits it. A difference is seen where the 95 % interval of the difference of the medians
 * (stats_difference) does not hold 0. The caller frees *out.
 */
unsigned compare_results(struct comparison **out, const struct results *a, const struct results *b,
                         const char *const *metrics, unsigned n_metrics);
/* "higher", "lower", "no difference seen", "too few values". Static. */
const char *compare_words(const struct comparison *c);
/* A line for each, aligned, and how many of so many differences chance alone would show. */
void compare_print(FILE *f, const struct comparison *c, unsigned n);

#endif

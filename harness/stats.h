/* SPDX-License-Identifier: BSD-2-Clause */
/* Statistics: pure, seeded, no global state. NaNs must not be passed in. */
#ifndef EXTCP_STATS_H
#define EXTCP_STATS_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint64_t s[4]; /* xoshiro256** (Blackman and Vigna), seeded with splitmix64 */
};
void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n); /* uniform in 0..n-1, no modulo bias */
double rng_unit(struct rng *r);                /* [0, 1) */
void rng_shuffle(struct rng *r, unsigned *v, size_t n);

/*
 * 95 % percentile bootstrap of the median (Efron, "Bootstrap methods: another look at the
 * jackknife", 1979): 10000 resamples, 2000 where there are more than 1000 values; the same values
 * in any order and the same seed give the same interval. For n = 1, low = high = median. For
 * n <= 5 each extreme is the median of more than 2.5 % of all resamples, so the interval is exactly
 * the range of the values (docs/results.md says what that is worth).
 */
struct interval {
    double median, low, high; /* NaN for n = 0 */
    size_t n;                 /* the smaller of the two where two samples are compared */
};
double stats_median(const double *v, size_t n);
double stats_quantile(const double *v, size_t n, double q); /* type 7 (linear), 0 <= q <= 1 */
struct interval stats_median_interval(const double *v, size_t n, uint64_t seed);
/* Of median(a) - median(b), and of median(a) / median(b). A ratio to values that are not all
 * positive or all negative means nothing: NaN, n = 0. */
struct interval stats_difference(const double *a, size_t na, const double *b, size_t nb,
                                 uint64_t seed);
struct interval stats_ratio(const double *a, size_t na, const double *b, size_t nb, uint64_t seed);
/* Two-sided exact binomial (Clopper and Pearson, Biometrika 26, 1934) interval of the share k/n at
 * level 1 - alpha; 0..1 for n = 0, NaN where k > n or alpha is not in 0..1. */
void stats_binomial(uint64_t k, uint64_t n, double alpha, double *low, double *high);

#endif

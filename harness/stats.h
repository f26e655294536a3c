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

struct interval {
    double median, low,
        high; /* 95 % percentile bootstrap of the median; low = high = median for n = 1 */
    size_t n;
};
double stats_median(const double *v, size_t n);
double stats_quantile(const double *v, size_t n, double q); /* type 7 (linear), 0 <= q <= 1 */
struct interval stats_median_interval(const double *v, size_t n, uint64_t seed);
/* Of median(a) - median(b), and of median(a) / median(b). */
struct interval stats_difference(const double *a, size_t na, const double *b, size_t nb,
                                 uint64_t seed);
struct interval stats_ratio(const double *a, size_t na, const double *b, size_t nb, uint64_t seed);
/* Two-sided exact binomial (Clopper-Pearson) interval of the share k/n at level 1 - alpha. */
void stats_binomial(uint64_t k, uint64_t n, double alpha, double *low, double *high);

#endif

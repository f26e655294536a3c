/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rank tests for "is B slower than A", exact and without any assumption about how the noise is
 * distributed: Wilcoxon's signed-rank test for pairs that were measured side by side, and his
 * rank-sum test (Mann and Whitney) for two samples that were not; with the estimates of Hodges and
 * Lehmann that belong to them. F. Wilcoxon, "Individual comparisons by ranking methods", 1945; J.
 * L. Hodges and E. L. Lehmann, "Estimates of location based on rank tests", 1963. Pure.
 */
#ifndef EXTCP_RANKTEST_H
#define EXTCP_RANKTEST_H

#include <stddef.h>

#define RANKTEST_MAX 60 /* values on a side */

/* Of differences d (pairs; zeros are left out, ties share their mean rank). One-sided: the
 * probability of so large a rank sum of the positive ones, or a larger, where the differences are
 * symmetric about 0. 1 where nothing is left. n <= RANKTEST_MAX. */
double ranktest_pairs(const double *d, size_t n);
/* One-sided: the probability of b's rank sum being so large, or larger, where a and b are of one
 * distribution. na, nb <= RANKTEST_MAX. */
double ranktest_samples(const double *a, size_t na, const double *b, size_t nb);

struct shift {
    double estimate, low, high; /* two-sided interval at level 1 - alpha; infinite ends where so few
                                   values allow none */
};
/* The median of the means of all pairs of differences (Walsh averages), and its interval. */
struct shift ranktest_pairs_shift(const double *d, size_t n, double alpha);
/* The median of all differences b - a, and its interval. */
struct shift ranktest_samples_shift(const double *a, size_t na, const double *b, size_t nb,
                                    double alpha);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define RESAMPLES 4000

/* splitmix64 and xoshiro256**: D. Blackman, S. Vigna, "Scrambled linear pseudorandom number
 * generators" (2018). */
void rng_seed(struct rng *r, uint64_t seed)
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t z = (seed += 0x9e3779b97f4a7c15ull);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        r->s[i] = z ^ (z >> 31);
    }
}

static uint64_t rotl(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

uint64_t rng_next(struct rng *r)
{
    uint64_t *s = r->s, result = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n, v;

    do {
        v = rng_next(r);
    } while (v >= limit);
    return v % n;
}

double rng_unit(struct rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1.0p-53;
}

void rng_shuffle(struct rng *r, unsigned *v, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = rng_below(r, i);
        unsigned t = v[i - 1];
        v[i - 1] = v[j];
        v[j] = t;
    }
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double quantile_sorted(const double *v, size_t n, double q)
{
    double h = (double)(n - 1) * q;
    size_t i = (size_t)h;

    return i + 1 < n ? v[i] + (h - (double)i) * (v[i + 1] - v[i]) : v[n - 1];
}

double stats_quantile(const double *v, size_t n, double q)
{
    double *copy, result;

    if (!n)
        return NAN;
    copy = xcalloc(n, sizeof(*copy));
    memcpy(copy, v, n * sizeof(*copy));
    qsort(copy, n, sizeof(*copy), by_value);
    result = quantile_sorted(copy, n, q);
    free(copy);
    return result;
}

double stats_median(const double *v, size_t n)
{
    return stats_quantile(v, n, 0.5);
}

static double resampled_median(struct rng *r, const double *v, size_t n, double *scratch)
{
    for (size_t i = 0; i < n; i++)
        scratch[i] = v[rng_below(r, n)];
    qsort(scratch, n, sizeof(*scratch), by_value);
    return quantile_sorted(scratch, n, 0.5);
}

enum statistic { MEDIAN, DIFFERENCE, RATIO };

static double combine(enum statistic s, double a, double b)
{
    return s == MEDIAN ? a : s == DIFFERENCE ? a - b : a / b;
}

static struct interval bootstrap(enum statistic s, const double *a, size_t na, const double *b,
                                 size_t nb, uint64_t seed)
{
    struct interval out = {NAN, NAN, NAN, s == MEDIAN ? na : na < nb ? na : nb};
    double *scratch, *medians;
    struct rng r;

    if (!na || (s != MEDIAN && !nb))
        return out;
    out.median = combine(s, stats_median(a, na), s == MEDIAN ? 0 : stats_median(b, nb));
    scratch = xcalloc(na > nb ? na : nb, sizeof(*scratch));
    medians = xcalloc(RESAMPLES, sizeof(*medians));
    rng_seed(&r, seed);
    for (unsigned i = 0; i < RESAMPLES; i++) {
        double x = resampled_median(&r, a, na, scratch),
               y = s == MEDIAN ? 0 : resampled_median(&r, b, nb, scratch);
        medians[i] = combine(s, x, y);
    }
    qsort(medians, RESAMPLES, sizeof(*medians), by_value);
    out.low = quantile_sorted(medians, RESAMPLES, 0.025);
    out.high = quantile_sorted(medians, RESAMPLES, 0.975);
    free(scratch);
    free(medians);
    return out;
}

struct interval stats_median_interval(const double *v, size_t n, uint64_t seed)
{
    return bootstrap(MEDIAN, v, n, NULL, 0, seed);
}

struct interval stats_difference(const double *a, size_t na, const double *b, size_t nb,
                                 uint64_t seed)
{
    return bootstrap(DIFFERENCE, a, na, b, nb, seed);
}

struct interval stats_ratio(const double *a, size_t na, const double *b, size_t nb, uint64_t seed)
{
    return bootstrap(RATIO, a, na, b, nb, seed);
}

/* P(X <= k) for X binomial(n, p). */
static double binomial_at_most(uint64_t k, uint64_t n, double p)
{
    double sum = 0;

    if (p <= 0)
        return 1;
    if (p >= 1)
        return k >= n;
    for (uint64_t i = 0; i <= k; i++)
        sum += exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1) +
                   (double)i * log(p) + (double)(n - i) * log1p(-p));
    return sum > 1 ? 1 : sum;
}

/* C. Clopper, E. Pearson (1934): the bounds are where each tail holds alpha / 2. Found by halving.
 */
void stats_binomial(uint64_t k, uint64_t n, double alpha, double *low, double *high)
{
    double a, b;

    *low = 0;
    *high = 1;
    if (!n)
        return;
    if (k) {
        for (a = 0, b = 1; b - a > 1e-12;) {
            double m = (a + b) / 2;
            if (1 - binomial_at_most(k - 1, n, m) < alpha / 2)
                a = m;
            else
                b = m;
        }
        *low = a;
    }
    if (k < n) {
        for (a = 0, b = 1; b - a > 1e-12;) {
            double m = (a + b) / 2;
            if (binomial_at_most(k, n, m) > alpha / 2)
                a = m;
            else
                b = m;
        }
        *high = b;
    }
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "stats.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

/* Efron and Tibshirani ask for 1000 or more for percentile limits; large samples get fewer, as
 * there the limits lie between many close values. */
#define RESAMPLES       10000
#define RESAMPLES_LARGE 2000
#define LARGE_SAMPLE    1000

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

/* splitmix64 (Steele, Lea and Flood; Vigna's constants) turns any seed, 0 too, into a good state.
 */
static uint64_t splitmix64(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15ull);

    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

void rng_seed(struct rng *r, uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_SIZE(r->s); i++)
        r->s[i] = splitmix64(&seed);
}

uint64_t rng_next(struct rng *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

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
    /* 2^64 mod n: below it, the low residues would come up once more often than the others. */
    uint64_t skip = n ? -n % n : 0, v;

    if (n <= 1)
        return 0;
    do
        v = rng_next(r);
    while (v < skip);
    return v % n;
}

double rng_unit(struct rng *r)
{
    return (double)(rng_next(r) >> 11) * 0x1p-53;
}

void rng_shuffle(struct rng *r, unsigned *v, size_t n)
{
    for (size_t i = n; i > 1; i--) {
        size_t j = (size_t)rng_below(r, i);
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

static double *sorted_copy(const double *v, size_t n)
{
    double *s = xcalloc(n, sizeof(*s));

    if (n) {
        memcpy(s, v, n * sizeof(*s));
        qsort(s, n, sizeof(*s), by_value);
    }
    return s;
}

/* Halfway between two values, without the overflow of a sum. */
static double middle(double a, double b)
{
    return a == b ? a : a / 2 + b / 2;
}

static double sorted_quantile(const double *s, size_t n, double q)
{
    double h, f;
    size_t i;

    if (!n || isnan(q))
        return NAN;
    h = fmin(fmax(q, 0), 1) * (double)(n - 1);
    i = (size_t)h;
    f = h - (double)i;
    if (f == 0 || i + 1 >= n || s[i] == s[i + 1])
        return s[i];
    return f == 0.5 ? middle(s[i], s[i + 1]) : s[i] * (1 - f) + s[i + 1] * f;
}

double stats_quantile(const double *v, size_t n, double q)
{
    double *s = sorted_copy(v, n);
    double x = sorted_quantile(s, n, q);

    free(s);
    return x;
}

double stats_median(const double *v, size_t n)
{
    return stats_quantile(v, n, 0.5);
}

/* Median of n values drawn with replacement from the n sorted ones: counting how often each was
 * drawn spares sorting the sample. */
static double resampled_median(struct rng *r, const double *s, size_t n, unsigned *count)
{
    size_t low = (n - 1) / 2, high = n / 2; /* ranks of the two middle ones, from 0 */
    size_t seen = 0, i = 0;
    double first;

    memset(count, 0, n * sizeof(*count));
    for (size_t k = 0; k < n; k++)
        count[rng_below(r, n)]++;
    while (seen + count[i] <= low)
        seen += count[i++];
    first = s[i];
    while (seen + count[i] <= high)
        seen += count[i++];
    return middle(first, s[i]);
}

enum compare { MEDIAN_OF_A, A_MINUS_B, A_OVER_B };

static double combine(enum compare how, double a, double b)
{
    switch (how) {
    case A_MINUS_B:
        return a - b;
    case A_OVER_B:
        return a / b;
    default:
        return a;
    }
}

/* Percentile bootstrap; both samples are drawn anew, each from itself, for every resample. */
static struct interval bootstrap(enum compare how, const double *a, size_t na, const double *b,
                                 size_t nb, uint64_t seed)
{
    size_t n = na < nb ? na : nb, larger = na > nb ? na : nb;
    size_t resamples = larger > LARGE_SAMPLE ? RESAMPLES_LARGE : RESAMPLES;
    struct interval out = {.median = NAN, .low = NAN, .high = NAN, .n = n};
    double *sa, *sb, *m;
    unsigned *count;
    struct rng r;

    if (!n)
        return out;
    sa = sorted_copy(a, na);
    sb = sorted_copy(b, nb);
    out.median = combine(how, sorted_quantile(sa, na, 0.5), sorted_quantile(sb, nb, 0.5));
    m = xcalloc(resamples, sizeof(*m));
    count = xcalloc(larger, sizeof(*count));
    rng_seed(&r, seed);
    for (size_t i = 0; i < resamples; i++) {
        double ma = resampled_median(&r, sa, na, count);

        m[i] = combine(how, ma, how == MEDIAN_OF_A ? 0 : resampled_median(&r, sb, nb, count));
    }
    qsort(m, resamples, sizeof(*m), by_value);
    out.low = sorted_quantile(m, resamples, 0.025);
    out.high = sorted_quantile(m, resamples, 0.975);
    free(count);
    free(m);
    free(sb);
    free(sa);
    return out;
}

struct interval stats_median_interval(const double *v, size_t n, uint64_t seed)
{
    return bootstrap(MEDIAN_OF_A, v, n, v, n, seed);
}

struct interval stats_difference(const double *a, size_t na, const double *b, size_t nb,
                                 uint64_t seed)
{
    return bootstrap(A_MINUS_B, a, na, b, nb, seed);
}

struct interval stats_ratio(const double *a, size_t na, const double *b, size_t nb, uint64_t seed)
{
    bool positive = true, negative = true;

    for (size_t i = 0; i < nb; i++) {
        positive = positive && b[i] > 0;
        negative = negative && b[i] < 0;
    }
    /* A denominator that may be 0, or of either sign, has no ratio that means anything. */
    if (!positive && !negative)
        return (struct interval){.median = NAN, .low = NAN, .high = NAN, .n = 0};
    return bootstrap(A_OVER_B, a, na, b, nb, seed);
}

/* ln of the binomial coefficient; lgamma() itself would write the global signgam. */
static double log_choose(uint64_t n, uint64_t k)
{
    int sign;

    return lgamma_r((double)n + 1, &sign) - lgamma_r((double)k + 1, &sign) -
           lgamma_r((double)(n - k) + 1, &sign);
}

/*
 * P(X >= k) for X ~ binomial(n, p) with 0 < p <= k/n and k > 0. From k upwards the terms only fall,
 * so the sum can stop as soon as they no longer count.
 */
static double upper_tail(uint64_t k, uint64_t n, double p, double log_coefficient)
{
    double odds = p / (1 - p);
    double first = log_coefficient + (double)k * log(p) + (double)(n - k) * log1p(-p);
    double term = 1, sum = 1;

    for (uint64_t j = k; j < n && term > sum * 1e-17; j++) {
        term *= (double)(n - j) / (double)(j + 1) * odds;
        sum += term;
    }
    return exp(first) * sum;
}

/* The share p at which k or more successes of n have the probability `tail`, 0 < k <= n. */
static double lower_limit(uint64_t k, uint64_t n, double tail)
{
    double coefficient = log_choose(n, k), low = 0, high = (double)k / (double)n, mid;

    if (k == n)
        return pow(tail, 1 / (double)n);
    for (;;) {
        mid = low + (high - low) / 2;
        if (mid <= low || mid >= high)
            return mid;
        if (upper_tail(k, n, mid, coefficient) < tail)
            low = mid;
        else
            high = mid;
    }
}

void stats_binomial(uint64_t k, uint64_t n, double alpha, double *low, double *high)
{
    *low = *high = NAN;
    if (k > n || !(alpha > 0 && alpha < 1))
        return;
    /* The upper limit is the lower one of the failures, seen from the other side. */
    *low = k ? lower_limit(k, n, alpha / 2) : 0;
    *high = k < n ? 1 - lower_limit(n - k, n, alpha / 2) : 1;
}

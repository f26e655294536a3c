/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "stats.h"
#include "util.h"

#define close_to(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

/* The reference implementation's output for the state 1, 2, 3, 4 (prng.di.unimi.it), as also kept
 * by the tests of Rust's rand_xoshiro. */
static void xoshiro_matches_the_reference(void **state)
{
    static const uint64_t want[] = {11520ull,
                                    0ull,
                                    1509978240ull,
                                    1215971899390074240ull,
                                    1216172134540287360ull,
                                    607988272756665600ull,
                                    16172922978634559625ull,
                                    8476171486693032832ull,
                                    10595114339597558777ull,
                                    2904607092377533576ull};
    struct rng r = {{1, 2, 3, 4}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(want); i++)
        assert_int_equal(rng_next(&r), want[i]);
}

/* splitmix64 from the seed 1234567: the values of the Rosetta Code task "Pseudo-random
 * numbers/Splitmix64". */
static void seeding_is_splitmix64(void **state)
{
    struct rng r;

    (void)state;
    rng_seed(&r, 1234567);
    assert_int_equal(r.s[0], 6457827717110365317ull);
    assert_int_equal(r.s[1], 3203168211198807973ull);
    assert_int_equal(r.s[2], 9817491932198370423ull);
    assert_int_equal(r.s[3], 4593380528125082431ull);
}

static void below_is_uniform_and_bounded(void **state)
{
    unsigned seen[7] = {0};
    struct rng r;

    (void)state;
    rng_seed(&r, 1);
    for (unsigned i = 0; i < 70000; i++) {
        uint64_t v = rng_below(&r, 7);

        assert_true(v < 7);
        seen[v]++;
    }
    /* sd of each count is 93; 5 of them */
    for (unsigned i = 0; i < 7; i++)
        assert_in_range(seen[i], 10000 - 465, 10000 + 465);
    assert_int_equal(rng_below(&r, 1), 0);
    assert_int_equal(rng_below(&r, 0), 0);
    /* With 3 * 2^62 a plain modulo gives the lowest third half of the draws. */
    seen[0] = 0;
    for (unsigned i = 0; i < 30000; i++)
        seen[0] += rng_below(&r, 3ull << 62) < 1ull << 62;
    assert_in_range(seen[0], 10000 - 410, 10000 + 410);
}

static void unit_is_in_the_half_open_interval(void **state)
{
    double sum = 0;
    struct rng r;

    (void)state;
    rng_seed(&r, 2);
    for (unsigned i = 0; i < 100000; i++) {
        double u = rng_unit(&r);

        assert_true(u >= 0 && u < 1);
        sum += u;
    }
    close_to(sum / 100000, 0.5, 0.005);
}

static void shuffle_keeps_every_element_and_is_uniform(void **state)
{
    unsigned count[6] = {0};
    struct rng r;

    (void)state;
    rng_seed(&r, 3);
    for (unsigned i = 0; i < 60000; i++) {
        unsigned v[3] = {0, 1, 2};

        rng_shuffle(&r, v, 3);
        assert_int_equal(v[0] + v[1] + v[2], 3);
        assert_true(v[0] != v[1] && v[1] != v[2] && v[0] != v[2]);
        count[v[0] * 2 + (v[1] > v[2])]++;
    }
    for (unsigned i = 0; i < 6; i++)
        assert_in_range(count[i], 10000 - 460, 10000 + 460);
    rng_shuffle(&r, NULL, 0);
}

/* R 4: quantile(c(15, 20, 35, 40, 50), c(.05, .3, .4, .5, 1)) is 16 23 29 35 50 (type 7). */
static void quantiles_are_type_7(void **state)
{
    const double v[] = {50, 15, 40, 20, 35};
    const double even[] = {4, 1, 3, 2};
    const double huge[] = {1.7e308, 1.7e308, 1.5e308, 1.6e308};

    (void)state;
    close_to(stats_quantile(v, 5, 0), 15, 0);
    close_to(stats_quantile(v, 5, 0.05), 16, 1e-12);
    close_to(stats_quantile(v, 5, 0.3), 23, 1e-12);
    close_to(stats_quantile(v, 5, 0.4), 29, 1e-12);
    close_to(stats_quantile(v, 5, 1), 50, 0);
    close_to(stats_median(v, 5), 35, 0);
    close_to(stats_median(even, 4), 2.5, 0);
    close_to(stats_quantile(even, 4, 0.25), 1.75, 1e-12);
    close_to(stats_median(v, 1), 50, 0);
    assert_true(isfinite(stats_median(huge, 4)));
    assert_true(isnan(stats_median(v, 0)));
    /* the caller's array is not touched */
    assert_true(v[0] == 50 && v[4] == 35);
}

static void tiny_samples_give_their_range(void **state)
{
    const double v[] = {7, 3, 11, 5, 2};

    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        for (size_t n = 1; n <= 5; n++) {
            struct interval i = stats_median_interval(v, n, seed);

            assert_int_equal(i.n, n);
            close_to(i.low, stats_quantile(v, n, 0), 0);
            close_to(i.high, stats_quantile(v, n, 1), 0);
            close_to(i.median, stats_median(v, n), 0);
        }
    }
    assert_true(isnan(stats_median_interval(v, 0, 1).median));
    assert_int_equal(stats_median_interval(v, 0, 1).n, 0);
}

/*
 * For odd n the bootstrap distribution of the median is known exactly: P(median* <= x(k)) =
 * P(binomial(n, k/n) >= (n+1)/2) (Efron 1979, section 3). The limits must be where it crosses
 * 2.5 % and 97.5 %; 7, 11 and 13 stay far from a tie with them.
 */
static void limits_match_the_exact_bootstrap_distribution(void **state)
{
    static const struct {
        unsigned n, low, high; /* ranks, from 1 */
    } want[] = {{7, 2, 6}, {11, 3, 9}, {13, 4, 10}};
    double v[13];

    (void)state;
    for (unsigned i = 0; i < 13; i++)
        v[i] = i + 1;
    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            struct interval x = stats_median_interval(v, want[i].n, seed);

            close_to(x.low, want[i].low, 0);
            close_to(x.high, want[i].high, 0);
        }
    }
}

/* For even n the judge is every one of the 6^6 resamples of six values. */
static void limits_match_all_resamples_of_an_even_sample(void **state)
{
    static const double v[] = {1, 2, 4, 8, 16, 32};
    double *m = xcalloc(46656, sizeof(*m)), low, high;

    (void)state;
    for (unsigned i = 0; i < 46656; i++) {
        double sample[6];

        for (unsigned k = 0, rest = i; k < 6; k++, rest /= 6)
            sample[k] = v[rest % 6];
        m[i] = stats_median(sample, 6);
    }
    /* no tie: the neighbours of both limits are the same value */
    low = stats_quantile(m, 46656, 0.025);
    high = stats_quantile(m, 46656, 0.975);
    assert_true(stats_quantile(m, 46656, 0.018) == low && stats_quantile(m, 46656, 0.03) == low);
    assert_true(stats_quantile(m, 46656, 0.97) == high && stats_quantile(m, 46656, 0.98) == high);
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct interval x = stats_median_interval(v, 6, seed);

        close_to(x.low, low, 0);
        close_to(x.high, high, 0);
    }
    free(m);
}

static void interval_depends_on_seed_and_values_only(void **state)
{
    double v[40], w[40];
    struct interval a, b, c;
    struct rng r;

    (void)state;
    rng_seed(&r, 9);
    for (unsigned i = 0; i < 40; i++)
        v[i] = w[39 - i] = rng_unit(&r);
    a = stats_median_interval(v, 40, 77);
    b = stats_median_interval(w, 40, 77);
    assert_true(a.low == b.low && a.high == b.high && a.median == b.median);
    assert_true(a.low < a.median && a.median < a.high);
    c = stats_median_interval(v, 40, 78);
    close_to(c.low, a.low, 0.1);
    a = stats_difference(v, 40, w, 20, 5);
    b = stats_difference(v, 40, w, 20, 5);
    assert_true(a.low == b.low && a.high == b.high);
}

/* The interval of 95 % should hold the true median about that often: 25 values from a skewed
 * (exponential) distribution. Seeded, so the count is always the same. */
static void interval_covers_the_true_median(void **state)
{
    unsigned covered = 0, trials = 400;
    double v[25];
    struct rng r;

    (void)state;
    rng_seed(&r, 42);
    for (unsigned t = 0; t < trials; t++) {
        struct interval i;

        for (unsigned k = 0; k < 25; k++)
            v[k] = -log(1 - rng_unit(&r));
        i = stats_median_interval(v, 25, t);
        covered += i.low <= M_LN2 && M_LN2 <= i.high;
    }
    /* 95 % of 400 is 380, sd 4.4 */
    assert_in_range(covered, 365, 394);
}

static void difference_covers_the_true_difference(void **state)
{
    unsigned covered = 0, apart = 0, trials = 300;
    double a[20], b[15];
    struct rng r;

    (void)state;
    rng_seed(&r, 43);
    for (unsigned t = 0; t < trials; t++) {
        struct interval i;

        for (unsigned k = 0; k < 20; k++)
            a[k] = 3 - log(1 - rng_unit(&r));
        for (unsigned k = 0; k < 15; k++)
            b[k] = -log(1 - rng_unit(&r));
        i = stats_difference(a, 20, b, 15, t);
        assert_int_equal(i.n, 15);
        covered += i.low <= 3 && 3 <= i.high;
        apart += i.low > 0;
    }
    assert_in_range(covered, 276, 299);
    assert_int_equal(apart, trials);
}

static void ratios(void **state)
{
    const double a[] = {10, 12, 11}, b[] = {5, 5.5, 6}, zero[] = {0, 1, 2}, mixed[] = {-1, 1};
    struct interval i = stats_ratio(a, 3, b, 3, 1);

    (void)state;
    close_to(i.median, 2, 1e-12);
    close_to(i.low, 10.0 / 6, 1e-12);
    close_to(i.high, 12.0 / 5, 1e-12);
    assert_int_equal(stats_ratio(a, 3, zero, 3, 1).n, 0);
    assert_true(isnan(stats_ratio(a, 3, zero, 3, 1).median));
    assert_true(isnan(stats_ratio(a, 3, mixed, 2, 1).low));
    assert_true(isnan(stats_ratio(a, 3, b, 0, 1).median));
    i = stats_difference(a, 3, b, 3, 1);
    close_to(i.low, 4, 1e-12);
    close_to(i.high, 7, 1e-12);
}

/*
 * R's binom.test(k, n, conf.level = 1 - alpha)$conf.int. 682 of 925 is the example on its help
 * page (Mendel's peas); the others can be had without R from the beta quantiles, or in exact
 * rational arithmetic.
 */
static void binomial_matches_r(void **state)
{
    static const struct {
        uint64_t k, n;
        double alpha, low, high;
    } want[] = {
        {682, 925, 0.05, 0.7076683, 0.7654066},
        {5, 10, 0.05, 0.1870860284, 0.8129139716},
        {0, 10, 0.05, 0, 0.3084971078},
        {1, 10, 0.05, 0.0025285785, 0.4450161170},
        {10, 10, 0.05, 0.6915028922, 1},
        {3, 20, 0.05, 0.0320709372, 0.3789268265},
        {0, 0, 0.05, 0, 1},
    };
    double low, high;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        stats_binomial(want[i].k, want[i].n, want[i].alpha, &low, &high);
        close_to(low, want[i].low, 6e-8);
        close_to(high, want[i].high, 6e-8);
    }
    stats_binomial(3, 2, 0.05, &low, &high);
    assert_true(isnan(low) && isnan(high));
    stats_binomial(1, 2, 0, &low, &high);
    assert_true(isnan(low) && isnan(high));
}

/* Far out the normal approximation is a judge: 1 % of ten million packets, alpha 0.01. */
static void binomial_of_many_packets(void **state)
{
    double n = 1e7, p = 0.01, sd = sqrt(p * (1 - p) / n), low, high;

    (void)state;
    stats_binomial(100000, 10000000, 0.01, &low, &high);
    close_to(low, p - 2.5758293 * sd, sd / 50);
    close_to(high, p + 2.5758293 * sd, sd / 50);
    stats_binomial(9900000, 10000000, 0.01, &low, &high);
    close_to(1 - low, p + 2.5758293 * sd, sd / 50);
    close_to(1 - high, p - 2.5758293 * sd, sd / 50);
}

/* Clopper-Pearson never covers less than it says, whatever the share. */
static void binomial_covers(void **state)
{
    static const double shares[] = {0.003, 0.1, 0.5};
    struct rng r;

    (void)state;
    rng_seed(&r, 44);
    for (size_t s = 0; s < ARRAY_SIZE(shares); s++) {
        unsigned covered = 0;

        for (unsigned t = 0; t < 2000; t++) {
            double low, high;
            uint64_t k = 0;

            for (unsigned i = 0; i < 200; i++)
                k += rng_unit(&r) < shares[s];
            stats_binomial(k, 200, 0.05, &low, &high);
            covered += low <= shares[s] && shares[s] <= high;
        }
        /* sd 10 at exactly 95 % of 2000 */
        assert_true(covered >= 1875);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xoshiro_matches_the_reference),
        cmocka_unit_test(seeding_is_splitmix64),
        cmocka_unit_test(below_is_uniform_and_bounded),
        cmocka_unit_test(unit_is_in_the_half_open_interval),
        cmocka_unit_test(shuffle_keeps_every_element_and_is_uniform),
        cmocka_unit_test(quantiles_are_type_7),
        cmocka_unit_test(tiny_samples_give_their_range),
        cmocka_unit_test(limits_match_the_exact_bootstrap_distribution),
        cmocka_unit_test(limits_match_all_resamples_of_an_even_sample),
        cmocka_unit_test(interval_depends_on_seed_and_values_only),
        cmocka_unit_test(interval_covers_the_true_median),
        cmocka_unit_test(difference_covers_the_true_difference),
        cmocka_unit_test(ratios),
        cmocka_unit_test(binomial_matches_r),
        cmocka_unit_test(binomial_of_many_packets),
        cmocka_unit_test(binomial_covers),
    };

    return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "claims.h"
#include "pairs.h"
#include "util.h"

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr(text, part))                                                                   \
            fail_msg("'%s' is not in '%s'", part, text);                                           \
    } while (0)

static struct pairing pairing(const char *of, bool ratio)
{
    return (struct pairing){
        .name = (char *)"diff", .of = (char *)of, .than = (char *)"base", .ratio = ratio};
}

/* `n` pages, three repetitions each: page i takes i + 1 s in base, which is the median and not the
 * mean of its repetitions, and `times` as much in the variant. */
static void add_pages(struct results *r, const char *variant, unsigned n, double times)
{
    for (unsigned i = 0; i < n; i++) {
        static const double reps[] = {0.9, 1, 5};
        char name[32];

        snprintf(name, sizeof(name), "load.page%03u_s", i);
        for (unsigned k = 0; k < 3; k++)
            results_add(r, results_variant(r, variant), k + 1, results_metric(r, name, "s"),
                        (i + 1) * times * reps[k]);
    }
}

static double value_of(const struct results *r, const char *variant, const char *pair)
{
    int m = results_find_metric(r, "diff"), v = results_find_variant(r, variant);

    for (size_t i = 0; i < r->n_values; i++)
        if ((int)r->values[i].metric == m && (int)r->values[i].variant == v &&
            !strcmp(r->metrics[m].pairs[r->values[i].repetition - 1], pair))
            return r->values[i].value;
    return NAN;
}

static void test_what_is_accepted(void **state)
{
    static const char *const bad[] = {"", "load.page_s", "load.page*_*"};
    struct pairing p = pairing("load.page*_s", false);
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(pairing_validate(&p, &e), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        p = pairing(bad[i], false);
        assert_true(pairing_validate(&p, &e) < 0);
        assert_contains(e.msg, bad[i]);
        assert_contains(e.msg, "accepted: a metric's name with one '*'");
    }
    p = pairing("a*", false);
    p.than = NULL;
    assert_true(pairing_validate(&p, &e) < 0);
    assert_contains(e.msg, "'than' is missing");
}

static void test_medians_of_the_same_page(void **state)
{
    struct pairing p = pairing("load.page*_s", false);
    struct results r;

    (void)state;
    results_init(&r, "x", 1);
    add_pages(&r, "base", 3, 1);
    add_pages(&r, "slow", 3, 1.5);
    results_add(&r, 0, 1, results_metric(&r, "load.page_s", "s"), 7);   /* '*' is some text */
    results_add(&r, 0, 1, results_metric(&r, "load.median_s", "s"), 7); /* something else */
    pairing_apply(&p, &r);
    assert_int_equal(r.metrics[results_find_metric(&r, "diff")].n_pairs, 3);
    assert_string_equal(r.metrics[results_find_metric(&r, "diff")].unit, "s");
    assert_float_equal(value_of(&r, "slow", "000"), 0.5, 1e-12);
    assert_float_equal(value_of(&r, "slow", "002"), 1.5, 1e-12);
    assert_true(isnan(value_of(&r, "base", "000")));
    results_free(&r);
}

static void test_ratio(void **state)
{
    struct pairing p = pairing("load.page*_s", true);
    struct results r;

    (void)state;
    results_init(&r, "x", 1);
    add_pages(&r, "slow", 2, 1.5); /* whatever the order of the variants */
    add_pages(&r, "base", 2, 1);
    add_pages(&r, "fast", 2, 0.5);
    pairing_apply(&p, &r);
    assert_string_equal(r.metrics[results_find_metric(&r, "diff")].unit, "1");
    assert_float_equal(value_of(&r, "slow", "001"), 1.5, 1e-12);
    assert_float_equal(value_of(&r, "fast", "000"), 0.5, 1e-12);
    results_free(&r);
}

static void test_nothing_fits(void **state)
{
    struct pairing p = pairing("load.page*_s", false);
    struct results r;

    (void)state;
    results_init(&r, "x", 1);
    add_pages(&r, "slow", 2, 1.5);
    pairing_apply(&p, &r); /* `base` did not run */
    assert_int_equal(results_find_metric(&r, "diff"), -1);
    assert_false(results_have_pairs(&r));
    p.than = (char *)"slow"; /* nothing else did */
    pairing_apply(&p, &r);
    assert_int_equal(results_find_metric(&r, "diff"), -1);
    add_pages(&r, "base", 2, 1);
    p.of = (char *)"other.*";
    pairing_apply(&p, &r);
    assert_int_equal(results_find_metric(&r, "diff"), -1);
    results_free(&r);
}

static void test_files(void **state)
{
    struct pairing p = pairing("load.page*_s", false);
    char dir[] = "/tmp/extcp-test-pairs.XXXXXX", *path, *text;
    struct err e = ERR_INIT;
    struct results r;

    (void)state;
    assert_non_null(mkdtemp(dir));
    results_init(&r, "x", 1);
    add_pages(&r, "base", 2, 1);
    add_pages(&r, "slow", 2, 1.5);
    pairing_apply(&p, &r);
    path = xasprintf("%s/pairs.csv", dir);
    assert_int_equal(results_write_pairs_csv(&r, path, &e), 0);
    assert_int_equal(read_file(path, &text, NULL, &e), 0);
    assert_string_equal(text, CSV_HEADER_PAIRS "\nx,slow,000,diff,s,0.5\nx,slow,001,diff,s,1\n");
    free(text);
    assert_int_equal(results_write_data_csv(&r, path, &e), 0);
    assert_int_equal(read_file(path, &text, NULL, &e), 0);
    assert_null(strstr(text, "diff")); /* the raw values only */
    assert_contains(text, "x,slow,3,load.page001_s,s,15\n");
    free(text);
    free(path);
    remove_tree(dir);
    results_free(&r);
}

/* ---- claims about it ---- */

static struct claim_result judge(struct results *r, double min, double max, double by)
{
    char *variants[] = {(char *)"slow"};
    struct claim c = {.name = (char *)"a sentence",
                      .kind = CLAIM_SHARE,
                      .metric = (char *)"diff",
                      .variants = variants,
                      .n_variants = 1,
                      .min = min,
                      .max = max,
                      .by = by};
    struct claim_result out = {0};
    struct err e = ERR_INIT;

    assert_int_equal(claim_validate(&c, &e), 0);
    claim_judge(&c, r, &out);
    return out;
}

static void test_share(void **state)
{
    struct pairing p = pairing("load.page*_s", false);
    struct claim_result out = {0};
    struct results r;
    size_t n;

    (void)state;
    results_init(&r, "x", 1);
    add_pages(&r, "base", 10, 1);
    add_pages(&r, "slow", 10, 1.5);
    pairing_apply(&p, &r);
    free(results_repetitions(&r, (unsigned)results_find_variant(&r, "slow"), &n));
    assert_int_equal(n, 3); /* ten pairs are not ten repetitions */
    out = judge(&r, 0, INFINITY, 0.5);
    assert_true(out.held);
    assert_contains(out.expected, "diff at least 0 s in more than 50 % of the values");
    /* Clopper and Pearson: 10 of 10 */
    assert_contains(out.found, "slow: 10 of 10, 100 % [69.2 %, 100 %]");
    assert_false(judge(&r, 0, INFINITY, 0.7).held);
    assert_true(judge(&r, 0, INFINITY, 0.69).held);
    /* differences of 0.5, 1, … 5 s: 8 of 10 are at least 1.5 s, which could be chance */
    out = judge(&r, 1.5, INFINITY, 0.5);
    assert_false(out.held);
    assert_contains(out.found, "slow: 8 of 10, 80 % [44.4 %, 97.5 %]");
    assert_false(judge(&r, -INFINITY, 0, 0.5).held);
    results_free(&r);
}

static void test_a_missing_pair_cannot_be_claimed(void **state)
{
    struct pairing p = pairing("load.page*_s", false);
    struct claim_result out = {0};
    struct results r;

    (void)state;
    results_init(&r, "x", 1);
    add_pages(&r, "base", 12, 1);
    add_pages(&r, "slow", 11, 1.5);
    pairing_apply(&p, &r);
    out = judge(&r, 0, INFINITY, 0.5);
    assert_false(out.held);
    assert_contains(out.found, "slow: no value of diff in pair 011");
    results_free(&r);
}

static void test_each_names_the_pair(void **state)
{
    struct pairing p = pairing("load.page*_s", false);
    char *variants[] = {(char *)"slow"};
    struct claim c = {.name = (char *)"a sentence",
                      .kind = CLAIM_EACH,
                      .metric = (char *)"diff",
                      .variants = variants,
                      .n_variants = 1,
                      .min = 0,
                      .max = 1.4};
    struct claim_result out = {0};
    struct results r;

    (void)state;
    results_init(&r, "x", 1);
    add_pages(&r, "base", 3, 1);
    add_pages(&r, "slow", 3, 1.5);
    pairing_apply(&p, &r);
    claim_judge(&c, &r, &out);
    assert_false(out.held);
    assert_contains(out.found, "slow pair 002: 1.50 s");
    c.max = 2;
    claim_judge(&c, &r, &out);
    assert_true(out.held);
    assert_contains(out.found, "(3 pairs)");
    results_free(&r);
}

static void test_share_must_be_one(void **state)
{
    struct claim c = {.name = (char *)"a sentence",
                      .kind = CLAIM_SHARE,
                      .metric = (char *)"diff",
                      .min = 0,
                      .max = INFINITY,
                      .by = 1};
    struct err e = ERR_INIT;

    (void)state;
    assert_true(claim_validate(&c, &e) < 0);
    assert_contains(e.msg, "by = 1; accepted: a share from 0 to less than 1");
    c.by = 0.5;
    c.min = -INFINITY;
    assert_true(claim_validate(&c, &e) < 0);
    assert_contains(e.msg, "'min', 'max' or both");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_accepted),
        cmocka_unit_test(test_medians_of_the_same_page),
        cmocka_unit_test(test_ratio),
        cmocka_unit_test(test_nothing_fits),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_a_missing_pair_cannot_be_claimed),
        cmocka_unit_test(test_each_names_the_pair),
        cmocka_unit_test(test_share_must_be_one),
    };

    return cmocka_run_group_tests_name("pairs", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "claims.h"
#include "util.h"

/* cmocka's assert_string_equal, with what was looked for in a longer text. */
#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr(text, part))                                                                   \
            fail_msg("'%s' is not in '%s'", part, text);                                           \
    } while (0)

static void add(struct results *r, const char *variant, const char *metric, const char *unit,
                const double *v, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        results_add(r, results_variant(r, variant), i + 1, results_metric(r, metric, unit), v[i]);
}

/* uto-3s and uto-5s have ten repetitions each, of which uto-5s breaks the bounds in its 4th. */
static int setup(void **state)
{
    static const double good[] = {1.04, 1.05, 1.06, 1.07, 1.05, 1.05, 1.04, 1.06, 1.05, 1.05};
    static const double bad[] = {1.04, 1.05, 1.06, 1.31, 1.05, 1.05, 0.89, 1.06, 1.05, 1.05};
    static const double fast[] = {1.0, 1.1, 1.2}, slow[] = {2.0, 2.2, 2.4}, near[] = {1.15, 0.9, 2};
    static const double one[] = {5}, zero[] = {0, 1, 2};
    struct results *r = xcalloc(1, sizeof(*r));

    results_init(r, "uto", 1);
    add(r, "uto-3s", "abort_ratio", "", good, 10);
    add(r, "uto-5s", "abort_ratio", "", bad, 10);
    add(r, "fast", "resume", "s", fast, 3);
    add(r, "slow", "resume", "s", slow, 3);
    add(r, "near", "resume", "s", near, 3);
    add(r, "once", "resume", "s", one, 1);
    add(r, "zero", "resume", "s", zero, 3);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    results_free(*state);
    free(*state);
    return 0;
}

static struct claim claim(enum claim_kind kind, const char *metric, char **variants, unsigned n)
{
    return (struct claim){.name = (char *)"a sentence",
                          .kind = kind,
                          .metric = (char *)metric,
                          .variants = variants,
                          .n_variants = n,
                          .min = -INFINITY,
                          .max = INFINITY};
}

static char *uto3[] = {(char *)"uto-3s"}, *uto5[] = {(char *)"uto-5s"};
static char *fast[] = {(char *)"fast"}, *near[] = {(char *)"near"}, *once[] = {(char *)"once"};
static char *slow[] = {(char *)"slow"};

static struct claim_result judge(void **state, const struct claim *c)
{
    struct claim_result out;
    struct err e = ERR_INIT;

    if (claim_validate(c, &e))
        fail_msg("%s", e.msg);
    claim_judge(c, *state, &out);
    return out;
}

static void each_holds_and_says_the_range(void **state)
{
    struct claim c = claim(CLAIM_EACH, "abort_ratio", uto3, 1);
    struct claim_result r;

    c.min = 0.9;
    c.max = 1.1;
    r = judge(state, &c);
    assert_true(r.held);
    assert_string_equal(r.expected, "each repetition of abort_ratio in 0.9..1.1: uto-3s");
    assert_string_equal(r.found, "uto-3s: 1.04 to 1.07 (10 repetitions)");
}

static void each_names_the_repetition_that_broke_it(void **state)
{
    struct claim c = claim(CLAIM_EACH, "abort_ratio", uto5, 1);
    struct claim_result r;

    c.min = 0.9;
    c.max = 1.1;
    r = judge(state, &c);
    assert_false(r.held);
    assert_string_equal(r.found, "uto-5s repetition 4: 1.31 (and 1 more of 10 values)");
    c.min = -INFINITY;
    r = judge(state, &c);
    assert_false(r.held);
    assert_contains(r.expected, "at most 1.1");
    assert_string_equal(r.found, "uto-5s repetition 4: 1.31");
    c.min = 0.9;
    c.max = INFINITY;
    r = judge(state, &c);
    assert_contains(r.expected, "at least 0.9");
    assert_string_equal(r.found, "uto-5s repetition 7: 0.890");
}

static void no_variants_named_means_all_with_the_metric(void **state)
{
    struct claim c = claim(CLAIM_EACH, "abort_ratio", NULL, 0);
    struct claim_result r;

    c.min = 0.5;
    r = judge(state, &c);
    assert_true(r.held);
    assert_contains(r.found, "uto-3s");
    assert_contains(r.found, "uto-5s");
    assert_null(strstr(r.found, "fast"));
    c.min = 0.9; /* only what broke it is named */
    r = judge(state, &c);
    assert_false(r.held);
    assert_null(strstr(r.found, "uto-3s"));
}

static void bounds_are_inclusive_and_shown_apart(void **state)
{
    static const double v[] = {1.1, 1.1000001};
    struct results *r = *state;
    struct claim c = claim(CLAIM_EACH, "edge", NULL, 0);
    struct claim_result out;

    c.max = 1.1;
    add(r, "on", "edge", "s", v, 1);
    out = judge(state, &c);
    assert_true(out.held);
    assert_string_equal(out.found, "on: 1.10 s (1 repetition)");
    results_add(r, results_variant(r, "on"), 2, results_metric(r, "edge", "s"), v[1]);
    out = judge(state, &c);
    assert_false(out.held);
    assert_string_equal(out.found, "on repetition 2: 1.1000001 s");
}

static void what_is_not_there_does_not_hold(void **state)
{
    struct claim c = claim(CLAIM_EACH, "nosuch", NULL, 0);
    char *unknown[] = {(char *)"uto-3s", (char *)"uto-9s"};
    struct claim_result r;

    c.min = 0;
    r = judge(state, &c);
    assert_false(r.held);
    assert_contains(r.found, "no value of nosuch in any variant");
    c = claim(CLAIM_EACH, "abort_ratio", unknown, 2);
    c.min = 0;
    r = judge(state, &c);
    assert_false(r.held);
    assert_string_equal(r.found, "uto-9s: no such variant in the results");
    c = claim(CLAIM_MEDIAN, "abort_ratio", fast, 1);
    c.min = 0;
    r = judge(state, &c);
    assert_false(r.held);
    assert_string_equal(r.found, "fast: no value of abort_ratio");
    c = claim(CLAIM_GREATER, "resume", NULL, 0);
    c.than = (char *)"uto-9s";
    r = judge(state, &c);
    assert_false(r.held);
    assert_string_equal(r.found, "uto-9s: no such variant in the results");
    c.than = (char *)"uto-3s";
    r = judge(state, &c);
    assert_false(r.held);
    assert_string_equal(r.found, "uto-3s: no value of resume");
}

/* A repetition that never saw the event must not make a claim hold by its absence. */
static void a_repetition_without_a_value_does_not_hold(void **state)
{
    struct results *r = *state;
    struct claim c = claim(CLAIM_EACH, "abort_ratio", uto3, 1);
    struct claim_result out;
    unsigned v = results_variant(r, "uto-3s");

    c.min = 0;
    results_add(r, v, 11, results_metric(r, "abort_ratio", ""), NAN);
    assert_int_equal(r->n_refused, 1);
    assert_true(judge(state, &c).held); /* repetition 11 has left no trace at all */
    results_add(r, v, 11, results_metric(r, "other", ""), 1);
    results_add(r, v, 12, results_metric(r, "other", ""), 1);
    out = judge(state, &c);
    assert_false(out.held);
    assert_string_equal(out.found, "uto-3s: no value of abort_ratio in repetition 11 (and 1 more)");
    c.kind = CLAIM_MEDIAN;
    assert_false(judge(state, &c).held);
}

static void median_is_judged_on_the_point(void **state)
{
    struct claim c = claim(CLAIM_MEDIAN, "abort_ratio", uto5, 1);
    struct claim_result r;

    c.min = 0.9;
    c.max = 1.1;
    r = judge(state, &c);
    assert_true(r.held); /* two of ten are outside, the median is not */
    assert_string_equal(r.expected, "the median of abort_ratio in 0.9..1.1: uto-5s");
    assert_contains(r.found, "uto-5s: median 1.05 [1.0");
    assert_contains(r.found, "(n = 10)");
    c.max = 1.04;
    assert_false(judge(state, &c).held);
}

static void comparisons(void **state)
{
    struct claim c = claim(CLAIM_LESS, "resume", fast, 1);
    struct claim_result r;

    c.than = (char *)"slow";
    r = judge(state, &c);
    assert_true(r.held);
    assert_string_equal(r.expected,
                        "95 % interval of resume, difference to slow, wholly below 0 s: fast");
    assert_string_equal(r.found, "fast - slow: -1.10 s [-1.40 s, -800 ms] (n = 3)");
    c.by = -1;
    assert_false(judge(state, &c).held); /* the interval reaches above -1 s */
    c.by = 0;
    c.kind = CLAIM_GREATER;
    assert_false(judge(state, &c).held);
    c.variants = slow;
    c.than = (char *)"fast";
    assert_true(judge(state, &c).held);
    c.kind = CLAIM_LESS;
    assert_false(judge(state, &c).held);
    /* medians apart, but intervals that overlap */
    c.variants = near;
    c.than = (char *)"slow";
    assert_false(judge(state, &c).held);
}

static void ratios(void **state)
{
    struct claim c = claim(CLAIM_GREATER, "resume", slow, 1);
    struct claim_result r;

    c.than = (char *)"fast";
    c.ratio = true;
    c.by = 1;
    r = judge(state, &c);
    assert_true(r.held);
    assert_string_equal(r.expected, "95 % interval of resume, ratio to fast, wholly above 1: slow");
    assert_string_equal(r.found, "slow / fast: 2 [1.67, 2.40] (n = 3)");
    c.by = 1.7;
    assert_false(judge(state, &c).held);
    c.by = 1;
    c.than = (char *)"zero";
    r = judge(state, &c);
    assert_false(r.held);
    assert_contains(r.found, "zero is not positive");
}

static void equality(void **state)
{
    struct claim c = claim(CLAIM_EQUAL, "resume", near, 1);
    struct claim_result r;

    c.than = (char *)"fast";
    c.ratio = true;
    c.by = 1;
    r = judge(state, &c);
    assert_true(r.held); /* 0.9 to 2 against 1.0 to 1.2 */
    assert_string_equal(r.expected, "95 % interval of resume, ratio to fast, contains 1: near");
    c.within = 0.5;
    r = judge(state, &c);
    assert_false(r.held); /* as far as 2: too wide to say that it is the same */
    assert_contains(r.expected, "contains 1 and stays within 0.5 of it");
    c.within = 1.5;
    assert_true(judge(state, &c).held);
    c.within = 0;
    c.by = 3;
    assert_false(judge(state, &c).held);
    c.by = 1;
    c.variants = slow;
    assert_false(judge(state, &c).held);
}

static void one_repetition_cannot_be_compared(void **state)
{
    struct claim c = claim(CLAIM_GREATER, "resume", once, 1);
    struct claim_result r;

    c.than = (char *)"fast";
    r = judge(state, &c);
    assert_false(r.held);
    assert_contains(r.found, "n = 1 and 3, no interval");
    c = claim(CLAIM_MEDIAN, "resume", once, 1);
    c.min = 4;
    r = judge(state, &c);
    assert_true(r.held);
    assert_string_equal(r.found, "once: median 5 s (n = 1, no interval)");
}

/* All variants against one: the one itself is not among them. */
static void comparison_without_variants(void **state)
{
    struct results *r = *state;
    static const double a[] = {10, 11}, b[] = {1, 2};
    struct claim c = claim(CLAIM_GREATER, "rate", NULL, 0);
    struct claim_result out;

    c.than = (char *)"base";
    add(r, "base", "rate", "bit/s", b, 2);
    out = judge(state, &c);
    assert_false(out.held);
    assert_string_equal(out.found, "no other variant has a value of rate");
    add(r, "new", "rate", "bit/s", a, 2);
    out = judge(state, &c);
    assert_true(out.held);
    assert_string_equal(out.found, "new - base: 9 bit/s [8 bit/s, 10 bit/s] (n = 2)");
}

static void long_texts_end_visibly(void **state)
{
    struct results *r = *state;
    struct claim c = claim(CLAIM_EACH, "many", NULL, 0);
    struct claim_result out;
    char name[80];

    for (unsigned i = 0; i < 40; i++) {
        snprintf(name, sizeof(name), "a variant with quite a long name, number %u", i);
        results_add(r, results_variant(r, name), 1, results_metric(r, "many", "s"), i);
    }
    c.min = 20;
    out = judge(state, &c);
    assert_false(out.held);
    assert_true(strlen(out.found) < sizeof(out.found));
    assert_string_equal(out.found + strlen(out.found) - 4, " …");
    assert_contains(out.found, "number 0 repetition 1: 0 s; a variant");
    c.min = 0;
    out = judge(state, &c);
    assert_true(out.held);
    assert_string_equal(out.found + strlen(out.found) - 4, " …");
}

static void refuse(const struct claim *c, const char *words)
{
    struct err e = ERR_INIT;

    assert_true(claim_validate(c, &e) < 0);
    assert_int_equal(e.status, EXIT_USAGE);
    assert_contains(e.msg, words);
}

static void validation(void **state)
{
    char *twice[] = {(char *)"a", (char *)"a"};
    struct claim ok = claim(CLAIM_EACH, "m", uto3, 1), c;

    (void)state;
    ok.min = 0;
    assert_int_equal(claim_validate(&ok, NULL), 0);
    c = ok;
    c.name = NULL;
    refuse(&c, "no name");
    c = ok;
    c.metric = (char *)"";
    refuse(&c, "'metric' is missing");
    c = ok;
    c.min = 2;
    c.max = 1;
    refuse(&c, "min = 2, max = 1");
    c = ok;
    c.min = -INFINITY;
    refuse(&c, "'min', 'max' or both");
    c = ok;
    c.max = NAN;
    refuse(&c, "accepted: min <= max");
    c = ok;
    c.than = (char *)"b";
    refuse(&c, "greater, less and equal only");
    c = ok;
    c.kind = 9;
    refuse(&c, "each, median, greater, less, equal or share");
    c = ok;
    c.variants = twice;
    c.n_variants = 2;
    refuse(&c, "named twice");
    c = claim(CLAIM_GREATER, "m", uto3, 1);
    refuse(&c, "'than' is missing");
    c.than = (char *)"uto-3s";
    refuse(&c, "compared with itself");
    c.than = (char *)"b";
    assert_int_equal(claim_validate(&c, NULL), 0);
    c.min = 1;
    refuse(&c, "accepted: 'by'");
    c.min = -INFINITY;
    c.ratio = true;
    refuse(&c, "a positive number");
    c.by = NAN;
    refuse(&c, "a positive number");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_holds_and_says_the_range, setup, teardown),
        cmocka_unit_test_setup_teardown(each_names_the_repetition_that_broke_it, setup, teardown),
        cmocka_unit_test_setup_teardown(no_variants_named_means_all_with_the_metric, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(bounds_are_inclusive_and_shown_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_there_does_not_hold, setup, teardown),
        cmocka_unit_test_setup_teardown(a_repetition_without_a_value_does_not_hold, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(median_is_judged_on_the_point, setup, teardown),
        cmocka_unit_test_setup_teardown(comparisons, setup, teardown),
        cmocka_unit_test_setup_teardown(ratios, setup, teardown),
        cmocka_unit_test_setup_teardown(equality, setup, teardown),
        cmocka_unit_test_setup_teardown(one_repetition_cannot_be_compared, setup, teardown),
        cmocka_unit_test_setup_teardown(comparison_without_variants, setup, teardown),
        cmocka_unit_test_setup_teardown(long_texts_end_visibly, setup, teardown),
        cmocka_unit_test(validation),
    };

    return cmocka_run_group_tests_name("claims", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Comparing two runs: what is paired, what is called a difference, and what a figure needs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "figure_ratios.h"
#include "util.h"

static void fill(struct results *r, const char *variant, const char *metric, const char *unit,
                 double first, double step, unsigned n)
{
    unsigned v = results_variant(r, variant), m = results_metric(r, metric, unit);

    for (unsigned i = 0; i < n; i++)
        results_add(r, v, i + 1, m, first + step * i);
}

static void only_what_both_have(void **state)
{
    struct results a, b;
    struct comparison *c;

    (void)state;
    results_init(&a, "x", 1);
    results_init(&b, "x", 1);
    fill(&a, "v", "m", "s", 1, 0.1, 4);
    fill(&a, "v", "only-a", "s", 1, 0.1, 4);
    fill(&a, "gone", "m", "s", 1, 0.1, 4);
    fill(&a, "v", "unit", "s", 1, 0.1, 4);
    fill(&b, "w", "m", "s", 1, 0.1, 4);
    fill(&b, "v", "m", "s", 1, 0.1, 4);
    fill(&b, "v", "unit", "ms", 1, 0.1, 4);
    assert_int_equal(compare_results(&c, &a, &b, NULL, 0), 1);
    assert_string_equal(c[0].variant, "v");
    assert_string_equal(c[0].metric, "m");
    free(c);
    const char *other = "nothing";
    assert_int_equal(compare_results(&c, &a, &b, &other, 1), 0);
    free(c);
    results_free(&a);
    results_free(&b);
}

static void words_for(const char *expected, double first_a, double first_b, unsigned n)
{
    struct results a, b;
    struct comparison *c;

    results_init(&a, "x", 1);
    results_init(&b, "x", 1);
    fill(&a, "v", "m", "s", first_a, 0.01, n);
    fill(&b, "v", "m", "s", first_b, 0.01, n);
    assert_int_equal(compare_results(&c, &a, &b, NULL, 0), 1);
    assert_string_equal(compare_words(c), expected);
    free(c);
    results_free(&a);
    results_free(&b);
}

static void differences(void **state)
{
    (void)state;
    words_for("higher", 1, 2, 5);
    words_for("lower", 2, 1, 5);
    words_for("no difference seen", 1, 1.005, 5);
    /* as clear as the first, but three values are no interval */
    words_for("too few values", 1, 2, 3);
}

static void zeros_have_no_ratio(void **state)
{
    struct results a, b;
    struct comparison *c;
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    (void)state;
    results_init(&a, "x", 1);
    results_init(&b, "x", 1);
    fill(&a, "v", "m", "s", 0, 0, 5);
    fill(&b, "v", "m", "s", 2, 0, 5);
    assert_int_equal(compare_results(&c, &a, &b, NULL, 0), 1);
    assert_int_equal(c->ratio.n, 0);
    assert_int_equal(c->direction, 1);
    compare_print(f, c, 1);
    fclose(f);
    assert_non_null(strstr(text, "2 s [2 s, 2 s]  higher"));
    assert_non_null(strstr(text, "1 of 1 comparisons differ"));
    free(text);
    free(c);
    results_free(&a);
    results_free(&b);
}

static void nothing_to_draw(void **state)
{
    struct ratio_row row = {.label = (char *)"l", .ratio = {.median = NAN, .n = 0}};
    struct err e = ERR_INIT;

    (void)state;
    assert_int_not_equal(figure_ratios_draw("f", "t", "a", &row, 1, "/nowhere", &e), 0);
    assert_non_null(strstr(e.msg, "no ratio"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_both_have),
        cmocka_unit_test(differences),
        cmocka_unit_test(zeros_have_no_ratio),
        cmocka_unit_test(nothing_to_draw),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "expr.h"

static int text_of(const char *name, const char **text, void *arg)
{
    (void)arg;
    if (!strcmp(name, "outage_s"))
        *text = "8";
    else if (!strcmp(name, "cc"))
        *text = "bbr";
    else
        return -ENOENT;
    return 0;
}

static int value_of(const char *name, double *v, void *arg)
{
    (void)arg;
    if (strcmp(name, "app.abort_s"))
        return -ENOENT;
    *v = 6;
    return 0;
}

static void evaluates(void **state)
{
    static const struct {
        const char *text;
        double value;
    } rows[] = {{"1 + 2 * 3", 7},
                {"(1+2)*3", 9},
                {"-2 - -3", 1},
                {"app.abort_s / 4", 1.5},
                {"2*(3-(1+1))", 2},
                {"1e3 / 10", 100},
                {" 0.5*app.abort_s ", 3.0},
                {"8-4-2", 2},
                {"'app.abort_s'-1", 5},
                {"16/4/2", 2}};
    struct err e = ERR_INIT;
    double v;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(expr_eval(rows[i].text, value_of, NULL, &v, &e), 0);
        assert_true(v == rows[i].value);
    }
}

static void refuses(void **state)
{
    static const struct {
        const char *text;
        int rc;
        const char *part;
    } rows[] = {{"1 +", -EINVAL, "unexpected end at column 4"},
                {"(1", -EINVAL, "')' is missing"},
                {"1 2", -EINVAL, "unexpected character at column 3"},
                {"nope", -ENOENT, "no value named 'nope'"},
                {"1/0", -EDOM, "division by zero"},
                {"'a-b'", -ENOENT, "no value named 'a-b'"},
                {"'a-b", -EINVAL, "a quote without an end at column 1"},
                {"", -EINVAL, "unexpected end"}};
    double v = 42;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = ERR_INIT;
        assert_int_equal(expr_eval(rows[i].text, value_of, NULL, &v, &e), rows[i].rc);
        assert_non_null(strstr(e.msg, rows[i].part));
        assert_int_equal(e.status, EXIT_USAGE);
        assert_true(v == 42);
    }
}

static void expands(void **state)
{
    struct err e = ERR_INIT;
    char *out;

    (void)state;
    assert_int_equal(
        expr_expand("a ${outage_s} b ${outage_s * 1.5 + 2}s ${cc}", text_of, NULL, &out, &e), 0);
    assert_string_equal(out, "a 8 b 14s bbr");
    free(out);
    assert_int_equal(expr_expand("plain $5 {x}", text_of, NULL, &out, &e), 0);
    assert_string_equal(out, "plain $5 {x}");
    free(out);
    assert_int_equal(expr_expand("${nope}", text_of, NULL, &out, &e), -ENOENT);
    assert_int_equal(expr_expand("${cc + 1}", text_of, NULL, &out, &e), -EINVAL);
    assert_int_equal(expr_expand("${cc", text_of, NULL, &out, &e), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evaluates),
        cmocka_unit_test(refuses),
        cmocka_unit_test(expands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

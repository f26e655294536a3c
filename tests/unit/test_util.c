/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "log.h"
#include "plan.h"
#include "tcqd.h"
#include "util.h"

static void units(void **state)
{
    uint64_t v;
    double d;
    bool b;

    (void)state;
    assert_int_equal(parse_rate("8mbit", &v), 0);
    assert_int_equal(v, 8000000);
    assert_int_equal(parse_rate("1.5 Gbit", &v), 0);
    assert_int_equal(v, 1500000000);
    assert_int_equal(parse_rate("unlimited", &v), 0);
    assert_int_equal(v, 0);
    assert_true(parse_rate("8mb", &v) && parse_rate("-1", &v) && parse_rate("", &v) &&
                parse_rate("0.1", &v) && parse_rate(NULL, &v));
    assert_int_equal(parse_time_us("40ms", &v), 0);
    assert_int_equal(v, 40000);
    assert_int_equal(parse_time_us("0.5 s", &v), 0);
    assert_int_equal(v, 500000);
    assert_true(parse_time_us("40", &v) && parse_time_us("ms", &v) && parse_time_us("1e40s", &v));
    assert_int_equal(parse_share("0.5%", &d), 0);
    assert_true(d == 0.005);
    assert_true(parse_share("1.5", &d) && parse_share("x", &d));
    assert_int_equal(parse_u64("0x10", &v), 0);
    assert_int_equal(v, 16);
    assert_true(parse_u64("-1", &v) && parse_u64("1x", &v) &&
                parse_u64("99999999999999999999999", &v));
    assert_true(!parse_bool("off", &b) && !b && !parse_bool("yes", &b) && b &&
                parse_bool("maybe", &b));
}

static void files(void **state)
{
    char dir[] = "/tmp/extcp-unit-XXXXXX", *path, *text;
    struct err e = ERR_INIT;
    size_t len;

    (void)state;
    assert_non_null(mkdtemp(dir));
    path = xasprintf("%s/a/b", dir);
    assert_int_equal(mkdir_p(path), 0);
    free(path);
    path = xasprintf("%s/a/b/c", dir);
    assert_int_equal(write_file_atomic(path, "hello", 5, &e), 0);
    assert_int_equal(read_file(path, &text, &len, &e), 0);
    assert_string_equal(text, "hello");
    assert_int_equal(len, 5);
    free(text);
    assert_int_equal(symlink("/etc/hostname", "/tmp/extcp-unit-link"), 0);
    assert_int_equal(remove_tree("/tmp/extcp-unit-link"), 0);
    assert_int_equal(access("/etc/hostname", F_OK),
                     0); /* a link is removed, not what it points to */
    assert_int_equal(remove_tree(dir), 0);
    assert_int_equal(remove_tree(dir), 0); /* gone is gone */
    assert_true(read_file(path, &text, NULL, &e) < 0);
    assert_non_null(strstr(e.msg, path));
    assert_true(write_file_atomic("/dev/full/x", "x", 1, &e) < 0);
    free(path);
}

static void a_log_that_cannot_be_written(void **state)
{
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(log_open("/dev/full", &e), 0);
    log_line("lost");
    assert_int_equal(log_open(NULL, &e), -ENOSPC);
    assert_string_equal(e.msg, "/dev/full: cannot write the log: No space left on device");
    assert_int_equal(log_open("/dev/null", &e), 0);
    log_line("gone");
    assert_int_equal(log_open(NULL, &e), 0); /* the failure was the other's */
}

static void plans(void **state)
{
    struct plan a, b, c;
    unsigned count[3][5] = {0};

    (void)state;
    plan_make(&a, 3, 4, 7);
    plan_make(&b, 3, 4, 7);
    plan_make(&c, 3, 4, 8);
    assert_int_equal(a.n, 12);
    for (unsigned i = 0; i < a.n; i++) {
        assert_int_equal(a.items[i].repetition, i / 3 + 1); /* a round has each variant once */
        count[a.items[i].variant][a.items[i].repetition]++;
    }
    for (unsigned v = 0; v < 3; v++)
        for (unsigned r = 1; r <= 4; r++)
            assert_int_equal(count[v][r], 1);
    assert_memory_equal(a.items, b.items, 12 * sizeof(*a.items)); /* the seed says all */
    assert_memory_not_equal(a.items, c.items, 12 * sizeof(*a.items));
    free(a.items);
    free(b.items);
    free(c.items);
}

static void gilbert(void **state)
{
    static const struct {
        double loss, burst;
    } rows[] = {{0.01, 1}, {0.05, 4}, {0.3, 2}, {0.5, 10}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint32_t p, r;
        tcqd_gilbert(rows[i].loss, rows[i].burst, &p, &r);
        double share = (double)p / ((double)p + r),
               length = 4294967296.0 / (r == UINT32_MAX ? 4294967296.0 : r);
        assert_true(share > rows[i].loss * 0.999 && share < rows[i].loss * 1.001);
        assert_true(length > rows[i].burst * 0.999 && length < rows[i].burst * 1.001);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(units),
        cmocka_unit_test(files),
        cmocka_unit_test(a_log_that_cannot_be_written),
        cmocka_unit_test(plans),
        cmocka_unit_test(gilbert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

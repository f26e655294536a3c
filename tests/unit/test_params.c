/* SPDX-License-Identifier: BSD-2-Clause */
/* Parameters whose values have names, in the embedded programs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "lib/cc_algorithms.h"
#include "program_decl.h"

static struct program_decl *declared;

static int64_t parsed(const char *setting)
{
    struct err e = ERR_INIT;
    unsigned param;
    int64_t value;

    if (decl_parse(declared, setting, &param, &value, &e))
        fail_msg("%s: %s", setting, e.msg);
    return value;
}

static void refused(const char *setting, const char *why)
{
    struct err e = ERR_INIT;
    unsigned param;
    int64_t value;

    assert_int_equal(decl_parse(declared, setting, &param, &value, &e), -EINVAL);
    assert_int_equal(e.status, EXIT_USAGE);
    if (!strstr(e.msg, why))
        fail_msg("'%s' does not say '%s'", e.msg, why);
}

static void one_of(void **state)
{
    (void)state;
    assert_int_equal(parsed("ask=none"), 0);
#define X(id, name) assert_int_equal(parsed("ask=" #name), id);
    CC_ALGORITHMS(X)
#undef X
    refused("ask=tahoe",
            "'ask=tahoe': accepted: ask=VALUE with VALUE one of none, reno, cubic, bbr, vegas");
    refused("ask=ren", "one of none, reno");
    refused("ask=1", "one of none, reno");
    refused("ask=", "one of none, reno");
    refused("ask", "one of none, reno");
    refused("ask=reno+cubic", "one of none, reno");
}

static void a_set(void **state)
{
    (void)state;
    assert_int_equal(parsed("allow=none"), 0);
    assert_int_equal(parsed("allow=reno"), 2);
    assert_int_equal(parsed("allow=vegas+reno"), 2 | 16);
    assert_int_equal(parsed("allow=all"), 2 | 4 | 8 | 16);
    refused("allow=reno+", "none, all, or with '+' between them: reno, cubic, bbr, vegas");
    refused("allow=+", "none, all");
    refused("allow=reno+none", "none, all");
    refused("allow=reno,cubic", "none, all");
    refused("allow=", "none, all");
}

static void in_words(void **state)
{
    char buf[PARAM_TEXT_SIZE];

    (void)state;
    for (unsigned i = 0; i < declared->n_params; i++) {
        const struct param_decl *p = &declared->params[i];
        if (!strcmp(p->name, "allow")) {
            assert_string_equal(param_text(p, p->def, buf, sizeof(buf)), "reno+cubic");
            assert_string_equal(param_text(p, 0, buf, sizeof(buf)), "none");
        } else {
            assert_string_equal(p->name, "ask");
            assert_string_equal(param_text(p, p->def, buf, sizeof(buf)), "none");
            assert_string_equal(param_text(p, 4, buf, sizeof(buf)), "vegas");
        }
    }
}

static void numbers(void **state)
{
    struct param_decl p = {.min = -5, .max = 100, .unit = "s"};
    char buf[PARAM_TEXT_SIZE];
    int64_t v;

    (void)state;
    assert_string_equal(param_accepted(&p, buf, sizeof(buf)), "from -5 to 100 s");
    assert_string_equal(param_text(&p, 7, buf, sizeof(buf)), "7");
    assert_int_equal(param_parse(&p, "0x10", &v), 0);
    assert_int_equal(v, 16);
    assert_int_equal(param_parse(&p, "101", &v), -EINVAL);
    assert_int_equal(param_parse(&p, "-6", &v), -EINVAL);
    assert_int_equal(param_parse(&p, "7x", &v), -EINVAL);
    assert_int_equal(param_parse(&p, "", &v), -EINVAL);
    assert_int_equal(param_parse(&p, "99999999999999999999", &v), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of),
        cmocka_unit_test(a_set),
        cmocka_unit_test(in_words),
        cmocka_unit_test(numbers),
    };
    struct err e = ERR_INIT;
    int rc;

    if (program_declares("cc-request", &declared, &e)) {
        print_error("%s\n", e.msg);
        return 4;
    }
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    program_decl_free(declared);
    return rc;
}

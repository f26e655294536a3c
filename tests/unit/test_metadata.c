/* SPDX-License-Identifier: BSD-2-Clause */
/* What a run was made on, and the running of the tools that tell. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "metadata.h"
#include "tool.h"

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr(text, part))                                                                   \
            fail_msg("'%s' is not in '%s'", part, text);                                           \
    } while (0)

static void tools_are_run_and_bounded(void **state)
{
    struct err e = ERR_INIT;
    char *out;
    int status;

    (void)state;
    assert_int_equal(tool_run((char *[]){(char *)"sh", (char *)"-c",
                                         (char *)"echo out; echo err >&2; pwd; exit 3", NULL},
                              "/usr", 5000, &out, &status, &e),
                     0);
    assert_int_equal(status, 3);
    assert_contains(out, "out\nerr\n");
    assert_contains(out, "/usr\n");
    free(out);
    assert_int_equal(
        tool_run((char *[]){(char *)"no-such-tool-here", NULL}, NULL, 5000, &out, &status, &e),
        -ENOENT);
    assert_contains(e.msg, "no-such-tool-here");
    assert_int_equal(
        tool_run((char *[]){(char *)"sleep", (char *)"60", NULL}, NULL, 100, &out, &status, &e),
        -ETIMEDOUT);
    assert_contains(e.msg, "sleep: did not end within 100 ms");
}

static void metadata_says_only_what_it_knows(void **state)
{
    json_t *m = metadata_collect(), *s, *c;
    char *argv[] = {(char *)"extcp", (char *)"uto", (char *)"--quick"}, *text;

    (void)state;
    assert_true(json_is_string(json_object_get(json_object_get(m, "kernel"), "release")));
    assert_true(json_integer_value(json_object_get(m, "cpus")) >= 1);
    s = json_object_get(m, "tools");
    assert_true(json_is_string(json_object_get(s, "libpcap")));
    assert_true(json_object_get(s, "iperf3") != NULL);
    s = json_object_get(m, "source");
    assert_non_null(json_object_get(s, "revision"));
    assert_non_null(json_object_get(s, "dirty"));
    text = json_dumps(m, 0);
    assert_non_null(text);
    free(text);
    json_decref(m);

    s = metadata_sysctls(-1);
    assert_true(json_is_string(json_object_get(s, "net.ipv4.tcp_congestion_control")));
    assert_non_null(json_object_get(s, "net.ipv4.tcp_retries2"));
    json_decref(s);
    c = metadata_command(3, argv);
    assert_int_equal(json_array_size(c), 3);
    assert_string_equal(json_string_value(json_array_get(c, 2)), "--quick");
    json_decref(c);
    c = metadata_command(1, (char *[]){(char *)"not \xff UTF-8"});
    assert_string_equal(json_string_value(json_array_get(c, 0)), "not ? UTF-8");
    json_decref(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tools_are_run_and_bounded),
        cmocka_unit_test(metadata_says_only_what_it_knows),
    };

    return cmocka_run_group_tests_name("metadata", tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs without loading them: object files, declarations, names of congestion controls, words.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "connections.h"
#include "place_args.h"
#include "program.h"
#include "program_live.h"
#include "program_object.h"
#include "program_struct_ops.h"
#include "programs_embedded.h"
#include "util.h"
#include "verbs.h"

static void names_of_congestion_controls(void **state)
{
    char out[STRUCT_OPS_NAME_SIZE];

    (void)state;
    assert_int_equal(struct_ops_name(out, "vegas", NULL), 0);
    assert_string_equal(out, "vegas");
    assert_int_equal(struct_ops_name(out, "vegas", ""), 0);
    assert_string_equal(out, "vegas");
    assert_int_equal(struct_ops_name(out, "vegas", "3f2a1c00"), 0);
    assert_string_equal(out, "vegas_3f2a1c00");
    assert_int_equal(struct_ops_name(out, "sixlet", "3f2a1c00"), 0); /* 15: the longest */
    assert_int_equal(struct_ops_name(out, "sevenlt", "3f2a1c00"), -ENAMETOOLONG);
}

/* What a decoder of the ELF file would find there, after the change. */
static bool contains(const struct program_object *o, const char *text, size_t n)
{
    return memmem(o->bytes, o->size, text, n) != NULL;
}

static void an_object_is_renamed(void **state)
{
    const char renamed[] = "catest_ab12cd34"; /* with its NUL: exactly 16 bytes */
    struct program_object o;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(program_object_open(&o, "ca-test", &e), 0);
    assert_false(contains(&o, renamed, sizeof(renamed)));
    assert_int_equal(o.layout.n_names, 1);
    assert_string_equal(o.layout.names[0].base, "catest");
    assert_true(o.layout.identity >= 0);
    assert_int_equal(program_object_rename(&o, "ab12cd34", &e), 0);
    assert_true(contains(&o, renamed, sizeof(renamed)));
    assert_non_null(o.obj);
    program_object_close(&o);
    /* The embedded one is as it was. */
    assert_int_equal(program_object_open(&o, "ca-test", &e), 0);
    assert_false(contains(&o, renamed, sizeof(renamed)));
    assert_int_equal(program_object_rename(&o, "much-too-long", &e), -ENAMETOOLONG);
    assert_non_null(strstr(e.msg, "catest_much-too-long: the kernel takes 15"));
    program_object_close(&o);
    /* Nothing to rename. */
    assert_int_equal(program_object_open(&o, "uto", &e), 0);
    assert_int_equal(program_object_rename(&o, "ab12cd34", &e), 0);
    program_object_close(&o);
}

static const struct embedded_program *embedded(const char *name)
{
    const struct embedded_program *p = embedded_programs;

    while (strcmp(p->name, name))
        p++;
    return p;
}

static void object_files(void **state)
{
    char dir[] = "/tmp/extcp-unit.XXXXXX";
    const struct embedded_program *uto = embedded("uto");
    struct program_decl *d;
    struct err e = ERR_INIT;

    (void)state;
    assert_non_null(mkdtemp(dir));
    char *good = xasprintf("%s/my-own.bpf.o", dir), *bad = xasprintf("%s/bad.bpf.o", dir);
    assert_int_equal(write_file_atomic(good, uto->object, (size_t)(uto->end - uto->object), &e), 0);
    assert_int_equal(program_declares(good, &d, &e), 0);
    assert_string_equal(d->name, "my-own");
    assert_string_equal(d->source, good);
    assert_string_equal(d->unit, "s");
    assert_int_equal(program_check_setting(good, "adv_uto_s=5", &e), 0);
    program_decl_free(d);
    /* Every beginning of an object is refused, and nothing else happens. */
    for (size_t n = 0; n < (size_t)(uto->end - uto->object); n += 97) {
        assert_int_equal(write_file_atomic(bad, uto->object, n, &e), 0);
        assert_int_not_equal(program_declares(bad, &d, &e), 0);
        assert_int_not_equal(e.status, EXIT_OK);
    }
    assert_int_equal(program_declares("./no-such.bpf.o", &d, &e), -ENOENT);
    assert_int_equal(e.status, EXIT_USAGE);
    static const char *const names[] = {
        "./Upper.bpf.o", "./.bpf.o",    "./x.o",
        "./-x.bpf.o",    "./a_b.bpf.o", "./12345678901234567890123456789012.bpf.o"};
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        assert_int_equal(program_declares(names[i], &d, &e), -EINVAL);
        assert_non_null(strstr(e.msg, names[i]));
        assert_non_null(strstr(e.msg, "accepted: an object file called NAME.bpf.o"));
    }
    assert_int_equal(program_declares("nope", &d, &e), -ENOENT);
    assert_non_null(strstr(e.msg, "uto"));
    remove_tree(dir);
    free(good);
    free(bad);
}

static void values_in_words(void **state)
{
    char *names[] = {NULL, (char *)"reno", (char *)"vegas"};
    const struct program_decl plain = {0}, unit = {.unit = "s"},
                              words = {.value_names = names, .n_value_names = 3};
    char buf[64];

    (void)state;
    program_value_text(&plain, -7, buf, sizeof(buf));
    assert_string_equal(buf, "-7");
    program_value_text(&unit, 300, buf, sizeof(buf));
    assert_string_equal(buf, "300 s");
    program_value_text(&words, 2, buf, sizeof(buf));
    assert_string_equal(buf, "vegas");
    program_value_text(&words, 0, buf, sizeof(buf));
    assert_string_equal(buf, "0");
    program_value_text(&words, 3, buf, sizeof(buf));
    assert_string_equal(buf, "3");
}

static void endpoints_and_states(void **state)
{
    const uint8_t v4[16] = {10, 0, 0, 1}, v6[16] = {0xfd, [15] = 1},
                  mapped[16] = {[10] = 0xff, 0xff, 192, 0, 2, 7};
    char buf[64];

    (void)state;
    endpoint_text(v4, AF_INET, 80, buf, sizeof(buf));
    assert_string_equal(buf, "10.0.0.1:80");
    endpoint_text(v6, AF_INET6, 443, buf, sizeof(buf));
    assert_string_equal(buf, "[fd00::1]:443");
    endpoint_text(mapped, AF_INET6, 8080, buf, sizeof(buf));
    assert_string_equal(buf, "192.0.2.7:8080");
    assert_string_equal(tcp_state_name(1), "ESTABLISHED");
    assert_string_equal(tcp_state_name(0), "?");
    assert_string_equal(tcp_state_name(99), "?");
}

static void decisions_have_words(void **state)
{
    (void)state;
    for (unsigned i = 0; i < n_decisions; i++) {
        assert_true(*decision_outcome(i));
        assert_true(i == decided_none || *decision_reason(i));
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(decision_name(i), decision_name(k));
    }
    assert_string_equal(decision_name(decided_policy), "policy");
    assert_string_equal(decision_name(n_decisions), "unknown");
}

static void roles_of_maps(void **state)
{
    (void)state;
    assert_string_equal(live_map_role("uto.rodata", BPF_MAP_TYPE_ARRAY), "rodata");
    assert_string_equal(live_map_role("iw_reque.bss", BPF_MAP_TYPE_ARRAY), "bss");
    assert_string_equal(live_map_role("connections", BPF_MAP_TYPE_SK_STORAGE), "connections");
    assert_null(live_map_role("connections", BPF_MAP_TYPE_HASH));
    assert_null(live_map_role("uto.rodata", BPF_MAP_TYPE_HASH));
    assert_null(live_map_role("events", BPF_MAP_TYPE_RINGBUF));
}

static void words_of_the_command_line(void **state)
{
    (void)state;
    assert_non_null(verb_find("run"));
    assert_null(verb_find("uto"));
    assert_true(verb_is_reserved("status"));
    assert_true(verb_is_reserved("setup"));
    assert_true(verb_is_reserved("help"));
    assert_false(verb_is_reserved("uto"));
}

static void names_from_paths(void **state)
{
    static const char *const cases[][2] = {{"uto", "uto"},
                                           {"./mine.bpf.o", "mine"},
                                           {"/a/b.bpf.o/c.bpf.o", "c"},
                                           {"x.bpf.o.y", "x.bpf.o.y"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *name = place_program_name(cases[i][0]);
        assert_string_equal(name, cases[i][1]);
        free(name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_congestion_controls),
        cmocka_unit_test(an_object_is_renamed),
        cmocka_unit_test(object_files),
        cmocka_unit_test(values_in_words),
        cmocka_unit_test(endpoints_and_states),
        cmocka_unit_test(decisions_have_words),
        cmocka_unit_test(roles_of_maps),
        cmocka_unit_test(words_of_the_command_line),
        cmocka_unit_test(names_from_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

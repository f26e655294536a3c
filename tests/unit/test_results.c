/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <math.h>
#include <regex.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "results.h"
#include "util.h"

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr(text, part))                                                                   \
            fail_msg("'%s' is not in '%s'", part, text);                                           \
    } while (0)

static char top[64]; /* a directory of this test's own */

static int group_setup(void **state)
{
    (void)state;
    strcpy(top, "/tmp/extcp-test-results.XXXXXX");
    return mkdtemp(top) ? 0 : -1;
}

static int group_teardown(void **state)
{
    (void)state;
    return remove_tree(top);
}

static char *slurp(const char *path)
{
    struct err e = ERR_INIT;
    char *text;

    if (read_file(path, &text, NULL, &e))
        fail_msg("%s", e.msg);
    return text;
}

static void fill(struct results *r)
{
    results_init(r, "uto, with \"quotes\"", 7);
    /* interleaved, as runs are */
    for (unsigned rep = 1; rep <= 3; rep++) {
        for (unsigned v = 0; v < 2; v++) {
            unsigned variant = results_variant(r, v ? "uto-3s" : "none, at all");

            results_add(r, variant, 4 - rep, results_metric(r, "goodput", "bit/s"),
                        7.5e6 + rep * 1e5 + v * 1e6);
            if (v)
                results_add(r, variant, 4 - rep, results_metric(r, "abort_time", "s"),
                            3 + rep * 0.1);
        }
    }
}

static void values_are_selected_by_repetition(void **state)
{
    struct results r;
    unsigned *rep, *reps;
    size_t n;
    double *v;

    (void)state;
    fill(&r);
    assert_int_equal(r.n_variants, 2);
    assert_int_equal(r.n_metrics, 2);
    v = results_select_repetitions(&r, 1, 0, &n, &rep);
    assert_int_equal(n, 3);
    assert_true(v[0] == 8.8e6 && v[1] == 8.7e6 && v[2] == 8.6e6);
    assert_true(rep[0] == 1 && rep[1] == 2 && rep[2] == 3);
    free(v);
    free(rep);
    /* several values of one repetition stay in the order they came in */
    results_add(&r, 1, 2, 0, 5);
    results_add(&r, 1, 2, 0, 4);
    v = results_select(&r, 1, 0, &n);
    assert_int_equal(n, 5);
    assert_true(v[1] == 8.7e6 && v[2] == 5 && v[3] == 4);
    free(v);
    v = results_select(&r, 0, 1, &n);
    assert_int_equal(n, 0);
    free(v);
    reps = results_repetitions(&r, 1, &n);
    assert_int_equal(n, 3);
    assert_true(reps[0] == 1 && reps[2] == 3);
    free(reps);
    assert_int_equal(results_find_variant(&r, "nosuch"), -1);
    assert_int_equal(results_find_metric(&r, "abort_time"), 1);
    results_free(&r);
}

static void units_do_not_mix(void **state)
{
    struct results r;

    (void)state;
    results_init(&r, "x", 1);
    assert_int_equal(results_metric(&r, "t", "s"), 0);
    assert_int_equal(results_metric(&r, "t", "ms"), 1);
    assert_int_equal(results_metric(&r, "t", "ms"), 1);
    assert_int_equal(results_metric(&r, "t", "s"), 0);
    assert_string_equal(r.metrics[1].name, "t (ms)");
    assert_int_equal(results_metric(&r, "t", NULL), 2);
    results_free(&r);
}

static void only_finite_values_are_kept(void **state)
{
    struct results r;

    (void)state;
    results_init(&r, "x", 1);
    results_add(&r, results_variant(&r, "v"), 1, results_metric(&r, "m", ""), NAN);
    results_add(&r, 0, 1, 0, INFINITY);
    results_add(&r, 0, 1, 0, 1);
    assert_int_equal(r.n_values, 1);
    assert_int_equal(r.n_refused, 2);
    results_free(&r);
}

/* An interval must not change because something else was measured, too. */
static void intervals_do_not_depend_on_the_rest(void **state)
{
    struct results a, b;
    struct interval x, y;

    (void)state;
    results_init(&a, "x", 1);
    results_init(&b, "x", 1);
    results_metric(&b, "other", "");
    results_variant(&b, "other");
    for (unsigned i = 1; i <= 30; i++) {
        results_add(&a, results_variant(&a, "v"), i, results_metric(&a, "m", ""), i * i % 17);
        results_add(&b, results_variant(&b, "v"), i, results_metric(&b, "m", ""), i * i % 17);
    }
    x = results_interval(&a, 0, 0);
    y = results_interval(&b, 1, 1);
    assert_true(x.low == y.low && x.high == y.high && x.median == y.median && x.n == 30);
    assert_true(results_seed(&a, "ab", "c") != results_seed(&a, "a", "bc"));
    results_free(&a);
    results_free(&b);
}

static void csv_fields_are_quoted(void **state)
{
    char buf[64], small[16], tiny[4];

    (void)state;
    assert_string_equal(csv_quote(buf, sizeof(buf), "plain text"), "plain text");
    assert_string_equal(csv_quote(buf, sizeof(buf), ""), "");
    assert_string_equal(csv_quote(buf, sizeof(buf), "a,b"), "\"a,b\"");
    assert_string_equal(csv_quote(buf, sizeof(buf), "say \"x\""), "\"say \"\"x\"\"\"");
    assert_string_equal(csv_quote(buf, sizeof(buf), "two\nlines"), "\"two\nlines\"");
    assert_string_equal(csv_quote(small, sizeof(small), "\"\"\"\"\"\""),
                        "\"\"\"\"\"\"\"\"\"\"\"\"\"\"");
    assert_string_equal(csv_quote(small, sizeof(small), "0123,5678901"), "\"0123,5678901\"");
    assert_string_equal(csv_quote(small, sizeof(small), "0123,567890123"), "\"0123,567[cut]\"");
    assert_string_equal(csv_quote(small, sizeof(small), "0123,567\"\"\"\"\"\""),
                        "\"0123,567[cut]\"");
    assert_string_equal(csv_quote(tiny, sizeof(tiny), "a,b,c,d"), "\"[cut]\"");
}

static void csv_numbers_read_back(void **state)
{
    static const double v[] = {0.1, 1.0 / 3, 1e-300, 123456789.123456789, 5, -0.25, 1e15 + 0.3};
    char buf[CSV_NUMBER_SIZE];
    struct rng r;

    (void)state;
    assert_string_equal(csv_number(buf, sizeof(buf), 0.1), "0.1");
    assert_string_equal(csv_number(buf, sizeof(buf), 5), "5");
    for (size_t i = 0; i < ARRAY_SIZE(v); i++)
        assert_true(strtod(csv_number(buf, sizeof(buf), v[i]), NULL) == v[i]);
    rng_seed(&r, 1);
    for (unsigned i = 0; i < 1000; i++) {
        double x = rng_unit(&r) * 1e9;

        assert_true(strtod(csv_number(buf, sizeof(buf), x), NULL) == x);
    }
}

static int count_record(char *const *f, void *arg)
{
    unsigned *n = arg;

    if (!strcmp(f[0], "uto, with \"quotes\"") && !strcmp(f[1], "none, at all") &&
        !strcmp(f[2], "1") && !strcmp(f[3], "goodput") && !strcmp(f[4], "bit/s") &&
        !strcmp(f[5], "7800000"))
        (*n) += 100;
    (*n)++;
    return 0;
}

static void data_csv_comes_back(void **state)
{
    char *path = xasprintf("%s/data.csv", top), *text;
    struct err e = ERR_INIT;
    struct results r;
    unsigned n = 0;

    (void)state;
    fill(&r);
    assert_int_equal(results_write_data_csv(&r, path, &e), 0);
    text = slurp(path);
    assert_ptr_equal(strstr(text, "experiment,variant,repetition,metric,unit,value\n"), text);
    assert_contains(text, "\n\"uto, with \"\"quotes\"\"\",uto-3s,3,abort_time,s,3.1\n");
    assert_int_equal(csv_read(path, CSV_HEADER_DATA, count_record, &n, &e), 0);
    assert_int_equal(n, 109);
    free(text);
    free(path);
    results_free(&r);
}

static int keep_second(char *const *f, void *arg)
{
    *(char **)arg = xstrdup(f[1]);
    return 0;
}

static void csv_reader_is_strict(void **state)
{
    static const struct {
        const char *text, *words; /* NULL: is accepted, and the second field is "x\ny" */
    } cases[] = {
        {"a,b\n1,\"x\ny\"\n", NULL},
        {"a,b\r\n1,\"x\ny\"\r\n", NULL},
        {"a,b\n1,\"x\ny\"", NULL},
        {"a,b\n1,2\n1\n", "f.csv:3: 1 fields, not the 2"},
        {"a,b\n\"1\n2\",3\n1,2,3\n", "f.csv:4: 3 fields"},
        {"a,b\n1,\"open\n", "f.csv:2: a double quote"},
        {"a,b\n1,\"x\"y\n", "f.csv:2: a double quote"},
        {"a,b\n1,x\"y\n", "f.csv:2: a double quote"},
        {"a,bc\n1,2\n", "f.csv:1: 'a,bc' is not the header 'a,b'"},
        {"", "f.csv:1: '' is not the header"},
    };
    char *path = xasprintf("%s/f.csv", top);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err e = ERR_INIT;
        char *second = NULL;
        int rc;

        assert_int_equal(write_file_atomic(path, cases[i].text, strlen(cases[i].text), &e), 0);
        rc = csv_read(path, "a,b", keep_second, &second, &e);
        if (cases[i].words) {
            assert_int_equal(rc, -EINVAL);
            assert_contains(e.msg, cases[i].words);
        } else {
            assert_int_equal(rc, 0);
            assert_string_equal(second, "x\ny");
        }
        free(second);
    }
    free(path);
}

static void rows_end_once(void **state)
{
    char *path = xasprintf("%s/rows.csv", top), *text;
    struct err e = ERR_INIT;
    struct csv *c;

    (void)state;
    assert_int_equal(csv_open(&c, path, "a,b", &e), 0);
    csv_row(c, "%d,%d", 1, 2);
    csv_row(c, "3,4\n");
    assert_int_equal(csv_close(c, &e), 0);
    text = slurp(path);
    assert_string_equal(text, "a,b\n1,2\n3,4\n");
    free(text);
    free(path);
    assert_int_equal(csv_close(NULL, NULL), 0);
    assert_int_equal(csv_open(&c, "/nonexistent/x.csv", "a", &e), -ENOENT);
    assert_contains(e.msg, "/nonexistent/x.csv: cannot write: No such file");
}

static void a_full_disk_is_reported(void **state)
{
    struct err e = ERR_INIT;
    struct results r;
    struct csv *c;

    (void)state;
    assert_int_equal(csv_open(&c, "/dev/full", "a,b", &e), 0);
    for (unsigned i = 0; i < 10000; i++) /* more than stdio keeps to itself */
        csv_row(c, "%u,%u", i, i);
    assert_int_equal(csv_close(c, &e), -ENOSPC);
    assert_string_equal(e.msg, "/dev/full: cannot write: No space left on device");
    fill(&r);
    memset(&e, 0, sizeof(e));
    assert_int_equal(results_write_data_csv(&r, "/dev/full", &e), -ENOSPC);
    assert_int_equal(e.status, EXIT_BROKE);
    results_free(&r);
}

/* A real file system that is full, in a mount namespace of a child so that nobody else sees it. */
static int fill_a_tmpfs(const char *dir)
{
    struct err e = ERR_INIT;
    char path[128], zeros[48 * 1024];
    struct csv *c;
    int rc;

    if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", dir, "tmpfs", 0, "size=64k"))
        return 10;
    snprintf(path, sizeof(path), "%s/filler", dir);
    memset(zeros, 0, sizeof(zeros));
    if (write_file_atomic(path, zeros, sizeof(zeros), &e))
        return 11;
    snprintf(path, sizeof(path), "%s/full.csv", dir);
    if (csv_open(&c, path, "a", &e))
        return 12;
    for (unsigned i = 0; i < 10000; i++)
        csv_row(c, "%u", i);
    /* Rows are lost by now; that the end of the file fits again must not hide it. */
    snprintf(path, sizeof(path), "%s/filler", dir);
    if (unlink(path))
        return 13;
    rc = csv_close(c, &e);
    if (rc != -ENOSPC || !strstr(e.msg, "full.csv: cannot write: No space left on device"))
        return 14;
    snprintf(path, sizeof(path), "%s/full.csv", dir);
    if (!access(path, F_OK)) /* nor shall what is left of it pass for a whole one */
        return 15;
    return 0;
}

static void a_full_tmpfs_is_reported(void **state)
{
    int status;
    pid_t pid;

    (void)state;
    if (geteuid() != 0) {
        print_message("needs root for a mount of its own\n");
        skip();
    }
    fflush(NULL);
    pid = fork();
    if (!pid)
        _exit(fill_a_tmpfs(top));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void summary_and_json(void **state)
{
    char *path = xasprintf("%s/run.json", top), *text;
    struct err e = ERR_INIT;
    json_t *j, *m, *back;
    struct results r;

    (void)state;
    fill(&r);
    j = results_summary_json(&r);
    m = json_object_get(json_object_get(j, "uto-3s"), "abort_time");
    assert_string_equal(json_string_value(json_object_get(m, "unit")), "s");
    assert_int_equal(json_integer_value(json_object_get(m, "n")), 3);
    assert_true(fabs(json_real_value(json_object_get(m, "median")) - 3.2) < 1e-12);
    assert_true(json_real_value(json_object_get(m, "low")) == 3.1);
    assert_true(json_real_value(json_object_get(m, "max")) == 3 + 3 * 0.1);
    /* no value: not there, rather than a number nobody measured */
    assert_null(json_object_get(json_object_get(j, "none, at all"), "abort_time"));
    assert_int_equal(json_write_atomic(path, j, &e), 0);
    text = slurp(path);
    assert_contains(text, "\"low\": 3.1,\n");
    back = json_loads(text, 0, NULL);
    assert_non_null(back);
    json_decref(back);
    free(text);
    json_decref(j);
    m = json_finite(NAN);
    assert_true(json_is_null(m));
    json_decref(m);
    assert_true(json_write_atomic("/nonexistent/run.json", json_null(), &e) < 0);
    assert_contains(e.msg, "/nonexistent/run.json");
    free(path);
    results_free(&r);
}

static bool exists(const char *fmt, const char *a, const char *b)
{
    char *path = xasprintf("%s/%s", a, b);
    struct stat st;
    bool there;

    (void)fmt;
    there = lstat(path, &st) == 0;
    free(path);
    return there;
}

static void directory_appears_when_it_is_whole(void **state)
{
    char *base = xasprintf("%s/results/deep", top), *parent = xasprintf("%s/uto", base);
    char *latest = xasprintf("%s/latest", parent), target[128] = "";
    struct err e = ERR_INIT;
    struct results_dir d, two;
    regex_t re;

    (void)state;
    assert_int_equal(results_dir_start(&d, base, "uto", "ab12", &e), 0);
    assert_int_equal(
        regcomp(&re, "/uto/\\.[0-9]{8}T[0-9]{6}Z-ab12\\.tmp$", REG_EXTENDED | REG_NOSUB), 0);
    assert_int_equal(regexec(&re, d.tmp_path, 0, NULL, 0), 0);
    regfree(&re);
    char *made = xasprintf("%s/captures", d.tmp_path);
    assert_int_equal(mkdir_p(made), 0); /* what is put into it is there when it appears */
    free(made);
    assert_true(access(d.final_path, F_OK) < 0);
    assert_true(access(latest, F_OK) < 0);
    assert_int_equal(results_dir_finish(&d, &e), 0);
    assert_true(exists("", d.final_path, "captures"));
    assert_true(access(d.tmp_path, F_OK) < 0);
    assert_true(readlink(latest, target, sizeof(target) - 1) > 0);
    assert_string_equal(target, strrchr(d.final_path, '/') + 1);

    /* a second run moves `latest` */
    assert_int_equal(results_dir_start(&two, base, "uto", "cd34", &e), 0);
    assert_int_equal(results_dir_finish(&two, &e), 0);
    memset(target, 0, sizeof(target));
    assert_true(readlink(latest, target, sizeof(target) - 1) > 0);
    assert_string_equal(target, strrchr(two.final_path, '/') + 1);
    results_dir_free(&two);
    results_dir_free(&d);
    free(latest);
    free(parent);
    free(base);
}

static void nothing_is_overwritten(void **state)
{
    struct err e = ERR_INIT;
    struct results_dir d;
    char *latest;

    (void)state;
    assert_int_equal(results_dir_start(&d, top, "same", "x", &e), 0);
    assert_int_equal(mkdir(d.final_path, 0755), 0); /* even an empty one stays */
    assert_int_equal(results_dir_finish(&d, &e), -EEXIST);
    assert_contains(e.msg, "File exists");
    assert_int_equal(access(d.tmp_path, F_OK), 0);
    assert_int_equal(rmdir(d.final_path), 0);
    latest = xasprintf("%s/same/latest", top);
    assert_int_equal(mkdir(latest, 0755), 0);
    assert_int_equal(results_dir_finish(&d, &e), -EEXIST);
    assert_contains(e.msg, "latest: is not a symbolic link");
    assert_int_equal(access(d.final_path, F_OK), 0); /* the results are safe */
    free(latest);
    results_dir_free(&d);
}

static void a_base_that_cannot_be_written(void **state)
{
    char *file = xasprintf("%s/a-file", top);
    struct err e = ERR_INIT;
    struct results_dir d;

    (void)state;
    assert_int_equal(write_file_atomic(file, "", 0, &e), 0);
    assert_int_equal(results_dir_start(&d, file, "uto", "x", &e), -ENOTDIR);
    assert_int_equal(e.status, EXIT_USAGE);
    assert_contains(e.msg, "a-file/uto: cannot make the directory for results: Not a directory");
    assert_contains(e.msg, "--out");
    assert_null(d.tmp_path);
    assert_int_equal(results_dir_start(&d, top, "a/b", "x", &e), -EINVAL);
    assert_int_equal(results_dir_start(&d, top, "uto", "..", &e), -EINVAL);
    assert_int_equal(results_dir_start(&d, top, "", "x", &e), -EINVAL);
    free(file);
}

static void values_for_people(void **state)
{
    static const struct {
        double v;
        const char *unit, *text;
    } want[] = {
        {0.0123, "s", "12.3 ms"},
        {0.9996, "s", "1.00 s"},
        {999.6e-6, "s", "1.00 ms"},
        {80e-6, "s", "80 µs"},
        {0, "s", "0 s"},
        {61.53, "s", "61.5 s"},
        {1500, "ms", "1.50 s"},
        {-0.25, "s", "-250 ms"},
        {7612345, "bit/s", "7.61 Mbit/s"},
        {999.6, "bit/s", "1.00 kbit/s"},
        {12e9, "bit/s", "12 Gbit/s"},
        {1234567, "packets", "1234567 packets"},
        {1.0423, "", "1.04"},
        {0.5, "1", "0.500"},
        {3, NULL, "3"},
        {12.34, "%", "12.3 %"},
        {0.04999, "", "0.0500"},
        {1.5e7, "B", "15 MB"},
        {NAN, "s", "no value"},
        {1e-9, "", "1e-09"},
    };
    char buf[FORMAT_VALUE_SIZE];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(want); i++)
        assert_string_equal(format_value(buf, sizeof(buf), want[i].v, want[i].unit), want[i].text);
}

static unsigned columns(const char *line, size_t len)
{
    unsigned n = 0;

    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)line[i] & 0xc0) != 0x80;
    return n;
}

static char *table(const struct results *r, char *const *metrics, unsigned n)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    results_print_table(f, r, metrics, n);
    fclose(f);
    return text;
}

static void table_is_aligned(void **state)
{
    char *metrics[] = {(char *)"abort_time", (char *)"goodput", (char *)"nosuch"}, *text;
    struct results r;

    (void)state;
    fill(&r);
    text = table(&r, metrics, 3);
    assert_string_equal(text,
                        "uto, with \"quotes\": median [95 % interval] of n values\n"
                        "\n"
                        "variant       n            abort_time               goodput  nosuch\n"
                        "                                    s                Mbit/s        \n"
                        "none, at all  3      -                 7.700 [7.600, 7.800]       -\n"
                        "uto-3s        3  3.200 [3.100, 3.300]  8.700 [8.600, 8.800]       -\n");
    free(text);
    results_free(&r);
}

static void wide_tables_are_wrapped(void **state)
{
    struct results r;
    unsigned headings = 0;
    char *text, name[32];

    (void)state;
    results_init(&r, "wide", 1);
    for (unsigned m = 0; m < 9; m++) {
        snprintf(name, sizeof(name), "metric_%u", m);
        for (unsigned i = 1; i <= 8; i++)
            results_add(&r, results_variant(&r, "µ-variant"), i, results_metric(&r, name, "s"),
                        (50 + i) * 1e-6);
        results_add(&r, results_variant(&r, "x-variant"), 1, results_metric(&r, name, "s"), 1e-6);
    }
    text = table(&r, NULL, 0);
    for (char *line = text; *line;) {
        size_t len = strcspn(line, "\n");

        assert_true(columns(line, len) <= 100);
        headings += !strncmp(line, "variant", 7);
        line += len + 1;
    }
    assert_int_equal(headings, 3);
    for (unsigned m = 0; m < 9; m++) {
        snprintf(name, sizeof(name), "metric_%u", m);
        assert_contains(text, name);
    }
    assert_null(strchr(text, '\033'));
    assert_contains(text, "54.50 [");
    free(text);
    results_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_selected_by_repetition),
        cmocka_unit_test(units_do_not_mix),
        cmocka_unit_test(only_finite_values_are_kept),
        cmocka_unit_test(intervals_do_not_depend_on_the_rest),
        cmocka_unit_test(csv_fields_are_quoted),
        cmocka_unit_test(csv_numbers_read_back),
        cmocka_unit_test(data_csv_comes_back),
        cmocka_unit_test(csv_reader_is_strict),
        cmocka_unit_test(rows_end_once),
        cmocka_unit_test(a_full_disk_is_reported),
        cmocka_unit_test(a_full_tmpfs_is_reported),
        cmocka_unit_test(summary_and_json),
        cmocka_unit_test(directory_appears_when_it_is_whole),
        cmocka_unit_test(nothing_is_overwritten),
        cmocka_unit_test(a_base_that_cannot_be_written),
        cmocka_unit_test(values_for_people),
        cmocka_unit_test(table_is_aligned),
        cmocka_unit_test(wide_tables_are_wrapped),
    };

    return cmocka_run_group_tests_name("results", tests, group_setup, group_teardown);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* The report: what is escaped, what stands in it, and runs that cannot be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "html.h"
#include "report_page.h"
#include "util.h"

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/extcp-report.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    return remove_tree(dir);
}

static void put(const char *name, const char *text)
{
    char *path = xasprintf("%s/%s", dir, name);

    assert_int_equal(write_file_atomic(path, text, strlen(text), NULL), 0);
    free(path);
}

static char *escaped(const char *text)
{
    char *out;
    size_t n;
    FILE *f = open_memstream(&out, &n);

    html_text(f, text);
    fclose(f);
    return out;
}

static void text_is_escaped(void **state)
{
    static const char *const cases[][2] = {
        {"a < b & \"c\" > d", "a &lt; b &amp; &quot;c&quot; &gt; d"},
        {"µs – ✓", "µs – ✓"},
        {"bad \xff\xc3 end", "bad ?? end"},
        {"bell\a\x7f", "bell??"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *out = escaped(cases[i][0]);
        assert_string_equal(out, cases[i][1]);
        free(out);
    }
}

/* Lengths 0 to 3 modulo 3; the right answers are from coreutils' base64. */
static void pictures_are_in_the_page(void **state)
{
    static const char *const cases[][2] = {
        {"<svg/>", "base64,PHN2Zy8+\""},
        {"<svg />", "base64,PHN2ZyAvPg==\""},
        {"<svg  />", "base64,PHN2ZyAgLz4=\""},
        {"", "base64,\""},
    };
    char *path = xasprintf("%s/f.svg", dir), *out;
    struct err e = ERR_INIT;
    size_t n;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        FILE *f = open_memstream(&out, &n);
        put("f.svg", cases[i][0]);
        assert_int_equal(html_svg(f, path, "a \"b\"", &e), 0);
        fclose(f);
        assert_non_null(strstr(out, cases[i][1]));
        assert_non_null(strstr(out, "alt=\"a &quot;b&quot;\""));
        free(out);
    }
    unlink(path);
    FILE *f = open_memstream(&out, &n);
    assert_int_not_equal(html_svg(f, path, "", &e), 0);
    assert_non_null(strstr(e.msg, path));
    fclose(f);
    free(out);
    free(path);
}

static const char run_json[] =
    "{\"schema_version\":1,\"experiment\":\"x\",\"title\":\"T <1>\",\"about\":\"A\",%s"
    "\"status\":\"%s\",\"error\":%s,\"command\":[\"/somewhere/extcp\",\"x\",\"--out\",\"/"
    "elsewhere\",\"--set\",\"a=b c\",\"--out=/there\"],"
    "\"quick\":true,\"started\":\"2026-01-02T03:04:05Z\",\"seconds\":3,\"seed\":1,"
    "\"order\":[[\"v\",1],[\"w\",1]],"
    "\"machine\":{\"source\":{\"revision\":\"abc\",\"dirty\":false},\"kernel\":{\"release\":\"6\"}}"
    ","
    "\"variants\":[{\"name\":\"v\"},{\"name\":\"w\"}],\"table\":[\"m\"],\"figures\":[%s],"
    "\"claims\":[{\"name\":\"C1\",\"held\":true,\"expected\":\"E1\",\"found\":\"F1\"},"
    "{\"name\":\"C2\",\"held\":false,\"expected\":\"E2\",\"found\":\"F2\"},"
    "{\"name\":\"C3\",\"held\":null,\"why\":\"W3\"}],"
    "\"wire_checks\":{\"run\":2,\"failed\":1},"
    "\"repetitions\":[{\"variant\":\"v\",\"checks\":["
    "{\"name\":\"K\",\"ok\":true,\"packet\":\"P1\"},{\"name\":\"K\",\"ok\":false,\"packet\":\"P2\"}"
    "]"
    "}]}";

static void put_run(const char *paper, const char *status, const char *error, const char *figures)
{
    char *text = xasprintf(run_json, paper, status, error, figures);

    put("run.json", text);
    free(text);
    put("data.csv", CSV_HEADER_DATA "\nx,v,1,m,s,0.5\nx,w,1,m,s,0.25\n");
}

static char *page(void)
{
    struct rundir d;
    struct report_entry en = {.experiment = "x", .run = &d};
    struct report_doc doc = {.title = "R & D", .entries = &en, .n_entries = 1};
    struct err e = ERR_INIT;
    char *html = NULL;

    assert_int_equal(rundir_open(&d, dir, &e), 0);
    if (report_page(&html, &doc, &e))
        fail_msg("%s", e.msg);
    rundir_close(&d);
    return html;
}

static void a_failed_run(void **state)
{
    char *html;

    (void)state;
    put_run("\"paper\":\"They did.\",", "fail", "null", "");
    html = page();
    assert_non_null(strstr(html, "<title>R &amp; D</title>"));
    assert_non_null(strstr(html, "T &lt;1&gt;"));
    assert_non_null(strstr(html, "They did."));
    assert_non_null(strstr(html, "not reproduced</span>. Run of 2026-01-02 03:04 UTC."));
    assert_non_null(strstr(html, "<td>1 of 2</td><td>1 of 2</td>")); /* claims, wire checks */
    assert_non_null(strstr(html, "m (ms)"));
    assert_non_null(strstr(html, ">500</td>"));
    assert_non_null(strstr(html, "W3"));
    /* of a check that failed once, the packet that failed */
    assert_non_null(strstr(html, "1 of 2</td><td class=\"words\"><code>P2"));
    assert_non_null(strstr(html, "git checkout abc\n./run.sh x --set 'a=b c'</pre>"));
    assert_non_null(strstr(html, ">2026-01-02 03:04</td>"));
    assert_null(strstr(html, "/somewhere"));
    assert_null(strstr(html, "/elsewhere"));
    assert_null(strstr(html, "/there"));
    assert_null(strstr(html, "<script"));
    free(html);
}

static void verdicts(void **state)
{
    static const struct {
        const char *paper, *status, *error, *verdict;
    } cases[] = {
        {"\"paper\":\"P\",", "pass", "null", "reproduced</span>. Run"},
        {"", "pass", "null", "held</span>. Run"},
        {"", "fail", "null", "did not hold</span>. Run"},
        {"\"paper\":\"P\",", "broke", "\"no <x> here\"", "could not be measured here</span>. Run"},
        {"\"paper\":\"P\",", "interrupted", "\"stopped\"", "interrupted</span>. Run"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *html;
        put_run(cases[i].paper, cases[i].status, cases[i].error, "");
        html = page();
        assert_non_null(strstr(html, cases[i].verdict));
        if (!strcmp(cases[i].status, "broke"))
            assert_non_null(strstr(html, "no &lt;x&gt; here"));
        free(html);
    }
}

static void an_experiment_without_a_run(void **state)
{
    struct report_entry en = {.experiment = "y", .why = "it was not tried"};
    struct report_doc doc = {.title = "t", .entries = &en, .n_entries = 1};
    char *html;

    (void)state;
    assert_int_equal(report_page(&html, &doc, NULL), 0);
    assert_non_null(strstr(html, "could not be measured here"));
    assert_non_null(strstr(html, "it was not tried"));
    free(html);
}

static void expect_open(const char *what)
{
    struct rundir d;
    struct err e = ERR_INIT;

    assert_int_not_equal(rundir_open(&d, dir, &e), 0);
    rundir_close(&d);
    assert_int_equal(e.status, EXIT_USAGE);
    if (!strstr(e.msg, what))
        fail_msg("'%s' is not in: %s", what, e.msg);
}

static void bad_runs(void **state)
{
    struct report_entry en;
    struct report_doc doc = {.title = "t", .entries = &en, .n_entries = 1};
    struct rundir d;
    struct err e = ERR_INIT;
    char *html;

    (void)state;
    put_run("", "pass", "null", "");
    put("run.json", "{\"schema_version\": 1,\n oops}");
    expect_open("run.json:2:");
    put("run.json", "{\"schema_version\": 99}");
    expect_open("schema_version 99; accepted: 1");
    put("run.json", "{\"schema_version\": 1}");
    expect_open("'experiment' is missing");
    put_run("", "pass", "null", "");
    put("data.csv", CSV_HEADER_DATA "\nx,v,1,m,s,0.5\nx,v,2,m,s,fast\n");
    expect_open("record 3: value 'fast'");
    put("data.csv", CSV_HEADER_DATA "\nx,v,0,m,s,0.5\n");
    expect_open("record 2: repetition '0'");
    put_run("", "pass", "null", "{\"name\":\"../../etc/passwd\"}");
    assert_int_equal(rundir_open(&d, dir, &e), 0);
    en = (struct report_entry){.experiment = "x", .run = &d};
    assert_int_not_equal(report_page(&html, &doc, &e), 0);
    assert_non_null(strstr(e.msg, "accepted: a file name"));
    rundir_close(&d);
}

static void runs_are_found(void **state)
{
    char *path, *json = xasprintf("%s/run.json", dir), *base = xasprintf("%s/base", dir);
    char *there = xasprintf("%s/x/latest", base), *copy = xasprintf("%s/run.json", there);
    struct err e = ERR_INIT;

    (void)state;
    put_run("", "pass", "null", "");
    assert_int_equal(rundir_find(&path, dir, NULL, &e), 0);
    assert_string_equal(path, dir);
    free(path);
    assert_int_equal(rundir_find(&path, json, NULL, &e), 0);
    assert_string_equal(path, dir);
    free(path);
    assert_int_equal(rundir_find(&path, "x", base, &e), -ENOENT);
    assert_non_null(strstr(e.msg, "no run 'x'"));
    assert_int_equal(mkdir_p(there), 0);
    assert_int_equal(rename(json, copy), 0);
    assert_int_equal(rundir_find(&path, "x", base, &e), 0);
    assert_string_equal(path, there);
    free(path);
    free(copy);
    free(there);
    free(base);
    free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(pictures_are_in_the_page),
        cmocka_unit_test(a_failed_run),
        cmocka_unit_test(verdicts),
        cmocka_unit_test(an_experiment_without_a_run),
        cmocka_unit_test(bad_runs),
        cmocka_unit_test(runs_are_found),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

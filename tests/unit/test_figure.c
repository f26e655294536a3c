/* SPDX-License-Identifier: BSD-2-Clause */
/* Draws with the real gnuplot: what is checked is what came out. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "figure.h"
#include "util.h"

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr(text, part))                                                                   \
            fail_msg("'%s' is not in '%.3000s'", part, text);                                      \
    } while (0)

static char top[64];

static int group_setup(void **state)
{
    (void)state;
    strcpy(top, "/tmp/extcp-test-figure.XXXXXX");
    return mkdtemp(top) ? 0 : -1;
}

static int group_teardown(void **state)
{
    (void)state;
    return remove_tree(top);
}

static char *output(const char *name, const char *ending, size_t *len)
{
    char *path = xasprintf("%s/figures/%s.%s", top, name, ending), *text;
    struct err e = ERR_INIT;

    if (read_file(path, &text, len, &e))
        fail_msg("%s", e.msg);
    free(path);
    return text;
}

/* Two variants with five repetitions each, and one without a value of the metric. */
static void fill(struct results *r)
{
    static const double v[2][5] = {{1.0, 1.2, 1.1, 1.4, 1.3}, {3.0, 3.5, 3.1, 3.2, 9.0}};

    results_init(r, "uto", 1);
    for (unsigned i = 0; i < 2; i++) {
        unsigned variant = results_variant(r, i ? "uto-3s, <50 %>" : "uto-1s_a");

        for (unsigned k = 0; k < 5; k++)
            results_add(r, variant, k + 1, results_metric(r, "abort_time", "s"), v[i][k]);
        results_add(r, variant, 1, results_metric(r, "uto", "s"), i ? 3 : 1);
    }
    results_add(r, results_variant(r, "none"), 1, results_metric(r, "survived", ""), 1);
}

static struct figure figure(const char *name, const char *script)
{
    return (struct figure){.name = (char *)name,
                           .script = (char *)script,
                           .metric = (char *)"abort_time",
                           .title = (char *)"Title & `touch /tmp/x` \"q\" 'p' \\n {a}_b^c @d",
                           .scale = 1};
}

static void draw(const struct figure *f, const struct results *r)
{
    struct err e = ERR_INIT;

    if (figure_draw(f, r, top, &e))
        fail_msg("%s", e.msg);
}

static unsigned count(const char *text, const char *part)
{
    unsigned n = 0;

    for (const char *p = text; (p = strstr(p, part)); p++)
        n++;
    return n;
}

static void png_size(const char *name, unsigned *width, unsigned *height)
{
    size_t len;
    char *png = output(name, "png", &len);
    const unsigned char *p = (const unsigned char *)png + 16; /* of the IHDR chunk */

    assert_true(len > 1000);
    *width = (unsigned)p[2] << 8 | p[3];
    *height = (unsigned)p[6] << 8 | p[7];
    free(png);
}

static void interval_shows_every_value_and_the_reference(void **state)
{
    struct figure f = figure("interval", "interval");
    unsigned width, height;
    struct results r;
    char *csv, *svg, size[64];

    (void)state;
    fill(&r);
    f.ylabel = (char *)"abort time (ms)";
    f.reference_metric = (char *)"uto";
    f.scale = 1000;
    draw(&f, &r);
    csv = output("interval", "csv", NULL);
    assert_int_equal(count(csv, ",value,"), 1 + 10); /* with the heading */
    assert_int_equal(count(csv, ",median,"), 2);
    assert_contains(csv, "uto-1s_a,1,median,0.88,1200,1000,1400\n");
    assert_contains(csv, "\"uto-3s, <50 %>\",2,median,1.88,3200,3000,9000\n");
    assert_contains(csv, "uto-1s_a,1,reference,1,1000,,\n");
    assert_null(strstr(csv, "none"));
    svg = output("interval", "svg", NULL);
    /* every text as it was written, and none of it taken for anything else */
    assert_contains(svg, "uto-1s_a");
    assert_contains(svg, "uto-3s, &lt;50 %>");
    assert_contains(svg, "Title &amp; `touch /tmp/x` ");
    assert_contains(svg, "\\n {a}_b^c @d");
    assert_contains(svg, "abort time (ms)");
    assert_contains(svg, "median [95 %]");
    assert_contains(svg, "expected");
    png_size("interval", &width, &height);
    assert_int_equal(width, 960);
    snprintf(size, sizeof(size), "width=\"%u\" height=\"%u\"", width / 2, height / 2);
    assert_contains(svg, size);
    free(svg);
    free(csv);
    results_free(&r);
}

static void box_has_quartiles_whiskers_and_outliers(void **state)
{
    struct figure f = figure("box", "box");
    struct results r;
    char *csv, *svg;

    (void)state;
    fill(&r);
    draw(&f, &r);
    csv = output("box", "csv", NULL);
    /* type 7 quartiles of 3, 3.1, 3.2, 3.5, 9 are 3.1 and 3.5; 9 is beyond 3.5 + 1.5 * 0.4 */
    assert_contains(csv, "\"uto-3s, <50 %>\",2,outlier,2,9,,,,\n");
    assert_contains(csv, "\"uto-3s, <50 %>\",2,box,2,3.2,3.1,3.5,3,3.5\n");
    assert_contains(csv, "uto-1s_a,1,box,1,1.2,1.1,1.3,1,1.4\n");
    svg = output("box", "svg", NULL);
    assert_contains(svg, "outlier");
    assert_contains(svg, "abort_time (s)"); /* the label where none is given */
    assert_null(strstr(svg, "expected"));
    free(svg);
    free(csv);
    results_free(&r);
}

static void cdf_steps_from_0_to_1(void **state)
{
    struct figure f = figure("cdf", "cdf");
    char *variants[] = {(char *)"uto-1s_a", (char *)"none"}, *csv;
    struct results r;

    (void)state;
    fill(&r);
    f.variants = variants; /* one of them has no value, and is left out */
    f.n_variants = 2;
    f.reference_metric = (char *)"uto";
    draw(&f, &r);
    csv = output("cdf", "csv", NULL);
    assert_string_equal(csv, "variant,position,kind,value,share\n"
                             "uto-1s_a,1,step,1,0\n"
                             "uto-1s_a,1,step,1,0.2\n"
                             "uto-1s_a,1,step,1.1,0.4\n"
                             "uto-1s_a,1,step,1.2,0.6\n"
                             "uto-1s_a,1,step,1.3,0.8\n"
                             "uto-1s_a,1,step,1.4,1\n"
                             "uto-1s_a,1,reference,1,\n");
    free(csv);
    results_free(&r);
}

static void write_series(const char *rows)
{
    char *path = xasprintf("%s/series.csv", top);
    char *text = xasprintf(CSV_HEADER_SERIES "\n%s", rows);
    struct err e = ERR_INIT;

    assert_int_equal(write_file_atomic(path, text, strlen(text), &e), 0);
    free(text);
    free(path);
}

/* Three repetitions, out of order; the second starts later and the first has a gap. */
static void series_is_the_median_over_repetitions(void **state)
{
    struct figure f = figure("series", "series");
    char *rows = NULL, *csv;
    struct results r;
    size_t size;
    FILE *m = open_memstream(&rows, &size);

    (void)state;
    for (unsigned rep = 3; rep >= 1; rep--)
        for (unsigned t = 0; t <= 20; t++)
            if (!(rep == 2 && t < 2) && !(t > 5 && t < 15 && rep != 3))
                fprintf(m, "uto,uto-1s_a,%u,rtt,%u,%u\n", rep, t, 10 * rep + t);
    fprintf(m, "uto,uto-1s_a,1,other,0,99999\n");
    fclose(m);
    fill(&r);
    write_series(rows);
    f.metric = (char *)"rtt";
    f.ylabel = (char *)"RTT (ms)";
    draw(&f, &r);
    csv = output("series", "csv", NULL);
    assert_contains(csv, "uto-1s_a,1,0,20,10,30,2\n"); /* repetitions 1 and 3 */
    assert_contains(csv, "uto-1s_a,1,2,22,12,32,3\n");
    assert_contains(csv, "uto-1s_a,1,10,40,40,40,1\n"); /* in the gap of 1 and 2 */
    assert_contains(csv, "uto-1s_a,1,20,40,30,50,3\n");
    assert_null(strstr(csv, "99999"));
    free(csv);
    free(rows);
    results_free(&r);
}

static void a_gap_of_all_breaks_the_line(void **state)
{
    struct figure f = figure("gap", "series");
    struct results r;
    char *csv;

    (void)state;
    fill(&r);
    write_series("uto,none,1,rtt,0,5\nuto,none,1,rtt,1,6\nuto,none,1,rtt,2,7\nuto,none,1,rtt,3,7\n"
                 "uto,none,1,rtt,12,8\nuto,none,1,rtt,13,9\nuto,none,1,rtt,14,9\n"
                 "uto,none,1,rtt,16,11\n");
    f.metric = (char *)"rtt";
    draw(&f, &r);
    csv = output("gap", "csv", NULL);
    assert_contains(csv, "none,1,3,7,7,7,1\nnone,1,4,NaN,NaN,NaN,0\n");
    assert_contains(csv, "none,1,11,NaN,NaN,NaN,0\nnone,1,12,8,8,8,1\n");
    assert_contains(csv, "none,1,15,10,10,10,1\n"); /* one that is missing is no gap */
    free(csv);
    results_free(&r);
}

/* Every script with shapes that break figures; gnuplot must have nothing to say about any. */
static void awkward_shapes(void **state)
{
    static const char *const scripts[] = {"interval", "box", "cdf"};
    struct results one, many, lengthy, same;
    char name[120];

    (void)state;
    results_init(&one, "one", 1);
    results_add(&one, results_variant(&one, "v"), 1, results_metric(&one, "abort_time", ""), 0);
    results_init(&same, "same", 1);
    results_init(&many, "many", 1);
    results_init(&lengthy, "lengthy", 1);
    for (unsigned k = 1; k <= 9; k++) {
        results_add(&same, results_variant(&same, "a"), k, results_metric(&same, "abort_time", "s"),
                    -7);
        for (unsigned v = 0; v < 25; v++) {
            snprintf(name, sizeof(name), "variant %u", v);
            results_add(&many, results_variant(&many, name), k,
                        results_metric(&many, "abort_time", "s"), exp(v) * k);
        }
        for (unsigned v = 0; v < 3; v++) {
            snprintf(name, sizeof(name), "a-very-long-name_that/cannot+be,broken%*sX%u", v * 8, "",
                     v);
            results_add(&lengthy, results_variant(&lengthy, name), k,
                        results_metric(&lengthy, "abort_time", "s"), v + k * 0.01);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(scripts); i++) {
        struct figure f = figure("awkward", scripts[i]);
        const struct results *all[] = {&one, &many, &lengthy, &same};

        for (size_t k = 0; k < ARRAY_SIZE(all); k++)
            draw(&f, all[k]);
        f.has_mark = true;
        f.mark = -3; /* outside of the values */
        draw(&f, &many);
        f.mark = 2;
        f.logscale = true;
        draw(&f, &many);
        f.title = NULL;
        f.xlabel = f.ylabel = (char *)"a label that is so long that it must be broken into lines "
                                      "or else it leaves the figure on both of its sides";
        draw(&f, &many);
    }
    results_free(&one);
    results_free(&same);
    results_free(&many);
    results_free(&lengthy);
}

static void text_that_is_not_utf8_gives_a_whole_svg(void **state)
{
    struct figure f = figure("bytes", "interval");
    struct results r;
    char *svg;

    (void)state;
    fill(&r);
    f.title = (char *)"bad \xff\xc3 byte, bell \a, tab \t, µs \xe2\x82\xac";
    draw(&f, &r);
    svg = output("bytes", "svg", NULL);
    assert_contains(svg, "bad ?? byte, bell ?, tab ?, µs \xe2\x82\xac");
    free(svg);
    results_free(&r);
}

static void refuse(const struct figure *f, const struct results *r, int code, const char *words)
{
    struct err e = ERR_INIT;

    assert_int_equal(figure_draw(f, r, top, &e), code);
    assert_contains(e.msg, words);
}

static void values_are_divided_by_the_median_of_a_variant(void **state)
{
    struct figure f = figure("relative", "interval");
    struct results r;
    char *csv;

    (void)state;
    fill(&r);
    f.ylabel = (char *)"share of uto-1s_a";
    f.relative_to = (char *)"uto-1s_a"; /* its median is 1.2 */
    draw(&f, &r);
    csv = output("relative", "csv", NULL);
    assert_contains(csv, "uto-1s_a,1,median,0.88,1,0.8333");
    assert_contains(csv, "\"uto-3s, <50 %>\",2,median,1.88,2.6666");
    free(csv);
    f.relative_to = (char *)"nosuch";
    refuse(&f, &r, -ENODATA, "nosuch has no positive median of 'abort_time' to divide by");
    results_free(&r);
}

static void what_cannot_be_drawn_is_said(void **state)
{
    struct figure f;
    struct results r;

    (void)state;
    fill(&r);
    f = figure("x", "pie");
    refuse(&f, &r, -EINVAL, "figure x: unknown script 'pie'; accepted: interval, box, cdf, series");
    f = figure("../x", "box");
    refuse(&f, &r, -EINVAL, "figure '../x': accepted as a name");
    f = figure("x", "box");
    f.scale = 1000;
    refuse(&f, &r, -EINVAL, "ylabel is missing");
    f.scale = NAN;
    refuse(&f, &r, -EINVAL, "scale = nan");
    f = figure("x", "cdf");
    f.scale = 1000;
    refuse(&f, &r, -EINVAL, "xlabel is missing");
    f = figure("x", "box");
    f.metric = (char *)"nosuch";
    refuse(&f, &r, -ENODATA, "figure x: no variant has a value of 'nosuch'");
    f = figure("x", "box");
    f.reference_metric = (char *)"nosuch";
    refuse(&f, &r, -ENODATA, "the reference 'nosuch'");
    f = figure("x", "series");
    f.reference_metric = (char *)"uto";
    refuse(&f, &r, -EINVAL, "'series' draws no reference");
    f = figure("x", "interval");
    f.logscale = true;
    results_add(&r, 0, 6, 0, 0);
    refuse(&f, &r, -ERANGE, "0 cannot be drawn on a logarithmic axis");
    f = figure("x", "cdf");
    f.logscale = f.has_mark = true;
    refuse(&f, &r, -ERANGE, "mark = 0 has no place on a logarithmic axis");
    f = figure("x", "series");
    write_series("uto,none,1,abort_time,now,5\n");
    refuse(&f, &r, -EINVAL, "must be numbers");
    write_series("uto,nobody,1,abort_time,1,5\n");
    refuse(&f, &r, -EINVAL, "variant 'nobody' is not in the results");
    write_series("uto,none,1,abort_time,1\n");
    refuse(&f, &r, -EINVAL, "series.csv:2: 5 fields");
    results_free(&r);
}

/* A script with a mistake, in a project directory of its own. */
static void gnuplot_s_words_are_passed_on(void **state)
{
    char *home = xasprintf("%s/home", top), *plots = xasprintf("%s/plots", home);
    char *script = xasprintf("%s/box.gp", plots), *old = getenv("EXTCP_HOME");
    struct figure f = figure("broken", "box");
    struct results r;
    struct err e = ERR_INIT;

    (void)state;
    old = old ? xstrdup(old) : NULL;
    fill(&r);
    assert_int_equal(mkdir_p(plots), 0);
    setenv("EXTCP_HOME", home, 1);
    refuse(&f, &r, -EIO, "figure broken: gnuplot ended with status 1 and said");
    assert_int_equal(write_file_atomic(script, "plit x\n", 7, &e), 0);
    refuse(&f, &r, -EIO, "invalid command");
    /* says nothing, but draws nothing either */
    assert_int_equal(write_file_atomic(script, "x = 1\n", 6, &e), 0);
    refuse(&f, &r, -ENOENT, "gnuplot did not write");
    /* a warning, with a picture and status 0 */
    assert_int_equal(write_file_atomic(script, "print 'hm'\n", 11, &e), 0);
    refuse(&f, &r, -EIO, "status 0 and said:\nhm");
    if (old)
        setenv("EXTCP_HOME", old, 1);
    else
        unsetenv("EXTCP_HOME");
    results_free(&r);
    free(old);
    free(script);
    free(plots);
    free(home);
}

static void a_missing_gnuplot_is_named(void **state)
{
    struct figure f = figure("x", "box");
    char *path = xstrdup(getenv("PATH"));
    struct err e = ERR_INIT;
    struct results r;

    (void)state;
    fill(&r);
    setenv("PATH", "/nonexistent", 1);
    assert_int_equal(figure_draw(&f, &r, top, &e), -ENOENT);
    setenv("PATH", path, 1);
    assert_int_equal(e.status, EXIT_LACKS);
    assert_contains(e.msg, "apt-get install gnuplot-nox");
    free(path);
    results_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interval_shows_every_value_and_the_reference),
        cmocka_unit_test(values_are_divided_by_the_median_of_a_variant),
        cmocka_unit_test(box_has_quartiles_whiskers_and_outliers),
        cmocka_unit_test(cdf_steps_from_0_to_1),
        cmocka_unit_test(series_is_the_median_over_repetitions),
        cmocka_unit_test(a_gap_of_all_breaks_the_line),
        cmocka_unit_test(awkward_shapes),
        cmocka_unit_test(text_that_is_not_utf8_gives_a_whole_svg),
        cmocka_unit_test(what_cannot_be_drawn_is_said),
        cmocka_unit_test(gnuplot_s_words_are_passed_on),
        cmocka_unit_test(a_missing_gnuplot_is_named),
    };

    return cmocka_run_group_tests_name("figure", tests, group_setup, group_teardown);
}

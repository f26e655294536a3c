/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "page.h"
#include "page_schedule.h"
#include "stats.h"
#include "util.h"

#define assert_contains(text, part)                                                                \
    do {                                                                                           \
        if (!strstr(text, part))                                                                   \
            fail_msg("'%s' is not in '%s'", part, text);                                           \
    } while (0)

static char dir[] = "/tmp/extcp-test-page.XXXXXX";

static int setup(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    return remove_tree(dir);
}

/* ---- the generator ---- */

static void assert_same_page(const struct page *a, const struct page *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->objects, b->objects, a->n * sizeof(*a->objects));
}

static void test_same_seed_same_pages(void **state)
{
    struct page_set a, b, more, other, fewer_origins;

    (void)state;
    page_set_make(&a, 7, 5, 32);
    page_set_make(&b, 7, 5, 32);
    page_set_make(&more, 7, 20, 32);
    page_set_make(&other, 8, 5, 32);
    page_set_make(&fewer_origins, 7, 5, 3);
    for (unsigned i = 0; i < 5; i++) {
        assert_same_page(&a.pages[i], &b.pages[i]);
        assert_same_page(&a.pages[i], &more.pages[i]); /* however many there are */
    }
    assert_true(a.pages[0].n != other.pages[0].n ||
                memcmp(a.pages[0].objects, other.pages[0].objects,
                       a.pages[0].n * sizeof(struct page_object)));
    assert_true(a.pages[0].n != a.pages[1].n || memcmp(a.pages[0].objects, a.pages[1].objects,
                                                       a.pages[0].n * sizeof(struct page_object)));
    for (unsigned i = 0; i < fewer_origins.pages[0].n; i++)
        assert_true(fewer_origins.pages[0].objects[i].origin < 3);
    page_set_free(&a);
    page_set_free(&b);
    page_set_free(&more);
    page_set_free(&other);
    page_set_free(&fewer_origins);
}

static void test_every_page_is_whole(void **state)
{
    struct page_set set;

    (void)state;
    page_set_make(&set, 3, 1000, PAGE_MAX_ORIGINS);
    for (unsigned i = 0; i < set.n; i++) {
        const struct page *p = &set.pages[i];

        assert_in_range(p->n, 1, PAGE_MAX_OBJECTS);
        assert_int_equal(p->objects[0].parent, -1);
        assert_int_equal(p->objects[0].type, PAGE_HTML);
        assert_int_equal(p->objects[0].origin, 0);
        for (unsigned k = 0; k < p->n; k++) {
            const struct page_object *o = &p->objects[k];

            assert_true(o->parent < (int)k && (!k || o->parent >= 0));
            assert_in_range(o->size, 1, PAGE_MAX_SIZE);
            assert_true(o->origin < PAGE_MAX_ORIGINS);
            if (o->parent > 0) /* only what can name another does */
                assert_true(p->objects[o->parent].type == PAGE_CSS ||
                            p->objects[o->parent].type == PAGE_JS);
        }
    }
    page_set_free(&set);
}

/* What the generator says it has (page_model.c): percentiles of the Web Almanac 2024. */
struct expectation {
    const char *what;
    int type; /* -1: the whole page */
    bool bytes;
    double p25, p50, p75; /* 0: not published */
};

static double fact(const struct page *p, const struct expectation *x)
{
    struct page_facts f;

    page_facts(p, &f);
    if (x->type < 0)
        return x->bytes ? (double)f.bytes / 1024 : f.objects;
    return x->bytes ? (double)f.type_bytes[x->type] / 1024 : f.type_objects[x->type];
}

static void test_the_web_it_is_made_from(void **state)
{
    static const struct expectation all[] = {
        {"images", PAGE_IMAGE, false, 9, 18, 33},
        {"KB of images", PAGE_IMAGE, true, 322, 1054, 2822},
        {"scripts", PAGE_JS, false, 12, 24, 43},
        {"KB of scripts", PAGE_JS, true, 270, 620, 1172},
        {"stylesheets", PAGE_CSS, false, 4, 8, 16},
        {"KB of CSS", PAGE_CSS, true, 0, 80, 152},
        {"documents", PAGE_HTML, false, 1, 2, 6},
        {"KB of HTML", PAGE_HTML, true, 0, 18, 0},
        {"fonts", PAGE_FONT, false, 2, 4, 7},
        {"KB of fonts", PAGE_FONT, true, 0, 131, 0},
        {"requests", -1, false, 42, 71, 115},
        {"KB", -1, true, 0, 2652, 0},
    };
    struct page_set set;
    double *v;

    (void)state;
    page_set_make(&set, 1, 4000, 32);
    v = xcalloc(set.n, sizeof(*v));
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        const double expected[] = {all[i].p25, all[i].p50, all[i].p75};

        for (unsigned k = 0; k < set.n; k++)
            v[k] = fact(&set.pages[k], &all[i]);
        for (unsigned q = 0; q < 3; q++) {
            double found = stats_quantile(v, set.n, 0.25 * (q + 1));

            if (expected[q] > 0 && (found < expected[q] * 0.8 - 1 || found > expected[q] * 1.2 + 1))
                fail_msg("%s, percentile %u: %g; expected: %g within 20 %%", all[i].what,
                         25 * (q + 1), found, expected[q]);
        }
    }
    free(v);
    page_set_free(&set);
}

static void test_origins_and_depth(void **state)
{
    struct page_set set;
    double *origins, *depth, own = 0, objects = 0;

    (void)state;
    page_set_make(&set, 1, 4000, 32);
    origins = xcalloc(set.n, sizeof(*origins));
    depth = xcalloc(set.n, sizeof(*depth));
    for (unsigned i = 0; i < set.n; i++) {
        struct page_facts f;

        page_facts(&set.pages[i], &f);
        origins[i] = f.origins;
        depth[i] = f.depth;
        objects += f.objects;
        for (unsigned k = 0; k < set.pages[i].n; k++)
            own += set.pages[i].objects[k].origin == 0;
    }
    assert_in_range(stats_median(origins, set.n), 11, 15);
    assert_in_range(stats_quantile(origins, set.n, 0.9), 20, 32);
    assert_in_range(stats_median(depth, set.n), 3, 4);
    assert_in_range(100 * own / objects, 58, 66);
    free(origins);
    free(depth);
    page_set_free(&set);
}

/* ---- files and manifest ---- */

static void test_written_and_read_back(void **state)
{
    char *where = xasprintf("%s/set", dir), *manifest = xasprintf("%s/manifest.json", where);
    char path[PAGE_PATH_SIZE];
    struct page_set set, back;
    struct err e = ERR_INIT;
    struct stat st;

    (void)state;
    page_set_make(&set, 9, 3, 8);
    assert_int_equal(page_set_write(&set, where, &e), 0);
    assert_int_equal(page_set_read(&back, manifest, &e), 0);
    assert_int_equal(back.n, 3);
    assert_int_equal(back.seed, 9);
    assert_int_equal(back.n_origins, 8);
    for (unsigned i = 0; i < set.n; i++)
        assert_same_page(&set.pages[i], &back.pages[i]);
    for (unsigned k = 0; k < set.pages[2].n; k++) {
        char *file = xasprintf("%s/www%s", where, page_path(path, &set, 2, k));

        assert_int_equal(stat(file, &st), 0);
        assert_int_equal(st.st_size, set.pages[2].objects[k].size);
        free(file);
    }
    /* Never over something that is there. */
    assert_true(page_set_write(&set, where, &e) < 0);
    assert_contains(e.msg, "manifest.json is there already");
    page_set_free(&set);
    page_set_free(&back);
    free(where);
    free(manifest);
}

static void test_nothing_half_written(void **state)
{
    char *where = xasprintf("%s/half", dir), *www = xasprintf("%s/www", where);
    char *in_the_way = xasprintf("%s/manifest.json.tmp", where);
    struct page_set set;
    struct err e = ERR_INIT;

    (void)state;
    /* The manifest, which is written last, cannot be. */
    assert_int_equal(mkdir_p(in_the_way), 0);
    page_set_make(&set, 9, 1, 8);
    assert_true(page_set_write(&set, where, &e) < 0);
    assert_int_equal(access(www, F_OK), -1);
    page_set_free(&set);
    free(where);
    free(www);
    free(in_the_way);
}

#define OBJECT                                                                                     \
    "{\"path\": \"/0/0.html\", \"type\": \"html\", \"origin\": 0, \"parent\": -1, \"size\": 5}"
#define FILE_OF(origins, objects)                                                                  \
    "{\"version\": 1, \"seed\": 1, \"origins\": " origins ", \"pages\": [{\"objects\": [" objects  \
    "]}]}"

static void test_bad_manifests(void **state)
{
    static const struct {
        const char *text, *message, *also;
    } bad[] = {
        {"{", "bad.json:1: not JSON", "extcp page make"},
        {"[]", "the manifest: bad value '[]'", "an object with version"},
        {"{}", "version: is missing", "from 1 to 1"},
        {"{\"version\": 2}", "version: bad value '2'", "from 1 to 1"},
        {"{\"version\": 1, \"seed\": -1}", "seed: bad value '-1'", "whole number"},
        {"{\"version\": 1, \"seed\": 1, \"origins\": 65}", "origins: bad value '65'",
         "from 1 to 64"},
        {"{\"version\": 1, \"seed\": 1, \"origins\": 1}", "pages: is missing",
         "a list of 1 to 1000"},
        {"{\"version\": 1, \"seed\": 1, \"origins\": 1, \"pages\": []}", "pages: has 0 entries",
         "1 to 1000"},
        {"{\"version\": 1, \"seed\": 1, \"origins\": 1, \"pages\": [3]}",
         "pages[0].objects: is missing", "a list"},
        {FILE_OF("1", "7"), "pages[0].objects[0]: bad value '7'", "an object with path"},
        {FILE_OF("1", "{\"type\": \"flash\"}"), "pages[0].objects[0].type: bad value '\"flash\"'",
         "html, css, js"},
        {FILE_OF("1", "{\"type\": \"html\", \"origin\": 1}"), "objects[0].origin: bad value '1'",
         "from 0 to 0"},
        {FILE_OF("1", "{\"type\": \"html\", \"origin\": 0, \"parent\": 0}"),
         "objects[0].parent: bad value '0'", "from -1 to -1"},
        {FILE_OF("1", OBJECT ", {\"type\": \"js\", \"origin\": 0, \"parent\": 1}"),
         "objects[1].parent: bad value '1'", "from 0 to 0"},
        {FILE_OF("1", "{\"type\": \"html\", \"origin\": 0, \"parent\": -1, \"size\": 0}"),
         "objects[0].size: bad value '0'", "from 1 to 16777216"},
        {FILE_OF("1", "{\"type\": \"html\", \"origin\": 0, \"parent\": -1, \"size\": 1.5}"),
         "objects[0].size: bad value '1.5'", "a whole number"},
        {FILE_OF("1", "{\"path\": \"/../x\", \"type\": \"html\", \"origin\": 0, \"parent\": -1, "
                      "\"size\": 5}"),
         "objects[0].path: bad value '\"/../x\"'", "\"/0/0.html\""},
    };
    char *path = xasprintf("%s/bad.json", dir), *missing = xasprintf("%s/no.json", dir);
    struct page_set set;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct err e = ERR_INIT;

        assert_int_equal(write_file_atomic(path, bad[i].text, strlen(bad[i].text), &e), 0);
        assert_true(page_set_read(&set, path, &e) < 0);
        assert_int_equal(e.status, EXIT_USAGE);
        assert_contains(e.msg, path);
        assert_contains(e.msg, bad[i].message);
        assert_contains(e.msg, bad[i].also);
        assert_null(set.pages);
    }
    struct err e = ERR_INIT;
    assert_int_equal(
        write_file_atomic(path, FILE_OF("1", OBJECT), strlen(FILE_OF("1", OBJECT)), &e), 0);
    assert_int_equal(page_set_read(&set, path, &e), 0);
    page_set_free(&set);
    assert_true(page_set_read(&set, missing, &e) < 0);
    assert_int_equal(e.status, EXIT_USAGE);
    assert_contains(e.msg, "no.json");
    free(path);
    free(missing);
}

/* ---- the order of fetches ---- */

/* The document names 1 (image), 2 (script), 3 (stylesheet) and 4 (image of another origin); 3 names
 * 5 (font), 2 names 6 (other). */
static struct page_object objects[] = {
    {PAGE_HTML, 0, -1, 10}, {PAGE_IMAGE, 0, 0, 10}, {PAGE_JS, 0, 0, 10},   {PAGE_CSS, 0, 0, 10},
    {PAGE_IMAGE, 1, 0, 10}, {PAGE_FONT, 0, 3, 10},  {PAGE_OTHER, 1, 2, 10}};
static const struct page small = {objects, ARRAY_SIZE(objects)};

static void test_schedule_follows_the_page(void **state)
{
    struct page_schedule s;

    (void)state;
    page_schedule_init(&s, &small, 6);
    assert_int_equal(page_schedule_next(&s), 0);
    assert_int_equal(page_schedule_next(&s), -1); /* nothing else is known yet */
    page_schedule_done(&s, 0);
    assert_int_equal(page_schedule_next(&s), 3); /* the stylesheet first */
    assert_int_equal(page_schedule_next(&s), 2);
    assert_int_equal(page_schedule_next(&s), 1);
    assert_int_equal(page_schedule_next(&s), 4);
    assert_int_equal(page_schedule_next(&s), -1);
    page_schedule_done(&s, 2);
    assert_int_equal(page_schedule_next(&s), 6);
    page_schedule_done(&s, 2); /* once is enough */
    assert_int_equal(s.n_done, 2);
    page_schedule_done(&s, 3);
    assert_int_equal(page_schedule_next(&s), 5);
    page_schedule_done(&s, 1);
    page_schedule_done(&s, 4);
    page_schedule_done(&s, 5);
    assert_false(page_schedule_finished(&s));
    page_schedule_done(&s, 6);
    assert_true(page_schedule_finished(&s));
    assert_int_equal(page_schedule_next(&s), -1);
    page_schedule_free(&s);
}

static void test_schedule_limit_is_per_origin(void **state)
{
    struct page_schedule s;

    (void)state;
    page_schedule_init(&s, &small, 1);
    assert_int_equal(page_schedule_next(&s), 0);
    page_schedule_done(&s, 0);
    assert_int_equal(page_schedule_next(&s), 3);
    assert_int_equal(page_schedule_next(&s), 4); /* the other origin has room */
    assert_int_equal(page_schedule_next(&s), -1);
    page_schedule_done(&s, 3);
    assert_int_equal(page_schedule_next(&s),
                     5); /* what the stylesheet names comes before the script */
    page_schedule_free(&s);
}

/* Whatever the order of arrival: every object is fetched once, none before what names it, and never
 * more than the limit of one origin. */
static void test_schedule_of_many_pages(void **state)
{
    struct page_set set;
    struct rng r;

    (void)state;
    rng_seed(&r, 5);
    page_set_make(&set, 11, 200, 6);
    for (unsigned i = 0; i < set.n; i++) {
        const struct page *p = &set.pages[i];
        unsigned *under_way = xcalloc(p->n, sizeof(*under_way)), n = 0;
        bool *done = xcalloc(p->n, sizeof(*done));
        struct page_schedule s;

        page_schedule_init(&s, p, 6);
        while (!page_schedule_finished(&s)) {
            int k;

            while ((k = page_schedule_next(&s)) >= 0) {
                assert_true(!k || done[p->objects[k].parent]);
                under_way[n++] = (unsigned)k;
                assert_in_range(s.under_way[p->objects[k].origin], 1, 6);
            }
            assert_true(n > 0); /* it never stands still */
            k = (int)rng_below(&r, n);
            page_schedule_done(&s, under_way[k]);
            assert_false(done[under_way[k]]);
            done[under_way[k]] = true;
            under_way[k] = under_way[--n];
        }
        for (unsigned k = 0; k < p->n; k++)
            assert_true(done[k]);
        page_schedule_free(&s);
        free(under_way);
        free(done);
    }
    page_set_free(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed_same_pages),
        cmocka_unit_test(test_every_page_is_whole),
        cmocka_unit_test(test_the_web_it_is_made_from),
        cmocka_unit_test(test_origins_and_depth),
        cmocka_unit_test(test_written_and_read_back),
        cmocka_unit_test(test_nothing_half_written),
        cmocka_unit_test(test_bad_manifests),
        cmocka_unit_test(test_schedule_follows_the_page),
        cmocka_unit_test(test_schedule_limit_is_per_origin),
        cmocka_unit_test(test_schedule_of_many_pages),
    };

    return cmocka_run_group_tests_name("pages", tests, setup, teardown);
}

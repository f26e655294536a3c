/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages with the statistics of the HTTP Archive, desktop pages, from the Web Almanac 2024, chapter
 * Page Weight (crawl of October 2024, https://almanac.httparchive.org/en/2024/page-weight).
 * Percentiles 10, 25, 50, 75, 90 of the number of requests per page and of KB (1024 bytes):
 *
 *            requests             KB
 *   image    5   9  18  33  60    84  322 1054 2822 6526 (home pages)
 *   js       5  12  24  43   -   101  270  620 1172 1834
 *   css      2   4   8  16  26    10   36   80  152  269
 *   html     1   1   2   6  12     -    -   18    -    -
 *   font     0   2   4   7  11     -    -  131    -    -
 *   all     24  42  71 115 176     -    - 2652    -    -
 *
 * They are nearly log-normal: a median and a sigma, which is ln(p90/p10) / 2.563, give them back.
 * The number of objects of a type is log-normal, and so is the size of an object, around a median
 * that differs from page to page; a page with many objects of one type tends to have many of the
 * others (`common`). Video, which streams and is not part of the load, is left out, so the weight
 * is less than the 2652 KB of all.
 *
 * The number of origins: with HTTP/2 a page has about one connection for each, and the median
 * number of connections was 13, the 90th percentile 33 (Web Almanac 2020, chapter HTTP). 62 % of
 * the requests go to the page's own origin (medians 39 and 24; HTTP Archive forum, "What is the
 * distribution of 1st party vs 3rd party resources?"), the others' shares fall as 1/sqrt(rank).
 * Some that are drawn get no object, so more are drawn: 12 are used at the median.
 *
 * What names what: the archive publishes the depth of inclusion chains only for third parties
 * (median 3; Web Almanac 2024, chapter Third Parties). The shares below, which say how often a
 * stylesheet or a script names an object and not the document, are ours and give that depth or one
 * more.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "page.h"
#include "stats.h"
#include "util.h"

/* A log-normal number of a page: exp(N(ln median, sigma²)). */
struct log_normal {
    double median, sigma;
};

static const struct type_model {
    const char *name;
    struct log_normal count;
    double size_median;            /* bytes, over all pages */
    double size_page, size_object; /* sigma between pages, and within one */
    double by_css, by_js;          /* share that a stylesheet or a script names */
} model[PAGE_TYPES] = {
    [PAGE_HTML] = {"html", {2.0, 1.30}, 6300, 0.5, 0.9, 0, 0.50},
    [PAGE_CSS] = {"css", {8.0, 1.00}, 4900, 0.7, 1.2, 0.05, 0.10},
    [PAGE_JS] = {"js", {24.0, 0.95}, 11100, 0.5, 1.3, 0, 0.20},
    [PAGE_FONT] = {"font", {4.0, 0.90}, 27000, 0.3, 0.6, 0.9, 0},
    [PAGE_IMAGE] = {"image", {18.0, 0.97}, 25000, 0.9, 1.3, 0.10, 0.10},
    [PAGE_OTHER] = {"other", {4.0, 1.00}, 1000, 0.5, 1.5, 0, 0.90},
};

#define COMMON       0.5 /* share of a count's variance that all types of a page have in common */
#define OWN_ORIGIN   0.62
#define MIN_SIZE     35 /* bytes: an image of one pixel */
#define MIN_DOCUMENT 500

static const struct log_normal origins = {20, 0.80};

const char *page_type_name(enum page_type t)
{
    return model[t].name;
}

/* Standard normal (Box and Muller, 1958). */
static double normal(struct rng *r)
{
    double u = 1 - rng_unit(r), v = rng_unit(r);

    return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static double draw(struct log_normal d, double z)
{
    return d.median * exp(d.sigma * z);
}

static unsigned whole(double x, unsigned min, unsigned max)
{
    double n = floor(x + 0.5);

    return n < min ? min : n > max ? max : (unsigned)n;
}

/* The origin of an object: the page's own, or another by its rank. */
static unsigned draw_origin(struct rng *r, unsigned n_origins)
{
    double total = 0, at;

    if (n_origins < 2 || rng_unit(r) < OWN_ORIGIN)
        return 0;
    for (unsigned k = 1; k < n_origins; k++)
        total += 1 / sqrt(k);
    at = rng_unit(r) * total;
    for (unsigned k = 1; k < n_origins; k++) {
        at -= 1 / sqrt(k);
        if (at < 0)
            return k;
    }
    return n_origins - 1;
}

/* Any earlier object of that type, or the document where there is none. */
static int draw_parent(struct rng *r, const struct page *p, enum page_type type)
{
    unsigned n = 0, pick;

    for (unsigned i = 0; i < p->n; i++)
        n += p->objects[i].type == type;
    if (!n)
        return 0;
    pick = (unsigned)rng_below(r, n);
    for (unsigned i = 0; i < p->n; i++)
        if (p->objects[i].type == type && !pick--)
            return (int)i;
    return 0;
}

static void make_page(struct page *p, struct rng *r, unsigned n_origins)
{
    /* What names others comes before what is named; the client fetches in this order too. */
    static const enum page_type order[] = {PAGE_CSS,  PAGE_JS,    PAGE_HTML,
                                           PAGE_FONT, PAGE_IMAGE, PAGE_OTHER};
    double common = normal(r), page_z[PAGE_TYPES];
    unsigned count[PAGE_TYPES], used = whole(draw(origins, normal(r)), 1, n_origins);

    for (unsigned t = 0; t < PAGE_TYPES; t++) {
        double z = sqrt(COMMON) * common + sqrt(1 - COMMON) * normal(r);

        count[t] = whole(draw(model[t].count, z), t == PAGE_HTML, PAGE_MAX_OBJECTS / PAGE_TYPES);
        page_z[t] = normal(r);
    }
    count[PAGE_HTML]--; /* the document itself */
    p->objects = xcalloc(PAGE_MAX_OBJECTS, sizeof(*p->objects));
    for (unsigned i = 0; i < ARRAY_SIZE(order) + 1; i++) {
        enum page_type t = i ? order[i - 1] : PAGE_HTML;
        const struct type_model *m = &model[t];
        unsigned n = i ? count[t] : 1;

        while (n--) {
            struct page_object *o = &p->objects[p->n];
            double z = m->size_page * page_z[t] + m->size_object * normal(r), who = rng_unit(r);

            o->type = t;
            o->size = whole(m->size_median * exp(z), i ? MIN_SIZE : MIN_DOCUMENT, PAGE_MAX_SIZE);
            o->origin = i ? draw_origin(r, used) : 0;
            o->parent = !i                           ? -1
                        : who < m->by_css            ? draw_parent(r, p, PAGE_CSS)
                        : who < m->by_css + m->by_js ? draw_parent(r, p, PAGE_JS)
                                                     : 0;
            p->n++;
        }
    }
}

void page_set_make(struct page_set *set, uint64_t seed, unsigned n, unsigned n_origins)
{
    *set = (struct page_set){.seed = seed, .n_origins = n_origins, .n = n};
    set->pages = xcalloc(n, sizeof(*set->pages));
    for (unsigned i = 0; i < n; i++) {
        struct rng r;

        rng_seed(&r, seed);
        rng_seed(&r, rng_next(&r) + i);
        make_page(&set->pages[i], &r, n_origins);
    }
}

void page_set_free(struct page_set *set)
{
    for (unsigned i = 0; set->pages && i < set->n; i++)
        free(set->pages[i].objects);
    free(set->pages);
    memset(set, 0, sizeof(*set));
}

void page_facts(const struct page *p, struct page_facts *out)
{
    unsigned *depth = xcalloc(p->n, sizeof(*depth));
    bool seen[PAGE_MAX_ORIGINS] = {false};

    *out = (struct page_facts){.objects = p->n};
    for (unsigned i = 0; i < p->n; i++) {
        const struct page_object *o = &p->objects[i];

        depth[i] = o->parent < 0 ? 1 : depth[o->parent] + 1;
        if (depth[i] > out->depth)
            out->depth = depth[i];
        out->origins += !seen[o->origin];
        seen[o->origin] = true;
        out->bytes += o->size;
        out->type_objects[o->type]++;
        out->type_bytes[o->type] += o->size;
    }
    free(depth);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp page: web pages made from a seed, and a client that loads them. */
#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "page.h"
#include "page_load.h"
#include "stats.h"
#include "util.h"

static const char *const usage =
    "usage: extcp page make --dir DIR [--pages N] [--origins N] [--seed N]\n"
    "       extcp page show MANIFEST\n"
    "       extcp page load --manifest FILE --server ADDRESS [options]\n"
    "\n"
    "make   writes N web pages (10) with the statistics of the HTTP Archive to DIR: the files for "
    "a "
    "web server\n"
    "       in DIR/www/, and DIR/manifest.json, which says what names what. The same seed (1) "
    "gives "
    "the same\n"
    "       pages. Their objects are spread over at most so many origins (32); all are in the same "
    "files.\n"
    "show   prints what the pages of a manifest are made of.\n"
    "load   fetches each page like a browser with an empty cache, and prints how long it took; "
    "what "
    "does not\n"
    "       come as the manifest says is an error.\n"
    "\n"
    "options of load:\n"
    "  --server ADDRESS   IPv4 or IPv6; origin k is its port PORT + k\n"
    "  --port PORT        (8000)\n"
    "  --connections N    to each origin at most (6)\n"
    "  --time-limit S     for one page (60)\n"
    "  --metrics          print metrics for an experiment\n";

struct page_options {
    const char *dir, *manifest, *server;
    uint64_t pages, origins, seed, port, connections;
    double time_limit_s;
    bool metrics, help;
};

static int parse(int argc, char **argv, struct page_options *o, struct err *e)
{
    static const struct option options[] = {{"dir", required_argument, NULL, 'd'},
                                            {"pages", required_argument, NULL, 'n'},
                                            {"origins", required_argument, NULL, 'o'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"manifest", required_argument, NULL, 'm'},
                                            {"server", required_argument, NULL, 'a'},
                                            {"port", required_argument, NULL, 'p'},
                                            {"connections", required_argument, NULL, 'c'},
                                            {"time-limit", required_argument, NULL, 't'},
                                            {"metrics", no_argument, NULL, 'M'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int c, rc = 0;

    while (!rc && (c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        switch (c) {
        case 'd':
            o->dir = optarg;
            break;
        case 'n':
            rc = cmd_whole_number("pages", optarg, 1, PAGE_MAX_PAGES, &o->pages, e);
            break;
        case 'o':
            rc = cmd_whole_number("origins", optarg, 1, PAGE_MAX_ORIGINS, &o->origins, e);
            break;
        case 's':
            rc = cmd_whole_number("seed", optarg, 0, INT64_MAX, &o->seed, e);
            break;
        case 'm':
            o->manifest = optarg;
            break;
        case 'a':
            o->server = optarg;
            break;
        case 'p':
            rc = cmd_whole_number("port", optarg, 1, 65535, &o->port, e);
            break;
        case 'c':
            rc = cmd_whole_number("connections", optarg, 1, 64, &o->connections, e);
            break;
        case 't':
            if (parse_double(optarg, &o->time_limit_s) || o->time_limit_s < 0.1 ||
                o->time_limit_s > 3600)
                rc = err_usage(e, -EINVAL, "--time-limit '%s': accepted: a number from 0.1 to 3600",
                               optarg);
            break;
        case 'M':
            o->metrics = true;
            break;
        case 'h':
            o->help = true;
            return 0;
        default:
            rc = err_usage(e, -EINVAL, "see extcp page --help");
        }
    }
    return rc;
}

static int no_arguments(int argc, char **argv, struct err *e)
{
    if (optind != argc)
        return err_usage(e, -EINVAL, "unknown argument '%s'; see extcp page --help", argv[optind]);
    return 0;
}

static int make(int argc, char **argv, const struct page_options *o, struct err *e)
{
    struct page_set set;
    int rc = no_arguments(argc, argv, e);

    if (!rc && !o->dir)
        rc = err_usage(e, -EINVAL, "--dir DIR is missing: where the pages are written");
    if (rc)
        return rc;
    page_set_make(&set, o->seed, (unsigned)o->pages, (unsigned)o->origins);
    rc = page_set_write(&set, o->dir, e);
    page_set_free(&set);
    return rc;
}

static int show(int argc, char **argv, struct err *e)
{
    struct page_set set;
    int rc;

    if (optind + 1 != argc)
        return err_usage(e, -EINVAL, "accepted: one manifest; see extcp page --help");
    rc = page_set_read(&set, argv[optind], e);
    if (rc)
        return rc;
    printf("page  objects  origins  depth      bytes");
    for (unsigned t = 0; t < PAGE_TYPES; t++)
        printf("  %6s", page_type_name(t));
    printf("\n");
    for (unsigned i = 0; i < set.n; i++) {
        struct page_facts f;

        page_facts(&set.pages[i], &f);
        printf("%4u  %7u  %7u  %5u  %9llu", i, f.objects, f.origins, f.depth,
               (unsigned long long)f.bytes);
        for (unsigned t = 0; t < PAGE_TYPES; t++)
            printf("  %6u", f.type_objects[t]);
        printf("\n");
    }
    page_set_free(&set);
    return 0;
}

static void print_page(const struct page_set *set, unsigned i, const struct page_load_result *r,
                       bool metrics)
{
    struct page_facts f;

    page_facts(&set->pages[i], &f);
    if (metrics)
        printf("extcp-metric page%03u_s s %.6f\n", i, r->load_s);
    else
        printf("page %u: %.3f s, the document after %.3f s; %u objects, %llu bytes, %u origins, %u "
               "connections, at most %u to an origin at once\n",
               i, r->load_s, r->document_s, f.objects, (unsigned long long)f.bytes, f.origins,
               r->connections, r->peak);
    fflush(stdout);
}

static int load_all(const struct page_set *set, const struct page_load_options *o, bool metrics,
                    struct err *e)
{
    double *load_s = xcalloc(set->n, sizeof(*load_s));
    unsigned long long objects = 0, connections = 0, bytes = 0;
    unsigned peak = 0;
    int rc = 0;

    for (unsigned i = 0; !rc && i < set->n; i++) {
        struct page_load_result r;
        struct page_facts f;

        rc = page_load(set, i, o, &r, e);
        if (rc)
            break;
        page_facts(&set->pages[i], &f);
        load_s[i] = r.load_s;
        objects += f.objects;
        bytes += f.bytes;
        connections += r.connections;
        peak = r.peak > peak ? r.peak : peak;
        print_page(set, i, &r, metrics);
    }
    if (!rc && metrics)
        printf("extcp-metric median_s s %.6f\nextcp-metric pages count %u\n"
               "extcp-metric objects count %llu\nextcp-metric bytes byte %llu\n"
               "extcp-metric connections count %llu\nextcp-metric peak count %u\n",
               stats_median(load_s, set->n), set->n, objects, bytes, connections, peak);
    else if (!rc)
        printf("median of %u pages: %.3f s\n", set->n, stats_median(load_s, set->n));
    free(load_s);
    return rc;
}

static int load(int argc, char **argv, const struct page_options *o, struct err *e)
{
    struct page_load_options lo = {.address = o->server,
                                   .port = (unsigned)o->port,
                                   .connections = (unsigned)o->connections,
                                   .time_limit_s = o->time_limit_s};
    struct page_set set;
    int rc = no_arguments(argc, argv, e);

    if (!rc && (!o->manifest || !o->server))
        rc = err_usage(e, -EINVAL, "%s is missing",
                       o->manifest ? "--server ADDRESS" : "--manifest FILE");
    if (!rc)
        rc = page_set_read(&set, o->manifest, e);
    if (rc)
        return rc;
    if (lo.port + set.n_origins - 1 > 65535)
        rc = err_usage(e, -EINVAL, "--port %u: %u origins need the ports up to %u", lo.port,
                       set.n_origins, lo.port + set.n_origins - 1);
    if (!rc && curl_global_init(CURL_GLOBAL_DEFAULT))
        rc = err_broke(e, -ENOMEM, "libcurl cannot be initialised");
    if (!rc)
        rc = load_all(&set, &lo, o->metrics, e);
    curl_global_cleanup();
    page_set_free(&set);
    return rc;
}

int cmd_page(int argc, char **argv)
{
    struct page_options o = {
        .pages = 10, .origins = 32, .seed = 1, .port = 8000, .connections = 6, .time_limit_s = 60};
    const char *what = argc > 1 ? argv[1] : "";
    struct err e = ERR_INIT;
    int rc;

    if (!strcmp(what, "--help") || !strcmp(what, "-h")) {
        fputs(usage, stdout);
        return EXIT_OK;
    }
    if (strcmp(what, "make") && strcmp(what, "show") && strcmp(what, "load")) {
        err_usage(&e, -EINVAL, "'%s': accepted: make, show, load; see extcp page --help", what);
        return cmd_fail("page", &e);
    }
    rc = parse(argc - 1, argv + 1, &o, &e);
    if (!rc && o.help) {
        fputs(usage, stdout);
        return EXIT_OK;
    }
    if (!rc)
        rc = *what == 'm'   ? make(argc - 1, argv + 1, &o, &e)
             : *what == 's' ? show(argc - 1, argv + 1, &e)
                            : load(argc - 1, argv + 1, &o, &e);
    return rc ? cmd_fail("page", &e) : EXIT_OK;
}

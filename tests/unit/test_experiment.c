/* SPDX-License-Identifier: BSD-2-Clause */
/* Experiments as files: every shipped one, what quick, variants and settings do, and what is said
 * of bad ones. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "experiment.h"
#include "util.h"

static const char good[] =
    "name: good\n"                                                       /* 1 */
    "title: \"a title\"\n"                                               /* 2 */
    "topology: routed\n"                                                 /* 3 */
    "repetitions: 4\n"                                                   /* 4 */
    "quick: {repetitions: 1, variants: [a]}\n"                           /* 5 */
    "calibrate: {delay: 2}\n"                                            /* 6 */
    "parameters:\n"                                                      /* 7 */
    "  - {name: p, value: 3, quick: 2}\n"                                /* 8 */
    "programs:\n"                                                        /* 9 */
    "  - {host: client, program: uto, set: [\"adv_uto_s=${10 * p}\"]}\n" /* 10 */
    "captures:\n"                                                        /* 11 */
    "  - {point: \"server:r1-server\", filter: \"tcp port 5000\"}\n"     /* 12 */
    "workloads:\n"                                                       /* 13 */
    "  - {name: app, kind: stream, from: client, to: server, seconds: \"${p}\", rate: 1mbit}\n"
    "events:\n"                                                                          /* 15 */
    "  - {name: slow, at: 1, link: r1-server, set: [delay=50ms]}\n"                      /* 16 */
    "variants:\n"                                                                        /* 17 */
    "  - {name: a}\n"                                                                    /* 18 */
    "  - {name: b, family: 6, parameters: [p=7], workloads: [{name: app, chunk: 99}]}\n" /* 19 */
    "checks:\n"                                                                          /* 20 */
    "  - {name: \"c\", point: \"server:r1-server\", from: client, segments: SYN, option: uto}\n"
    "metrics:\n"                                                          /* 22 */
    "  - {name: m, unit: s, value: \"app.goodput / p\", variants: [a]}\n" /* 23 */
    "  - {name: m, unit: s, value: \"app.goodput\", variants: [b]}\n"     /* 24 */
    "claims:\n"                                                           /* 25 */
    "  - {name: \"it survives\", kind: each, metric: app.survived, min: 1, variants: [a, b]}\n"
    "  - {name: \"b is faster\", kind: greater, metric: m, variants: [b], than: a}\n" /* 27 */
    "table: [app.survived]\n"                                                         /* 28 */
    "figures:\n"                                                                      /* 29 */
    "  - {name: f, script: interval, metric: m, title: t, ylabel: y}\n"               /* 30 */
    "measures:\n"                                                                     /* 31 */
    "  - {name: r, kind: rtt, point: \"server:r1-server\", from: server, variants: [b]}\n"
    "  - {name: w, kind: acks, point: \"server:r1-server\", from: client, port: 5000}\n" /* 33 */
    "sockets:\n"                                                                         /* 34 */
    "  - {name: s, host: server, port: \"${5000 + p}\", variants: [a]}\n";               /* 35 */

/* The good file with `was` replaced by `is`, loaded. */
static int load(const char *was, const char *is, const struct experiment_options *o,
                struct experiment **x, struct err *e)
{
    const struct experiment_options none = {0};
    const char *at = was ? strstr(good, was) : NULL;
    char path[] = "/tmp/extcp-test-XXXXXX.yaml", *text;
    int fd = mkstemps(path, 5), rc;

    assert_true(fd >= 0);
    close(fd);
    if (was && !at)
        fail_msg("'%s' is not in the good file", was);
    text = at ? xasprintf("%.*s%s%s", (int)(at - good), good, is, at + strlen(was)) : xstrdup(good);
    assert_int_equal(write_file_atomic(path, text, strlen(text), e), 0);
    rc = experiment_load(x, path, o ? o : &none, e);
    unlink(path);
    free(text);
    return rc;
}

static void shipped(const char *name, const char *title, const struct err *e, void *arg)
{
    if (!title)
        fail_msg("%s: %s", name, e->msg);
    ++*(unsigned *)arg;
}

static void shipped_files(void **state)
{
    struct err e = ERR_INIT;
    unsigned n = 0;

    (void)state;
    assert_int_equal(experiment_each(shipped, &n, &e), 0);
    assert_true(n >= 2);
}

static void resolved(void **state)
{
    struct experiment *x;
    struct err e = ERR_INIT;

    (void)state;
    if (load(NULL, NULL, NULL, &x, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(x->repetitions, 4);
    assert_true(x->tolerance_delay_ms == 2 && x->tolerance_rate == 0.02);
    assert_int_equal(x->n_variants, 2);
    assert_int_equal(x->n_claims, 2);
    assert_string_equal(x->variants[0].programs[0].set[0], "adv_uto_s=30");
    assert_string_equal(x->variants[1].programs[0].set[0], "adv_uto_s=70");
    assert_int_equal(x->variants[0].family, AF_INET);
    assert_int_equal(x->variants[1].family, AF_INET6);
    assert_int_equal(x->variants[0].workloads[0].chunk, 0);
    assert_int_equal(x->variants[1].workloads[0].chunk, 99); /* only the key that is given */
    assert_true(x->variants[1].workloads[0].seconds == 7);
    assert_int_equal(x->variants[1].workloads[0].rate_bps, 1000000);
    assert_true(x->variants[0].changes[x->variants[0].events[0].link]);
    assert_int_equal(x->variants[0].n_metrics, 1);
    assert_string_equal(x->variants[1].metrics[0].value, "app.goodput");
    assert_int_equal(x->variants[0].n_measures, 1);
    assert_int_equal(x->variants[1].n_measures, 2);
    assert_string_equal(x->variants[0].measures[0].kind->name, "acks");
    assert_string_equal(x->variants[0].measures[0].from, "10.0.0.1");
    assert_int_equal(x->variants[0].measures[0].port, 5000);
    assert_string_equal(x->variants[1].measures[0].from, "fd00:0:0:1::2"); /* of its family */
    assert_int_equal(x->variants[1].n_sockets, 0);
    assert_int_equal(x->variants[0].n_sockets, 1);
    assert_int_equal(x->variants[0].sockets[0].port, 5003);
    assert_true(x->variants[0].sockets[0].interval_s == 0.1);
    experiment_free(x);
}

static void command_line(void **state)
{
    char *set[] = {(char *)"p=5", (char *)"r1-server.delay=33ms"}, *only_b[] = {(char *)"b"};
    const struct experiment_options quick = {.quick = true},
                                    b = {.variants = only_b, .n_variants = 1, .reps = 9},
                                    settings = {.settings = set, .n_settings = 2, .family = 6};
    struct experiment *x;
    struct err e = ERR_INIT;

    (void)state;
    assert_int_equal(load(NULL, NULL, &quick, &x, &e), 0);
    assert_int_equal(x->repetitions, 1);
    assert_int_equal(x->n_variants, 1);
    assert_string_equal(x->variants[0].programs[0].set[0], "adv_uto_s=20");
    /* What compares with a variant that does not run is left out, and named. */
    assert_int_equal(x->n_claims, 1);
    assert_int_equal(x->n_claims_left_out, 1);
    assert_string_equal(x->claims_left_out[0], "b is faster");
    experiment_free(x);

    assert_int_equal(load(NULL, NULL, &b, &x, &e), 0);
    assert_int_equal(x->repetitions, 9);
    assert_string_equal(x->variants[0].name, "b");
    experiment_free(x);

    assert_int_equal(load(NULL, NULL, &settings, &x, &e), 0);
    assert_string_equal(x->variants[0].programs[0].set[0], "adv_uto_s=50");
    assert_string_equal(x->variants[1].programs[0].set[0], "adv_uto_s=70"); /* the variant's own */
    assert_int_equal(x->variants[0].topology->links[1].dir[0].delay_us, 33000);
    assert_int_equal(x->variants[0].family, AF_INET6);
    experiment_free(x);
}

/* was, is, the line, and parts that the message must have */
static const struct {
    const char *was, *is;
    unsigned line;
    const char *part[3];
} bad[] = {
    {"name: good", "name: ../good", 1, {"name", "'../good'", "accepted: letters"}},
    {"repetitions: 4", "repetitions: 0", 4, {"repetitions", "'0'", "1 to 10000"}},
    {"repetitions: 4", "repetition: 4", 4, {"unknown key 'repetition'", "accepted: ", "at_once"}},
    {"repetitions: 4", "repetitions: [4", 5, {"not YAML", "", ""}},
    {"variants: [a]}", "variants: [zz]}", 5, {"quick.variants", "'zz'", "accepted: a, b"}},
    {"delay: 2", "delay: -1", 6, {"calibrate.delay", "'-1'", "accepted: a number"}},
    {"name: p,", "name: p q,", 8, {"parameters[0].name", "'p q'", "accepted: letters"}},
    {"value: 3", "value: \"${q}\"", 8, {"parameters[0].value", "'${q}'", "without"}},
    {"host: client", "host: clint", 10, {"programs[0].host", "'clint'", "accepted: client"}},
    {"program: uto", "program: utoo", 10, {"programs[0].program", "'utoo'", "uto"}},
    {"adv_uto_s=${10 * p}", "adv_uto=1", 10, {"set", "'adv_uto'", "accepted: enabled"}},
    {"adv_uto_s=${10 * p}", "adv_uto_s=-1", 10, {"set", "'adv_uto_s=-1'", "from 0 to"}},
    {"adv_uto_s=${10 * p}", "adv_uto_s=${z}", 10, {"set", "'z'", "no parameter"}},
    {"server:r1-server\", f", "server:none\", f", 12, {"point", "'none'", "accepted: client-r1"}},
    {"server:r1-server\", f", "client:r1-server\", f", 12, {"point", "does not end", ""}},
    {"tcp port 5000",
     "tcp prot 5000",
     12,
     {"captures[0].filter", "'tcp prot 5000'", "pcap-filter"}},
    {"kind: stream", "kind: strem", 14, {"workloads[0].kind", "'strem'", "accepted: iperf3"}},
    {"to: server", "to: nobody", 14, {"workloads[0].to", "'nobody'", "accepted: client"}},
    {"rate: 1mbit", "rate: 1mbps", 14, {"workloads[0].rate", "'1mbps'", "accepted: a rate"}},
    {"rate: 1mbit", "bytes: 100", 14, {"workload", "'bytes'", "only for iperf3"}},
    {"rate: 1mbit", "chunk: 1, chunk: 2", 14, {"'chunk'", "twice", ""}},
    {"name: slow", "name: \"sl ow\"", 16, {"events[0].name", "'sl ow'", "accepted: letters"}},
    {"at: 1", "at: soon", 16, {"events[0].at", "'soon'", "accepted: a number"}},
    {"link: r1-server", "link: none", 16, {"events[0].link", "'none'", "accepted: client-r1"}},
    {"delay=50ms", "dely=50ms", 16, {"events[0].set", "'dely'", "accepted: rate, delay"}},
    {"delay=50ms", "delay=50", 16, {"events[0].set", "'50'", "accepted: a time with its unit"}},
    {"set: [delay=50ms]", "state: left", 16, {"events[0].state", "'left'", "accepted: up, down"}},
    {"name: a}", "name: a/b}", 18, {"variants[0].name", "'a/b'", "accepted: letters"}},
    {"name: b,", "name: a,", 19, {"variants[1].name", "two variants named 'a'", ""}},
    {"family: 6", "family: 5", 19, {"variants[1].family", "'5'", "accepted: 4, 6"}},
    {"[p=7]", "[r=7]", 19, {"variants[1].parameters", "'r=7'", "one of: p"}},
    {"segments: SYN", "segments: SIN", 21, {"checks[0].segments", "'SIN'", "accepted: SYN"}},
    {"option: uto", "option: utoo", 21, {"checks[0]", "'utoo'", "accepted: "}},
    {"option: uto", "option: uto, field: sec", 21, {"checks[0]", "'sec'", "accepted: seconds"}},
    {"option: uto", "option: uto, variants: [zz]", 21, {"checks[0].variants", "'zz'", "a, b"}},
    {"from: client, segments", "from: him, segments", 21, {"checks[0].from", "'him'", "client"}},
    {"point: \"server:r1-server\", from",
     "point: \"client:client-r1\", from",
     21,
     {"checks[0].point", "'client:client-r1'", "not captured"}},
    {"app.goodput / p", "app.goodput / (p", 23, {"metrics[0].value", "')' is missing", "column"}},
    {"app.goodput / p", "goodput / p", 23, {"metrics[0].value", "'goodput'", ""}},
    {"/ p\", variants: [a]", "/ p\", variants: [zz]", 23, {"metrics[0].variants", "'zz'", "a, b"}},
    {"variants: [b]}\nclaims",
     "variants: [a]}\nclaims",
     24,
     {"metrics[1].name", "two metrics", "'m'"}},
    {"kind: each", "kind: evry", 26, {"claims[0].kind", "'evry'", "accepted: each"}},
    {", min: 1", "", 26, {"claims[0]", "'it survives'", "accepted: a number for 'min'"}},
    {"variants: [a, b]", "variants: [zz]", 26, {"claims[0].variants", "'zz'", "accepted: a, b"}},
    {"than: a", "than: zz", 27, {"claims[1].than", "'zz'", "accepted: a, b"}},
    {"kind: rtt", "kind: rtts", 32, {"measures[0].kind", "'rtts'", "accepted: rtt, acks"}},
    {"rtt, point: \"server",
     "rtt, point: \"client",
     32,
     {"measures[0].point", "'client:r1-server'", "not captured"}},
    {", from: server, variants", ", variants", 32, {"measures[0]", "needs `from:`", ""}},
    {"from: server, variants", "from: him, variants", 32, {"measures[0].from", "'him'", "client"}},
    {"server, variants: [b]}",
     "server, variants: [zz]}",
     32,
     {"measures[0].variants", "'zz'", "a, b"}},
    {"name: w,", "name: w x,", 33, {"measures[1].name", "'w x'", "accepted: letters"}},
    {"name: w,", "name: r,", 33, {"measures[1].name", "another 'r'", "accepted: "}},
    {"name: w,", "name: app,", 33, {"measures[1].name", "another 'app'", "accepted: "}},
    {"port: 5000}", "port: 0}", 33, {"measures[1].port", "'0'", "1 to 65535"}},
    {"name: s,", "name: w,", 35, {"sockets[0].name", "another 'w'", "accepted: "}},
    {"host: server, port", "host: him, port", 35, {"sockets[0].host", "'him'", "client"}},
    {"${5000 + p}", "${70000 + p}", 35, {"sockets[0].port", "'70003'", "1 to 65535"}},
    {", port: \"${5000",
     ", interval: 0, port: \"${5000",
     35,
     {"sockets[0].interval", "'0'", "0.001"}},
    {"script: interval", "script: pie", 30, {"figures[0]", "'pie'", "unknown script"}},
};

static void bad_files(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct experiment *x = NULL;
        struct err e = ERR_INIT;
        char line[64];

        if (!load(bad[i].was, bad[i].is, NULL, &x, &e))
            fail_msg("'%s' is accepted", bad[i].is);
        assert_int_equal(e.status, EXIT_USAGE);
        assert_null(x);
        snprintf(line, sizeof(line), ".yaml:%u: ", bad[i].line);
        if (!strstr(e.msg, line))
            fail_msg("'%s': no '%s' in: %s", bad[i].is, line, e.msg);
        for (unsigned k = 0; k < 3; k++)
            if (!strstr(e.msg, bad[i].part[k]))
                fail_msg("'%s': no '%s' in: %s", bad[i].is, bad[i].part[k], e.msg);
    }
}

/* The same thing twice is two values under one name. */
static void twice(void **state)
{
    static const struct {
        const char *line, *part;
    } rows[] = {
        {"  - {name: p, value: 3, quick: 2}\n", "two parameters named 'p'"},
        {"  - {name: slow, at: 1, link: r1-server, set: [delay=50ms]}\n",
         "two events named 'slow'"},
        {"  - {point: \"server:r1-server\", filter: \"tcp port 5000\"}\n", "captured twice"},
        {"  - {host: client, program: uto, set: [\"adv_uto_s=${10 * p}\"]}\n",
         "uto is there twice"},
        {"  - {name: app, kind: stream, from: client, to: server, seconds: \"${p}\", rate: "
         "1mbit}\n",
         "two workloads named 'app'"},
        {"  - {name: f, script: interval, metric: m, title: t, ylabel: y}\n",
         "two figures named 'f'"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *both = xasprintf("%s%s", rows[i].line, rows[i].line);
        struct experiment *x = NULL;
        struct err e = ERR_INIT;

        if (!load(rows[i].line, both, NULL, &x, &e))
            fail_msg("accepted: %s", rows[i].line);
        if (!strstr(e.msg, rows[i].part))
            fail_msg("no '%s' in: %s", rows[i].part, e.msg);
        free(both);
    }
}

/* Pairs, and claims that need what is left out. */
static void pairs_and_quick(void **state)
{
    static const char with[] =
        "claims:\n"
        "  - {name: \"paired\", kind: share, metric: d, variants: [b], min: 0}\n"
        "  - {name: \"long\", kind: median, metric: m, variants: [a], min: 0, quick: no}\n"
        "pairs:\n"
        "  - {name: d, of: \"app.*\", than: a}\n"
        "table: [";
    const char *was = strstr(good, "claims:\n");
    char *claims = xasprintf("%.*s", (int)(strstr(good, "table: [") - was) + 8, was),
         *b[] = {(char *)"b"};
    const struct experiment_options quick = {.quick = true},
                                    only_b = {.variants = b, .n_variants = 1};
    struct experiment *x;
    struct err e = ERR_INIT;

    (void)state;
    if (load(claims, with, NULL, &x, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(x->n_pairings, 1);
    assert_string_equal(x->pairings[0].than, "a");
    assert_int_equal(x->n_claims, 2);
    assert_true(x->claims[0].by == 0.5);
    experiment_free(x);
    assert_int_equal(load(claims, with, &quick, &x, &e), 0); /* b does not run; quick: no */
    assert_int_equal(x->n_claims, 0);
    assert_int_equal(x->n_claims_left_out, 2);
    experiment_free(x);
    assert_int_equal(load(claims, with, &only_b, &x, &e), 0); /* nothing to compare b with */
    assert_int_equal(x->n_claims, 0);
    experiment_free(x);
    assert_int_equal(
        load("claims:\n", "pairs: [{name: d, of: app.x, than: a}]\nclaims:\n", NULL, &x, &e),
        -EINVAL);
    assert_non_null(strstr(e.msg, "accepted: a metric's name with one '*'"));
    assert_int_equal(
        load("claims:\n", "pairs: [{name: m, of: app.*, than: a}]\nclaims:\n", NULL, &x, &e),
        -EINVAL);
    assert_non_null(strstr(e.msg, "there is a metric named 'm' already"));
    assert_int_equal(
        load("claims:\n", "pairs: [{name: d, of: app.*, than: c}]\nclaims:\n", NULL, &x, &e),
        -EINVAL);
    assert_non_null(strstr(e.msg, "there is no variant 'c'"));
    free(claims);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_files), cmocka_unit_test(pairs_and_quick),
        cmocka_unit_test(resolved),      cmocka_unit_test(command_line),
        cmocka_unit_test(bad_files),     cmocka_unit_test(twice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

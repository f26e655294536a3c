/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp bench: the benchmarks, and the gate against another revision or a baseline in a file. */
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench_build.h"
#include "bench_report.h"
#include "cmd.h"
#include "metadata.h"
#include "results.h"
#include "statedir.h"
#include "util.h"

#define PLAIN_ROUNDS 5
/* Set aside while it measures, and given back for what it leaves. */
#define RESERVE       ".reserve"
#define RESERVE_BYTES (256 << 10)

static const char *const usage =
    "usage: ./run.sh bench [NAME]... [--baseline FILE|REVISION] [--bless FILE] [options]\n"
    "Benchmarks of extcp's programs and of the kernel under them (bench/*.yaml; NAME: only "
    "these).\n"
    "  --baseline REVISION  build that revision of git beside this one, run both side by side, "
    "and\n"
    "                       say what got worse\n"
    "  --baseline FILE      compare with what --bless wrote: ratios only, as times of another\n"
    "                       machine say nothing\n"
    "  --bless FILE         write what was measured as a new baseline\n"
    "  --reps N             rounds (default 5; with --baseline as many as it needs, 6 to 24)\n"
    "  --seed N             the order depends on it (default 1)\n"
    "  --out DIR            files go there instead of results/bench/<UTC time>-<id>/\n"
    "  --json               one JSON object on stdout\n"
    "A regression is a difference that a rank test finds significant (2 % for all metrics and "
    "looks\n"
    "together) and that is larger than the metric's threshold (docs/bench.md).\n"
    "Leaves bench.json, junit.xml, summary.md and github-benchmark-{bigger,smaller}.json.\n"
    "exit status: 0 no regression, 1 a regression, 2 usage, 3 the machine lacks something, 4 "
    "broke\n";

static volatile int stop_signal;

static void on_signal(int sig)
{
    stop_signal = sig;
}

struct options {
    char *names[64];
    unsigned n_names, reps;
    const char *baseline, *bless, *out;
    uint64_t seed;
    bool json;
};

static int parse(int argc, char **argv, struct options *o, bool *help, struct err *e)
{
    static const struct option options[] = {
        {"baseline", required_argument, NULL, 'b'}, {"bless", required_argument, NULL, 'B'},
        {"reps", required_argument, NULL, 'r'},     {"seed", required_argument, NULL, 's'},
        {"out", required_argument, NULL, 'o'},      {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},           {0}};
    uint64_t n;
    int c, rc = 0;

    while (!rc && (c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c == 'b')
            o->baseline = optarg;
        else if (c == 'B')
            o->bless = optarg;
        else if (c == 'r' && !(rc = cmd_whole_number("reps", optarg, 1, GATE_MAX, &n, e)))
            o->reps = (unsigned)n;
        else if (c == 's')
            rc = cmd_whole_number("seed", optarg, 1, INT64_MAX, &o->seed, e);
        else if (c == 'o')
            o->out = optarg;
        else if (c == 'j')
            o->json = true;
        else if (c == 'h')
            *help = true;
        else if (c != 'r')
            return err_usage(e, -EINVAL, "see ./run.sh bench --help for what is accepted");
    }
    for (int i = optind; !rc && i < argc; i++) {
        if (o->n_names == ARRAY_SIZE(o->names))
            return err_usage(e, -E2BIG, "more than %zu benchmarks are named", ARRAY_SIZE(o->names));
        o->names[o->n_names++] = argv[i];
    }
    if (!rc && o->baseline && o->reps)
        return err_usage(e, -EINVAL, "--reps with --baseline: a gate takes as many as it needs");
    if (!rc && o->baseline && o->bless)
        return err_usage(e, -EINVAL, "--bless with --baseline; accepted: one of them");
    return rc;
}

/* --- measuring --- */

struct gate {
    struct bench bench;
    struct bench_side side[2];
    bool pairs; /* side A is measured too */
    const char *scratch;
    struct rng rng;
    unsigned rounds;
    double *took; /* seconds of the latest round, by file */
    bool json;
};

/* One sample of every file that is still open, of both sides in random order. */
static int one_round(struct gate *g, struct err *e)
{
    unsigned n = g->bench.n_files, *order = xcalloc(n, sizeof(*order));
    uint64_t seed = rng_next(&g->rng) >> 1;
    int rc = 0;

    for (unsigned i = 0; i < n; i++)
        order[i] = i;
    rng_shuffle(&g->rng, order, n);
    for (unsigned i = 0; i < n && !rc; i++) {
        int first = (int)rng_below(&g->rng, 2);
        uint64_t began = now_mono_ns();

        if (!bench_open(&g->bench, order[i]))
            continue;
        for (int k = 0; k < 2 && !rc; k++) {
            int side = k ? !first : first;
            if (side == BENCH_B || g->pairs)
                rc = bench_sample(&g->bench, order[i], &g->side[side], side, seed, g->scratch,
                                  &stop_signal, e);
        }
        g->took[order[i]] = (double)(now_mono_ns() - began) / 1e9;
    }
    g->rounds++;
    free(order);
    return rc;
}

static void progress(const struct gate *g, const char *more)
{
    if (g->json)
        return;
    printf("round %u%s\n", g->rounds, more);
    fflush(stdout);
}

static int measure_plain(struct gate *g, unsigned reps, struct err *e)
{
    int rc = 0;

    while (g->rounds < reps && !rc) {
        char more[32];
        rc = one_round(g, e);
        snprintf(more, sizeof(more), " of %u", reps);
        progress(g, more);
    }
    return rc;
}

/* Seconds that a round of what is still open takes. */
static double round_seconds(const struct gate *g)
{
    double sum = 0;

    for (unsigned i = 0; i < g->bench.n_files; i++)
        sum += bench_open(&g->bench, i) ? g->took[i] : 0;
    return sum;
}

/* After a look: what is not decided yet, and how long that may take. */
static void tell(const struct gate *g)
{
    double seconds = round_seconds(g);
    unsigned next = gate_next(g->rounds);
    const char *sep = "";

    if (g->json)
        return;
    printf("after %u: undecided: ", g->rounds);
    for (unsigned i = 0; i < g->bench.n_values; i++) {
        const struct bench_value *v = &g->bench.values[i];
        if (!v->judged || v->answer.verdict != GATE_UNDECIDED)
            continue;
        printf("%s%s", sep, v->metric->name);
        sep = ", ";
    }
    if (!*sep)
        printf("nothing\n");
    else if (next)
        printf("; %.0f s to the next look, at most %.0f s in all\n", seconds * (next - g->rounds),
               seconds * (GATE_MAX - g->rounds));
    else
        printf("; no further look\n");
    fflush(stdout);
}

static int measure_gate(struct gate *g, struct err *e)
{
    unsigned next = 0, left = 1;
    int rc = 0;

    while (left && !rc && (next = gate_next(next))) {
        while (g->rounds < next && !rc) {
            char more[96];
            rc = one_round(g, e);
            snprintf(more, sizeof(more), " (looks at %u, in about %.0f s)", next,
                     round_seconds(g) * (next - g->rounds));
            if (!rc)
                progress(g, more);
        }
        if (!rc) {
            left = bench_judge(&g->bench, g->pairs);
            tell(g);
        }
    }
    return rc;
}

/* --- what it leaves --- */

static int bless(const struct bench *b, const char *path, struct err *e)
{
    json_t *j = bench_baseline(b);
    int rc = json_write_atomic(path, j, e);

    json_decref(j);
    return rc;
}

static int finish(struct gate *g, const struct options *o, const struct bench_run *r,
                  const char *dir, const char *shown, struct err *e)
{
    char *reserve = xasprintf("%s/" RESERVE, dir);
    int rc;

    unlink(reserve);
    free(reserve);
    rc = bench_write(r, dir, e);
    if (!rc && o->bless)
        rc = bless(&g->bench, o->bless, e);
    if (rc)
        return rc;
    if (o->json) {
        json_t *j = bench_json(r);
        json_dumpf(j, stdout, JSON_COMPACT | JSON_REAL_PRECISION(15));
        putchar('\n');
        json_decref(j);
    } else {
        printf("\n");
        bench_print(stdout, r);
        if (o->baseline)
            printf("\nverdict: %s (%u rounds, %.0f s)\n",
                   bench_regressions(&g->bench) ? "REGRESSION" : "no regression found", r->rounds,
                   r->seconds);
        printf("files: %s\n", shown);
    }
    return 0;
}

/* Each file of `from` takes its place in `to`, once all are written. */
static int move_files(const char *from, const char *to, struct err *e)
{
    struct dirent **files = NULL;
    int n = scandir(from, &files, NULL, alphasort), rc = 0;

    if (n < 0)
        return err_broke(e, -errno, "%s: %s", from, strerror(errno));
    for (int i = 0; i < n; i++) {
        char *a = xasprintf("%s/%s", from, files[i]->d_name);
        char *b = xasprintf("%s/%s", to, files[i]->d_name);

        if (!rc && *files[i]->d_name != '.' && rename(a, b) < 0)
            rc = err_broke(e, -errno, "%s: cannot write: %s", b, strerror(errno));
        free(a);
        free(b);
        free(files[i]);
    }
    free(files);
    return rc;
}

/* An absolute path: `clean`, which may have to remove what is below it, runs elsewhere. */
static char *scratch_base(void)
{
    const char *tmp = getenv("TMPDIR");

    return xstrdup(tmp && *tmp == '/' ? tmp : "/tmp");
}

struct place { /* where the files go */
    struct results_dir dir;
    struct statedir *guard;
    char *scratch;
};

static int place_open(struct place *p, const char *out, struct err *e)
{
    char *base = xasprintf("%s/results", extcp_home()), *path;
    int rc = statedir_create(&p->guard, e);

    if (!rc && out) {
        rc = mkdir_p(out);
        if (rc)
            err_usage(e, rc, "--out %s: cannot make it: %s", out, strerror(-rc));
        p->dir.final_path = rc ? NULL : realpath(out, NULL);
        if (!rc)
            p->dir.tmp_path =
                xasprintf("%s/.bench-%s.tmp", p->dir.final_path, statedir_id(p->guard));
        if (!rc && mkdir(p->dir.tmp_path, 0755) < 0)
            rc = err_broke(e, -errno, "%s: cannot make the directory for results: %s",
                           p->dir.tmp_path, strerror(errno));
        if (!rc)
            rc = statedir_note(p->guard, STATE_PATH, p->dir.tmp_path, e);
    } else if (!rc) {
        rc = results_dir_start(&p->dir, base, "bench", statedir_id(p->guard), e);
        if (!rc)
            rc = statedir_note(p->guard, STATE_PATH, p->dir.tmp_path, e);
    }
    free(base);
    if (rc)
        return rc;
    path = xasprintf("%s/" RESERVE, p->dir.tmp_path);
    rc = reserve_file(path, RESERVE_BYTES, e);
    free(path);
    if (rc)
        return rc;
    base = scratch_base();
    p->scratch = xasprintf("%s/.extcp-bench-%s.tmp", base, statedir_id(p->guard));
    free(base);
    rc = statedir_note(p->guard, STATE_PATH, p->scratch, e);
    if (!rc && mkdir(p->scratch, 0700) < 0)
        rc = err_broke(e, -errno, "%s: %s", p->scratch, strerror(errno));
    return rc;
}

static void place_close(struct place *p)
{
    if (p->scratch)
        remove_tree(p->scratch);
    if (p->dir.tmp_path)
        remove_tree(p->dir.tmp_path); /* not there where it has become the results */
    statedir_remove(p->guard);
    results_dir_free(&p->dir);
    free(p->scratch);
}

static int run(struct gate *g, const struct options *o, const char *revision, struct err *e)
{
    uint64_t started = now_mono_ns();
    struct place place = {0};
    struct bench_run r = {.bench = &g->bench,
                          .baseline = o->baseline,
                          .paired = g->pairs,
                          .baseline_revision = revision};
    unsigned reps = o->reps ? o->reps : o->bless ? GATE_FIRST : PLAIN_ROUNDS;
    int rc = place_open(&place, o->out, e);

    if (!rc) {
        g->scratch = place.scratch;
        rc = o->baseline ? measure_gate(g, e) : measure_plain(g, reps, e);
        r.seconds = (double)(now_mono_ns() - started) / 1e9;
        r.rounds = g->rounds;
    }
    if (!rc)
        rc = finish(g, o, &r, place.dir.tmp_path, o->out ? o->out : place.dir.final_path, e);
    if (!rc)
        rc = o->out ? move_files(place.dir.tmp_path, place.dir.final_path, e)
                    : results_dir_finish(&place.dir, e);
    place_close(&place);
    return rc;
}

static bool is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static int bench(const struct options *o, struct err *e)
{
    char *self = realpath("/proc/self/exe", NULL);
    struct gate g = {.side[BENCH_B] = {self, extcp_home()}, .json = o->json};
    struct bench_build build = {0};
    unsigned missing = 0;
    int rc = bench_load(&g.bench, (char *const *)o->names, o->n_names, false, e);

    g.took = xcalloc(g.bench.n_files + 1, sizeof(*g.took));
    g.bench.seed = o->seed;
    rng_seed(&g.rng, o->seed);
    if (!rc && o->baseline && is_file(o->baseline)) {
        rc = bench_read_baseline(&g.bench, o->baseline, &missing, e);
        if (!rc && missing)
            fprintf(stderr, "note: %u ratios are not in %s and are not judged\n", missing,
                    o->baseline);
    } else if (!rc && o->baseline) {
        rc = bench_build(&build, o->baseline, e);
        g.pairs = true;
        g.side[BENCH_A] = (struct bench_side){build.binary, build.home};
    }
    if (!rc)
        rc = run(&g, o, build.revision, e);
    if (!rc && o->baseline && bench_regressions(&g.bench))
        rc = EXIT_VERDICT;
    bench_build_free(&build);
    bench_free(&g.bench);
    free(g.took);
    free(self);
    return rc;
}

int cmd_bench(int argc, char **argv)
{
    struct options o = {.seed = 1};
    struct sigaction sa = {.sa_handler = on_signal};
    struct err e = ERR_INIT;
    bool help = false;
    int rc;

    if (parse(argc, argv, &o, &help, &e))
        return cmd_fail("bench", &e);
    if (help)
        return fputs(usage, stdout), EXIT_OK;
    if (geteuid() != 0) {
        err_lacks(&e, -EPERM, "benchmarks need root; run it as root (sudo ./run.sh bench)");
        return cmd_fail("bench", &e);
    }
    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGHUP, &sa, NULL);
    rc = bench(&o, &e);
    return rc < 0 ? cmd_fail("bench", &e) : rc;
}

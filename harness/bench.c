/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "cmd.h"
#include "metadata.h"
#include "rundir.h"
#include "util.h"

#define SCHEMA_VERSION 1
#define SAMPLE_LIMIT_S 120

static bool is_named(char *const *names, unsigned n, const char *name)
{
    for (unsigned i = 0; i < n; i++)
        if (!strcmp(names[i], name))
            return true;
    return !n;
}

static int add_file(struct bench *b, const char *dir, const char *file, bool quick, struct err *e)
{
    const struct experiment_options o = {.quick = quick};
    char *path = xasprintf("%s/%s", dir, file);
    struct experiment *x;
    int rc = experiment_load(&x, path, &o, e);

    free(path);
    if (rc || !x->n_bench) {
        if (!rc)
            experiment_free(x);
        return rc;
    }
    b->files = xrealloc(b->files, (b->n_files + 1) * sizeof(*b->files));
    b->files[b->n_files++].x = x;
    return 0;
}

static void make_values(struct bench *b)
{
    for (unsigned i = 0; i < b->n_files; i++)
        b->n_values += b->files[i].x->n_bench;
    b->values = xcalloc(b->n_values, sizeof(*b->values));
    b->n_values = 0;
    for (unsigned i = 0; i < b->n_files; i++)
        for (unsigned k = 0; k < b->files[i].x->n_bench; k++) {
            struct bench_value *v = &b->values[b->n_values++];
            v->file = &b->files[i];
            v->metric = &b->files[i].x->bench[k];
            v->judged = true;
        }
}

int bench_load(struct bench *b, char *const *names, unsigned n_names, bool quick, struct err *e)
{
    char *dir = xasprintf("%s/bench", extcp_home()), known[1024] = "";
    struct dirent **files = NULL;
    unsigned found = 0;
    int n = scandir(dir, &files, NULL, alphasort), rc = 0;

    memset(b, 0, sizeof(*b));
    if (n < 0)
        rc = err_usage(e, -errno, "%s: %s", dir, strerror(errno));
    for (int i = 0; i < n; i++) {
        char *file = files[i]->d_name, *dot = strrchr(file, '.');

        if (!rc && dot && dot != file && !strcmp(dot, ".yaml")) {
            char *name = xasprintf("%.*s", (int)(dot - file), file);
            if (strlen(known) + 80 < sizeof(known))
                snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
                         *known ? ", " : "", name);
            if (is_named(names, n_names, name)) {
                found++;
                rc = add_file(b, dir, file, quick, e);
            }
            free(name);
        }
        free(files[i]);
    }
    free(files);
    free(dir);
    if (!rc && (found < n_names || !b->n_files))
        rc = err_usage(e, -ENOENT, "not every benchmark that is named is there; accepted: %s",
                       known);
    if (!rc)
        make_values(b);
    else
        bench_free(b);
    return rc;
}

void bench_free(struct bench *b)
{
    for (unsigned i = 0; i < b->n_values; i++) {
        free(b->values[i].unit);
        free(b->values[i].v[BENCH_A]);
        free(b->values[i].v[BENCH_B]);
    }
    for (unsigned i = 0; i < b->n_files; i++)
        experiment_free(b->files[i].x);
    free(b->values);
    free(b->files);
    memset(b, 0, sizeof(*b));
}

/* --- samples --- */

static int run_extcp(const struct bench_side *build, const char *file, uint64_t seed,
                     const char *scratch, const volatile int *stop, struct err *e)
{
    char *seed_text = xasprintf("%llu", (unsigned long long)seed);
    char *out = xasprintf("%s/out", scratch), *errors = xasprintf("%s/err", scratch);
    char *home = xasprintf("EXTCP_HOME=%s", build->home);
    char *argv[] = {(char *)build->binary, (char *)file,     (char *)"--reps",
                    (char *)"1",           (char *)"--seed", seed_text,
                    (char *)"--out",       (char *)scratch,  NULL};
    char *env[] = {home, NULL};
    struct child_spec spec = {.name = file,
                              .argv = argv,
                              .env = env,
                              .ns_fd = -1,
                              .cgroup_fd = -1,
                              .stdout_path = out,
                              .stderr_path = errors,
                              .time_limit_ms = SAMPLE_LIMIT_S * 1000};
    struct child *c = NULL;
    int rc = child_start(&c, &spec, e);

    while (!rc && child_poll(c) == CHILD_RUNNING) {
        struct pollfd p = {.fd = child_fd(c), .events = POLLIN};
        if (*stop) {
            child_stop(c, 10000);
            rc = err_broke(e, -EINTR, "stopped by signal %d", *stop);
        } else {
            poll(&p, 1, 200);
        }
    }
    if (!rc && child_exit_status(c)) {
        char *words = child_last_words(c);
        rc = err_broke(e, -EIO, "benchmark %s, run by %s, ended with status %d:\n%s", file,
                       build->binary, child_exit_status(c), words ? words : "");
        if (no_space_left(scratch))
            err_prefix(e, "%s: %s", scratch, strerror(ENOSPC));
        free(words);
    }
    child_free(c);
    free(seed_text);
    free(out);
    free(errors);
    free(home);
    return rc;
}

static int median_of(const struct rundir *d, const char *variant, const char *metric, double *value,
                     const char **unit, struct err *e)
{
    int v = results_find_variant(&d->results, variant);
    int m = results_find_metric(&d->results, metric);
    struct interval i = {.n = 0};

    if (v >= 0 && m >= 0)
        i = results_interval(&d->results, (unsigned)v, (unsigned)m);
    if (!i.n)
        return err_broke(e, -ENODATA, "%s: variant %s has no value of %s", d->path, variant,
                         metric);
    *value = i.median;
    *unit = d->results.metrics[m].unit;
    return 0;
}

static int take_value(struct bench_value *v, const struct rundir *d, int side, struct err *e)
{
    const struct bench_metric *m = v->metric;
    const char *unit;
    double value, over;
    int rc = median_of(d, m->variant, m->metric, &value, &unit, e);

    if (!rc && m->over) {
        rc = median_of(d, m->over, m->metric, &over, &unit, e);
        value /= rc ? 1 : over;
        unit = "1";
    }
    if (rc)
        return err_prefix(e, "benchmark %s", m->name);
    if (!isfinite(value) || value <= 0)
        return err_broke(e, -ERANGE, "benchmark %s: %g cannot be compared; accepted: above 0",
                         m->name, value);
    if (!v->unit)
        v->unit = xstrdup(unit);
    v->v[side] = xrealloc(v->v[side], (v->n[side] + 1) * sizeof(double));
    v->v[side][v->n[side]++] = value;
    return 0;
}

int bench_sample(struct bench *b, unsigned file, const struct bench_side *build, int side,
                 uint64_t seed, const char *scratch, const volatile int *stop, struct err *e)
{
    const struct experiment *x = b->files[file].x;
    char *latest = xasprintf("%s/%s/latest", scratch, x->name),
         *all = xasprintf("%s/%s", scratch, x->name);
    struct rundir d = {0};
    int rc = run_extcp(build, x->file, seed, scratch, stop, e);

    if (!rc) {
        rc = rundir_open(&d, latest, e);
        for (unsigned i = 0; i < b->n_values && !rc; i++)
            if (b->values[i].file == &b->files[file])
                rc = take_value(&b->values[i], &d, side, e);
        rundir_close(&d);
    }
    remove_tree(all);
    free(latest);
    free(all);
    return rc;
}

/* --- verdict --- */

static bool decided(const struct bench_value *v)
{
    return !v->judged || v->answer.verdict != GATE_UNDECIDED;
}

unsigned bench_judge(struct bench *b, bool paired)
{
    unsigned metrics = 0, undecided = 0;

    for (unsigned i = 0; i < b->n_values; i++)
        metrics += b->values[i].judged;
    for (unsigned i = 0; i < b->n_values; i++) {
        struct bench_value *v = &b->values[i];
        const struct gate_question q = {v->metric->higher_is_better, v->metric->threshold, metrics,
                                        paired};
        if (decided(v))
            continue;
        gate_judge(&q, v->v[BENCH_A], v->n[BENCH_A], v->v[BENCH_B], v->n[BENCH_B], &v->answer);
        v->rounds = (unsigned)v->n[BENCH_B];
        undecided += !decided(v);
    }
    return undecided;
}

bool bench_open(const struct bench *b, unsigned file)
{
    for (unsigned i = 0; i < b->n_values; i++)
        if (b->values[i].file == &b->files[file] && !decided(&b->values[i]))
            return true;
    return false;
}

unsigned bench_regressions(const struct bench *b)
{
    unsigned n = 0;

    for (unsigned i = 0; i < b->n_values; i++)
        n += b->values[i].judged && b->values[i].answer.verdict == GATE_REGRESSION;
    return n;
}

struct interval bench_interval(const struct bench *b, const struct bench_value *v, int side)
{
    return stats_median_interval(v->v[side], v->n[side], b->seed);
}

/* --- baselines in files --- */

json_t *bench_baseline(const struct bench *b)
{
    json_t *metrics = json_array();

    for (unsigned i = 0; i < b->n_values; i++) {
        const struct bench_value *v = &b->values[i];
        json_t *values = json_array();
        for (size_t k = 0; k < v->n[BENCH_B]; k++)
            json_array_append_new(values, json_real(v->v[BENCH_B][k]));
        json_array_append_new(metrics, json_pack("{s:s, s:s, s:b, s:o}", "name", v->metric->name,
                                                 "unit", v->unit ? v->unit : "", "ratio",
                                                 v->metric->over != NULL, "values", values));
    }
    return json_pack("{s:i, s:s, s:o, s:o}", "schema_version", SCHEMA_VERSION, "kind",
                     "extcp bench baseline", "machine", metadata_collect(), "metrics", metrics);
}

static const json_t *find_metric(const json_t *metrics, const char *name)
{
    json_t *m;
    size_t i;

    json_array_foreach (metrics, i, m) {
        const char *n = json_string_value(json_object_get(m, "name"));
        if (n && !strcmp(n, name))
            return m;
    }
    return NULL;
}

static int read_values(struct bench_value *v, const json_t *m, const char *path, struct err *e)
{
    json_t *values = json_object_get(m, "values"), *x;
    size_t i;

    if (json_array_size(values) < GATE_FIRST || json_array_size(values) > GATE_MAX)
        return err_usage(e, -EINVAL,
                         "%s: metric %s has %zu values; accepted: %d to %d, as --bless writes them",
                         path, v->metric->name, json_array_size(values), GATE_FIRST, GATE_MAX);
    v->v[BENCH_A] = xcalloc(json_array_size(values), sizeof(double));
    json_array_foreach (values, i, x) {
        if (!json_is_number(x) || !(json_number_value(x) > 0))
            return err_usage(e, -EINVAL, "%s: metric %s, value %zu; accepted: numbers above 0",
                             path, v->metric->name, i + 1);
        v->v[BENCH_A][v->n[BENCH_A]++] = json_number_value(x);
    }
    return 0;
}

int bench_read_baseline(struct bench *b, const char *path, unsigned *missing, struct err *e)
{
    json_error_t je;
    json_t *j = json_load_file(path, 0, &je), *metrics = json_object_get(j, "metrics");
    unsigned judged = 0;
    int rc = 0;

    *missing = 0;
    if (!j)
        rc = err_usage(e, -EINVAL, "%s:%d: %s", path, je.line, je.text);
    else if (json_integer_value(json_object_get(j, "schema_version")) != SCHEMA_VERSION ||
             !json_is_array(metrics))
        rc = err_usage(e, -EINVAL,
                       "%s: no baseline of `bench` (schema_version %d); --bless writes one", path,
                       SCHEMA_VERSION);
    for (unsigned i = 0; i < b->n_values && !rc; i++) {
        struct bench_value *v = &b->values[i];
        const json_t *m = v->metric->over ? find_metric(metrics, v->metric->name) : NULL;

        v->judged = m != NULL;
        judged += v->judged;
        *missing += v->metric->over && !m;
        if (m)
            rc = read_values(v, m, path, e);
    }
    if (!rc && !judged)
        rc = err_usage(e, -ENODATA, "%s has no ratio that these benchmarks measure", path);
    json_decref(j);
    return rc;
}

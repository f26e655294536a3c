/* SPDX-License-Identifier: BSD-2-Clause */
#include "merge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "rundir.h"
#include "util.h"

struct merge {
    struct rundir *runs;
    unsigned n;
    struct experiment_options options;
};

/* --- do they belong together --- */

static json_t *at(const struct rundir *d, const char *a, const char *b, const char *c)
{
    json_t *j = json_object_get(d->json, a);

    j = b ? json_object_get(j, b) : j;
    return c ? json_object_get(j, c) : j;
}

static int must_agree(const struct merge *m, unsigned i, const char *what, const json_t *mine,
                      const json_t *first, const char *hint, struct err *e)
{
    char *a, *b;
    int rc;

    if (json_equal(mine, first))
        return 0;
    a = json_dumps(mine, JSON_ENCODE_ANY | JSON_COMPACT);
    b = json_dumps(first, JSON_ENCODE_ANY | JSON_COMPACT);
    rc = err_usage(e, -EINVAL, "%s does not belong to %s: %s is %s here and %s there%s",
                   m->runs[i].path, m->runs[0].path, what, a ? a : "missing", b ? b : "missing",
                   hint);
    free(a);
    free(b);
    return rc;
}

static int check_one(const struct merge *m, unsigned i, bool force, struct err *e)
{
    static const char *const same[] = {"experiment", "seed", "quick", "options"};
    const struct rundir *d = &m->runs[i], *first = &m->runs[0];
    const char *status = rundir_text(d, "status");
    int rc = 0;

    if (!json_is_array(at(d, "shard", NULL, NULL)))
        return err_usage(e, -EINVAL, "%s is no part of a run; accepted: what --shard K/N left",
                         d->path);
    if (strcmp(status, "pass") && strcmp(status, "fail"))
        return err_usage(e, -EINVAL, "%s: its status is '%s'; accepted: a part that ran to its end",
                         d->path, status);
    for (size_t k = 0; k < ARRAY_SIZE(same) && !rc; k++)
        rc = must_agree(m, i, same[k], at(d, same[k], NULL, NULL), at(first, same[k], NULL, NULL),
                        "", e);
    if (!rc)
        rc = must_agree(m, i, "the number of parts", json_array_get(at(d, "shard", NULL, NULL), 1),
                        json_array_get(at(first, "shard", NULL, NULL), 1), "", e);
    if (!rc && !force)
        rc = must_agree(m, i, "the revision", at(d, "machine", "source", NULL),
                        at(first, "machine", "source", NULL), " (--force joins them anyway)", e);
    if (!rc && !force)
        rc = must_agree(m, i, "the kernel", at(d, "machine", "kernel", NULL),
                        at(first, "machine", "kernel", NULL), " (--force joins them anyway)", e);
    return rc;
}

static unsigned shard_of(const struct rundir *d, unsigned which)
{
    return (unsigned)json_integer_value(json_array_get(at(d, "shard", NULL, NULL), which));
}

static int check_parts(const struct merge *m, bool force, struct err *e)
{
    unsigned n = shard_of(&m->runs[0], 1);
    char missing[256] = "";
    size_t used = 0;

    for (unsigned k = 1; k <= n; k++) {
        const struct rundir *seen = NULL;

        for (unsigned i = 0; i < m->n; i++) {
            if (shard_of(&m->runs[i], 0) != k)
                continue;
            if (seen)
                return err_usage(e, -EINVAL, "part %u of %u is there twice: %s and %s", k, n,
                                 seen->path, m->runs[i].path);
            seen = &m->runs[i];
        }
        if (!seen && used < sizeof(missing) - 8)
            used += (size_t)snprintf(missing + used, sizeof(missing) - used, "%s%u",
                                     used ? ", " : "", k);
    }
    if (used && !force)
        return err_usage(e, -EINVAL, "of %u parts these are missing: %s (--force joins the others)",
                         n, missing);
    return 0;
}

static char **texts(const json_t *array, unsigned *n)
{
    char **v = xcalloc(json_array_size(array) + 1, sizeof(*v));
    json_t *x;
    size_t i;

    *n = 0;
    json_array_foreach (array, i, x)
        v[(*n)++] = xstrdup(json_string_value(x) ? json_string_value(x) : "");
    return v;
}

static void read_options(struct merge *m)
{
    const struct rundir *d = &m->runs[0];

    m->options.quick = json_is_true(at(d, "quick", NULL, NULL));
    m->options.reps = (unsigned)json_integer_value(at(d, "options", "repetitions", NULL));
    m->options.family = (int)json_integer_value(at(d, "options", "family", NULL));
    m->options.variants = texts(at(d, "options", "variants", NULL), &m->options.n_variants);
    m->options.settings = texts(at(d, "options", "settings", NULL), &m->options.n_settings);
}

int merge_open(struct merge **out, char *const *dirs, unsigned n, bool force, struct err *e)
{
    struct merge *m = xcalloc(1, sizeof(*m));
    int rc = 0;

    m->runs = xcalloc(n, sizeof(*m->runs));
    for (unsigned i = 0; i < n && !rc; i++) {
        char *path = NULL;
        rc = rundir_find(&path, dirs[i], NULL, e);
        if (!rc) {
            m->n++;
            rc = rundir_open(&m->runs[i], path, e);
        }
        free(path);
    }
    for (unsigned i = 0; i < n && !rc; i++)
        rc = check_one(m, i, force, e);
    if (!rc)
        rc = check_parts(m, force, e);
    if (rc) {
        merge_close(m);
        return rc;
    }
    read_options(m);
    *out = m;
    return 0;
}

void merge_close(struct merge *m)
{
    if (!m)
        return;
    for (unsigned i = 0; i < m->n; i++)
        rundir_close(&m->runs[i]);
    for (unsigned i = 0; i < m->options.n_variants; i++)
        free(m->options.variants[i]);
    for (unsigned i = 0; i < m->options.n_settings; i++)
        free(m->options.settings[i]);
    free((void *)m->options.variants);
    free((void *)m->options.settings);
    free(m->runs);
    free(m);
}

const char *merge_experiment(const struct merge *m)
{
    const char *file = rundir_text(&m->runs[0], "file");

    return *file ? file : rundir_text(&m->runs[0], "experiment");
}

const struct experiment_options *merge_options(const struct merge *m)
{
    return &m->options;
}

uint64_t merge_seed(const struct merge *m)
{
    return (uint64_t)json_integer_value(at(&m->runs[0], "seed", NULL, NULL));
}

json_t *merge_list(const struct merge *m)
{
    json_t *all = json_array();

    for (unsigned i = 0; i < m->n; i++) {
        const struct rundir *d = &m->runs[i];
        json_array_append_new(
            all, json_pack("{s:O, s:O, s:O*, s:O*}", "shard", at(d, "shard", NULL, NULL), "started",
                           at(d, "started", NULL, NULL), "machine", at(d, "machine", NULL, NULL),
                           "command", at(d, "command", NULL, NULL)));
    }
    return all;
}

/* --- what is in them --- */

/* The run that has it, and its JSON there. */
static const struct rundir *find(const struct merge *m, const char *variant, unsigned repetition,
                                 json_t **rep)
{
    size_t k;

    for (unsigned i = 0; i < m->n; i++) {
        json_array_foreach (at(&m->runs[i], "repetitions", NULL, NULL), k, *rep) {
            const char *v = json_string_value(json_object_get(*rep, "variant"));
            if (v && !strcmp(v, variant) &&
                json_integer_value(json_object_get(*rep, "repetition")) == repetition)
                return &m->runs[i];
        }
    }
    return NULL;
}

bool merge_has(const struct merge *m, const char *variant, unsigned repetition)
{
    json_t *rep;

    return find(m, variant, repetition, &rep) != NULL;
}

/* Its raw values, as a repetition hands them over. */
static json_t *metrics_of(const struct results *r, const char *variant, unsigned repetition)
{
    int v = results_find_variant(r, variant);
    json_t *all = json_array();

    for (size_t i = 0; i < r->n_values; i++) {
        const struct value *x = &r->values[i];
        if ((int)x->variant == v && x->repetition == repetition)
            json_array_append_new(all,
                                  json_pack("[s, s, o]", r->metrics[x->metric].name,
                                            r->metrics[x->metric].unit, json_finite(x->value)));
    }
    return all;
}

struct series_copy {
    struct csv *out;
    const char *variant;
    unsigned repetition;
};

static int copy_series_row(char *const *f, void *arg)
{
    struct series_copy *c = arg;
    uint64_t repetition;
    char q[6][512];

    if (strcmp(f[1], c->variant) || parse_u64(f[2], &repetition) || repetition != c->repetition)
        return 0;
    csv_row(c->out, "%s,%s,%s,%s,%s,%s", csv_quote(q[0], sizeof(q[0]), f[0]),
            csv_quote(q[1], sizeof(q[1]), f[1]), csv_quote(q[2], sizeof(q[2]), f[2]),
            csv_quote(q[3], sizeof(q[3]), f[3]), csv_quote(q[4], sizeof(q[4]), f[4]),
            csv_quote(q[5], sizeof(q[5]), f[5]));
    return 0;
}

/* The rows of one repetition; without a header, as repetition.c leaves them. */
static int copy_series(const struct rundir *d, const char *variant, unsigned repetition,
                       const char *stem_path, struct err *e)
{
    char *from = xasprintf("%s/series.csv", d->path), *to = xasprintf("%s.series.csv", stem_path);
    struct series_copy c = {.variant = variant, .repetition = repetition};
    int rc = csv_open(&c.out, to, NULL, e), closed;

    if (!rc) {
        rc = csv_read(from, CSV_HEADER_SERIES, copy_series_row, &c, e);
        closed = csv_close(c.out, rc ? NULL : e);
        rc = rc ? rc : closed;
    }
    free(from);
    free(to);
    return rc;
}

/* Its lines of the run's log, between its heading and the next one (report.c writes them). */
static int copy_log(const struct rundir *d, const char *variant, unsigned repetition,
                    const char *stem_path, struct err *e)
{
    char *from = xasprintf("%s/log.txt", d->path), *to = xasprintf("%s.log", stem_path), *text;
    char *head = xasprintf("--- %s, repetition %u\n", variant, repetition);
    int rc = read_file(from, &text, NULL, e);

    if (!rc) {
        char *start = strstr(text, head), *end;

        start = start ? start + strlen(head) : text + strlen(text);
        end = strstr(start, "\n--- ");
        rc = write_file_atomic(to, start, end ? (size_t)(end + 1 - start) : strlen(start), e);
        free(text);
    }
    free(head);
    free(from);
    free(to);
    return rc;
}

/* A second name for the file where that is possible, else a copy. */
static int copy_file(const char *from, const char *to, struct err *e)
{
    char *data;
    size_t len;
    int rc;

    if (link(from, to) == 0)
        return 0;
    rc = read_file(from, &data, &len, e);
    if (rc)
        return rc;
    rc = write_file_atomic(to, data, len, e);
    free(data);
    return rc;
}

static int copy_captures(const struct rundir *d, const json_t *rep, const char *dir, struct err *e)
{
    json_t *captures = json_object_get(rep, "captures"), *c;
    size_t i;

    json_array_foreach (captures, i, c) {
        const char *file = json_string_value(json_object_get(c, "file"));
        char *from, *to;
        int rc;

        if (!file || strncmp(file, "captures/", 9) || strchr(file + 9, '/'))
            return err_usage(e, -EINVAL, "%s/run.json: capture '%s'; accepted: a file in captures/",
                             d->path, file ? file : "");
        from = xasprintf("%s/%s", d->path, file);
        to = xasprintf("%s/%s", dir, file);
        rc = copy_file(from, to, e);
        free(from);
        free(to);
        if (rc)
            return rc;
    }
    return 0;
}

int merge_part(const struct merge *m, const char *variant, unsigned repetition, const char *dir,
               struct err *e)
{
    json_t *rep, *out;
    const struct rundir *d = find(m, variant, repetition, &rep);
    char *stem = xasprintf("%s/parts/%s-%u", dir, variant, repetition);
    char *path = xasprintf("%s.json", stem);
    int rc;

    if (!d) {
        rc = err_usage(e, -ENOENT, "no part has variant %s, repetition %u", variant, repetition);
    } else {
        out = json_copy(rep);
        json_object_set_new(out, "metrics", metrics_of(&d->results, variant, repetition));
        rc = json_write_atomic(path, out, e);
        json_decref(out);
    }
    if (!rc)
        rc = copy_series(d, variant, repetition, stem, e);
    if (!rc)
        rc = copy_log(d, variant, repetition, stem, e);
    if (!rc)
        rc = copy_captures(d, rep, dir, e);
    free(path);
    free(stem);
    return rc;
}

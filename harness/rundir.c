/* SPDX-License-Identifier: BSD-2-Clause */
#include "rundir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "util.h"

static bool has_run_json(const char *dir)
{
    char *path = xasprintf("%s/run.json", dir);
    bool there = access(path, F_OK) == 0;

    free(path);
    return there;
}

int rundir_find(char **path, const char *what, const char *base, struct err *e)
{
    const char *slash = strrchr(what, '/');
    char *dir = xstrdup(what);

    /* a run.json itself */
    if (!strcmp(slash ? slash + 1 : what, "run.json"))
        strcpy(dir + (slash ? slash - what : 0), slash ? "" : ".");
    if (!has_run_json(dir) && !slash) {
        free(dir);
        dir = base ? xasprintf("%s/%s/latest", base, what)
                   : xasprintf("%s/results/%s/latest", extcp_home(), what);
    }
    if (!has_run_json(dir)) {
        free(dir);
        return err_usage(e, -ENOENT,
                         "there is no run '%s'; accepted: a directory with a run.json, or the name "
                         "of an experiment that has run",
                         what);
    }
    *path = realpath(dir, NULL); /* `latest` will point elsewhere one day */
    free(dir);
    return *path ? 0 : err_usage(e, -errno, "%s: %s", what, strerror(errno));
}

struct reading {
    struct rundir *d;
    struct err *e;
    const char *path;
    unsigned line;
};

static int take_value(char *const *f, void *arg)
{
    struct reading *r = arg;
    struct results *res = &r->d->results;
    uint64_t repetition;
    double value;

    r->line++;
    if (parse_u64(f[2], &repetition) || !repetition || repetition > UINT32_MAX)
        return err_usage(r->e, -EINVAL, "%s: record %u: repetition '%s'; accepted: a whole number",
                         r->path, r->line, f[2]);
    if (parse_double(f[5], &value))
        return err_usage(r->e, -EINVAL, "%s: record %u: value '%s'; accepted: a number", r->path,
                         r->line, f[5]);
    results_add(res, results_variant(res, f[1]), (unsigned)repetition,
                results_metric(res, f[3], f[4]), value);
    return 0;
}

static int read_json(struct rundir *d, struct err *e)
{
    char *path = xasprintf("%s/run.json", d->path);
    json_error_t je;
    int rc = 0;

    d->json = json_load_file(path, 0, &je);
    if (!d->json)
        rc = err_usage(e, -EINVAL, "%s:%d: %s", path, je.line, je.text);
    else if (json_integer_value(json_object_get(d->json, "schema_version")) !=
             RESULTS_SCHEMA_VERSION)
        rc = err_usage(e, -EINVAL, "%s: schema_version %lld; accepted: %d", path,
                       json_integer_value(json_object_get(d->json, "schema_version")),
                       RESULTS_SCHEMA_VERSION);
    else if (!*rundir_text(d, "experiment"))
        rc = err_usage(e, -EINVAL, "%s: 'experiment' is missing", path);
    free(path);
    return rc;
}

int rundir_open(struct rundir *d, const char *path, struct err *e)
{
    char *csv = xasprintf("%s/data.csv", path);
    struct reading r = {.d = d, .e = e, .path = csv, .line = 1};
    size_t i;
    json_t *v;
    int rc;

    memset(d, 0, sizeof(*d));
    d->path = xstrdup(path);
    rc = read_json(d, e);
    results_init(&d->results, rundir_text(d, "experiment"),
                 (uint64_t)json_integer_value(json_object_get(d->json, "seed")));
    json_array_foreach (json_object_get(d->json, "variants"), i, v) {
        const char *name = json_string_value(json_object_get(v, "name"));
        if (name)
            results_variant(&d->results, name);
    }
    if (!rc)
        rc = csv_read(csv, CSV_HEADER_DATA, take_value, &r, e);
    free(csv);
    return rc;
}

void rundir_close(struct rundir *d)
{
    free(d->path);
    json_decref(d->json);
    results_free(&d->results);
    memset(d, 0, sizeof(*d));
}

const char *rundir_text(const struct rundir *d, const char *key)
{
    const char *s = json_string_value(json_object_get(d->json, key));

    return s ? s : "";
}

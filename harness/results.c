/* SPDX-License-Identifier: BSD-2-Clause */
#include "results.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "util.h"

void results_init(struct results *r, const char *experiment, uint64_t seed)
{
    memset(r, 0, sizeof(*r));
    r->experiment = xstrdup(experiment);
    r->seed = seed;
}

void results_free(struct results *r)
{
    for (unsigned i = 0; i < r->n_variants; i++)
        free(r->variants[i]);
    for (unsigned i = 0; i < r->n_metrics; i++) {
        free(r->metrics[i].name);
        free(r->metrics[i].unit);
        for (unsigned k = 0; k < r->metrics[i].n_pairs; k++)
            free(r->metrics[i].pairs[k]);
        free(r->metrics[i].pairs);
    }
    free(r->variants);
    free(r->metrics);
    free(r->values);
    free(r->experiment);
    memset(r, 0, sizeof(*r));
}

int results_find_variant(const struct results *r, const char *name)
{
    for (unsigned i = 0; i < r->n_variants; i++)
        if (!strcmp(r->variants[i], name))
            return (int)i;
    return -1;
}

int results_find_metric(const struct results *r, const char *name)
{
    for (unsigned i = 0; i < r->n_metrics; i++)
        if (!strcmp(r->metrics[i].name, name))
            return (int)i;
    return -1;
}

unsigned results_variant(struct results *r, const char *name)
{
    int i = results_find_variant(r, name);

    if (i >= 0)
        return (unsigned)i;
    r->variants = xrealloc(r->variants, (r->n_variants + 1) * sizeof(*r->variants));
    r->variants[r->n_variants] = xstrdup(name);
    return r->n_variants++;
}

unsigned results_metric(struct results *r, const char *name, const char *unit)
{
    int i = results_find_metric(r, name);

    if (i >= 0 && strcmp(r->metrics[i].unit, unit ? unit : "")) {
        char *other = xasprintf("%s (%s)", name, unit && *unit ? unit : "1");
        unsigned index = results_metric(r, other, unit);

        free(other);
        return index;
    }
    if (i >= 0)
        return (unsigned)i;
    r->metrics = xrealloc(r->metrics, (r->n_metrics + 1) * sizeof(*r->metrics));
    r->metrics[r->n_metrics] =
        (struct metric){.name = xstrdup(name), .unit = xstrdup(unit ? unit : "")};
    return r->n_metrics++;
}

unsigned results_add_pair(struct results *r, unsigned metric, const char *name)
{
    struct metric *m = &r->metrics[metric];

    m->pairs = xrealloc(m->pairs, (m->n_pairs + 1) * sizeof(*m->pairs));
    m->pairs[m->n_pairs] = xstrdup(name);
    return ++m->n_pairs;
}

bool results_have_pairs(const struct results *r)
{
    for (unsigned i = 0; i < r->n_metrics; i++)
        if (r->metrics[i].pairs)
            return true;
    return false;
}

void results_add(struct results *r, unsigned variant, unsigned repetition, unsigned metric,
                 double value)
{
    if (!isfinite(value)) {
        r->n_refused++;
        log_line("%s repetition %u: %s is %f, not a number that can be kept", r->variants[variant],
                 repetition, r->metrics[metric].name, value);
        return;
    }
    if (r->n_values == r->cap_values) {
        r->cap_values = r->cap_values ? r->cap_values * 2 : 64;
        r->values = xrealloc(r->values, r->cap_values * sizeof(*r->values));
    }
    r->values[r->n_values++] = (struct value){
        .variant = variant, .metric = metric, .repetition = repetition, .value = value};
}

/* By repetition, and within one in the order of arrival, which the address keeps. */
static int by_repetition(const void *a, const void *b)
{
    const struct value *x = *(const struct value *const *)a, *y = *(const struct value *const *)b;

    if (x->repetition != y->repetition)
        return x->repetition < y->repetition ? -1 : 1;
    return (x > y) - (x < y);
}

double *results_select_repetitions(const struct results *r, unsigned variant, unsigned metric,
                                   size_t *n, unsigned **repetitions)
{
    const struct value **hit = xcalloc(r->n_values, sizeof(*hit));
    double *out;

    *n = 0;
    for (size_t i = 0; i < r->n_values; i++)
        if (r->values[i].variant == variant && r->values[i].metric == metric)
            hit[(*n)++] = &r->values[i];
    qsort(hit, *n, sizeof(*hit), by_repetition);
    out = xcalloc(*n, sizeof(*out));
    if (repetitions)
        *repetitions = xcalloc(*n, sizeof(**repetitions));
    for (size_t i = 0; i < *n; i++) {
        out[i] = hit[i]->value;
        if (repetitions)
            (*repetitions)[i] = hit[i]->repetition;
    }
    free(hit);
    return out;
}

double *results_select(const struct results *r, unsigned variant, unsigned metric, size_t *n)
{
    return results_select_repetitions(r, variant, metric, n, NULL);
}

static int by_number(const void *a, const void *b)
{
    unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

    return (x > y) - (x < y);
}

unsigned *results_repetitions(const struct results *r, unsigned variant, size_t *n)
{
    unsigned *reps = xcalloc(r->n_values, sizeof(*reps));
    size_t all = 0;

    for (size_t i = 0; i < r->n_values; i++)
        if (r->values[i].variant == variant && !r->metrics[r->values[i].metric].pairs)
            reps[all++] = r->values[i].repetition;
    qsort(reps, all, sizeof(*reps), by_number);
    *n = 0;
    for (size_t i = 0; i < all; i++)
        if (!i || reps[i] != reps[i - 1])
            reps[(*n)++] = reps[i];
    return reps;
}

/* FNV-1a, with the end of the string counted so that "ab","c" and "a","bc" differ. */
static uint64_t hash(uint64_t h, const char *s)
{
    do
        h = (h ^ (unsigned char)*s) * 0x100000001b3ull;
    while (*s++);
    return h;
}

uint64_t results_seed(const struct results *r, const char *variant, const char *metric)
{
    return hash(hash(r->seed ^ 0xcbf29ce484222325ull, variant), metric);
}

struct interval results_interval(const struct results *r, unsigned variant, unsigned metric)
{
    size_t n;
    double *v = results_select(r, variant, metric, &n);
    struct interval i =
        stats_median_interval(v, n, results_seed(r, r->variants[variant], r->metrics[metric].name));

    free(v);
    return i;
}

json_t *json_finite(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

/* NULL where the variant has no value of the metric. */
static json_t *summary_of(const struct results *r, unsigned variant, unsigned metric)
{
    struct interval i = results_interval(r, variant, metric);
    size_t n;
    double *v;
    json_t *j;

    if (!i.n)
        return NULL;
    v = results_select(r, variant, metric, &n);
    j = json_object();
    json_object_set_new(j, "unit", json_string(r->metrics[metric].unit));
    json_object_set_new(j, "n", json_integer((json_int_t)i.n));
    json_object_set_new(j, "median", json_finite(i.median));
    json_object_set_new(j, "low", json_finite(i.low));
    json_object_set_new(j, "high", json_finite(i.high));
    json_object_set_new(j, "min", json_finite(stats_quantile(v, n, 0)));
    json_object_set_new(j, "max", json_finite(stats_quantile(v, n, 1)));
    free(v);
    return j;
}

json_t *results_summary_json(const struct results *r)
{
    json_t *out = json_object();

    for (unsigned v = 0; v < r->n_variants; v++) {
        json_t *variant = json_object();

        for (unsigned m = 0; m < r->n_metrics; m++) {
            json_t *one = summary_of(r, v, m);

            if (one)
                json_object_set_new(variant, r->metrics[m].name, one);
        }
        json_object_set_new(out, r->variants[v], variant);
    }
    return out;
}

int json_write_atomic(const char *path, json_t *j, struct err *e)
{
    /* 15 digits: 0.1 stays 0.1 for whoever reads it; the raw values, exact, are in data.csv. */
    char *text = json_dumps(j, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(15));
    char *line;
    int rc;

    if (!text)
        return err_broke(e, -EINVAL, "%s: cannot be written as JSON (text that is not UTF-8?)",
                         path);
    line = xasprintf("%s\n", text);
    free(text);
    rc = write_file_atomic(path, line, strlen(line), e);
    free(line);
    return rc;
}

static bool is_file_name(const char *s)
{
    return *s && *s != '.' && !strchr(s, '/');
}

int results_dir_start(struct results_dir *d, const char *base, const char *experiment,
                      const char *id, struct err *e)
{
    time_t now = (time_t)(now_real_ns() / NSEC_PER_SEC);
    char utc[32], *parent;
    struct tm tm;
    int rc;

    memset(d, 0, sizeof(*d));
    if (!is_file_name(experiment) || !is_file_name(id))
        return err_usage(e, -EINVAL,
                         "'%s' in '%s' cannot be a directory of results: neither may be empty, "
                         "start with a dot or contain '/'",
                         id, experiment);
    gmtime_r(&now, &tm);
    strftime(utc, sizeof(utc), "%Y%m%dT%H%M%SZ", &tm);
    parent = xasprintf("%s/%s", base, experiment);
    d->final_path = xasprintf("%s/%s-%s", parent, utc, id);
    d->tmp_path = xasprintf("%s/.%s-%s.tmp", parent, utc, id);
    rc = mkdir_p(parent);
    if (rc)
        err_usage(e, rc,
                  "%s: cannot make the directory for results: %s (--out DIR puts them "
                  "elsewhere)",
                  parent, strerror(-rc));
    else if (mkdir(d->tmp_path, 0755) < 0)
        rc = err_usage(e, -errno,
                       "%s: cannot make the directory for results: %s (--out DIR puts "
                       "them elsewhere)",
                       d->tmp_path, strerror(errno));
    free(parent);
    if (rc)
        results_dir_free(d);
    return rc;
}

void results_dir_free(struct results_dir *d)
{
    free(d->tmp_path);
    free(d->final_path);
    memset(d, 0, sizeof(*d));
}

static int sync_path(const char *path, int flags)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags), rc = 0;

    if (fd < 0)
        return -errno;
    if (fsync(fd) < 0)
        rc = -errno;
    close(fd);
    return rc;
}

static int sync_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)ftw;
    if (type == FTW_DNR || type == FTW_NS)
        return -EACCES;
    if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
        return 0;
    return sync_path(path, S_ISDIR(st->st_mode) ? O_DIRECTORY : O_NONBLOCK);
}

/* Renames without ever replacing what is there. */
static int rename_new(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
        return 0;
    /* Some file systems do not know the flag. */
    if (errno != EINVAL && errno != ENOSYS)
        return -errno;
    if (access(to, F_OK) == 0)
        return -EEXIST;
    return rename(from, to) < 0 ? -errno : 0;
}

/* A symbolic link is made under another name and renamed, so that there is always a `latest`. */
static int point_latest(const char *parent, const char *name, struct err *e)
{
    char *latest = xasprintf("%s/latest", parent), *tmp = xasprintf("%s/.latest-%s", parent, name);
    struct stat st;
    int rc = 0;

    if (lstat(latest, &st) == 0 && !S_ISLNK(st.st_mode)) {
        rc = err_broke(e, -EEXIST,
                       "%s: is not a symbolic link and stays as it is; the results are in %s/%s",
                       latest, parent, name);
    } else if (symlink(name, tmp) < 0 || rename(tmp, latest) < 0) {
        rc = err_broke(e, -errno, "%s: cannot point it to %s: %s", latest, name, strerror(errno));
        unlink(tmp);
    }
    free(tmp);
    free(latest);
    return rc;
}

int results_dir_finish(struct results_dir *d, struct err *e)
{
    char *parent = xstrdup(d->final_path), *slash = strrchr(parent, '/');
    int rc = nftw(d->tmp_path, sync_one, 16, FTW_DEPTH | FTW_PHYS);

    *slash = '\0';
    if (rc == -1)
        rc = -errno;
    if (rc)
        err_broke(e, rc, "%s: cannot sync the results to the disk: %s", d->tmp_path, strerror(-rc));
    else if ((rc = rename_new(d->tmp_path, d->final_path)))
        err_broke(e, rc, "%s: cannot rename the results to %s: %s", d->tmp_path, d->final_path,
                  strerror(-rc));
    else if (!(rc = point_latest(parent, slash + 1, e)) && (rc = sync_path(parent, O_DIRECTORY)))
        err_broke(e, rc, "%s: cannot sync the directory: %s", parent, strerror(-rc));
    free(parent);
    return rc;
}

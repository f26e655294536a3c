/* SPDX-License-Identifier: BSD-2-Clause */
#include "results.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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
    }
    free(r->variants);
    free(r->metrics);
    free(r->values);
    free(r->experiment);
}

unsigned results_variant(struct results *r, const char *name)
{
    for (unsigned i = 0; i < r->n_variants; i++)
        if (!strcmp(r->variants[i], name))
            return i;
    r->variants = xrealloc(r->variants, (r->n_variants + 1) * sizeof(*r->variants));
    r->variants[r->n_variants] = xstrdup(name);
    return r->n_variants++;
}

unsigned results_metric(struct results *r, const char *name, const char *unit)
{
    for (unsigned i = 0; i < r->n_metrics; i++)
        if (!strcmp(r->metrics[i].name, name))
            return i;
    r->metrics = xrealloc(r->metrics, (r->n_metrics + 1) * sizeof(*r->metrics));
    r->metrics[r->n_metrics] = (struct metric){xstrdup(name), xstrdup(unit)};
    return r->n_metrics++;
}

void results_add(struct results *r, unsigned variant, unsigned repetition, unsigned metric,
                 double value)
{
    if (r->n_values == r->cap_values) {
        r->cap_values = r->cap_values ? 2 * r->cap_values : 256;
        r->values = xrealloc(r->values, r->cap_values * sizeof(*r->values));
    }
    r->values[r->n_values++] = (struct value){variant, metric, repetition, value};
}

static int by_repetition(const void *a, const void *b)
{
    const struct value *x = a, *y = b;

    return (x->repetition > y->repetition) - (x->repetition < y->repetition);
}

struct value *results_values(const struct results *r, unsigned variant, unsigned metric, size_t *n)
{
    struct value *v = xcalloc(r->n_values, sizeof(*v));

    *n = 0;
    for (size_t i = 0; i < r->n_values; i++)
        if (r->values[i].variant == variant && r->values[i].metric == metric)
            v[(*n)++] = r->values[i];
    qsort(v, *n, sizeof(*v), by_repetition);
    return v;
}

double *results_select(const struct results *r, unsigned variant, unsigned metric, size_t *n)
{
    struct value *v = results_values(r, variant, metric, n);
    double *out = xcalloc(*n, sizeof(*out));

    for (size_t i = 0; i < *n; i++)
        out[i] = v[i].value;
    free(v);
    return out;
}

struct interval results_interval(const struct results *r, unsigned variant, unsigned metric)
{
    size_t n;
    double *v = results_select(r, variant, metric, &n);
    struct interval i = stats_median_interval(v, n, r->seed);

    free(v);
    return i;
}

/* ---- the directory ---- */

static int fail(const char *path, struct err *e)
{
    return err_broke(e, -errno, "%s: %s", path, strerror(errno));
}

int results_dir_start(struct results_dir *d, const char *base, const char *experiment,
                      const char *id, struct err *e)
{
    static const char *const sub[] = {"", "/captures", "/figures"};
    char stamp[32];
    time_t now = time(NULL);
    struct tm tm;
    int rc = 0;

    gmtime_r(&now, &tm);
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
    d->tmp_path = xasprintf("%s/%s/.%s-%s.tmp", base, experiment, stamp, id);
    d->final_path = xasprintf("%s/%s/%s-%s", base, experiment, stamp, id);
    for (unsigned i = 0; !rc && i < ARRAY_SIZE(sub); i++) {
        char *path = xasprintf("%s%s", d->tmp_path, sub[i]);
        rc = mkdir_p(path);
        if (rc)
            err_broke(e, rc, "%s: cannot create: %s", path, strerror(-rc));
        free(path);
    }
    return rc;
}

static int sync_dir(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

    if (fd < 0 || fsync(fd))
        rc = fail(path, e);
    if (fd >= 0)
        close(fd);
    return rc;
}

int results_dir_finish(struct results_dir *d, struct err *e)
{
    char *parent = xstrdup(d->final_path), *name = strrchr(parent, '/') + 1, *latest, *next;
    int rc = sync_dir(d->tmp_path, e);

    name[-1] = '\0';
    latest = xasprintf("%s/latest", parent);
    next = xasprintf("%s/.latest-%d.tmp", parent, (int)getpid());
    if (!rc &&
        rename(d->tmp_path, d->final_path)) /* refuses where something with files in it is there */
        rc = fail(d->final_path, e);
    if (!rc && (symlink(name, next) || rename(next, latest)))
        rc = fail(latest, e);
    if (!rc)
        rc = sync_dir(parent, e);
    free(parent);
    free(latest);
    free(next);
    return rc;
}

void results_dir_free(struct results_dir *d)
{
    free(d->tmp_path);
    free(d->final_path);
    memset(d, 0, sizeof(*d));
}

/* ---- CSV ---- */

struct csv {
    FILE *f;
    char *path;
    int error; /* the first one, -errno */
};

int csv_open(struct csv **out, const char *path, const char *header, struct err *e)
{
    struct csv *c = xcalloc(1, sizeof(*c));

    c->f = fopen(path, "we");
    if (!c->f) {
        free(c);
        return fail(path, e);
    }
    c->path = xstrdup(path);
    csv_row(c, "%s", header);
    *out = c;
    return 0;
}

void csv_row(struct csv *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if ((vfprintf(c->f, fmt, ap) < 0 || fputc('\n', c->f) < 0) && !c->error)
        c->error = -errno;
    va_end(ap);
}

const char *csv_quote(char *buf, size_t size, const char *s)
{
    size_t n = 0;

    if (!s)
        s = "";
    if (!s[strcspn(s, ",\"\r\n")]) {
        snprintf(buf, size, "%s", s);
        return buf;
    }
    buf[n++] = '"';
    for (; *s && n + 3 < size; s++) {
        if (*s == '"')
            buf[n++] = '"';
        buf[n++] = *s;
    }
    buf[n++] = '"';
    buf[n] = '\0';
    return buf;
}

int csv_close(struct csv *c, struct err *e)
{
    int rc;

    if ((fflush(c->f) || fsync(fileno(c->f))) && !c->error)
        c->error = -errno;
    if (fclose(c->f) && !c->error)
        c->error = -errno;
    rc =
        c->error ? err_broke(e, c->error, "%s: cannot write: %s", c->path, strerror(-c->error)) : 0;
    free(c->path);
    free(c);
    return rc;
}

/* As few digits as give the same number back. */
static const char *shortest(char *buf, size_t size, double v)
{
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(buf, size, "%.*g", digits, v);
        if (strtod(buf, NULL) == v)
            break;
    }
    return buf;
}

int results_write_data_csv(const struct results *r, const char *path, struct err *e)
{
    struct csv *c;
    int rc = csv_open(&c, path, "experiment,variant,repetition,metric,unit,value", e);
    char q[4][300], number[40];

    if (rc)
        return rc;
    for (size_t i = 0; i < r->n_values; i++) {
        const struct value *v = &r->values[i];
        csv_row(c, "%s,%s,%u,%s,%s,%s", csv_quote(q[0], sizeof(q[0]), r->experiment),
                csv_quote(q[1], sizeof(q[1]), r->variants[v->variant]), v->repetition,
                csv_quote(q[2], sizeof(q[2]), r->metrics[v->metric].name),
                csv_quote(q[3], sizeof(q[3]), r->metrics[v->metric].unit),
                shortest(number, sizeof(number), v->value));
    }
    return csv_close(c, e);
}

/* ---- JSON ---- */

json_t *results_summary_json(const struct results *r)
{
    json_t *all = json_array();

    for (unsigned v = 0; v < r->n_variants; v++) {
        for (unsigned m = 0; m < r->n_metrics; m++) {
            struct interval i = results_interval(r, v, m);
            if (!i.n || !isfinite(i.median))
                continue;
            json_array_append_new(all,
                                  json_pack("{s:s, s:s, s:s, s:I, s:f, s:f, s:f}", "variant",
                                            r->variants[v], "metric", r->metrics[m].name, "unit",
                                            r->metrics[m].unit, "n", (json_int_t)i.n, "median",
                                            i.median, "low95", i.low, "high95", i.high));
        }
    }
    return all;
}

int json_write_atomic(const char *path, json_t *j, struct err *e)
{
    char *text = json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    int rc;

    if (!text)
        return err_broke(e, -EINVAL, "%s: a value cannot be written as JSON", path);
    rc = write_file_atomic(path, text, strlen(text), e);
    free(text);
    return rc;
}

/* ---- the table ---- */

const char *format_value(char *buf, size_t size, double value, const char *unit)
{
    static const struct {
        const char *unit;
        double factor;
        const char *shown;
    } scales[] = {{"bit/s", 1e9, "Gbit/s"}, {"bit/s", 1e6, "Mbit/s"},
                  {"bit/s", 1e3, "kbit/s"}, {"s", 1, "s"},
                  {"s", 1e-3, "ms"},        {"s", 1e-6, "us"},
                  {"byte", 1e6, "MB"},      {"byte", 1e3, "kB"}};
    double a = fabs(value);

    if (!strcmp(unit, "yes")) {
        snprintf(buf, size, "%s", value == 1 ? "yes" : value == 0 ? "no" : "");
        if (!*buf)
            snprintf(buf, size, "%.0f %%", value * 100);
        return buf;
    }
    for (unsigned i = 0; a > 0 && i < ARRAY_SIZE(scales); i++) {
        if (!strcmp(unit, scales[i].unit) && a >= scales[i].factor) {
            snprintf(buf, size, "%.4g %s", value / scales[i].factor, scales[i].shown);
            return buf;
        }
    }
    if (!strcmp(unit, "ratio"))
        snprintf(buf, size, "%.3f", value);
    else
        snprintf(buf, size, "%.4g%s%s", value,
                 !*unit || !strcmp(unit, "count") || !strcmp(unit, "code") ? "" : " ",
                 !strcmp(unit, "count") || !strcmp(unit, "code") ? "" : unit);
    return buf;
}

#define CELL 96

static void cell(char *buf, const struct results *r, unsigned v, const char *metric)
{
    char a[32], b[32], c[32];
    struct interval i = {.n = 0};
    const char *unit = "";

    for (unsigned m = 0; m < r->n_metrics; m++) {
        if (!strcmp(r->metrics[m].name, metric)) {
            i = results_interval(r, v, m);
            unit = r->metrics[m].unit;
        }
    }
    if (!i.n)
        snprintf(buf, CELL, "-");
    else if (i.low == i.high)
        snprintf(buf, CELL, "%s", format_value(a, sizeof(a), i.median, unit));
    else
        snprintf(buf, CELL, "%s [%s, %s]", format_value(a, sizeof(a), i.median, unit),
                 format_value(b, sizeof(b), i.low, unit), format_value(c, sizeof(c), i.high, unit));
}

#define MAX_WIDTH 110

void results_print_table(FILE *f, const struct results *r, char *const *metrics, unsigned n_metrics)
{
    size_t first = strlen("variant"), width[64];
    char text[CELL];

    for (unsigned v = 0; v < r->n_variants; v++)
        if (strlen(r->variants[v]) > first)
            first = strlen(r->variants[v]);
    if (n_metrics > ARRAY_SIZE(width))
        n_metrics = ARRAY_SIZE(width);
    for (unsigned m = 0; m < n_metrics; m++) {
        width[m] = strlen(metrics[m]);
        for (unsigned v = 0; v < r->n_variants; v++) {
            cell(text, r, v, metrics[m]);
            if (strlen(text) > width[m])
                width[m] = strlen(text);
        }
    }
    /* As many columns side by side as fit, then another block. */
    for (unsigned from = 0, to; from < n_metrics; from = to) {
        size_t sum = first;
        for (to = from; to < n_metrics && (to == from || sum + 2 + width[to] <= MAX_WIDTH); to++)
            sum += 2 + width[to];
        fprintf(f, "%s%-*s", from ? "\n" : "", (int)first, "variant");
        for (unsigned m = from; m < to; m++)
            fprintf(f, "  %-*s", (int)width[m], metrics[m]);
        fputc('\n', f);
        for (unsigned v = 0; v < r->n_variants; v++) {
            fprintf(f, "%-*s", (int)first, r->variants[v]);
            for (unsigned m = from; m < to; m++) {
                cell(text, r, v, metrics[m]);
                fprintf(f, "  %-*s", (int)width[m], text);
            }
            fputc('\n', f);
        }
    }
    if (n_metrics)
        fprintf(f, "(median [95 %% interval])\n");
}

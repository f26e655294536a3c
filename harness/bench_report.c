/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench_report.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "html.h"
#include "metadata.h"
#include "results.h"
#include "util.h"

#define SCHEMA_VERSION 1

/* What a metric came to: the texts of a row. */
struct row {
    char a[200], b[200], change[120], verdict[64];
};

static void make_row(struct row *w, const struct bench_run *r, const struct bench_value *v)
{
    const struct gate_answer *g = &v->answer;

    memset(w, 0, sizeof(*w));
    format_interval(w->b, sizeof(w->b), bench_interval(r->bench, v, BENCH_B), v->unit);
    if (!r->baseline)
        return;
    format_interval(w->a, sizeof(w->a), bench_interval(r->bench, v, BENCH_A), v->unit);
    if (!v->judged) {
        snprintf(w->verdict, sizeof(w->verdict), "not compared");
        return;
    }
    if (isnan(g->ratio))
        snprintf(w->change, sizeof(w->change), "-");
    else
        snprintf(w->change, sizeof(w->change), "x %.3f [%.3f, %.3f]", g->ratio, g->low, g->high);
    snprintf(w->verdict, sizeof(w->verdict), "%s after %u rounds", gate_word(g->verdict),
             v->rounds);
}

/* "12 % lower, where higher is better (interval 10 % to 14 %; p = 0.0002)" */
static void sentence(char *buf, size_t size, const struct bench_value *v)
{
    const struct gate_answer *g = &v->answer;

    snprintf(buf, size,
             "%.1f %% %s, where %s is better; ratio %.3f [%.3f, %.3f], p = %.2g (at most "
             "%.2g would do), %zu values",
             fabs(g->ratio - 1) * 100, g->ratio < 1 ? "lower" : "higher",
             v->metric->higher_is_better ? "higher" : "lower", g->ratio, g->low, g->high, g->p,
             g->p_needed, g->n);
}

void bench_print(FILE *f, const struct bench_run *r)
{
    const struct bench *b = r->bench;
    char text[512];
    struct row w;

    for (unsigned i = 0; i < b->n_values; i++) {
        const struct bench_value *v = &b->values[i];

        make_row(&w, r, v);
        if (r->baseline)
            fprintf(f, "%-28s %-34s %-34s %-26s %s\n", v->metric->name, w.a, w.b, w.change,
                    w.verdict);
        else
            fprintf(f, "%-28s %s\n", v->metric->name, w.b);
    }
    for (unsigned i = 0; i < b->n_values && r->baseline; i++) {
        const struct bench_value *v = &b->values[i];

        if (!v->judged || v->answer.verdict != GATE_REGRESSION)
            continue;
        make_row(&w, r, v);
        sentence(text, sizeof(text), v);
        fprintf(f, "\nREGRESSION %s: was %s, is %s: %s\n", v->metric->name, w.a, w.b, text);
    }
}

static json_t *numbers(const double *v, size_t n)
{
    json_t *all = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(all, json_finite(v[i]));
    return all;
}

json_t *bench_json(const struct bench_run *r)
{
    json_t *j = bench_baseline(r->bench), *metrics = json_array();

    json_object_set_new(j, "schema_version", json_integer(SCHEMA_VERSION));
    json_object_set_new(j, "kind", json_string("extcp bench"));
    json_object_set_new(j, "seconds", json_real(r->seconds));
    json_object_set_new(j, "rounds", json_integer(r->rounds));
    json_object_set_new(j, "seed", json_integer((json_int_t)r->bench->seed));
    if (r->baseline)
        json_object_set_new(j, "baseline",
                            json_pack("{s:s, s:b, s:s*, s:f, s:i, s:i}", "name", r->baseline,
                                      "paired", (int)r->paired, "revision", r->baseline_revision,
                                      "alpha", GATE_ALPHA, "looks", GATE_LOOKS, "max_values",
                                      GATE_MAX));
    for (unsigned i = 0; i < r->bench->n_values; i++) {
        const struct bench_value *v = &r->bench->values[i];
        const struct bench_metric *m = v->metric;
        json_t *x =
            json_pack("{s:s, s:s, s:s*, s:s, s:b, s:s, s:f, s:o}", "name", m->name, "benchmark",
                      v->file->x->name, "about", m->about, "unit", v->unit ? v->unit : "", "ratio",
                      m->over != NULL, "better", m->higher_is_better ? "higher" : "lower",
                      "threshold", m->threshold, "values", numbers(v->v[BENCH_B], v->n[BENCH_B]));
        if (r->baseline && v->judged) {
            json_object_set_new(x, "baseline_values", numbers(v->v[BENCH_A], v->n[BENCH_A]));
            json_object_set_new(x, "verdict", json_string(gate_word(v->answer.verdict)));
            json_object_set_new(x, "judged_after", json_integer(v->rounds));
            json_object_set_new(x, "change", json_finite(v->answer.ratio));
            json_object_set_new(x, "change_low", json_finite(v->answer.low));
            json_object_set_new(x, "change_high", json_finite(v->answer.high));
            json_object_set_new(x, "p", json_finite(v->answer.p));
            json_object_set_new(x, "p_needed", json_finite(v->answer.p_needed));
        }
        json_array_append_new(metrics, x);
    }
    json_object_set_new(j, "metrics", metrics);
    return j;
}

void bench_junit(FILE *f, const struct bench_run *r)
{
    const struct bench *b = r->bench;
    char text[512];
    struct row w;

    fprintf(f,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n<testsuite "
            "name=\"extcp bench\" tests=\"%u\" failures=\"%u\" errors=\"0\" time=\"%.3f\">\n",
            b->n_values, bench_regressions(b), r->seconds);
    for (unsigned i = 0; i < b->n_values; i++) {
        const struct bench_value *v = &b->values[i];

        make_row(&w, r, v);
        fputs("<testcase classname=\"", f);
        html_text(f, v->file->x->name);
        fputs("\" name=\"", f);
        html_text(f, v->metric->name);
        fputs("\">\n", f);
        if (r->baseline && v->judged && v->answer.verdict == GATE_REGRESSION) {
            sentence(text, sizeof(text), v);
            fputs("<failure message=\"", f);
            html_text(f, text);
            fputs("\"/>\n", f);
        }
        fputs("<system-out>", f);
        html_printf(f, "%s%s%s %s %s", w.a, *w.a ? " -> " : "", w.b, w.change, w.verdict);
        fputs("</system-out>\n</testcase>\n", f);
    }
    fputs("</testsuite>\n</testsuites>\n", f);
}

/* In a cell: what would end it, or begin something, is escaped. */
static void cell(FILE *f, const char *s)
{
    for (; *s; s++) {
        if (strchr("|\\`*_<[", *s))
            fputc('\\', f);
        fputc(*s, f);
    }
}

void bench_markdown(FILE *f, const struct bench_run *r)
{
    const struct bench *b = r->bench;
    unsigned bad = bench_regressions(b);
    struct row w;

    if (r->baseline)
        fprintf(f, "### extcp bench: %s\n\n", bad ? "regression" : "no regression found");
    else
        fprintf(f, "### extcp bench\n\n");
    fputs(r->baseline ? "| metric | baseline | now | change | verdict |\n|---|---|---|---|---|\n"
                      : "| metric | now |\n|---|---|\n",
          f);
    for (unsigned i = 0; i < b->n_values; i++) {
        const struct bench_value *v = &b->values[i];
        const char *cells[5] = {v->metric->name, w.a, w.b, w.change, w.verdict};

        make_row(&w, r, v);
        for (unsigned k = 0; k < 5; k++) {
            if (!r->baseline && k != 0 && k != 2)
                continue;
            fputs("| ", f);
            cell(f, cells[k]);
            fputc(' ', f);
        }
        fputs("|\n", f);
    }
    fprintf(f, "\nMedian [95 %% interval]; %u rounds, %.0f s. ", r->rounds, r->seconds);
    if (r->baseline)
        fprintf(f,
                "A regression is worse by more than its threshold and significant by a rank test "
                "at %g for the whole gate.\n",
                GATE_ALPHA);
    else
        fputc('\n', f);
}

json_t *bench_action_json(const struct bench_run *r, bool higher_is_better)
{
    json_t *all = json_array();

    for (unsigned i = 0; i < r->bench->n_values; i++) {
        const struct bench_value *v = &r->bench->values[i];
        struct interval in = bench_interval(r->bench, v, BENCH_B);
        char range[64];

        if (v->metric->higher_is_better != higher_is_better || !in.n)
            continue;
        snprintf(range, sizeof(range), "%.3g", (in.high - in.low) / 2);
        json_array_append_new(all,
                              json_pack("{s:s, s:s, s:o, s:s}", "name", v->metric->name, "unit",
                                        v->unit, "value", json_finite(in.median), "range", range));
    }
    return all;
}

static int write_text(const struct bench_run *r, const char *dir, const char *name,
                      void (*put)(FILE *f, const struct bench_run *r), struct err *e)
{
    char *path = xasprintf("%s/%s", dir, name), *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    int rc;

    put(f, r);
    fclose(f);
    rc = write_file_atomic(path, text, size, e);
    free(text);
    free(path);
    return rc;
}

static int write_json(const char *dir, const char *name, json_t *j, struct err *e)
{
    char *path = xasprintf("%s/%s", dir, name);
    int rc = json_write_atomic(path, j, e);

    json_decref(j);
    free(path);
    return rc;
}

int bench_write(const struct bench_run *r, const char *dir, struct err *e)
{
    int rc = write_json(dir, "bench.json", bench_json(r), e);

    if (!rc)
        rc = write_text(r, dir, "junit.xml", bench_junit, e);
    if (!rc)
        rc = write_text(r, dir, "summary.md", bench_markdown, e);
    if (!rc)
        rc = write_json(dir, "github-benchmark-bigger.json", bench_action_json(r, true), e);
    if (!rc)
        rc = write_json(dir, "github-benchmark-smaller.json", bench_action_json(r, false), e);
    return rc;
}

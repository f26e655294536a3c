/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cmd.h"
#include "experiment_resolve.h"
#include "experiment_schema.h"
#include "util.h"
#include "verbs.h"

static bool listed(char *const *names, unsigned n, const char *name)
{
    for (unsigned i = 0; i < n; i++)
        if (!strcmp(names[i], name))
            return true;
    return false;
}

/* Each --set must be a parameter or something of the topology; each --variant must exist. */
static int check_options(struct resolve *r)
{
    char known[1024] = "";

    for (unsigned i = 0; i < r->o->n_variants; i++)
        if (!variant_exists(r->x, r->o->variants[i]))
            return err_usage(r->e, -EINVAL, "--variant '%s': %s has no such variant; accepted: %s",
                             r->o->variants[i], r->x->name,
                             variant_names(r->x, known, sizeof(known)));
    for (unsigned i = 0; i < r->o->n_settings; i++) {
        const char *s = r->o->settings[i], *eq = strchr(s, '=');
        bool ok = eq && memchr(s, '.', eq - s);
        for (unsigned k = 0; eq && k < r->x->parameters_count; k++)
            ok |= strlen(r->x->parameters[k].name) == (size_t)(eq - s) &&
                  !strncmp(r->x->parameters[k].name, s, eq - s);
        if (ok)
            continue;
        known[0] = '\0';
        for (unsigned k = 0; k < r->x->parameters_count && strlen(known) + 64 < sizeof(known); k++)
            snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s, ",
                     r->x->parameters[k].name);
        return err_usage(r->e, -EINVAL,
                         "--set '%s': accepted: KEY=VALUE with KEY one of %sor LINK.KEY, NODE.KEY "
                         "of the topology",
                         s, known);
    }
    return 0;
}

static bool runs(const struct resolve *r, const char *variant)
{
    const struct x_quick *q = r->x->quick;

    if (r->o->n_variants)
        return listed(r->o->variants, r->o->n_variants, variant);
    if (r->o->quick && q && q->variants_count)
        return listed(q->variants, q->variants_count, variant);
    return true;
}

static int load_variants(struct resolve *r, struct experiment *x)
{
    x->variants = xcalloc(r->x->variants_count, sizeof(*x->variants));
    for (unsigned i = 0; i < r->x->variants_count; i++) {
        struct variant *v = &x->variants[x->n_variants];
        int rc = variant_resolve(r, i, v);

        r->params = NULL;
        r->n_params = 0;
        if (rc || !runs(r, r->x->variants[i].name))
            variant_free(
                v); /* those that do not run are resolved too, so that a mistake in them is found */
        else
            x->n_variants++;
        if (rc)
            return rc;
    }
    if (!x->n_variants)
        return field_error(r, "", "variants", "there is no variant to run");
    return 0;
}

static char **names_that_run(struct resolve *r, char *const *names, unsigned n, unsigned *n_out)
{
    char **out = xcalloc(n, sizeof(*out));

    *n_out = 0;
    for (unsigned i = 0; i < n; i++)
        if (runs(r, names[i]))
            out[(*n_out)++] = xstrdup(names[i]);
    return out;
}

static int load_pairings(struct resolve *r, struct experiment *x)
{
    x->pairings = xcalloc(r->x->pairs_count, sizeof(*x->pairings));
    for (unsigned i = 0; i < r->x->pairs_count; i++) {
        const struct x_pair *xp = &r->x->pairs[i];
        struct pairing *p = &x->pairings[x->n_pairings++];
        struct err inner = ERR_INIT;
        char path[32];

        snprintf(path, sizeof(path), "pairs[%u]", i);
        if (field_text(r, path, "name", xp->name, &p->name) ||
            field_text(r, path, "of", xp->of, &p->of) ||
            field_text(r, path, "than", xp->than, &p->than) ||
            field_bool(r, path, "ratio", xp->ratio, &p->ratio) ||
            variants_exist(r, path, "than", &p->than, 1))
            return r->e->code;
        if (pairing_validate(p, &inner))
            return field_error(r, path, "of", "%s", inner.msg);
    }
    return 0;
}

/* A metric of pairs cannot be made where the variant to compare with does not run. */
static bool cannot_be_made(const struct resolve *r, const struct experiment *x, const char *metric)
{
    for (unsigned i = 0; i < x->n_pairings; i++)
        if (!strcmp(x->pairings[i].name, metric))
            return !runs(r, x->pairings[i].than);
    return false;
}

static int claim_kind(struct resolve *r, const char *path, const char *raw, enum claim_kind *kind)
{
    static const char *const names[] = {
        [CLAIM_EACH] = "each",  [CLAIM_MEDIAN] = "median", [CLAIM_GREATER] = "greater",
        [CLAIM_LESS] = "less",  [CLAIM_EQUAL] = "equal",

        [CLAIM_SHARE] = "share"};

    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        if (!strcmp(raw, names[i])) {
            *kind = i;
            return 0;
        }
    }
    return field_error(r, path, "kind",
                       "bad value '%s'; accepted: each, median, greater, less, equal, share", raw);
}

static void claim_free(struct claim *c)
{
    free(c->name);
    free(c->metric);
    free(c->than);
    list_free(c->variants, c->n_variants);
}

static int load_claim(struct resolve *r, const char *path, const struct x_claim *xc,
                      struct claim *c)
{
    struct err inner = ERR_INIT;

    c->min = -INFINITY;
    c->max = INFINITY;
    if (field_text(r, path, "name", xc->name, &c->name) ||
        claim_kind(r, path, xc->kind, &c->kind) ||
        field_text(r, path, "metric", xc->metric, &c->metric) ||
        field_text(r, path, "than", xc->than, &c->than) ||
        field_bool(r, path, "ratio", xc->ratio, &c->ratio) ||
        field_double(r, path, "min", xc->min, -1e300, 1e300, &c->min) ||
        field_double(r, path, "max", xc->max, -1e300, 1e300, &c->max) ||
        variants_exist(r, path, "variants", xc->variants, xc->variants_count) ||
        (c->than && variants_exist(r, path, "than", &c->than, 1)))
        return r->e->code;
    c->by = c->kind == CLAIM_SHARE ? 0.5 : c->ratio ? 1 : 0;
    if (field_double(r, path, "by", xc->by, -1e300, 1e300, &c->by) ||
        field_double(r, path, "within", xc->within, 1e-9, 1e300, &c->within))
        return r->e->code;
    c->variants = names_that_run(r, xc->variants, xc->variants_count, &c->n_variants);
    if (claim_validate(c, &inner))
        return field_error(r, path, "", "%s", inner.msg);
    return 0;
}

static int load_claims(struct resolve *r, struct experiment *x)
{
    const struct x_file *f = r->x;

    x->claims = xcalloc(f->claims_count, sizeof(*x->claims));
    x->claims_left_out = xcalloc(f->claims_count, sizeof(*x->claims_left_out));
    for (unsigned i = 0; i < f->claims_count; i++) {
        struct claim *c = &x->claims[x->n_claims];
        char path[32];
        bool in_quick = true;
        int rc;

        snprintf(path, sizeof(path), "claims[%u]", i);
        rc = load_claim(r, path, &f->claims[i], c);
        if (!rc)
            rc = field_bool(r, path, "quick", f->claims[i].quick, &in_quick);
        if (rc) {
            claim_free(c);
            memset(c, 0, sizeof(*c));
            return rc;
        }
        if ((r->o->quick && !in_quick) || (f->claims[i].variants_count && !c->n_variants) ||
            (c->than && !runs(r, c->than)) || cannot_be_made(r, x, c->metric)) {
            x->claims_left_out[x->n_claims_left_out++] = xstrdup(c->name);
            claim_free(c);
            memset(c, 0, sizeof(*c));
        } else {
            x->n_claims++;
        }
    }
    return 0;
}

static void figure_free(struct figure *f)
{
    free(f->name);
    free(f->script);
    free(f->metric);
    free(f->title);
    free(f->xlabel);
    free(f->ylabel);
    free(f->reference_metric);
    free(f->relative_to);
    list_free(f->variants, f->n_variants);
}

static int load_figures(struct resolve *r, struct experiment *x)
{
    x->figures = xcalloc(r->x->figures_count, sizeof(*x->figures));
    for (unsigned i = 0; i < r->x->figures_count; i++) {
        const struct x_figure *xf = &r->x->figures[i];
        struct figure *f = &x->figures[x->n_figures++];
        char path[32];

        snprintf(path, sizeof(path), "figures[%u]", i);
        f->scale = 1;
        if (field_text(r, path, "name", xf->name, &f->name) ||
            field_text(r, path, "script", xf->script, &f->script) ||
            field_text(r, path, "metric", xf->metric, &f->metric) ||
            field_text(r, path, "title", xf->title, &f->title) ||
            field_text(r, path, "xlabel", xf->xlabel, &f->xlabel) ||
            field_text(r, path, "ylabel", xf->ylabel, &f->ylabel) ||
            field_double(r, path, "scale", xf->scale, -1e12, 1e12, &f->scale) ||
            field_text(r, path, "reference", xf->reference, &f->reference_metric) ||
            field_text(r, path, "relative_to", xf->relative_to, &f->relative_to) ||
            (f->relative_to && variants_exist(r, path, "relative_to", &f->relative_to, 1)) ||
            field_double(r, path, "mark", xf->mark, -1e300, 1e300, &f->mark) ||
            field_bool(r, path, "logscale", xf->logscale, &f->logscale) ||
            variants_exist(r, path, "variants", xf->variants, xf->variants_count))
            return r->e->code;
        f->has_mark = xf->mark != NULL;
        struct err inner = ERR_INIT;
        if (figure_validate(f, &inner))
            return field_error(r, path, "", "%s", inner.msg);
        f->variants = names_that_run(r, xf->variants, xf->variants_count, &f->n_variants);
        /* None of its variants runs, or not the one they are divided by: no such figure. */
        if ((xf->variants_count && !f->n_variants) ||
            (f->relative_to && !runs(r, f->relative_to)) || cannot_be_made(r, x, f->metric)) {
            figure_free(f);
            memset(f, 0, sizeof(*f));
            x->n_figures--;
        }
    }
    return 0;
}

static int load_numbers(struct resolve *r, struct experiment *x)
{
    uint64_t reps = 1, at_once = 1, budget = 200;
    const struct x_calibrate *c = r->x->calibrate;

    x->time_limit_s = 300;
    x->tolerance_delay_ms = 1.0;
    x->tolerance_rate = 0.02;
    if (field_unsigned(r, "", "repetitions", r->x->repetitions, 1, 10000, &reps) ||
        (r->o->quick && r->x->quick &&
         field_unsigned(r, "quick", "repetitions", r->x->quick->repetitions, 1, 10000, &reps)) ||
        field_unsigned(r, "", "at_once", r->x->at_once, 1, 64, &at_once) ||
        field_double(r, "", "time_limit", r->x->time_limit, 1, 86400, &x->time_limit_s) ||
        (c && (field_double(r, "calibrate", "delay", c->delay, 0.01, 1e4, &x->tolerance_delay_ms) ||
               field_double(r, "calibrate", "rate", c->rate, 0.001, 1, &x->tolerance_rate) ||
               field_unsigned(r, "calibrate", "budget", c->budget, 50, 60000, &budget))) ||
        (r->x->quick && variants_exist(r, "quick", "variants", r->x->quick->variants,
                                       r->x->quick->variants_count)))
        return r->e->code;
    x->repetitions = r->o->reps ? r->o->reps : (unsigned)reps;
    x->at_once = (unsigned)at_once;
    x->calibrate_ms = (unsigned)budget;
    return 0;
}

static int build(struct resolve *r, struct experiment *x)
{
    int rc = experiment_check_names(r);

    if (!rc && verb_is_reserved(r->x->name))
        rc = field_error(r, "", "name",
                         "'%s' is a verb of the command line; accepted: another name", r->x->name);
    if (!rc)
        rc = check_options(r);
    x->name = xstrdup(r->x->name);
    x->title = xstrdup(r->x->title);
    x->about = xstrdup(r->x->about ? r->x->about : "");
    x->paper = r->x->paper ? xstrdup(r->x->paper) : NULL;
    if (!rc)
        rc = resolve_params(r, 0, NULL, &r->params);
    if (rc)
        return rc;
    struct x_param *globals = r->params;
    r->n_params = r->x->parameters_count;
    rc = load_numbers(r, x);
    if (!rc)
        rc = load_pairings(r, x);
    if (!rc)
        rc = load_claims(r, x);
    if (!rc)
        rc = resolve_bench(r, x);
    if (!rc)
        rc = load_figures(r, x);
    if (!rc)
        rc = field_list(r, "", "table", r->x->table, r->x->table_count, &x->table, &x->n_table);
    r->params = NULL;
    r->n_params = 0;
    resolve_params_free(globals, r->x->parameters_count);
    return rc ? rc : load_variants(r, x);
}

char *experiment_file(const char *name, struct err *e)
{
    char *path = strchr(name, '/') || strstr(name, ".yaml")
                     ? xstrdup(name)
                     : xasprintf("%s/experiments/%s.yaml", extcp_home(), name);
    struct stat st;

    if (stat(path, &st)) {
        char *dir = xasprintf("%s/experiments", extcp_home()), known[1024] = "";
        struct dirent **list = NULL;
        int n = scandir(dir, &list, NULL, alphasort);
        for (int i = 0; i < n; i++) {
            char *dot = strrchr(list[i]->d_name, '.');
            if (dot && !strcmp(dot, ".yaml") && strlen(known) + 64 < sizeof(known))
                snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%.*s",
                         *known ? ", " : "", (int)(dot - list[i]->d_name), list[i]->d_name);
            free(list[i]);
        }
        free(list);
        err_usage(e, -ENOENT, "there is no experiment or verb '%s'; experiments: %s", name, known);
        free(dir);
        free(path);
        return NULL;
    }
    return path;
}

int experiment_load(struct experiment **out, const char *name_or_path,
                    const struct experiment_options *o, struct err *e)
{
    struct x_file *x = NULL;
    struct yamlfile *pos = NULL;
    struct experiment *res;
    char *path = experiment_file(name_or_path, e);
    int rc;

    *out = NULL;
    if (!path)
        return -ENOENT;
    rc = yamlfile_load(path, &experiment_schema, (cyaml_data_t **)&x, &pos, e);
    if (rc) {
        free(path);
        return rc;
    }
    res = xcalloc(1, sizeof(*res));
    res->file = path;
    struct resolve r = {.x = x, .pos = pos, .o = o, .e = e};
    rc = build(&r, res);
    yamlfile_data_free(&experiment_schema, x);
    yamlfile_free(pos);
    if (rc) {
        experiment_free(res);
        return rc;
    }
    *out = res;
    return 0;
}

void experiment_free(struct experiment *x)
{
    if (!x)
        return;
    for (unsigned i = 0; i < x->n_variants; i++)
        variant_free(&x->variants[i]);
    for (unsigned i = 0; i < x->n_pairings; i++) {
        free(x->pairings[i].name);
        free(x->pairings[i].of);
        free(x->pairings[i].than);
    }
    for (unsigned i = 0; i < x->n_claims; i++)
        claim_free(&x->claims[i]);
    for (unsigned i = 0; i < x->n_figures; i++)
        figure_free(&x->figures[i]);
    list_free(x->claims_left_out, x->n_claims_left_out);
    list_free(x->table, x->n_table);
    free(x->variants);
    free(x->pairings);
    bench_metrics_free(x->bench, x->n_bench);
    free(x->claims);
    free(x->figures);
    free(x->name);
    free(x->title);
    free(x->about);
    free(x->paper);
    free(x->file);
    free(x);
}

int experiment_each(void (*fn)(const char *name, const char *title, const struct err *e, void *arg),
                    void *arg, struct err *e)
{
    char *dir = xasprintf("%s/experiments", extcp_home());
    struct dirent **list = NULL;
    int n = scandir(dir, &list, NULL, alphasort);

    if (n < 0) {
        int rc = err_usage(e, -errno, "%s: %s", dir, strerror(errno));
        free(dir);
        return rc;
    }
    for (int i = 0; i < n; i++) {
        char *dot = strrchr(list[i]->d_name, '.');
        if (dot && dot != list[i]->d_name && !strcmp(dot, ".yaml")) {
            const struct experiment_options o = {0};
            struct experiment *x = NULL;
            struct err one = ERR_INIT;
            *dot = '\0';
            if (experiment_load(&x, list[i]->d_name, &o, &one))
                fn(list[i]->d_name, NULL, &one, arg);
            else
                fn(list[i]->d_name, x->title, NULL, arg);
            experiment_free(x);
        }
        free(list[i]);
    }
    free(list);
    free(dir);
    return 0;
}

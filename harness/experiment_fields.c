/* SPDX-License-Identifier: BSD-2-Clause */
/* Readers of single fields of an experiment file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiment_resolve.h"
#include "expr.h"
#include "util.h"

static int param_text(const char *name, const char **text, void *arg)
{
    const struct resolve *r = arg;

    for (unsigned i = 0; i < r->n_params; i++) {
        if (!strcmp(r->params[i].name, name)) {
            *text = r->params[i].value;
            return 0;
        }
    }
    return -ENOENT;
}

int field_error(struct resolve *r, const char *path, const char *key, const char *fmt, ...)
{
    char where[256], text[1024];
    va_list ap;

    snprintf(where, sizeof(where), "%s%s%s", path, *path && *key && *key != '[' ? "." : "", key);
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return yamlfile_err(r->e, r->pos, where, "%s", text);
}

int field_text(struct resolve *r, const char *path, const char *key, const char *raw, char **out)
{
    struct err inner = ERR_INIT;

    *out = NULL;
    if (!raw)
        return 0;
    if (expr_expand(raw, param_text, r, out, &inner))
        return field_error(r, path, key, "%s", inner.msg);
    return 0;
}

int field_double(struct resolve *r, const char *path, const char *key, const char *raw, double min,
                 double max, double *out)
{
    char *text;
    double v = 0;
    int rc = field_text(r, path, key, raw, &text);

    if (rc || !text)
        return rc;
    if (parse_double(text, &v) || !(v >= min && v <= max))
        rc = field_error(r, path, key, "bad value '%s'; accepted: a number from %g to %g", text,
                         min, max);
    else
        *out = v;
    free(text);
    return rc;
}

int field_unsigned(struct resolve *r, const char *path, const char *key, const char *raw,
                   uint64_t min, uint64_t max, uint64_t *out)
{
    char *text;
    uint64_t v = 0;
    int rc = field_text(r, path, key, raw, &text);

    if (rc || !text)
        return rc;
    if (parse_u64(text, &v) || v < min || v > max)
        rc = field_error(r, path, key, "bad value '%s'; accepted: a whole number from %llu to %llu",
                         text, (unsigned long long)min, (unsigned long long)max);
    else
        *out = v;
    free(text);
    return rc;
}

int field_bool(struct resolve *r, const char *path, const char *key, const char *raw, bool *out)
{
    char *text;
    int rc = field_text(r, path, key, raw, &text);

    if (rc || !text)
        return rc;
    if (parse_bool(text, out))
        rc = field_error(r, path, key, "bad value '%s'; accepted: yes, no, true, false, on, off",
                         text);
    free(text);
    return rc;
}

void list_free(char **list, unsigned n)
{
    for (unsigned i = 0; list && i < n; i++)
        free(list[i]);
    free(list);
}

int field_list(struct resolve *r, const char *path, const char *key, char *const *raw, unsigned n,
               char ***out, unsigned *n_out)
{
    char **list = xcalloc(n, sizeof(*list));

    for (unsigned i = 0; i < n; i++) {
        char item[64];
        snprintf(item, sizeof(item), "%s[%u]", key, i);
        if (field_text(r, path, item, raw[i], &list[i])) {
            list_free(list, n);
            return r->e->code;
        }
    }
    *out = list;
    *n_out = n;
    return 0;
}

void resolve_params_free(struct x_param *params, unsigned n)
{
    for (unsigned i = 0; params && i < n; i++) {
        free(params[i].name);
        free(params[i].value);
    }
    free(params);
}

/* "KEY=VALUE" where KEY is one of the parameters: sets it and returns 0; -ENOENT where it is none.
 */
static int set_param(struct x_param *params, unsigned n, const char *key_value)
{
    const char *eq = strchr(key_value, '=');

    for (unsigned i = 0; eq && i < n; i++) {
        if (strlen(params[i].name) == (size_t)(eq - key_value) &&
            !strncmp(params[i].name, key_value, eq - key_value)) {
            free(params[i].value);
            params[i].value = xstrdup(eq + 1);
            return 0;
        }
    }
    return -ENOENT;
}

int resolve_params(struct resolve *r, unsigned variant_index, const struct x_variant *xv,
                   struct x_param **out)
{
    unsigned n = r->x->parameters_count;
    struct x_param *p = xcalloc(n, sizeof(*p));

    for (unsigned i = 0; i < n; i++) {
        const struct x_param *from = &r->x->parameters[i];
        p[i].name = xstrdup(from->name);
        p[i].value = xstrdup(r->o->quick && from->quick ? from->quick : from->value);
    }
    for (unsigned i = 0; i < r->o->n_settings; i++)
        set_param(
            p, n,
            r->o->settings[i]); /* experiment_load.c checks that each setting is one of something */
    r->params = p;              /* a variant's values may be made of the others */
    r->n_params = n;
    for (unsigned i = 0; xv && i < xv->parameters_count; i++) {
        char path[64], item[32], names[512] = "", *text = NULL;
        int rc;

        snprintf(path, sizeof(path), "variants[%u]", variant_index);
        snprintf(item, sizeof(item), "parameters[%u]", i);
        rc = field_text(r, path, item, xv->parameters[i], &text);
        if (!rc && set_param(p, n, text)) {
            for (unsigned k = 0; k < n && strlen(names) + 80 < sizeof(names); k++)
                snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s",
                         k ? ", " : "", p[k].name);
            rc = field_error(
                r, path, item,
                "'%s' does not set a parameter; accepted: NAME=VALUE with NAME one of: %s", text,
                names);
        }
        free(text);
        if (rc) {
            resolve_params_free(p, n);
            return rc;
        }
    }
    *out = p;
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "expr.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define MAX_DEPTH 32

struct parser {
    const char *text, *p;
    expr_lookup lookup;
    void *arg;
    struct err *e;
    unsigned depth;
};

static int sum(struct parser *s, double *v);

static void blanks(struct parser *s)
{
    while (isspace((unsigned char)*s->p))
        s->p++;
}

static int syntax(struct parser *s, const char *what)
{
    return err_usage(s->e, -EINVAL,
                     "'%s': %s at column %td; accepted: numbers, names, + - * / and parentheses",
                     s->text, what, s->p - s->text + 1);
}

/* A name; in single quotes it may have any character, as those of programs have a '-'. */
static int name_value(struct parser *s, double *v)
{
    bool quoted = *s->p == '\'';
    const char *from = s->p + quoted;
    char name[128];
    size_t n = quoted ? strcspn(from, "'") : 0;
    int rc;

    while (!quoted && (isalnum((unsigned char)from[n]) || from[n] == '_' || from[n] == '.'))
        n++;
    if (n >= sizeof(name))
        return syntax(s, "a name that is too long");
    if (quoted && !from[n])
        return syntax(s, "a quote without an end");
    memcpy(name, from, n);
    name[n] = '\0';
    rc = s->lookup(name, v, s->arg);
    if (rc)
        return err_usage(s->e, rc, "'%s': there is no value named '%s'", s->text, name);
    s->p = from + n + quoted;
    return 0;
}

static int factor(struct parser *s, double *v)
{
    char *end;
    int rc;

    blanks(s);
    if (*s->p == '(' || *s->p == '-') {
        bool minus = *s->p++ == '-';
        if (++s->depth > MAX_DEPTH)
            return syntax(s, "nested too deep");
        rc = minus ? factor(s, v) : sum(s, v);
        s->depth--;
        if (rc)
            return rc;
        if (minus) {
            *v = -*v;
            return 0;
        }
        blanks(s);
        if (*s->p != ')')
            return syntax(s, "')' is missing");
        s->p++;
        return 0;
    }
    if (isalpha((unsigned char)*s->p) || *s->p == '_' || *s->p == '\'')
        return name_value(s, v);
    if (!isdigit((unsigned char)*s->p) && *s->p != '.')
        return syntax(s, *s->p ? "unexpected character" : "unexpected end");
    *v = strtod(s->p, &end);
    if (end == s->p)
        return syntax(s, "not a number");
    s->p = end;
    return 0;
}

static int product(struct parser *s, double *v)
{
    double w;
    int rc = factor(s, v);

    for (blanks(s); !rc && (*s->p == '*' || *s->p == '/'); blanks(s)) {
        char op = *s->p++;
        rc = factor(s, &w);
        if (rc)
            break;
        if (op == '/' && w == 0)
            return err_usage(s->e, -EDOM, "'%s': division by zero", s->text);
        *v = op == '*' ? *v * w : *v / w;
    }
    return rc;
}

static int sum(struct parser *s, double *v)
{
    double w;
    int rc = product(s, v);

    for (blanks(s); !rc && (*s->p == '+' || *s->p == '-'); blanks(s)) {
        char op = *s->p++;
        rc = product(s, &w);
        if (!rc)
            *v = op == '+' ? *v + w : *v - w;
    }
    return rc;
}

int expr_eval(const char *text, expr_lookup lookup, void *arg, double *value, struct err *e)
{
    struct parser s = {text, text, lookup, arg, e, 0};
    double v = 0;
    int rc = sum(&s, &v);

    if (rc)
        return rc;
    blanks(&s);
    if (*s.p)
        return syntax(&s, "unexpected character");
    *value = v;
    return 0;
}

struct text_params {
    expr_text_lookup lookup;
    void *arg;
};

static int number_of_text(const char *name, double *value, void *arg)
{
    const struct text_params *t = arg;
    const char *text;

    if (t->lookup(name, &text, t->arg))
        return -ENOENT;
    return parse_double(text, value) ? -EINVAL : 0;
}

static bool is_name(const char *s)
{
    if (!isalpha((unsigned char)*s) && *s != '_')
        return false;
    return s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.")] == '\0';
}

static int expand_one(const char *inner, struct text_params *t, char *buf, size_t size,
                      struct err *e)
{
    const char *text;
    double v;
    int rc;

    if (is_name(inner)) {
        if (t->lookup(inner, &text, t->arg))
            return err_usage(e, -ENOENT, "there is no parameter named '%s'", inner);
        if (snprintf(buf, size, "%s", text) >= (int)size)
            return err_usage(e, -ERANGE, "the value of '%s' is too long", inner);
        return 0;
    }
    rc = expr_eval(inner, number_of_text, t, &v, e);
    if (!rc)
        snprintf(buf, size, "%.12g", v);
    return rc;
}

int expr_expand(const char *text, expr_text_lookup lookup, void *arg, char **out, struct err *e)
{
    struct text_params t = {lookup, arg};
    char *res = xstrdup("");

    for (const char *p = text;;) {
        const char *open = strstr(p, "${"), *close = open ? strchr(open, '}') : NULL;
        char inner[256], value[512], *next;
        int rc;

        if (open && !close) {
            free(res);
            return err_usage(e, -EINVAL, "'%s': '${' without '}'", text);
        }
        if (!open) {
            next = xasprintf("%s%s", res, p);
            free(res);
            *out = next;
            return 0;
        }
        if ((size_t)(close - open - 2) >= sizeof(inner)) {
            free(res);
            return err_usage(e, -ERANGE, "'%s': the expression is too long", text);
        }
        memcpy(inner, open + 2, close - open - 2);
        inner[close - open - 2] = '\0';
        rc = expand_one(inner, &t, value, sizeof(value), e);
        if (rc) {
            free(res);
            return rc;
        }
        next = xasprintf("%s%.*s%s", res, (int)(open - p), p, value);
        free(res);
        res = next;
        p = close + 1;
    }
}

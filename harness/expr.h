/* SPDX-License-Identifier: BSD-2-Clause */
/* Arithmetic in experiment files: "${outage_s + 2}" in a field, "app.abort_after_s / timeout_s" as
 * a derived metric. */
#ifndef EXTCP_EXPR_H
#define EXTCP_EXPR_H

#include <stdbool.h>

#include "err.h"

/* 0 and *value, or -ENOENT where the name is unknown (then expr_eval names it in its error). */
typedef int (*expr_lookup)(const char *name, double *value, void *arg);

/*
 * Numbers, names ([A-Za-z_][A-Za-z0-9_.]*, or any in single quotes), + - * / and parentheses.
 * Returns 0, -ENOENT (unknown name), -EINVAL (syntax, with the place), -EDOM (division by zero).
 */
int expr_eval(const char *text, expr_lookup lookup, void *arg, double *value, struct err *e);

/* 0 and *text (static or owned by arg) for a parameter's text, or -ENOENT. */
typedef int (*expr_text_lookup)(const char *name, const char **text, void *arg);

/*
 * Replaces each ${...} in text: a parameter's name alone gives its text as it is; anything else is
 * evaluated as arithmetic over the parameters and printed with as many digits as it needs. The
 * caller frees *out.
 */
int expr_expand(const char *text, expr_text_lookup lookup, void *arg, char **out, struct err *e);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Values of programs' parameters: numbers, names from an enum, sets of such names; read and shown.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program_decl.h"
#include "util.h"

/* The enumerator of that name (len bytes); -1: none. */
static int64_t named(const struct param_decl *p, const char *text, size_t len)
{
    for (unsigned i = 0; i < p->n_names; i++)
        if (p->names[i] && strlen(p->names[i]) == len && !strncmp(p->names[i], text, len))
            return i;
    return -1;
}

/* "a+b+c", "none", "all". */
static int parse_set(const struct param_decl *p, const char *text, int64_t *value)
{
    int64_t set = 0;

    if (!strcmp(text, "none") || !strcmp(text, "all")) {
        *value = *text == 'n' ? 0 : p->max;
        return 0;
    }
    for (;;) {
        size_t len = strcspn(text, "+");
        int64_t bit = named(p, text, len);
        if (bit < 0 || !(p->max & (int64_t)1 << bit))
            return -EINVAL;
        set |= (int64_t)1 << bit;
        if (!text[len])
            break;
        text += len + 1;
    }
    *value = set;
    return 0;
}

int param_parse(const struct param_decl *p, const char *text, int64_t *value)
{
    char *end;

    if (p->is_set)
        return parse_set(p, text, value);
    if (p->names) {
        *value = named(p, text, strlen(text));
        return *value < 0 ? -EINVAL : 0;
    }
    errno = 0;
    *value = strtoll(text, &end, 0);
    return end == text || *end || errno || *value < p->min || *value > p->max ? -EINVAL : 0;
}

const char *param_accepted(const struct param_decl *p, char *buf, size_t size)
{
    if (!p->names) {
        snprintf(buf, size, "from %lld to %lld%s%s", (long long)p->min, (long long)p->max,
                 *p->unit ? " " : "", p->unit);
        return buf;
    }
    snprintf(buf, size, p->is_set ? "none, all, or with '+' between them: " : "");
    for (unsigned i = 0, n = 0; i < p->n_names; i++)
        if (p->names[i] && (!p->is_set || p->max & (int64_t)1 << i))
            snprintf(buf + strlen(buf), size - strlen(buf), "%s%s", n++ ? ", " : "", p->names[i]);
    return buf;
}

const char *param_text(const struct param_decl *p, int64_t value, char *buf, size_t size)
{
    if (!p->names) {
        snprintf(buf, size, "%lld", (long long)value);
        return buf;
    }
    snprintf(buf, size, p->is_set && !value ? "none" : "");
    for (unsigned i = 0; i < p->n_names; i++)
        if (p->names[i] && (p->is_set ? value & (int64_t)1 << i : value == i))
            snprintf(buf + strlen(buf), size - strlen(buf), "%s%s", *buf ? "+" : "", p->names[i]);
    return buf;
}

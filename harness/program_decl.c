/* SPDX-License-Identifier: BSD-2-Clause */
#include "program_decl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "program_struct_ops.h"
#include "util.h"

static const struct btf_type *skip_qualifiers(const struct btf *btf, __u32 id, __u32 *out_id)
{
    const struct btf_type *t = btf__type_by_id(btf, id);

    while (t && (btf_is_mod(t) || btf_is_typedef(t))) {
        id = t->type;
        t = btf__type_by_id(btf, id);
    }
    if (out_id)
        *out_id = id;
    return t;
}

/* The variable of this name in a section: its type, its own id and its offset. NULL where there is
 * none. */
static const struct btf_type *variable(const struct btf *btf, const char *section, const char *name,
                                       __u32 *struct_id, __u32 *var_id, unsigned *offset)
{
    int sec = btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
    const struct btf_type *t = sec > 0 ? btf__type_by_id(btf, (__u32)sec) : NULL;
    const struct btf_var_secinfo *v = t ? btf_var_secinfos(t) : NULL;

    for (int i = 0; t && i < btf_vlen(t); i++) {
        const struct btf_type *var = btf__type_by_id(btf, v[i].type);
        if (strcmp(btf__name_by_offset(btf, var->name_off), name))
            continue;
        *offset = v[i].offset;
        *var_id = v[i].type;
        return skip_qualifiers(btf, var->type, struct_id);
    }
    return NULL;
}

/* The declaration tag of a member (component) or of the thing itself (-1) that begins with prefix;
 * what follows it. */
static const char *tag(const struct btf *btf, __u32 id, int component, const char *prefix)
{
    for (__u32 i = 1; i < btf__type_cnt(btf); i++) {
        const struct btf_type *t = btf__type_by_id(btf, i);
        const char *text;
        if (!btf_is_decl_tag(t) || t->type != id || btf_decl_tag(t)->component_idx != component)
            continue;
        text = btf__name_by_offset(btf, t->name_off);
        if (!strncmp(text, prefix, strlen(prefix)))
            return text + strlen(prefix);
    }
    return NULL;
}

/* HELP is on one of the program's variables, usually config. */
static void add_help(struct decl_layout *l, const struct btf *btf)
{
    for (__u32 i = 1; i < btf__type_cnt(btf); i++) {
        const struct btf_type *t = btf__type_by_id(btf, i);
        const char *text = btf_is_decl_tag(t) ? btf__name_by_offset(btf, t->name_off) : "";
        if (!strncmp(text, "help:", 5))
            snprintf(l->d.help, sizeof(l->d.help), "%s", text + 5);
    }
}

/* "min:max:unit:help" */
static int parse_tag(struct param_decl *p, const char *text)
{
    char *copy = xstrdup(text), *min = copy, *max = strchr(min, ':'),
         *unit = max ? strchr(max + 1, ':') : NULL, *help = unit ? strchr(unit + 1, ':') : NULL,
         *end1, *end2;
    int rc = -EINVAL;

    if (help) {
        *max++ = *unit++ = *help++ = '\0';
        p->min = strtoll(min, &end1, 0);
        p->max = strtoll(max, &end2, 0);
        snprintf(p->unit, sizeof(p->unit), "%s", unit);
        snprintf(p->help, sizeof(p->help), "%s", help);
        rc = *end1 || *end2 || end1 == min || end2 == max ? -EINVAL : 0;
    }
    free(copy);
    return rc;
}

/* The enumerators of an enum, by value. */
static void enum_names(const struct btf *btf, const char *name, char ***names, unsigned *n)
{
    int id = btf__find_by_name_kind(btf, name, BTF_KIND_ENUM);
    const struct btf_type *t = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;
    const struct btf_enum *en = t ? btf_enum(t) : NULL;

    for (int i = 0; t && i < btf_vlen(t); i++) {
        if (en[i].val < 0 || en[i].val > 1000)
            continue;
        while (*n <= (unsigned)en[i].val) {
            *names = xrealloc(*names, (*n + 1) * sizeof(**names));
            (*names)[(*n)++] = NULL;
        }
        free((*names)[en[i].val]);
        (*names)[en[i].val] = xstrdup(btf__name_by_offset(btf, en[i].name_off));
    }
}

/* "ENUM:help" */
static int parse_named_tag(struct param_decl *p, const struct btf *btf, const char *text)
{
    const char *colon = strchr(text, ':');
    char *name = colon ? xstrdup(text) : NULL;

    if (!colon)
        return -EINVAL;
    name[colon - text] = '\0';
    snprintf(p->help, sizeof(p->help), "%s", colon + 1);
    enum_names(btf, name, &p->names, &p->n_names);
    free(name);
    if (!p->n_names || (p->is_set && p->n_names > 63))
        return -EINVAL;
    p->max = p->n_names - 1;
    if (p->is_set) { /* the enumerator 0 is "none of them" */
        p->max = 0;
        for (unsigned i = 1; i < p->n_names; i++)
            p->max |= p->names[i] ? (int64_t)1 << i : 0;
    }
    return 0;
}

/* PARAM, PARAM_OF or PARAM_SET of the member. -ENOENT: none of them. */
static int read_tag(struct param_decl *p, const struct btf *btf, __u32 struct_id, int member)
{
    const char *text = tag(btf, struct_id, member, "param:");

    if (text)
        return parse_tag(p, text);
    p->is_set = (text = tag(btf, struct_id, member, "param-set:")) != NULL;
    if (!text)
        text = tag(btf, struct_id, member, "param-of:");
    return text ? parse_named_tag(p, btf, text) : -ENOENT;
}

static int64_t load_signed(const void *section, const struct field *f)
{
    uint64_t v = decl_load(section, f);
    unsigned bits = 64 - 8 * f->size;

    return f->is_signed && bits ? (int64_t)(v << bits) >> bits : (int64_t)v;
}

static int add_params(struct decl_layout *l, const struct btf *btf, const char *section,
                      const char *variable_name, const void *initial, bool live, struct err *e)
{
    __u32 id, var_id;
    unsigned base;
    const struct btf_type *t = variable(btf, section, variable_name, &id, &var_id, &base);
    const struct btf_member *m;

    if (!t)
        return 0;
    if (!btf_is_struct(t) || !initial)
        return err_broke(e, -EINVAL, "program %s: '%s' is not a struct with initial values",
                         l->d.name, variable_name);
    m = btf_members(t);
    for (int i = 0; i < btf_vlen(t); i++) {
        const struct btf_type *mt = skip_qualifiers(btf, m[i].type, NULL);
        const char *name = btf__name_by_offset(btf, m[i].name_off);
        struct param_decl *p;
        struct field *f;

        if (!btf_is_int(mt) || mt->size > 8)
            return err_broke(e, -EINVAL, "program %s: %s.%s must be an integer with PARAM(…)",
                             l->d.name, variable_name, name);
        l->d.params = xrealloc(l->d.params, (l->d.n_params + 1) * sizeof(*l->d.params));
        l->params = xrealloc(l->params, (l->d.n_params + 1) * sizeof(*l->params));
        p = &l->d.params[l->d.n_params];
        f = &l->params[l->d.n_params++];
        memset(p, 0, sizeof(*p));
        snprintf(p->name, sizeof(p->name), "%s", name);
        f->offset = base + btf_member_bit_offset(t, (__u32)i) / 8;
        f->size = mt->size;
        f->is_signed = btf_int_encoding(mt) & BTF_INT_SIGNED;
        snprintf(p->type, sizeof(p->type), "%c%u", f->is_signed ? 's' : 'u', 8 * mt->size);
        p->live = live;
        p->def = load_signed(initial, f);
        if (read_tag(p, btf, id, i))
            return err_broke(e, -EINVAL,
                             "program %s: %s.%s needs PARAM(MIN, MAX, UNIT, HELP), or PARAM_OF or "
                             "PARAM_SET(ENUM, HELP) with an enum that VALUES keeps",
                             l->d.name, variable_name, name);
    }
    return 0;
}

static int add_counters(struct decl_layout *l, const struct btf *btf, struct err *e)
{
    __u32 id, var_id;
    unsigned base;
    const struct btf_type *t = variable(btf, ".bss", "counters", &id, &var_id, &base);
    const struct btf_member *m = t && btf_is_struct(t) ? btf_members(t) : NULL;

    for (int i = 0; m && i < btf_vlen(t); i++) {
        const struct btf_type *mt = skip_qualifiers(btf, m[i].type, NULL);
        const char *name = btf__name_by_offset(btf, m[i].name_off);
        if (!btf_is_int(mt) || mt->size != 8)
            return err_broke(e, -EINVAL, "program %s: counter %s must be a __u64", l->d.name, name);
        l->d.counters = xrealloc(l->d.counters, (l->d.n_counters + 1) * sizeof(*l->d.counters));
        l->counters = xrealloc(l->counters, (l->d.n_counters + 1) * sizeof(*l->counters));
        l->counters[l->d.n_counters] =
            (struct field){base + btf_member_bit_offset(t, (__u32)i) / 8, 8, false};
        l->d.counters[l->d.n_counters++] = xstrdup(name);
    }
    return 0;
}

/* What OPT_UNIT or OPT_VALUES say about the values of decisions. */
static void add_values(struct decl_layout *l, const struct btf *btf)
{
    __u32 id, var_id;
    unsigned offset;
    const char *text;

    if (!variable(btf, ".maps", "connections", &id, &var_id, &offset))
        return;
    if ((text = tag(btf, var_id, -1, "unit:")))
        snprintf(l->d.unit, sizeof(l->d.unit), "%s", text);
    if ((text = tag(btf, var_id, -1, "values:")))
        enum_names(btf, text, &l->d.value_names, &l->d.n_value_names);
}

void program_value_text(const struct program_decl *d, int64_t value, char *buf, size_t size)
{
    if (value >= 0 && value < d->n_value_names && d->value_names[value])
        snprintf(buf, size, "%s", d->value_names[value]);
    else
        snprintf(buf, size, "%lld%s%s", (long long)value, *d->unit ? " " : "", d->unit);
}

/* const volatile char x[16] STRUCT_OPS_NAME("base") */
static int add_names(struct decl_layout *l, const struct btf *btf, struct err *e)
{
    int sec = btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC);
    const struct btf_type *t = sec > 0 ? btf__type_by_id(btf, (__u32)sec) : NULL;
    const struct btf_var_secinfo *v = t ? btf_var_secinfos(t) : NULL;

    for (int i = 0; t && i < btf_vlen(t); i++) {
        const char *base = tag(btf, v[i].type, -1, "struct_ops:");
        struct name_variable *n;
        if (!base)
            continue;
        if (v[i].size != STRUCT_OPS_NAME_SIZE || strlen(base) >= sizeof(n->base))
            return err_broke(
                e, -EINVAL, "program %s: %s must be a char[16], its STRUCT_OPS_NAME at most 15",
                l->d.name, btf__name_by_offset(btf, btf__type_by_id(btf, v[i].type)->name_off));
        l->names = xrealloc(l->names, (l->n_names + 1) * sizeof(*l->names));
        n = &l->names[l->n_names++];
        snprintf(n->base, sizeof(n->base), "%s", base);
        n->offset = v[i].offset;
    }
    return 0;
}

long decl_identity(const struct btf *btf)
{
    __u32 id, var_id;
    unsigned offset;

    return variable(btf, ".rodata", "extcp_identity", &id, &var_id, &offset) ? (long)offset : -1;
}

bool decl_has_tags(const struct btf *btf)
{
    for (__u32 i = 1; i < btf__type_cnt(btf); i++)
        if (btf_is_decl_tag(btf__type_by_id(btf, i)))
            return true;
    return false;
}

int decl_read(struct decl_layout *l, const struct btf *btf, const void *rodata, const void *data,
              const char *name, const char *source, struct err *e)
{
    __u32 id, var_id;
    unsigned base;
    int rc;

    memset(l, 0, sizeof(*l));
    l->d.name = name;
    l->d.source = source;
    /* pm_main.bpf.h has it */
    l->d.path_manager = btf__find_by_name_kind(btf, "pm_feed", BTF_KIND_FUNC) > 0;
    rc = add_params(l, btf, ".rodata", "config", rodata, false, e);
    if (!rc && variable(btf, ".bss", "control", &id, &var_id, &base))
        rc = err_usage(e, -EINVAL,
                       "program %s: its 'control' is all zeros, so the compiler put it among the "
                       "counters (.bss); declare it as: struct … control SEC(\".data\")",
                       name);
    if (!rc)
        rc = add_params(l, btf, ".data", "control", data, true, e);
    if (!rc)
        rc = add_counters(l, btf, e);
    if (!rc)
        rc = add_names(l, btf, e);
    l->identity = decl_identity(btf);
    if (!rc) {
        add_help(l, btf);
        enum_names(btf, "event_type", &l->events, &l->n_events);
        add_values(l, btf);
    }
    if (rc)
        decl_free(l);
    return rc;
}

static void free_names(char **names, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        free(names[i]);
    free(names);
}

void decl_free(struct decl_layout *l)
{
    free_names(l->d.counters, l->d.n_counters);
    for (unsigned i = 0; i < l->d.n_params; i++)
        free_names(l->d.params[i].names, l->d.params[i].n_names);
    free(l->d.params);
    free(l->params);
    free(l->counters);
    free_names(l->events, l->n_events);
    free_names(l->d.value_names, l->d.n_value_names);
    free(l->names);
    memset(l, 0, sizeof(*l));
}

int decl_parse(const struct program_decl *d, const char *key_value, unsigned *param, int64_t *value,
               struct err *e)
{
    const char *eq = strchr(key_value, '=');
    size_t len = eq ? (size_t)(eq - key_value) : strlen(key_value);
    char known[1024] = "", accepted[PARAM_TEXT_SIZE];

    for (unsigned i = 0; i < d->n_params; i++) {
        const struct param_decl *p = &d->params[i];
        if (strlen(p->name) != len || strncmp(p->name, key_value, len)) {
            snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
                     *known ? ", " : "", p->name);
            continue;
        }
        if (!eq || param_parse(p, eq + 1, value))
            return err_usage(e, -EINVAL, "program %s: '%s': accepted: %s=%s %s%s", d->name,
                             key_value, p->name, p->names ? "VALUE with VALUE" : "N with N",
                             p->names && !p->is_set ? "one of " : "",
                             param_accepted(p, accepted, sizeof(accepted)));
        *param = i;
        return 0;
    }
    return err_usage(e, -EINVAL, "program %s has no parameter '%.*s'; accepted: %s", d->name,
                     (int)len, key_value, known);
}

void decl_store(void *section, const struct field *f, int64_t value)
{
    memcpy((uint8_t *)section + f->offset, &value,
           f->size); /* little-endian, like every machine with these programs' -target bpf */
}

uint64_t decl_load(const void *section, const struct field *f)
{
    uint64_t v = 0;

    memcpy(&v, (const uint8_t *)section + f->offset, f->size);
    return v;
}

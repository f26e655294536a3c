/* SPDX-License-Identifier: BSD-2-Clause */
#include "yamlfile.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "util.h"

struct yamlfile {
    char *path;
    yaml_document_t doc;
    bool loaded;
};

static int line_of(const yaml_node_t *n)
{
    return (int)n->start_mark.line + 1;
}

static const char *scalar(const yaml_node_t *n)
{
    return n && n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : "";
}

static yaml_node_t *member(struct yamlfile *f, const yaml_node_t *map, const char *key, size_t len)
{
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         p++) {
        const char *k = scalar(yaml_document_get_node(&f->doc, p->key));
        if (strlen(k) == len && !strncmp(k, key, len))
            return yaml_document_get_node(&f->doc, p->value);
    }
    return NULL;
}

int yamlfile_line(const struct yamlfile *pos, const char *path)
{
    struct yamlfile *f = (struct yamlfile *)pos; /* libyaml's getters take no const */
    yaml_node_t *n = yaml_document_get_root_node(&f->doc);

    for (const char *p = path; *p && n;) {
        yaml_node_t *next = NULL;
        if (*p == '[' && n->type == YAML_SEQUENCE_NODE) {
            long i = strtol(p + 1, NULL, 10);
            if (i >= 0 && i < n->data.sequence.items.top - n->data.sequence.items.start)
                next = yaml_document_get_node(&f->doc, n->data.sequence.items.start[i]);
            p += strcspn(p, "]");
            p += *p == ']';
        } else if (n->type == YAML_MAPPING_NODE) {
            p += *p == '.';
            size_t len = strcspn(p, ".[");
            next = member(f, n, p, len);
            p += len;
        }
        if (!next)
            break;
        n = next;
    }
    return n ? line_of(n) : 1;
}

int yamlfile_err(struct err *e, const struct yamlfile *pos, const char *path, const char *fmt, ...)
{
    char text[1500];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return err_usage(e, -EINVAL, "%s:%d: %s%s%s", pos->path, yamlfile_line(pos, path), path,
                     *path ? ": " : "", text);
}

static int wrong_type(struct yamlfile *f, const yaml_node_t *n, const char *path,
                      const char *accepted, struct err *e)
{
    const char *is = n->type == YAML_MAPPING_NODE    ? "a mapping"
                     : n->type == YAML_SEQUENCE_NODE ? "a list"
                                                     : scalar(n);

    return err_usage(e, -EINVAL, "%s:%d: %s: bad value '%s'; accepted: %s", f->path, line_of(n),
                     *path ? path : "file", is, accepted);
}

static const cyaml_schema_field_t *field_named(const cyaml_schema_field_t *fields, const char *key)
{
    for (; fields->key; fields++)
        if (!strcmp(fields->key, key))
            return fields;
    return NULL;
}

static void keys_of(const cyaml_schema_field_t *fields, char *buf, size_t size)
{
    buf[0] = '\0';
    for (const cyaml_schema_field_t *s = fields; s->key; s++)
        snprintf(buf + strlen(buf), size - strlen(buf), "%s%s", s == fields ? "" : ", ", s->key);
}

static int check(struct yamlfile *f, yaml_node_t *n, const cyaml_schema_value_t *s,
                 const char *path, struct err *e);

static int check_mapping(struct yamlfile *f, yaml_node_t *n, const cyaml_schema_value_t *s,
                         const char *path, struct err *e)
{
    const cyaml_schema_field_t *fields = s->mapping.fields;
    char keys[1024], sub[256];

    keys_of(fields, keys, sizeof(keys));
    for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++) {
        yaml_node_t *kn = yaml_document_get_node(&f->doc, p->key);
        const char *key = scalar(kn);
        const cyaml_schema_field_t *field = field_named(fields, key);
        int rc;

        if (!field)
            return err_usage(e, -EINVAL, "%s:%d: %s%sunknown key '%s'; accepted: %s", f->path,
                             line_of(kn), path, *path ? ": " : "", key, keys);
        for (yaml_node_pair_t *q = n->data.mapping.pairs.start; q < p; q++)
            if (!strcmp(scalar(yaml_document_get_node(&f->doc, q->key)), key))
                return err_usage(e, -EINVAL, "%s:%d: %s%skey '%s' is there twice", f->path,
                                 line_of(kn), path, *path ? ": " : "", key);
        snprintf(sub, sizeof(sub), "%s%s%s", path, *path ? "." : "", key);
        rc = check(f, yaml_document_get_node(&f->doc, p->value), &field->value, sub, e);
        if (rc)
            return rc;
    }
    for (; fields->key; fields++)
        if (!(fields->value.flags & CYAML_FLAG_OPTIONAL) &&
            !member(f, n, fields->key, strlen(fields->key)))
            return err_usage(e, -EINVAL, "%s:%d: %s%skey '%s' is missing; accepted: %s", f->path,
                             line_of(n), path, *path ? ": " : "", fields->key, keys);
    return 0;
}

static int check(struct yamlfile *f, yaml_node_t *n, const cyaml_schema_value_t *s,
                 const char *path, struct err *e)
{
    char sub[256];

    switch (s->type) {
    case CYAML_MAPPING:
        if (n->type != YAML_MAPPING_NODE)
            return wrong_type(f, n, path, "a mapping (KEY: VALUE)", e);
        return check_mapping(f, n, s, path, e);
    case CYAML_SEQUENCE:
        if (n->type != YAML_SEQUENCE_NODE)
            return wrong_type(f, n, path, "a list ([a, b], or lines that begin with '- ')", e);
        for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top;
             i++) {
            snprintf(sub, sizeof(sub), "%s[%td]", path, i - n->data.sequence.items.start);
            int rc = check(f, yaml_document_get_node(&f->doc, *i), s->sequence.entry, sub, e);
            if (rc)
                return rc;
        }
        return 0;
    default:
        return n->type == YAML_SCALAR_NODE ? 0 : wrong_type(f, n, path, "one value", e);
    }
}

static int parse(struct yamlfile *f, const char *text, size_t len, struct err *e)
{
    yaml_parser_t parser;
    int rc = 0;

    if (!yaml_parser_initialize(&parser))
        return err_broke(e, -ENOMEM, "%s: libyaml: out of memory", f->path);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
    if (!yaml_parser_load(&parser, &f->doc)) {
        rc = err_usage(e, -EINVAL, "%s:%zu: not YAML: %s%s%s%s", f->path,
                       parser.problem_mark.line + 1, parser.problem ? parser.problem : "?",
                       parser.context ? " (" : "", parser.context ? parser.context : "",
                       parser.context ? ")" : "");
    } else {
        f->loaded = true;
        if (!yaml_document_get_root_node(&f->doc))
            rc = err_usage(e, -EINVAL, "%s:1: the file is empty", f->path);
    }
    yaml_parser_delete(&parser);
    return rc;
}

struct words {
    char text[512];
};

/* libcyaml speaks in many lines; the first one has the cause. */
static void keep_first(cyaml_log_t level, void *ctx, const char *fmt, va_list args)
{
    struct words *w = ctx;

    if (level >= CYAML_LOG_ERROR && !w->text[0])
        vsnprintf(w->text, sizeof(w->text), fmt, args);
}

static cyaml_config_t config_with(struct words *w)
{
    return (cyaml_config_t){
        .log_fn = keep_first, .log_ctx = w, .mem_fn = cyaml_mem, .log_level = CYAML_LOG_ERROR};
}

int yamlfile_load(const char *path, const cyaml_schema_value_t *schema, cyaml_data_t **data,
                  struct yamlfile **pos, struct err *e)
{
    struct yamlfile *f = xcalloc(1, sizeof(*f));
    struct words w = {""};
    cyaml_config_t config = config_with(&w);
    char *text = NULL;
    size_t len;
    cyaml_err_t err;
    int rc;

    f->path = xstrdup(path);
    rc = read_file(path, &text, &len, e);
    if (!rc)
        rc = parse(f, text, len, e);
    if (!rc)
        rc = check(f, yaml_document_get_root_node(&f->doc), schema, "", e);
    if (!rc) {
        err = cyaml_load_data((const uint8_t *)text, len, &config, schema, data, NULL);
        if (err != CYAML_OK)
            rc = err_usage(e, -EINVAL, "%s: %s: %s", path, cyaml_strerror(err), w.text);
    }
    free(text);
    if (rc) {
        yamlfile_free(f);
        return rc;
    }
    *pos = f;
    return 0;
}

void yamlfile_data_free(const cyaml_schema_value_t *schema, cyaml_data_t *data)
{
    struct words w = {""};
    cyaml_config_t config = config_with(&w);

    cyaml_free(&config, schema, data, 0);
}

void yamlfile_free(struct yamlfile *pos)
{
    if (!pos)
        return;
    if (pos->loaded)
        yaml_document_delete(&pos->doc);
    free(pos->path);
    free(pos);
}

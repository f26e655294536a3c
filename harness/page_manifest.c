/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "page.h"
#include "results.h"
#include "util.h"

#define MANIFEST_VERSION 1

const char *page_path(char *buf, const struct page_set *set, unsigned page, unsigned object)
{
    static const char *const ending[PAGE_TYPES] = {
        [PAGE_HTML] = "html",  [PAGE_CSS] = "css",   [PAGE_JS] = "js",
        [PAGE_FONT] = "woff2", [PAGE_IMAGE] = "jpg", [PAGE_OTHER] = "json"};

    snprintf(buf, PAGE_PATH_SIZE, "/%u/%u.%s", page, object,
             ending[set->pages[page].objects[object].type]);
    return buf;
}

/* ---- writing ---- */

static json_t *set_json(const struct page_set *set)
{
    json_t *pages = json_array();
    char path[PAGE_PATH_SIZE];

    for (unsigned i = 0; i < set->n; i++) {
        json_t *objects = json_array();

        for (unsigned k = 0; k < set->pages[i].n; k++) {
            const struct page_object *o = &set->pages[i].objects[k];

            json_array_append_new(
                objects, json_pack("{s:s, s:s, s:i, s:i, s:I}", "path", page_path(path, set, i, k),
                                   "type", page_type_name(o->type), "origin", (int)o->origin,
                                   "parent", o->parent, "size", (json_int_t)o->size));
        }
        json_array_append_new(pages, json_pack("{s:o}", "objects", objects));
    }
    return json_pack("{s:i, s:I, s:i, s:o}", "version", MANIFEST_VERSION, "seed",
                     (json_int_t)set->seed, "origins", (int)set->n_origins, "pages", pages);
}

static int write_object(const char *www, const struct page_set *set, unsigned page, unsigned object,
                        struct err *e)
{
    char url[PAGE_PATH_SIZE], *path;
    int fd, rc = 0;

    path = xasprintf("%s%s", www, page_path(url, set, page, object));
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    /* A hole: the web server sends zeros, and hundreds of megabytes of pages take no room. */
    if (fd < 0 || ftruncate(fd, (off_t)set->pages[page].objects[object].size))
        rc = err_broke(e, -errno, "%s: cannot write: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(path);
    return rc;
}

static int write_page(const char *www, const struct page_set *set, unsigned page, struct err *e)
{
    char *dir = xasprintf("%s/%u", www, page);
    int rc = mkdir_p(dir);

    if (rc)
        err_broke(e, rc, "%s: cannot make the directory: %s", dir, strerror(-rc));
    for (unsigned k = 0; !rc && k < set->pages[page].n; k++)
        rc = write_object(www, set, page, k, e);
    free(dir);
    return rc;
}

int page_set_write(const struct page_set *set, const char *dir, struct err *e)
{
    char *www = xasprintf("%s/www", dir), *manifest = xasprintf("%s/manifest.json", dir);
    json_t *j = NULL;
    bool made = false;
    int rc = mkdir_p(dir);

    if (rc) {
        err_usage(e, rc, "%s: cannot make the directory: %s", dir, strerror(-rc));
        goto out;
    }
    if (!access(manifest, F_OK)) {
        rc = err_usage(e, -EEXIST, "%s is there already: nothing is overwritten", manifest);
        goto out;
    }
    if (mkdir(www, 0755)) {
        rc = err_usage(e, -errno, "%s: cannot make the directory: %s", www, strerror(errno));
        goto out;
    }
    made = true;
    for (unsigned i = 0; !rc && i < set->n; i++)
        rc = write_page(www, set, i, e);
    j = set_json(set);
    if (!rc)
        rc = json_write_atomic(manifest, j, e);
    json_decref(j);
out:
    if (rc && made)
        remove_tree(www);
    free(www);
    free(manifest);
    return rc;
}

/* ---- reading ---- */

struct reader {
    const char *path;
    struct err *e;
};

static int bad(const struct reader *r, const char *where, const json_t *value, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* "FILE: pages[3].objects[7].size: bad value '-1'; accepted: …" */
static int bad(const struct reader *r, const char *where, const json_t *value, const char *fmt, ...)
{
    char accepted[256], *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
    va_list ap;
    int rc;

    va_start(ap, fmt);
    vsnprintf(accepted, sizeof(accepted), fmt, ap);
    va_end(ap);
    if (value)
        rc = err_usage(r->e, -EINVAL, "%s: %s: bad value '%.200s'; accepted: %s", r->path, where,
                       text ? text : "", accepted);
    else
        rc = err_usage(r->e, -EINVAL, "%s: %s: is missing; accepted: %s", r->path, where, accepted);
    free(text);
    return rc;
}

/* The whole number `key` of an object; `where` is the object's place, "" for the file itself. */
static int number(const struct reader *r, const char *where, const json_t *j, const char *key,
                  json_int_t min, json_int_t max, json_int_t *out)
{
    const json_t *v = json_object_get(j, key);
    char place[96];

    snprintf(place, sizeof(place), "%s%s%s", where, *where ? "." : "", key);
    if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
        return bad(r, place, v, "a whole number from %lld to %lld", (long long)min, (long long)max);
    *out = json_integer_value(v);
    return 0;
}

/* The list `key`, which must not be empty or too long. */
static int list(const struct reader *r, const char *where, const json_t *j, const char *key,
                size_t max, json_t **out)
{
    json_t *v = json_object_get(j, key);
    char place[96];

    snprintf(place, sizeof(place), "%s%s%s", where, *where ? "." : "", key);
    if (json_is_array(v) && json_array_size(v) && json_array_size(v) <= max) {
        *out = v;
        return 0;
    }
    if (json_is_array(v))
        return err_usage(r->e, -EINVAL, "%s: %s: has %zu entries; accepted: 1 to %zu", r->path,
                         place, json_array_size(v), max);
    return bad(r, place, v, "a list of 1 to %zu entries", max);
}

static int object_type(const struct reader *r, const char *where, const json_t *j,
                       enum page_type *type)
{
    const json_t *v = json_object_get(j, "type");
    char place[96];

    for (unsigned t = 0; json_is_string(v) && t < PAGE_TYPES; t++) {
        if (!strcmp(json_string_value(v), page_type_name(t))) {
            *type = t;
            return 0;
        }
    }
    snprintf(place, sizeof(place), "%s.type", where);
    return bad(r, place, v, "html, css, js, font, image, other");
}

static int read_object(const struct reader *r, const json_t *j, struct page_set *set, unsigned page,
                       unsigned k)
{
    struct page_object *o = &set->pages[page].objects[k];
    const json_t *path = json_object_get(j, "path");
    char where[64], place[96], expected[PAGE_PATH_SIZE];
    json_int_t origin, parent, size;

    snprintf(where, sizeof(where), "pages[%u].objects[%u]", page, k);
    if (!json_is_object(j))
        return bad(r, where, j, "an object with path, type, origin, parent, size");
    if (object_type(r, where, j, &o->type) ||
        number(r, where, j, "origin", 0, (json_int_t)set->n_origins - 1, &origin) ||
        number(r, where, j, "parent", k ? 0 : -1, (json_int_t)k - 1, &parent) ||
        number(r, where, j, "size", 1, PAGE_MAX_SIZE, &size))
        return r->e->code;
    o->origin = (unsigned)origin;
    o->parent = (int)parent;
    o->size = (uint64_t)size;
    page_path(expected, set, page, k);
    if (!json_is_string(path) || strcmp(json_string_value(path), expected)) {
        snprintf(place, sizeof(place), "%s.path", where);
        return bad(r, place, path, "\"%s\"", expected);
    }
    return 0;
}

static int read_pages(const struct reader *r, const json_t *j, struct page_set *set)
{
    json_t *pages, *objects;
    json_int_t version, seed, origins;
    int rc;

    if (!json_is_object(j))
        return bad(r, "the manifest", j, "an object with version, seed, origins, pages");
    if (number(r, "", j, "version", MANIFEST_VERSION, MANIFEST_VERSION, &version) ||
        number(r, "", j, "seed", 0, INT64_MAX, &seed) ||
        number(r, "", j, "origins", 1, PAGE_MAX_ORIGINS, &origins) ||
        list(r, "", j, "pages", PAGE_MAX_PAGES, &pages))
        return r->e->code;
    set->seed = (uint64_t)seed;
    set->n_origins = (unsigned)origins;
    set->n = (unsigned)json_array_size(pages);
    set->pages = xcalloc(set->n, sizeof(*set->pages));
    for (unsigned i = 0; i < set->n; i++) {
        char where[32];

        snprintf(where, sizeof(where), "pages[%u]", i);
        rc = list(r, where, json_array_get(pages, i), "objects", PAGE_MAX_OBJECTS, &objects);
        if (rc)
            return rc;
        set->pages[i].n = (unsigned)json_array_size(objects);
        set->pages[i].objects = xcalloc(set->pages[i].n, sizeof(struct page_object));
        for (unsigned k = 0; !rc && k < set->pages[i].n; k++)
            rc = read_object(r, json_array_get(objects, k), set, i, k);
        if (rc)
            return rc;
    }
    return 0;
}

int page_set_read(struct page_set *set, const char *path, struct err *e)
{
    struct reader r = {path, e};
    json_error_t je;
    char *text = NULL;
    json_t *j;
    int rc;

    memset(set, 0, sizeof(*set));
    rc = read_file(path, &text, NULL, e);
    if (rc) {
        e->status = EXIT_USAGE;
        return rc;
    }
    j = json_loads(text, JSON_REJECT_DUPLICATES, &je);
    free(text);
    if (!j)
        return err_usage(e, -EINVAL,
                         "%s:%d: not JSON: %s; accepted: a manifest that `extcp page make` wrote",
                         path, je.line, je.text);
    rc = read_pages(&r, j, set);
    json_decref(j);
    if (rc)
        page_set_free(set);
    return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "program_object.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/extcp_prog.h"
#include "program_struct_ops.h"
#include "programs_embedded.h"
#include "util.h"

#define SUFFIX ".bpf.o"

static __thread char libbpf_words[8192];

static int keep_words(enum libbpf_print_level level, const char *fmt, va_list ap)
{
    size_t n = strlen(libbpf_words);

    if (level == LIBBPF_DEBUG)
        return 0;
    if (n > sizeof(libbpf_words) / 2) { /* keep the newer half */
        memmove(libbpf_words, libbpf_words + n / 2, n - n / 2 + 1);
        n = strlen(libbpf_words);
    }
    return vsnprintf(libbpf_words + n, sizeof(libbpf_words) - n, fmt, ap);
}

const char *program_object_words(void)
{
    size_t n = strlen(libbpf_words);

    while (n && libbpf_words[n - 1] == '\n')
        libbpf_words[--n] = '\0';
    return n > 1200 ? libbpf_words + n - 1200 : libbpf_words;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);

    return n >= k && !strcmp(s + n - k, end);
}

static int find_embedded(struct program_object *o, const char *name, struct err *e)
{
    char known[1024] = "";

    for (const struct embedded_program *p = embedded_programs; p->name; p++) {
        if (!strcmp(p->name, name)) {
            o->name = xstrdup(p->name);
            o->source = xstrdup(p->source);
            o->bytes = p->object;
            o->size = (size_t)(p->end - p->object);
            return 0;
        }
        if (strlen(known) + 80 < sizeof(known))
            snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
                     *known ? ", " : "", p->name);
    }
    return err_usage(e, -ENOENT,
                     "there is no program '%s'; accepted: %s, or the path of an object file (*%s)",
                     name, known, SUFFIX);
}

/* "dir/mine.bpf.o" is called mine. */
static int find_file(struct program_object *o, const char *path, struct err *e)
{
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    size_t n = strlen(base) - (ends_with(base, SUFFIX) ? strlen(SUFFIX) : 0);
    bool good = ends_with(base, SUFFIX) && n && n < EXTCP_NAME_SIZE;
    char *bytes;
    int rc;

    for (size_t i = 0; i < n; i++)
        good &= islower((unsigned char)base[i]) || isdigit((unsigned char)base[i]) ||
                (base[i] == '-' && i);
    if (!good)
        return err_usage(e, -EINVAL,
                         "'%s': accepted: an object file called NAME%s, NAME of a-z, 0-9 and '-', "
                         "at most %d characters",
                         path, SUFFIX, EXTCP_NAME_SIZE - 1);
    rc = read_file(path, &bytes, &o->size, e);
    if (rc)
        return rc;
    o->bytes = o->own = bytes;
    o->name = xasprintf("%.*s", (int)n, base);
    o->source = xstrdup(path);
    return 0;
}

static int open_bytes(struct program_object *o, struct err *e)
{
    DECLARE_LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = o->name);

    libbpf_set_print(keep_words);
    libbpf_words[0] = '\0';
    o->obj = bpf_object__open_mem(o->bytes, o->size, &opts);
    if (!o->obj)
        return err_usage(e, -errno, "program %s: %s is no eBPF object that can be opened: %s",
                         o->name, o->source, program_object_words());
    if (!bpf_object__btf(o->obj))
        return err_usage(e, -EINVAL,
                         "program %s: %s has no BTF, which says what it takes and tells; compile "
                         "it with 'clang -target bpf -g'",
                         o->name, o->source);
    return 0;
}

int program_object_open(struct program_object *o, const char *name, struct err *e)
{
    int rc;

    memset(o, 0, sizeof(*o));
    rc = strchr(name, '/') || ends_with(name, SUFFIX) ? find_file(o, name, e)
                                                      : find_embedded(o, name, e);
    if (!rc)
        rc = open_bytes(o, e);
    if (!rc)
        rc = decl_read(&o->layout, bpf_object__btf(o->obj),
                       program_object_initial(o, ".rodata", NULL),
                       program_object_initial(o, ".data", NULL), o->name, o->source, e);
    if (rc)
        program_object_close(o);
    return rc;
}

int program_object_rename(struct program_object *o, const char *tag, struct err *e)
{
    char *copy;
    int n;

    if (btf__find_by_name_kind(bpf_object__btf(o->obj), ".struct_ops", BTF_KIND_DATASEC) <= 0)
        return 0;
    copy = xcalloc(1, o->size);
    memcpy(copy, o->bytes, o->size);
    n = struct_ops_rename(copy, o->size, bpf_object__btf(o->obj), tag, o->name, e);
    bpf_object__close(o->obj);
    o->obj = NULL;
    free(o->own);
    o->bytes = o->own = copy;
    return n < 0 ? n : open_bytes(o, e);
}

void *program_object_initial(const struct program_object *o, const char *section,
                             struct bpf_map **map)
{
    struct bpf_map *m;
    size_t size;

    bpf_object__for_each_map(m, o->obj)
    {
        const char *dot = strrchr(bpf_map__name(m), '.');
        if (dot && !strcmp(dot, section)) {
            if (map)
                *map = m;
            return (void *)bpf_map__initial_value(m, &size);
        }
    }
    return NULL;
}

void program_object_close(struct program_object *o)
{
    decl_free(&o->layout);
    bpf_object__close(o->obj);
    free(o->own);
    free(o->name);
    free(o->source);
    memset(o, 0, sizeof(*o));
}

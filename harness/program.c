/* SPDX-License-Identifier: BSD-2-Clause */
#include "program.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/extcp_prog.h"
#include "program_decl.h"
#include "programs_embedded.h"
#include "util.h"

struct program {
    struct bpf_object *obj;
    struct decl_layout layout;
    struct bpf_link **links;
    unsigned n_links;
    struct ring_buffer *ring;
    struct bpf_map *data, *bss;
    void (*fn)(const struct program_event *ev, void *arg); /* while polling */
    void *arg;
};

static const struct embedded_program *find(const char *name, struct err *e)
{
    char known[1024] = "";

    for (const struct embedded_program *p = embedded_programs; p->name; p++) {
        if (!strcmp(p->name, name))
            return p;
        if (strlen(known) + 80 < sizeof(known))
            snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
                     *known ? ", " : "", p->name);
    }
    err_usage(e, -ENOENT, "there is no program '%s'; accepted: %s", name, known);
    return NULL;
}

const char *program_name(unsigned i)
{
    return embedded_programs[i].name; /* the table ends with NULL; callers count up */
}

/* What libbpf said last, for error messages: the end of a verifier log is what tells. */
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

static const char *last_words(void)
{
    size_t n = strlen(libbpf_words);

    while (n && libbpf_words[n - 1] == '\n')
        libbpf_words[--n] = '\0';
    return n > 1200 ? libbpf_words + n - 1200 : libbpf_words;
}

/* Opens the object (needs no privilege) and reads what it declares. */
static int open_object(const char *name, struct bpf_object **obj, struct decl_layout *layout,
                       struct err *e)
{
    const struct embedded_program *p = find(name, e);
    DECLARE_LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);
    const void *rodata = NULL, *data = NULL;
    struct bpf_map *m;
    size_t size;
    int rc;

    if (!p)
        return -ENOENT;
    libbpf_set_print(keep_words);
    libbpf_words[0] = '\0';
    *obj = bpf_object__open_mem(p->object, (size_t)(p->end - p->object), &opts);
    if (!*obj)
        return err_broke(e, -errno, "program %s: cannot be opened: %s", name, last_words());
    bpf_object__for_each_map(m, *obj)
    {
        const char *mn = bpf_map__name(m), *dot = strrchr(mn, '.');
        if (dot && !strcmp(dot, ".rodata"))
            rodata = (void *)bpf_map__initial_value(m, &size);
        else if (dot && !strcmp(dot, ".data"))
            data = (void *)bpf_map__initial_value(m, &size);
    }
    rc = decl_read(layout, bpf_object__btf(*obj), rodata, data, p->name, p->source, e);
    if (rc) {
        bpf_object__close(*obj);
        *obj = NULL;
    }
    return rc;
}

struct owned_decl { /* what program_declares hands out; the declaration comes first */
    struct program_decl d;
    struct decl_layout layout;
    struct bpf_object *obj;
};

int program_declares(const char *name, struct program_decl **out, struct err *e)
{
    struct owned_decl *o = xcalloc(1, sizeof(*o));
    int rc = open_object(name, &o->obj, &o->layout, e);

    if (rc) {
        free(o);
        return rc;
    }
    o->d = o->layout.d;
    *out = &o->d;
    return 0;
}

void program_decl_free(struct program_decl *d)
{
    struct owned_decl *o = (struct owned_decl *)d;

    if (!o)
        return;
    decl_free(&o->layout);
    bpf_object__close(o->obj);
    free(o);
}

int program_check_setting(const char *name, const char *key_value, struct err *e)
{
    struct program_decl *d;
    unsigned param;
    int64_t value;
    int rc = program_declares(name, &d, e);

    if (rc)
        return rc;
    rc = decl_parse(d, key_value, &param, &value, e);
    program_decl_free(d);
    return rc;
}

static int configure(struct program *p, char *const *settings, unsigned n, struct err *e)
{
    void *rodata = NULL, *data = NULL;
    struct bpf_map *m;
    size_t size;

    bpf_object__for_each_map(m, p->obj)
    {
        const char *mn = bpf_map__name(m), *dot = strrchr(mn, '.');
        if (dot && !strcmp(dot, ".rodata"))
            rodata = (void *)bpf_map__initial_value(m, &size);
        if (dot && !strcmp(dot, ".data")) {
            data = (void *)bpf_map__initial_value(m, &size);
            p->data = m;
        }
        if (dot && !strcmp(dot, ".bss"))
            p->bss = m;
    }
    for (unsigned i = 0; i < n; i++) {
        unsigned param;
        int64_t value;
        int rc = decl_parse(&p->layout.d, settings[i], &param, &value, e);
        if (rc)
            return rc;
        decl_store(p->layout.d.params[param].live ? data : rodata, &p->layout.params[param], value);
    }
    return 0;
}

static int attach(struct program *p, int cgroup_fd, struct err *e)
{
    struct bpf_program *prog;

    bpf_object__for_each_program(prog, p->obj)
    {
        struct bpf_link *link = bpf_program__attach_cgroup(prog, cgroup_fd);
        if (!link)
            return err_broke(e, -errno, "program %s: %s cannot be attached to the cgroup: %s",
                             p->layout.d.name, bpf_program__name(prog), strerror(errno));
        p->links = xrealloc(p->links, (p->n_links + 1) * sizeof(*p->links));
        p->links[p->n_links++] = link;
    }
    return 0;
}

static void address_text(const uint8_t *a, unsigned family, unsigned port, char *buf, size_t size)
{
    char text[INET6_ADDRSTRLEN] = "?";

    inet_ntop(family == AF_INET6 ? AF_INET6 : AF_INET, a, text, sizeof(text));
    snprintf(buf, size, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

static int on_event(void *arg, void *record, size_t size)
{
    struct program *p = arg;
    const struct extcp_event *e = record;
    struct program_event ev = {0};
    char local[64], remote[64];

    if (size < sizeof(*e) || !p->fn)
        return 0;
    ev.t_mono_ns = e->t_ns;
    ev.cookie = e->cookie;
    ev.value = e->value;
    ev.type = e->type < p->layout.n_events && p->layout.events[e->type] ? p->layout.events[e->type]
                                                                        : "unknown";
    address_text(e->local, e->family, e->local_port, local, sizeof(local));
    address_text(e->remote, e->family, e->remote_port, remote, sizeof(remote));
    snprintf(ev.text, sizeof(ev.text), "local %s remote %s value %lld", local, remote,
             (long long)e->value);
    p->fn(&ev, p->arg);
    return 0;
}

int program_attach(struct program **out, const char *name, char *const *settings,
                   unsigned n_settings, int cgroup_fd, struct err *e)
{
    struct program *p = xcalloc(1, sizeof(*p));
    struct bpf_map *events;
    int rc = open_object(name, &p->obj, &p->layout, e);

    *out = NULL;
    if (!rc)
        rc = configure(p, settings, n_settings, e);
    if (!rc && bpf_object__load(p->obj)) {
        rc = -errno;
        if (rc == -EPERM)
            err_lacks(e, rc, "program %s: the kernel does not let us load eBPF; run it as root. %s",
                      name, last_words());
        else
            err_broke(e, rc, "program %s: the kernel does not take it: %s", name, last_words());
    }
    if (!rc) {
        events = bpf_object__find_map_by_name(p->obj, "events");
        p->ring = events ? ring_buffer__new(bpf_map__fd(events), on_event, p, NULL) : NULL;
        if (events && !p->ring)
            rc = err_broke(e, -errno, "program %s: ring buffer: %s", name, strerror(errno));
    }
    if (!rc)
        rc = attach(p, cgroup_fd, e);
    if (rc) {
        program_detach(p);
        return rc;
    }
    *out = p;
    return 0;
}

int program_set(struct program *p, const char *key_value, struct err *e)
{
    unsigned param;
    int64_t value;
    uint32_t zero = 0;
    int rc = decl_parse(&p->layout.d, key_value, &param, &value, e);
    void *section;

    if (rc)
        return rc;
    if (!p->layout.d.params[param].live)
        return err_usage(e, -EINVAL, "program %s: '%s' cannot change while it runs",
                         p->layout.d.name, p->layout.d.params[param].name);
    section = xcalloc(1, bpf_map__value_size(p->data));
    if (bpf_map__lookup_elem(p->data, &zero, sizeof(zero), section, bpf_map__value_size(p->data),
                             0)) {
        rc = err_broke(e, -errno, "program %s: cannot read its data: %s", p->layout.d.name,
                       strerror(errno));
    } else {
        decl_store(section, &p->layout.params[param], value);
        if (bpf_map__update_elem(p->data, &zero, sizeof(zero), section,
                                 bpf_map__value_size(p->data), 0))
            rc = err_broke(e, -errno, "program %s: cannot write its data: %s", p->layout.d.name,
                           strerror(errno));
    }
    free(section);
    return rc;
}

int program_counters(struct program *p, uint64_t *values, unsigned n, struct err *e)
{
    uint32_t zero = 0;
    void *section;
    int rc = 0;

    if (!n)
        return 0;
    section = xcalloc(1, bpf_map__value_size(p->bss));
    if (bpf_map__lookup_elem(p->bss, &zero, sizeof(zero), section, bpf_map__value_size(p->bss), 0))
        rc = err_broke(e, -errno, "program %s: cannot read its counters: %s", p->layout.d.name,
                       strerror(errno));
    for (unsigned i = 0; !rc && i < n && i < p->layout.d.n_counters; i++)
        values[i] = decl_load(section, &p->layout.counters[i]);
    free(section);
    return rc;
}

const struct program_decl *program_declaration(const struct program *p)
{
    return &p->layout.d;
}

int program_events_fd(const struct program *p)
{
    return p->ring ? ring_buffer__epoll_fd(p->ring) : -1;
}

int program_poll(struct program *p, void (*fn)(const struct program_event *ev, void *arg),
                 void *arg)
{
    int n;

    if (!p->ring)
        return 0;
    p->fn = fn;
    p->arg = arg;
    n = ring_buffer__consume(p->ring);
    p->fn = NULL;
    return n;
}

void program_detach(struct program *p)
{
    if (!p)
        return;
    for (unsigned i = 0; i < p->n_links; i++)
        bpf_link__destroy(p->links[i]);
    free(p->links);
    ring_buffer__free(p->ring);
    decl_free(&p->layout);
    bpf_object__close(p->obj);
    free(p);
}

int program_probe(struct err *e)
{
    /* return 1, as the smallest sock_ops program */
    const struct bpf_insn insns[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1},
        {.code = BPF_JMP | BPF_EXIT}};
    int fd =
        bpf_prog_load(BPF_PROG_TYPE_SOCK_OPS, "extcp_probe", "GPL", insns, ARRAY_SIZE(insns), NULL);

    if (fd < 0)
        return err_lacks(e, fd, "a sock_ops program does not load: %s", strerror(-fd));
    close(fd);
    return 0;
}

const char *program_library(void)
{
    return libbpf_version_string();
}

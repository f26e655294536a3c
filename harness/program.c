/* SPDX-License-Identifier: BSD-2-Clause */
#include "program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "carrier.h"
#include "connections.h"
#include "lib/extcp_prog.h"
#include "program_decl.h"
#include "program_struct_ops.h"
#include "programs_embedded.h"
#include "statedir.h"
#include "util.h"

struct attached {        /* one link, or one registration that has none */
    int fd;              /* closing it detaches; -1: none */
    char struct_ops[40]; /* struct_ops_handle of one without a link */
};

struct program {
    struct bpf_object *obj;
    void *renamed; /* the object's bytes, where they are not the embedded ones */
    struct decl_layout layout;
    struct attached *attached;
    unsigned n_attached;
    struct ring_buffer *ring;
    struct carrier *carrier;
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

static struct bpf_object *open_bytes(const void *bytes, size_t size, const char *name,
                                     struct err *e)
{
    DECLARE_LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = name);
    struct bpf_object *obj;

    libbpf_set_print(keep_words);
    libbpf_words[0] = '\0';
    obj = bpf_object__open_mem(bytes, size, &opts);
    if (!obj)
        err_broke(e, -errno, "program %s: cannot be opened: %s", name, last_words());
    return obj;
}

/* The section's initial values, writable until the object is loaded. NULL: there is none. */
static void *initial(const struct bpf_object *obj, const char *name, struct bpf_map **map)
{
    struct bpf_map *m;
    size_t size;

    bpf_object__for_each_map(m, obj)
    {
        const char *dot = strrchr(bpf_map__name(m), '.');
        if (dot && !strcmp(dot, name)) {
            if (map)
                *map = m;
            return (void *)bpf_map__initial_value(m, &size);
        }
    }
    return NULL;
}

/* Opens the object (needs no privilege) and reads what it declares. */
static int open_object(const struct embedded_program *p, struct bpf_object **obj,
                       struct decl_layout *layout, struct err *e)
{
    int rc;

    *obj = open_bytes(p->object, (size_t)(p->end - p->object), p->name, e);
    if (!*obj)
        return -EINVAL;
    rc = decl_read(layout, bpf_object__btf(*obj), initial(*obj, ".rodata", NULL),
                   initial(*obj, ".data", NULL), p->name, p->source, e);
    if (rc) {
        bpf_object__close(*obj);
        *obj = NULL;
    }
    return rc;
}

/* Opens it again with its congestion controls called as they are at this place. */
static int rename_struct_ops(struct program *p, const struct embedded_program *from,
                             const char *tag, struct err *e)
{
    size_t size = (size_t)(from->end - from->object);
    int n;

    p->renamed = xcalloc(1, size);
    memcpy(p->renamed, from->object, size);
    n = struct_ops_rename(p->renamed, size, bpf_object__btf(p->obj), tag, from->name, e);
    if (n <= 0)
        return n;
    bpf_object__close(p->obj);
    p->obj = open_bytes(p->renamed, size, from->name, e);
    return p->obj ? 0 : -EINVAL;
}

struct owned_decl { /* what program_declares hands out; the declaration comes first */
    struct program_decl d;
    struct decl_layout layout;
    struct bpf_object *obj;
};

int program_declares(const char *name, struct program_decl **out, struct err *e)
{
    const struct embedded_program *p = find(name, e);
    struct owned_decl *o;
    int rc;

    if (!p)
        return -ENOENT;
    o = xcalloc(1, sizeof(*o));
    rc = open_object(p, &o->obj, &o->layout, e);
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

static int configure(struct program *p, char *const *settings, unsigned n, const char *tag,
                     struct err *e)
{
    void *rodata = initial(p->obj, ".rodata", NULL), *data = initial(p->obj, ".data", &p->data);

    initial(p->obj, ".bss", &p->bss);
    for (unsigned i = 0; i < n; i++) {
        unsigned param;
        int64_t value;
        int rc = decl_parse(&p->layout.d, settings[i], &param, &value, e);
        if (rc)
            return rc;
        decl_store(p->layout.d.params[param].live ? data : rodata, &p->layout.params[param], value);
    }
    for (unsigned i = 0; i < p->layout.n_names; i++) {
        const struct name_variable *v = &p->layout.names[i];
        if (struct_ops_name((char *)rodata + v->offset, v->base, tag))
            return err_broke(e, -ENAMETOOLONG, "program %s: '%s_%s' is too long for a name",
                             p->layout.d.name, v->base, tag);
    }
    return 0;
}

static int load(struct program *p, struct err *e)
{
    int rc;

    if (!bpf_object__load(p->obj))
        return 0;
    rc = -errno;
    if (rc == -EPERM)
        return err_lacks(e, rc,
                         "program %s: the kernel does not let us load eBPF; run it as root. %s",
                         p->layout.d.name, last_words());
    return err_broke(e, rc, "program %s: the kernel does not take it: %s", p->layout.d.name,
                     last_words());
}

static struct attached *add_attached(struct program *p)
{
    p->attached = xrealloc(p->attached, (p->n_attached + 1) * sizeof(*p->attached));
    p->attached[p->n_attached] = (struct attached){.fd = -1};
    return &p->attached[p->n_attached++];
}

/* bpf_link on a cgroup always has the semantics of BPF_F_ALLOW_MULTI. */
static int attach_to_cgroup(struct program *p, struct bpf_program *prog, int cgroup_fd,
                            struct err *e)
{
    int fd;

    /* What the daemon of a path manager runs itself. */
    if (p->layout.d.path_manager && (bpf_program__type(prog) == BPF_PROG_TYPE_SYSCALL ||
                                     bpf_program__expected_attach_type(prog) == BPF_TRACE_ITER))
        return 0;
    switch (bpf_program__type(prog)) {
    case BPF_PROG_TYPE_STRUCT_OPS:
        return 0; /* its map is what is registered */
    case BPF_PROG_TYPE_SOCK_OPS:
    case BPF_PROG_TYPE_CGROUP_SKB:
    case BPF_PROG_TYPE_CGROUP_SOCK:
    case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
    case BPF_PROG_TYPE_CGROUP_SOCKOPT:
        break;
    default:
        return err_broke(e, -EINVAL,
                         "program %s: %s (SEC \"%s\") is nothing that goes to a cgroup; accepted: "
                         "sockops, cgroup_skb/…, cgroup/sock…, cgroup/connect…, cgroup/bind…, "
                         "cgroup/sendmsg…, cgroup/recvmsg…, cgroup/getsockopt, cgroup/setsockopt",
                         p->layout.d.name, bpf_program__name(prog),
                         bpf_program__section_name(prog));
    }
    fd = bpf_link_create(bpf_program__fd(prog), cgroup_fd, bpf_program__expected_attach_type(prog),
                         NULL);
    if (fd < 0)
        return err_broke(e, fd, "program %s: %s cannot be attached to the cgroup: %s",
                         p->layout.d.name, bpf_program__name(prog), strerror(-fd));
    add_attached(p)->fd = fd;
    return 0;
}

static int register_struct_ops(struct program *p, struct bpf_map *map, struct statedir *state,
                               struct err *e)
{
    struct attached a = {.fd = -1};
    int rc = 0;

    if (!struct_ops_makes_link(map)) {
        struct_ops_handle(map, a.struct_ops, sizeof(a.struct_ops));
        if (state)
            rc = statedir_note(state, STATE_STRUCT_OPS, a.struct_ops, e);
    }
    if (!rc)
        rc = struct_ops_register(map, &a.fd, p->layout.d.name, e);
    if (!rc)
        *add_attached(p) = a;
    return rc;
}

/* Congestion controls first: a program may use one from its first connection on. */
static int attach(struct program *p, const struct program_place *place, struct err *e)
{
    struct bpf_program *prog;
    struct bpf_map *m;
    int rc = 0;

    bpf_object__for_each_map(m, p->obj)
    {
        if (!rc && bpf_map__type(m) == BPF_MAP_TYPE_STRUCT_OPS)
            rc = register_struct_ops(p, m, place->state, e);
    }
    bpf_object__for_each_program(prog, p->obj)
    {
        if (!rc)
            rc = attach_to_cgroup(p, prog, place->cgroup_fd, e);
    }
    return rc;
}

static int on_event(void *arg, void *record, size_t size)
{
    struct program *p = arg;
    const struct extcp_event *e = record;
    struct program_event ev = {0};
    char local[64], remote[64], type[64] = "unknown";

    if (size < sizeof(*e) || !p->fn)
        return 0;
    ev.t_mono_ns = e->t_ns;
    ev.cookie = e->cookie;
    ev.value = e->value;
    if (e->type >= EXTCP_EVENT_DECISION)
        snprintf(type, sizeof(type), "decided_%s", decision_name(e->type - EXTCP_EVENT_DECISION));
    else if (e->type < p->layout.n_events && p->layout.events[e->type])
        snprintf(type, sizeof(type), "%s", p->layout.events[e->type]);
    ev.type = type;
    endpoint_text(e->local, e->family, e->local_port, local, sizeof(local));
    endpoint_text(e->remote, e->family, e->remote_port, remote, sizeof(remote));
    snprintf(ev.text, sizeof(ev.text), "local %s remote %s value %lld", local, remote,
             (long long)e->value);
    p->fn(&ev, p->arg);
    return 0;
}

int program_attach(struct program **out, const char *name, char *const *settings,
                   unsigned n_settings, const struct program_place *place, struct err *e)
{
    const struct embedded_program *from = find(name, e);
    struct program *p;
    struct bpf_map *events;
    int rc;

    *out = NULL;
    if (!from)
        return -ENOENT;
    p = xcalloc(1, sizeof(*p));
    rc = open_object(from, &p->obj, &p->layout, e);
    if (!rc)
        rc = rename_struct_ops(p, from, place->tag, e);
    if (!rc)
        rc = configure(p, settings, n_settings, place->tag, e);
    if (!rc) {
        struct_ops_prepare(p->obj, place->plain_struct_ops);
        rc = load(p, e);
    }
    if (!rc) {
        events = bpf_object__find_map_by_name(p->obj, "events");
        p->ring = events ? ring_buffer__new(bpf_map__fd(events), on_event, p, NULL) : NULL;
        if (events && !p->ring)
            rc = err_broke(e, -errno, "program %s: ring buffer: %s", name, strerror(errno));
    }
    if (!rc)
        rc = attach(p, place, e);
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

int program_stats_enable(struct err *e)
{
    int fd = bpf_enable_stats(BPF_STATS_RUN_TIME);

    return fd < 0 ? err_lacks(e, fd, "BPF run-time statistics cannot be switched on: %s",
                              strerror(-fd))
                  : fd;
}

int program_run_stats(const struct program *p, uint64_t *run_ns, uint64_t *run_count, struct err *e)
{
    struct bpf_program *prog;

    *run_ns = *run_count = 0;
    bpf_object__for_each_program(prog, p->obj)
    {
        struct bpf_prog_info info = {0};
        __u32 size = sizeof(info);
        int rc = bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size);

        if (rc)
            return err_broke(e, rc, "program %s: cannot read its run-time statistics: %s",
                             p->layout.d.name, strerror(-rc));
        *run_ns += info.run_time_ns;
        *run_count += info.run_cnt;
    }
    return 0;
}

const struct program_decl *program_declaration(const struct program *p)
{
    return &p->layout.d;
}

int program_connections(const struct program *p, connection_fn fn, void *arg, struct err *e)
{
    struct bpf_map *m = bpf_object__find_map_by_name(p->obj, "connections");

    return m ? connections_read(bpf_map__fd(m), fn, arg, e) : 0;
}

struct bpf_object *program_object(const struct program *p)
{
    return p->obj;
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

int program_carry(struct program *p, int ns_fd, struct err *e)
{
    int rc = p->carrier ? 0 : carrier_start(&p->carrier, p->obj, ns_fd, e);

    return rc ? err_prefix(e, "program %s", p->layout.d.name) : 0;
}

void program_detach(struct program *p)
{
    if (!p)
        return;
    /* The last one first: programs before the congestion controls that they use. */
    while (p->n_attached) {
        const struct attached *a = &p->attached[--p->n_attached];
        if (a->fd >= 0)
            close(a->fd);
        else
            struct_ops_unregister(a->struct_ops);
    }
    free(p->attached);
    carrier_stop(p->carrier);
    ring_buffer__free(p->ring);
    decl_free(&p->layout);
    bpf_object__close(p->obj);
    free(p->renamed);
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

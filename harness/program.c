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
#include "program_hold.h"
#include "program_object.h"
#include "program_struct_ops.h"
#include "programs_embedded.h"
#include "util.h"

struct program {
    struct program_object o;
    struct holds holds;
    struct ring_buffer *ring;
    struct carrier *carrier;
    struct bpf_map *data, *bss;
    void (*fn)(const struct program_event *ev, void *arg); /* while polling */
    void *arg;
};

const char *program_name(unsigned i)
{
    return embedded_programs[i].name; /* the table ends with NULL; callers count up */
}

struct owned_decl { /* what program_declares hands out; the declaration comes first */
    struct program_decl d;
    struct program_object o;
};

int program_declares(const char *name, struct program_decl **out, struct err *e)
{
    struct owned_decl *d = xcalloc(1, sizeof(*d));
    int rc = program_object_open(&d->o, name, e);

    if (rc) {
        free(d);
        return rc;
    }
    d->d = d->o.layout.d;
    *out = &d->d;
    return 0;
}

void program_decl_free(struct program_decl *d)
{
    struct owned_decl *own = (struct owned_decl *)d;

    if (own)
        program_object_close(&own->o);
    free(own);
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
    void *rodata = program_object_initial(&p->o, ".rodata", NULL),
         *data = program_object_initial(&p->o, ".data", &p->data);

    if (p->o.layout.identity >= 0) {
        struct extcp_identity *id =
            (struct extcp_identity *)((char *)rodata + p->o.layout.identity);
        snprintf(id->program, sizeof(id->program), "%s", p->o.name);
        id->pid = (uint32_t)getpid();
    }
    program_object_initial(&p->o, ".bss", &p->bss);
    for (unsigned i = 0; i < n; i++) {
        unsigned param;
        int64_t value;
        int rc = decl_parse(&p->o.layout.d, settings[i], &param, &value, e);
        if (rc)
            return rc;
        decl_store(p->o.layout.d.params[param].live ? data : rodata, &p->o.layout.params[param],
                   value);
    }
    for (unsigned i = 0; i < p->o.layout.n_names; i++) {
        const struct name_variable *v = &p->o.layout.names[i];
        if (struct_ops_name((char *)rodata + v->offset, v->base, tag))
            return err_broke(e, -ENAMETOOLONG, "program %s: '%s_%s' is too long for a name",
                             p->o.layout.d.name, v->base, tag);
    }
    return 0;
}

static int load(struct program *p, const struct program_place *place, struct err *e)
{
    struct bpf_map *m =
        place->resize_map ? bpf_object__find_map_by_name(p->o.obj, place->resize_map) : NULL;
    int rc;

    if (m)
        bpf_map__set_max_entries(m, place->map_entries);
    if (!bpf_object__load(p->o.obj))
        return 0;
    rc = -errno;
    if (rc == -EPERM)
        return err_lacks(e, rc,
                         "program %s: the kernel does not let us load eBPF; run it as root. %s",
                         p->o.layout.d.name, program_object_words());
    return err_broke(e, rc, "program %s: the kernel does not take it: %s", p->o.layout.d.name,
                     program_object_words());
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
    else if (e->type < p->o.layout.n_events && p->o.layout.events[e->type])
        snprintf(type, sizeof(type), "%s", p->o.layout.events[e->type]);
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
    struct program *p = xcalloc(1, sizeof(*p));
    struct bpf_map *events;
    int rc = program_object_open(&p->o, name, e);

    *out = NULL;
    if (rc) {
        free(p);
        return rc;
    }
    rc = program_object_rename(&p->o, place->tag, e);
    if (!rc)
        rc = configure(p, settings, n_settings, place->tag, e);
    if (!rc) {
        struct_ops_prepare(p->o.obj, place->plain_struct_ops);
        rc = load(p, place, e);
    }
    if (!rc) {
        events = bpf_object__find_map_by_name(p->o.obj, "events");
        p->ring = events ? ring_buffer__new(bpf_map__fd(events), on_event, p, NULL) : NULL;
        if (events && !p->ring)
            rc = err_broke(e, -errno, "program %s: ring buffer: %s", name, strerror(errno));
    }
    if (!rc)
        rc = holds_attach(&p->holds, p->o.obj, &p->o.layout.d, place, e);
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
    int rc = decl_parse(&p->o.layout.d, key_value, &param, &value, e);
    void *section;

    if (rc)
        return rc;
    if (!p->o.layout.d.params[param].live)
        return err_usage(e, -EINVAL, "program %s: '%s' cannot change while it runs",
                         p->o.layout.d.name, p->o.layout.d.params[param].name);
    section = xcalloc(1, bpf_map__value_size(p->data));
    if (bpf_map__lookup_elem(p->data, &zero, sizeof(zero), section, bpf_map__value_size(p->data),
                             0)) {
        rc = err_broke(e, -errno, "program %s: cannot read its data: %s", p->o.layout.d.name,
                       strerror(errno));
    } else {
        decl_store(section, &p->o.layout.params[param], value);
        if (bpf_map__update_elem(p->data, &zero, sizeof(zero), section,
                                 bpf_map__value_size(p->data), 0))
            rc = err_broke(e, -errno, "program %s: cannot write its data: %s", p->o.layout.d.name,
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
        rc = err_broke(e, -errno, "program %s: cannot read its counters: %s", p->o.layout.d.name,
                       strerror(errno));
    for (unsigned i = 0; !rc && i < n && i < p->o.layout.d.n_counters; i++)
        values[i] = decl_load(section, &p->o.layout.counters[i]);
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
    bpf_object__for_each_program(prog, p->o.obj)
    {
        struct bpf_prog_info info = {0};
        __u32 size = sizeof(info);
        int rc = bpf_obj_get_info_by_fd(bpf_program__fd(prog), &info, &size);

        if (rc)
            return err_broke(e, rc, "program %s: cannot read its run-time statistics: %s",
                             p->o.layout.d.name, strerror(-rc));
        *run_ns += info.run_time_ns;
        *run_count += info.run_cnt;
    }
    return 0;
}

const struct program_decl *program_declaration(const struct program *p)
{
    return &p->o.layout.d;
}

int program_connections(const struct program *p, connection_fn fn, void *arg, struct err *e)
{
    struct bpf_map *m = bpf_object__find_map_by_name(p->o.obj, "connections");

    /* A path manager calls something else so. */
    return m && bpf_map__type(m) == BPF_MAP_TYPE_SK_STORAGE
               ? connections_read(bpf_map__fd(m), fn, arg, e)
               : 0;
}

struct bpf_object *program_object(const struct program *p)
{
    return p->o.obj;
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

bool program_wants_carrier(const struct program *p)
{
    return carrier_needed(p->o.obj);
}

int program_carry(struct program *p, int ns_fd, struct err *e)
{
    int rc = p->carrier ? 0 : carrier_start(&p->carrier, p->o.obj, ns_fd, e);

    return rc ? err_prefix(e, "program %s", p->o.name) : 0;
}

void program_detach(struct program *p)
{
    if (!p)
        return;
    holds_release(&p->holds);
    carrier_stop(p->carrier);
    ring_buffer__free(p->ring);
    program_object_close(&p->o);
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

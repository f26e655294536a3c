/* SPDX-License-Identifier: BSD-2-Clause */
#include "program_live.h"

#include <bpf/btf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "pins.h"
#include "program_decl.h"
#include "program_object.h"
#include "util.h"

#define MAX_MAPS 64

static const char *const roles[] = {"rodata", "data", "bss", "connections"};

const char *live_map_role(const char *name, enum bpf_map_type type)
{
    const char *dot = strrchr(name, '.');
    enum bpf_map_type wanted = dot ? BPF_MAP_TYPE_ARRAY : BPF_MAP_TYPE_SK_STORAGE;

    for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
        if (type == wanted && !strcmp(dot ? dot + 1 : name, roles[i]))
            return roles[i];
    return NULL;
}

static int *map_of_role(struct live_program *p, const char *role)
{
    switch (*role) {
    case 'r':
        return &p->rodata;
    case 'd':
        return &p->data;
    case 'b':
        return &p->bss;
    default:
        return &p->connections;
    }
}

/* The whole value of a map of one element; the caller frees. */
static void *whole_value(int fd, uint32_t *size)
{
    struct bpf_map_info info = {0};
    uint32_t len = sizeof(info), zero = 0;
    void *value = NULL;

    if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
        return NULL;
    value = xcalloc(1, info.value_size);
    if (bpf_map_lookup_elem(fd, &zero, value)) {
        free(value);
        return NULL;
    }
    if (size)
        *size = info.value_size;
    return value;
}

static struct btf *btf_of(int map_fd)
{
    struct bpf_map_info info = {0};
    uint32_t len = sizeof(info);

    if (bpf_obj_get_info_by_fd(map_fd, &info, &len) || !info.btf_id)
        return NULL;
    return btf__load_from_kernel_by_id(info.btf_id);
}

static bool read_identity(int rodata_fd, struct extcp_identity *out)
{
    struct btf *btf = rodata_fd < 0 ? NULL : btf_of(rodata_fd);
    long at = btf ? decl_identity(btf) : -1;
    uint32_t size;
    char *value = at < 0 ? NULL : whole_value(rodata_fd, &size);
    bool good = value && (size_t)at + sizeof(*out) <= size;

    if (good) {
        memcpy(out, value + at, sizeof(*out));
        out->program[sizeof(out->program) - 1] = '\0';
    }
    free(value);
    btf__free(btf);
    return good;
}

static void close_maps(struct live_program *p)
{
    for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
        int *fd = map_of_role(p, roles[i]);
        if (*fd >= 0)
            close(*fd);
        *fd = -1;
    }
}

/* The maps of a program by their roles, and when it was loaded (CLOCK_BOOTTIME). */
static int open_maps(struct live_program *p, uint32_t prog_id, uint32_t *rodata_id,
                     uint64_t *loaded_ns)
{
    uint32_t ids[MAX_MAPS] = {0};
    struct bpf_prog_info info = {.map_ids = (uintptr_t)ids, .nr_map_ids = MAX_MAPS};
    uint32_t len = sizeof(info);
    int fd = bpf_prog_get_fd_by_id(prog_id), rc = fd < 0 ? fd : 0;

    p->rodata = p->data = p->bss = p->connections = -1;
    if (!rc)
        rc = bpf_obj_get_info_by_fd(fd, &info, &len);
    if (fd >= 0)
        close(fd);
    for (uint32_t i = 0; !rc && i < info.nr_map_ids && i < MAX_MAPS; i++) {
        struct bpf_map_info map = {0};
        int map_fd = bpf_map_get_fd_by_id(ids[i]);
        len = sizeof(map);
        if (map_fd < 0)
            continue;
        const char *role =
            bpf_obj_get_info_by_fd(map_fd, &map, &len) ? NULL : live_map_role(map.name, map.type);
        int *slot = role ? map_of_role(p, role) : NULL;
        if (slot && *slot < 0)
            *slot = map_fd;
        else
            close(map_fd);
        if (slot == &p->rodata)
            *rodata_id = map.id;
    }
    *loaded_ns = info.load_time;
    return rc;
}

static uint64_t clock_now(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static void add_link(struct live_program *p, unsigned id)
{
    p->links = xrealloc(p->links, (p->n_links + 1) * sizeof(*p->links));
    p->links[p->n_links++] = id;
}

/* Settings and counters as they are now. */
static void read_declared(struct live_program *p)
{
    struct btf *btf = btf_of(p->rodata);
    struct decl_layout *l = xcalloc(1, sizeof(*l));
    void *rodata = whole_value(p->rodata, NULL), *data = whole_value(p->data, NULL),
         *bss = whole_value(p->bss, NULL);
    struct err e = ERR_INIT;
    int rc = -ENOENT;

    if (!btf)
        snprintf(p->why, sizeof(p->why), "its BTF cannot be read");
    else if (!decl_has_tags(btf))
        snprintf(p->why, sizeof(p->why),
                 "this kernel does not keep what programs declare (5.16 "
                 "and later do)");
    else if ((rc = decl_read(l, btf, rodata, data, p->name, "", &e)))
        snprintf(p->why, sizeof(p->why), "%.*s", (int)sizeof(p->why) - 1, e.msg);
    if (!rc) {
        p->layout = l;
        p->decl = &l->d;
        p->counters = xcalloc(l->d.n_counters, sizeof(*p->counters));
        for (unsigned i = 0; bss && i < l->d.n_counters; i++)
            p->counters[i] = decl_load(bss, &l->counters[i]);
    } else {
        free(l);
    }
    free(rodata);
    free(data);
    free(bss);
    btf__free(btf);
}

struct list {
    struct live_program *p;
    unsigned n;
};

static struct live_program *add_live(struct list *l)
{
    struct live_program *p;

    l->p = xrealloc(l->p, (l->n + 1) * sizeof(*l->p));
    p = &l->p[l->n++];
    memset(p, 0, sizeof(*p));
    p->rodata = p->data = p->bss = p->connections = -1;
    return p;
}

static void read_pinned(const char *path, uint64_t cgroup_id, const char *program, void *arg)
{
    struct live_program *p = add_live(arg);
    struct extcp_identity who = {.pid = 0};
    struct stat st;

    snprintf(p->name, sizeof(p->name), "%s", program);
    p->pin = xstrdup(path);
    p->cgroup_id = cgroup_is_gone(cgroup_id) ? 0 : cgroup_id;
    for (size_t i = 0; i < ARRAY_SIZE(roles); i++) {
        char *map = xasprintf("%s/%s", path, roles[i]);
        *map_of_role(p, roles[i]) = bpf_obj_get(map);
        free(map);
    }
    for (unsigned i = 0, missing = 0; missing < 8; i++) {
        char *link = xasprintf("%s/link_%u", path, i);
        struct bpf_link_info info = {0};
        uint32_t len = sizeof(info);
        int fd = bpf_obj_get(link);
        if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len))
            add_link(p, info.id);
        missing = fd < 0 ? missing + 1 : 0;
        if (fd >= 0)
            close(fd);
        free(link);
    }
    if (read_identity(p->rodata, &who))
        p->pid = who.pid;
    if (!stat(path, &st))
        p->since_ns = clock_now(CLOCK_REALTIME) -
                      ((uint64_t)st.st_mtim.tv_sec * NSEC_PER_SEC + (uint64_t)st.st_mtim.tv_nsec);
}

static bool known_link(const struct list *l, uint32_t id)
{
    for (unsigned i = 0; i < l->n; i++)
        for (unsigned k = 0; k < l->p[i].n_links; k++)
            if (l->p[i].links[k] == id)
                return true;
    return false;
}

/* The links of one object on one cgroup belong together. rodata_of: the ids of the maps, parallel
 * to the list. */
static void read_link(struct list *l, uint32_t **rodata_of, uint32_t id)
{
    struct bpf_link_info info = {0};
    struct extcp_identity who;
    struct live_program one, *p;
    uint32_t len = sizeof(info), rodata_id = 0;
    uint64_t loaded_ns = 0;
    int fd = bpf_link_get_fd_by_id(id);

    if (fd < 0)
        return;
    if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.type != BPF_LINK_TYPE_CGROUP ||
        open_maps(&one, info.prog_id, &rodata_id, &loaded_ns)) {
        close(fd);
        return;
    }
    close(fd);
    for (unsigned i = 0; i < l->n; i++) {
        if (rodata_id && (*rodata_of)[i] == rodata_id &&
            l->p[i].cgroup_id == info.cgroup.cgroup_id) {
            add_link(&l->p[i], id);
            close_maps(&one);
            return;
        }
    }
    if (!read_identity(one.rodata, &who) || !who.program[0]) {
        close_maps(&one); /* not of extcp */
        return;
    }
    p = add_live(l);
    *rodata_of = xrealloc(*rodata_of, l->n * sizeof(**rodata_of));
    (*rodata_of)[l->n - 1] = rodata_id;
    p->rodata = one.rodata;
    p->data = one.data;
    p->bss = one.bss;
    p->connections = one.connections;
    memcpy(p->name, who.program, sizeof(p->name));
    p->pid = who.pid;
    p->cgroup_id = info.cgroup.cgroup_id;
    p->since_ns = clock_now(CLOCK_BOOTTIME) - loaded_ns;
    add_link(p, id);
}

int live_read(struct live_program **out, unsigned *n, struct err *e)
{
    struct list l = {0};
    uint32_t id = 0, *rodata_of;
    int rc = pins_each(read_pinned, &l, e);

    *out = NULL;
    *n = 0;
    if (rc) {
        live_free(l.p, l.n);
        return rc;
    }
    rodata_of = xcalloc(l.n, sizeof(*rodata_of));
    while (!bpf_link_get_next_id(id, &id))
        if (!known_link(&l, id))
            read_link(&l, &rodata_of, id);
    rc = -errno;
    free(rodata_of);
    if (rc != -ENOENT) { /* which is the end */
        live_free(l.p, l.n);
        return err_lacks(e, rc, "the kernel's eBPF links cannot be listed: %s; run it as root",
                         strerror(-rc));
    }
    for (unsigned i = 0; i < l.n; i++) {
        l.p[i].cgroup = l.p[i].cgroup_id ? cgroup_path_of(l.p[i].cgroup_id) : NULL;
        read_declared(&l.p[i]);
    }
    *out = l.p;
    *n = l.n;
    return 0;
}

void live_free(struct live_program *all, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        close_maps(&all[i]);
        if (all[i].layout)
            decl_free(all[i].layout);
        free(all[i].layout);
        free(all[i].links);
        free(all[i].cgroup);
        free(all[i].pin);
        free(all[i].counters);
    }
    free(all);
}

int live_connections(const struct live_program *p, connection_fn fn, void *arg, struct err *e)
{
    return p->connections < 0 ? 0 : connections_read(p->connections, fn, arg, e);
}

int live_set(const struct live_program *p, const char *key_value, bool really, struct err *e)
{
    uint32_t zero = 0;
    unsigned param;
    int64_t value;
    void *data;
    int rc;

    if (!p->decl)
        return err_lacks(e, -ENOENT, "program %s: %s", p->name, p->why);
    rc = decl_parse(p->decl, key_value, &param, &value, e);
    if (rc)
        return rc;
    if (!p->decl->params[param].live)
        return err_usage(
            e, -EINVAL, "program %s: '%s' is fixed when it is loaded; detach it and attach it anew",
            p->name, p->decl->params[param].name);
    if (!really)
        return 0;
    data = whole_value(p->data, NULL);
    if (data)
        decl_store(data, &p->layout->params[param], value);
    if (!data || bpf_map_update_elem(p->data, &zero, data, 0))
        rc =
            err_broke(e, -errno, "program %s: cannot write its data: %s", p->name, strerror(errno));
    free(data);
    return rc;
}

int live_is_in_effect(int cgroup_fd, enum bpf_attach_type type, const char *program,
                      struct extcp_identity *who, struct err *e)
{
    uint32_t ids[64], n = ARRAY_SIZE(ids), rodata_id, flags;
    uint64_t loaded_ns;
    int rc = bpf_prog_query(cgroup_fd, type, BPF_F_QUERY_EFFECTIVE, &flags, ids, &n);

    if (rc == -EINVAL) /* a kind of hook whose effective programs this kernel does not tell */
        return 0;
    if (rc)
        return err_broke(e, rc, "what is attached to the cgroup cannot be read: %s", strerror(-rc));
    for (uint32_t i = 0; i < n; i++) {
        struct live_program one;
        bool same = !open_maps(&one, ids[i], &rodata_id, &loaded_ns) &&
                    read_identity(one.rodata, who) && !strcmp(who->program, program);
        close_maps(&one);
        if (same)
            return 1;
    }
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "carrier.h"
#include "program_hold.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program_live.h"
#include "program_struct_ops.h"
#include "statedir.h"
#include "util.h"

static int pin(int fd, const char *dir, const char *what, unsigned n, struct err *e)
{
    char *path = xasprintf("%s/%s_%u", dir, what, n);
    int rc = bpf_obj_pin(fd, path);

    if (rc)
        err_broke(e, rc, "%s: cannot pin: %s", path, strerror(-rc));
    free(path);
    return rc;
}

static struct hold *add(struct holds *h)
{
    h->h = xrealloc(h->h, (h->n + 1) * sizeof(*h->h));
    h->h[h->n] = (struct hold){.fd = -1};
    return &h->h[h->n++];
}

static bool goes_to_cgroup(const struct bpf_program *prog)
{
    switch (bpf_program__type(prog)) {
    case BPF_PROG_TYPE_SOCK_OPS:
    case BPF_PROG_TYPE_CGROUP_SKB:
    case BPF_PROG_TYPE_CGROUP_SOCK:
    case BPF_PROG_TYPE_CGROUP_SOCK_ADDR:
    case BPF_PROG_TYPE_CGROUP_SOCKOPT:
        return true;
    default:
        return false;
    }
}

/* Twice on one cgroup, or on one and below it, an option would be written once and counted twice.
 */
static int not_there_yet(const struct bpf_program *prog, const char *program,
                         const struct program_place *place, struct err *e)
{
    struct extcp_identity who;
    int there = live_is_in_effect(place->cgroup_fd, bpf_program__expected_attach_type(prog),
                                  program, &who, e);

    if (there <= 0)
        return there;
    return err_usage(e, -EEXIST,
                     "program %s is in effect there already, on this cgroup or above it, attached "
                     "by process %u%s; 'extcp status' shows where",
                     program, who.pid,
                     kill((pid_t)who.pid, 0) ? ", which has ended and left it pinned" : "");
}

/* bpf_link on a cgroup always has the semantics of BPF_F_ALLOW_MULTI. */
static int attach_to_cgroup(struct holds *h, struct bpf_program *prog, const char *program,
                            const struct program_place *place, struct err *e)
{
    int rc;

    if (bpf_program__type(prog) == BPF_PROG_TYPE_STRUCT_OPS)
        return 0; /* its map is what is registered */
    if (!goes_to_cgroup(prog))
        return err_broke(e, -EINVAL,
                         "program %s: %s (SEC \"%s\") is nothing that goes to a cgroup; accepted: "
                         "sockops, cgroup_skb/…, cgroup/sock…, cgroup/connect…, cgroup/bind…, "
                         "cgroup/sendmsg…, cgroup/recvmsg…, cgroup/getsockopt, cgroup/setsockopt",
                         program, bpf_program__name(prog), bpf_program__section_name(prog));
    struct hold *hold = add(h);
    hold->fd = bpf_link_create(bpf_program__fd(prog), place->cgroup_fd,
                               bpf_program__expected_attach_type(prog), NULL);
    rc = hold->fd < 0 ? hold->fd : 0;
    if (rc)
        return err_broke(e, rc, "program %s: %s cannot be attached to the cgroup: %s", program,
                         bpf_program__name(prog), strerror(-rc));
    return place->pin_dir ? pin(hold->fd, place->pin_dir, "link", h->n - 1, e) : 0;
}

static int register_struct_ops(struct holds *h, struct bpf_map *map, const char *program,
                               const struct program_place *place, struct err *e)
{
    bool plain = !struct_ops_makes_link(map);
    struct hold *hold = add(h);
    int rc = 0;

    /* What outlives us is noted before it is made. */
    if (plain && place->pin_dir) {
        rc = pin(bpf_map__fd(map), place->pin_dir, "struct_ops", h->n - 1, e);
    } else if (plain) {
        struct_ops_handle(map, hold->struct_ops, sizeof(hold->struct_ops));
        if (place->state)
            rc = statedir_note(place->state, STATE_STRUCT_OPS, hold->struct_ops, e);
    }
    if (!rc)
        rc = struct_ops_register(map, &hold->fd, program, e);
    if (rc)
        hold->struct_ops[0] = '\0';
    else if (!plain && place->pin_dir)
        rc = pin(hold->fd, place->pin_dir, "link", h->n - 1, e);
    return rc;
}

static int pin_maps(struct bpf_object *obj, const char *dir, struct err *e)
{
    struct bpf_map *m;
    int rc = 0;

    bpf_object__for_each_map(m, obj)
    {
        const char *name = bpf_map__name(m);
        const char *role = carrier_map(name) ? name : live_map_role(name, bpf_map__type(m));
        char *path = role ? xasprintf("%s/%s", dir, role) : NULL;
        if (!rc && path && (rc = bpf_obj_pin(bpf_map__fd(m), path)))
            err_broke(e, rc, "%s: cannot pin: %s", path, strerror(-rc));
        free(path);
    }
    return rc;
}

/* What the daemon of a path manager runs itself is nothing to be attached. */
static bool is_for_daemon(const struct bpf_program *prog, const struct program_decl *d)
{
    return d->path_manager && (bpf_program__type(prog) == BPF_PROG_TYPE_SYSCALL ||
                               bpf_program__expected_attach_type(prog) == BPF_TRACE_ITER);
}

int holds_attach(struct holds *h, struct bpf_object *obj, const struct program_decl *d,
                 const struct program_place *place, struct err *e)
{
    struct bpf_program *prog;
    struct bpf_map *m;
    int rc = 0;

    bpf_object__for_each_program(prog, obj)
    {
        if (!rc && !d->path_manager && goes_to_cgroup(prog))
            rc = not_there_yet(prog, d->name, place, e);
    }
    if (!rc && place->pin_dir)
        rc = pin_maps(obj, place->pin_dir, e);
    /* Congestion controls first: a program may use one from its first connection on. */
    bpf_object__for_each_map(m, obj)
    {
        if (!rc && bpf_map__type(m) == BPF_MAP_TYPE_STRUCT_OPS)
            rc = register_struct_ops(h, m, d->name, place, e);
    }
    bpf_object__for_each_program(prog, obj)
    {
        if (!rc && !is_for_daemon(prog, d))
            rc = attach_to_cgroup(h, prog, d->name, place, e);
    }
    return rc;
}

void holds_release(struct holds *h)
{
    /* The last one first: programs before the congestion controls that they use. */
    while (h->n) {
        const struct hold *hold = &h->h[--h->n];
        if (hold->fd >= 0)
            close(hold->fd);
        else if (hold->struct_ops[0])
            struct_ops_unregister(hold->struct_ops);
    }
    free(h->h);
    h->h = NULL;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside programs: what keeps a loaded object attached to a cgroup, and registered. */
#ifndef EXTCP_PROGRAM_HOLD_H
#define EXTCP_PROGRAM_HOLD_H

#include <bpf/libbpf.h>

#include "program.h"

struct hold {            /* one link, or one registration that has none */
    int fd;              /* closing it detaches, unless it is pinned; -1: none */
    char struct_ops[40]; /* struct_ops_handle of one without a link that is not pinned */
};

struct holds {
    struct hold *h;
    unsigned n;
};

/* Attaches every program and registers every struct_ops map of a loaded object, and pins it all
 * where the place says so. On an error what is there so far is in *out, to be released. */
int holds_attach(struct holds *out, struct bpf_object *obj, const struct program_decl *d,
                 const struct program_place *place, struct err *e);
/* Detaches what is not pinned, frees. */
void holds_release(struct holds *h);

#endif

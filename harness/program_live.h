/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The programs of extcp that are attached to cgroups of this machine at this moment, whoever did
 * it: `extcp attach` (pinned), `extcp run`, an experiment. The kernel itself is asked, so nothing
 * can be out of date: its links, their programs, and of those the maps, where every program of
 * extcp has a struct extcp_identity. Needs root.
 */
#ifndef EXTCP_PROGRAM_LIVE_H
#define EXTCP_PROGRAM_LIVE_H

#include <bpf/bpf.h>
#include <stdbool.h>
#include <stdint.h>

#include "connections.h"
#include "err.h"
#include "program.h"

struct decl_layout;

struct live_program {
    char name[EXTCP_NAME_SIZE];
    unsigned pid;             /* of the process that attached it */
    uint64_t since_ns;        /* how long ago */
    uint64_t cgroup_id;       /* 0: the cgroup is gone */
    char *cgroup;             /* its path; NULL where it is gone or out of our sight */
    char *pin;                /* the directory of its pins; NULL: it lives as long as its process */
    unsigned *links, n_links; /* ids */
    int rodata, data, bss, connections; /* its maps, -1: none */
    /* What it takes and tells, `def` of each parameter being the value now. NULL, with the reason
     * in why, where that cannot be read. */
    const struct program_decl *decl;
    char why[256];
    uint64_t *counters; /* as in decl */
    struct decl_layout *layout;
};

/* All of them, pinned ones first, in a steady order. */
int live_read(struct live_program **out, unsigned *n, struct err *e);
void live_free(struct live_program *all, unsigned n);
/* Its live connections; none where it keeps no records of them. */
int live_connections(const struct live_program *p, connection_fn fn, void *arg, struct err *e);
/* Changes a live parameter; really false: only checks whether that can be done. */
int live_set(const struct live_program *p, const char *key_value, bool really, struct err *e);

/* Is a program of this name in effect on a cgroup for this kind of hook (its own, or a group above
 * it has it)? 1, and who attached it; 0; -errno. */
int live_is_in_effect(int cgroup_fd, enum bpf_attach_type type, const char *program,
                      struct extcp_identity *who, struct err *e);
/* "rodata", "data", "bss", "connections": what a map is to a program of extcp; NULL for others (a
 * path manager calls something else its connections). */
const char *live_map_role(const char *map_name, enum bpf_map_type type);

#endif

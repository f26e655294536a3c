/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * struct_ops maps inside programs: congestion controls (struct tcp_congestion_ops). Their names are
 * global in the kernel, so two runs at the same time cannot both register "vegas". Therefore a
 * place (a node of a run) has a tag, and what is registered there is called BASE_TAG. Other
 * programs of the same place learn that name through a variable of theirs, which the loader fills
 * in:
 *
 *   const volatile char vegas[16] STRUCT_OPS_NAME("vegas");
 *
 * Without a tag (`extcp attach`) the name is BASE, so that an application can ask for it too.
 */
#ifndef EXTCP_PROGRAM_STRUCT_OPS_H
#define EXTCP_PROGRAM_STRUCT_OPS_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"

#define STRUCT_OPS_NAME_SIZE 16 /* TCP_CA_NAME_MAX, with the NUL */

/* BASE, or BASE_TAG where there is a tag (NULL or "": none). -ENAMETOOLONG where that is more than
 * the kernel takes (15 characters). */
int struct_ops_name(char out[STRUCT_OPS_NAME_SIZE], const char *base, const char *tag);
/*
 * Renames every congestion control in an ELF object in memory. btf: the object's own, with offsets
 * (of an opened object). The number of them, or -errno with a message that names the program.
 */
int struct_ops_rename(void *elf, size_t size, const struct btf *btf, const char *tag,
                      const char *program, struct err *e);
/* Before the load: whether registering makes a link. plain: never (as on kernels before 6.4). */
void struct_ops_prepare(struct bpf_object *obj, bool plain);
bool struct_ops_makes_link(const struct bpf_map *map);
/*
 * After the load: registers one map. *link_fd: closing it unregisters; -1 where the kernel has no
 * such links (before 6.4): then the registration holds itself, outlives the process, and
 * struct_ops_unregister is what ends it.
 */
int struct_ops_register(struct bpf_map *map, int *link_fd, const char *program, struct err *e);
/* "ID:NAME" of a map, for unregistering it later, also after a crash. It is left alone where the id
 * belongs to something else by now. */
void struct_ops_handle(const struct bpf_map *map, char *out, size_t size);
int struct_ops_unregister(const char *handle);

#endif

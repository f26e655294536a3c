/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside programs: an eBPF object, embedded in extcp or in a file, opened and not yet loaded. */
#ifndef EXTCP_PROGRAM_OBJECT_H
#define EXTCP_PROGRAM_OBJECT_H

#include <bpf/libbpf.h>

#include "program_decl.h"

struct program_object {
    char *name, *source; /* "uto", "bpf/options/uto.bpf.c" or the path of the object file */
    const void *bytes;
    void *own; /* the bytes, where they are ours to free */
    size_t size;
    struct bpf_object *obj;
    struct decl_layout layout;
};

/*
 * Opens the embedded program of this name or, where the name has a '/' or ends with ".bpf.o", the
 * object file; reads what it declares. Needs no privilege. EXIT_USAGE where there is none (the
 * message lists those there are) or the file is no such object. On an error nothing is to be
 * closed.
 */
int program_object_open(struct program_object *o, const char *name_or_path, struct err *e);
/* Has its congestion controls called as they are at a place with this tag
 * (program_struct_ops.h); before it is configured. */
int program_object_rename(struct program_object *o, const char *tag, struct err *e);
/* The initial value of a section (".rodata", ".data", ".bss"), writable until the object is loaded,
 * and its map (may be NULL). NULL: there is none. */
void *program_object_initial(const struct program_object *o, const char *section,
                             struct bpf_map **map);
void program_object_close(struct program_object *o);
/* What libbpf said since the last object was opened, the end of it: a verifier log tells there. */
const char *program_object_words(void);

#endif

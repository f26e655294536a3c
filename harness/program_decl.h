/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside programs: where a declared parameter or counter lies in the object's data sections. */
#ifndef EXTCP_PROGRAM_DECL_H
#define EXTCP_PROGRAM_DECL_H

#include <bpf/btf.h>

#include "program.h"

struct field {             /* a member of config, control or counters */
    unsigned offset, size; /* in its section */
    bool is_signed;
};

struct decl_layout {
    struct program_decl d;
    struct field *params, *counters; /* parallel to d.params and d.counters */
    char **events;                   /* names by value; NULL where there is none */
    unsigned n_events;
    struct name_variable *names; /* STRUCT_OPS_NAME variables in .rodata */
    unsigned n_names;
    long identity; /* offset of extcp_identity in .rodata, -1: there is none */
};

struct name_variable {
    char base[16];   /* of which congestion control it wants to know the name */
    unsigned offset; /* of char[16] */
};

/* Reads the declarations out of an object's BTF. rodata and data: the sections' initial values (may
 * be NULL where there is none). */
int decl_read(struct decl_layout *out, const struct btf *btf, const void *rodata, const void *data,
              const char *name, const char *source, struct err *e);
void decl_free(struct decl_layout *l);
/* Where extcp_identity is in .rodata, -1: nowhere. */
long decl_identity(const struct btf *btf);
/* Has it any declaration tag? The BTF of a kernel before 5.16 has not. */
bool decl_has_tags(const struct btf *btf);

/* "KEY=VALUE": which parameter, which value. Errors name program, key, value, and what is accepted.
 */
int decl_parse(const struct program_decl *d, const char *key_value, unsigned *param, int64_t *value,
               struct err *e);
/* The value of a setting; -EINVAL where it is not what param_accepted says. */
int param_parse(const struct param_decl *p, const char *text, int64_t *value);
/* Writes a value of this size. */
void decl_store(void *section, const struct field *f, int64_t value);
uint64_t decl_load(const void *section, const struct field *f);

#endif

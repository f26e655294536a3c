/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of eBPF objects that the build embeds (made by scripts/embed-programs.sh). */
#ifndef EXTCP_PROGRAMS_EMBEDDED_H
#define EXTCP_PROGRAMS_EMBEDDED_H

struct embedded_program {
    const char *name;         /* "uto": what an experiment writes under `program:` */
    const char *source;       /* "bpf/options/uto.bpf.c" */
    const char *object, *end; /* the ELF object, static storage */
};

/* Ends with a row whose name is NULL. */
extern const struct embedded_program embedded_programs[];
/* Those that the harness itself uses (bpf/iter/). */
extern const struct embedded_program embedded_iterators[];

#endif

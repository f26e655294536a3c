/* SPDX-License-Identifier: BSD-2-Clause */
/* What attach, detach and set have in common: PROGRAM --cgroup PATH, and settings. */
#ifndef EXTCP_PLACE_ARGS_H
#define EXTCP_PLACE_ARGS_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "program_live.h"

#define MAX_SETTINGS 64

enum place_accepts {
    ACCEPT_SET = 1,      /* --set KEY=VALUE */
    ACCEPT_SETTINGS = 2, /* KEY=VALUE after the program */
    ACCEPT_ALL = 4,      /* --all instead of a program */
};

struct place_args {
    const char *program, *cgroup;
    char *settings[MAX_SETTINGS];
    unsigned n_settings;
    bool all;
};

/* 0; 1 where the help was asked for and has been printed; -errno. Also refuses whoever is not root
 * (EXIT_LACKS). */
int place_parse(struct place_args *a, int argc, char **argv, unsigned accepts, const char *usage,
                struct err *e);
/* Nothing may interrupt what follows in the middle; only SIGKILL can, and `extcp clean` knows that.
 */
void place_block_signals(void);
/* "./mine.bpf.o" was attached as mine. The caller frees. */
char *place_program_name(const char *program);
/* The error where nothing that could be meant is there: EXIT_USAGE. */
int place_not_attached(const struct live_program *all, unsigned n, uint64_t cgroup_id,
                       const char *name, const char *cgroup, struct err *e);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The words that the command line takes before it looks for an experiment. */
#ifndef EXTCP_VERBS_H
#define EXTCP_VERBS_H

#include <stdbool.h>

struct verb {
    const char *name;
    int (*fn)(int argc, char **argv); /* cmd.h */
};

/* NULL: it is none. */
const struct verb *verb_find(const char *name);
/* Can an experiment not be called so? */
bool verb_is_reserved(const char *name);

#endif

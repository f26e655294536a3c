/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a run must not leave behind. /run/extcp/<id>/ holds a list of what is about to be made, and
 * a lock that dies with the process: a directory whose lock is free belongs to a dead run, and
 * `extcp clean` removes what its list names, and nothing else.
 */
#ifndef EXTCP_STATEDIR_H
#define EXTCP_STATEDIR_H

#include "err.h"

struct statedir;

enum state_kind {
    STATE_NETNS,      /* a name in /run/netns */
    STATE_CGROUP,     /* the path of a cgroup */
    STATE_PATH,       /* a file or directory, an unfinished result */
    STATE_STRUCT_OPS, /* a registration that outlives its process: struct_ops_handle() */
};

/* A new id and its locked directory. */
int statedir_create(struct statedir **out, struct err *e);
const char *statedir_id(const struct statedir *s); /* six hexadecimal digits */
/* To be called before the thing is made. */
int statedir_note(struct statedir *s, enum state_kind kind, const char *what, struct err *e);
/* Removes what the list names (but no STATE_PATH) and the directory itself; frees. NULL is fine. */
void statedir_remove(struct statedir *s);
/* For the dead ones: the same, with STATE_PATH. removed (may be NULL) is told of each thing: the
 * run's id, "netns", "cgroup", "path" or "state" (its directory in /run/extcp), and its name. The
 * number of runs cleaned, or -errno. */
typedef void (*removed_fn)(const char *id, const char *kind, const char *name);
int statedir_clean(removed_fn removed, struct err *e);

#endif

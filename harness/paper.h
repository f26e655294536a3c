/* SPDX-License-Identifier: BSD-2-Clause */
/* The state of `extcp paper`: which experiments are to run, which have, and where their results
 * are. */
#ifndef EXTCP_PAPER_H
#define EXTCP_PAPER_H

#include <jansson.h>
#include <stdbool.h>

#include "err.h"

struct paper_item {
    char *name;
    bool done;       /* it has run, and did not break: what broke runs again */
    int exit_status; /* of its last run, once `ended` is there */
    char *run;       /* its directory below the paper's, NULL where it left none */
    char *ended;     /* UTC */
};

struct paper {
    char *dir; /* results/paper/<UTC>-<id> */
    int lock;  /* held while a process works on it */
    char
        *busy; /* one that would have been gone on with, but another process works on it; or NULL */
    bool quick;
    bool reported;  /* the report of all of it is written: nothing is left to go on with */
    char *revision; /* of the source, "" where it is not known */
    struct paper_item *items;
    unsigned n;
};

/*
 * Goes on with the newest one in `base` that is not complete, has the same experiments, `quick` and
 * revision, and that no other process works on; makes a new one where there is none or `fresh`.
 * *resumed tells which. Close it in either case.
 */
int paper_open(struct paper *p, const char *base, bool quick, const char *revision, bool fresh,
               char *const *names, unsigned n, bool *resumed, struct err *e);
void paper_close(struct paper *p);

/* Experiment i has run; run: its results' directory below p->dir, or NULL where it left none.
 * Written to paper.json before it returns. With EXIT_BROKE it is still one that is left. */
int paper_done(struct paper *p, unsigned i, int exit_status, const char *run, struct err *e);
/* The report is written. Where nothing is left it ends this paper: the next one begins anew. */
int paper_reported(struct paper *p, struct err *e);
unsigned paper_left(const struct paper *p);

#endif

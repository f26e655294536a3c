/* SPDX-License-Identifier: BSD-2-Clause */
/* Another revision of extcp, built beside this one. */
#ifndef EXTCP_BENCH_BUILD_H
#define EXTCP_BENCH_BUILD_H

#include "err.h"

struct bench_build {
    char *revision; /* the whole hash */
    char *home;     /* HOME/build/baseline/<hash> */
    char *binary;
};

/* Takes the revision (anything git understands) out of HOME's repository and makes it; what has
 * been made once is used again. EXIT_USAGE where git knows no such revision; EXIT_BROKE with make's
 * last words where it does not build. Free it in either case. */
int bench_build(struct bench_build *b, const char *revision, struct err *e);
void bench_build_free(struct bench_build *b);

#endif

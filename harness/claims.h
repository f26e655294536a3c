/* SPDX-License-Identifier: BSD-2-Clause */
/* Claims: what an experiment says its results must show, as data that can fail. */
#ifndef EXTCP_CLAIMS_H
#define EXTCP_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"
#include "results.h"

enum claim_kind {
    CLAIM_EACH,    /* every repetition of every variant named: min <= metric <= max */
    CLAIM_MEDIAN,  /* the median of each variant named lies in min..max */
    CLAIM_GREATER, /* median(variant) - median(than) (or the ratio) has its 95 % interval wholly
                      above `by` */
    CLAIM_LESS,    /* … wholly below `by` */
    CLAIM_EQUAL,   /* … contains `by`, and lies in by - within .. by + within */
    CLAIM_SHARE,   /* of the values of each variant named, the share that lies in min..max has its
                      95 % interval wholly above `by` */
};

struct claim {  /* strings belong to whoever filled it in */
    char *name; /* a sentence */
    enum claim_kind kind;
    char *metric;
    char **variants; /* empty: every variant that has the metric */
    unsigned n_variants;
    char *than;      /* GREATER, LESS, EQUAL: the other variant */
    bool ratio;      /* compare the ratio instead of the difference */
    double min, max; /* -INFINITY, INFINITY where not given */
    double by;       /* default 0 (difference), 1 (ratio), 0.5 (share) */
    double within;   /* EQUAL: how far the interval may reach; 0: any distance, so that too few
                        values can hide a difference */
};

struct claim_result {
    bool held;
    char expected[256],
        found[512]; /* in words, with numbers and units; names the repetition that broke it */
};

/* Is it a claim that can be judged? The error names the claim, the value and what is accepted. */
int claim_validate(const struct claim *c, struct err *e);
/*
 * A metric or a variant without values does not hold, and neither does a claim about a variant of
 * which a repetition has no value of the metric: what was not seen cannot be claimed. GREATER,
 * LESS and EQUAL need two repetitions of each side at least; with fewer there is no interval, and
 * they do not hold. `found` says which of these it was. Where a text would not fit, it ends with
 * "…".
 */
void claim_judge(const struct claim *c, const struct results *r, struct claim_result *out);

#endif

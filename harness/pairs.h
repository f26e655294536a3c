/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pairs: many metrics of one kind (the load time of each web page) compared one by one between two
 * variants. What comes out is one metric with a value for each pair, which claims and figures take
 * like any other: how a page's time differs from what the same page took in another variant.
 */
#ifndef EXTCP_PAIRS_H
#define EXTCP_PAIRS_H

#include <stdbool.h>

#include "err.h"
#include "results.h"

struct pairing { /* strings belong to whoever filled it in */
    char *name;  /* of the metric that is made */
    char *of;    /* the metrics that are compared: a name with one '*' for any text */
    char *than;  /* the variant they are compared with */
    bool ratio;  /* value / that of `than`, instead of the difference */
};

/* Is it one that can be made? The error names the pairing, the value and what is accepted. */
int pairing_validate(const struct pairing *p, struct err *e);
/*
 * Adds the metric: for each variant but `than`, and each metric that `of` fits, the median over the
 * repetitions minus (or through) the median of `than`. The pair is called by the text that '*'
 * stands for. A pair that a variant, or `than`, has no value of has no value there, which a claim
 * about it sees as missing. Nothing is added where nothing fits, or only in `than`.
 */
void pairing_apply(const struct pairing *p, struct results *r);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The gate of `bench`: is B worse than A? Pure.
 *
 * The metrics are compared on the scale of log(b / a), turned so that positive is worse. A metric
 * is looked at after 6, 9, 12, 16, 20 and 24 pairs of repetitions, and a look may decide:
 *
 *   regression  the rank test (ranktest.h) has p <= GATE_ALPHA / (metrics * GATE_LOOKS), and the
 *               estimate is worse by more than the metric's threshold;
 *   improvement the same in the other direction;
 *   no regression  the one-sided bound of the change is below the threshold, at level 1 - GATE_MISS
 *               (1 - GATE_MISS_EARLY at the early looks, where what looks like an improvement by
 * more than the threshold goes on until it can be called one).
 *
 * The early looks, with fewer than GATE_FIRST pairs, can only find that nothing is wrong
 * (futility), so they cost nothing of the error rate of alarms. Dividing by metrics and by the
 * GATE_LOOKS that can raise one (Bonferroni) keeps the chance that an unchanged program raises any
 * alarm in a whole gate below GATE_ALPHA in each direction, however the metrics hang together; that
 * the estimate must also pass the threshold makes it smaller still.
 *
 * What the early looks cost is power: a metric that is worse by its threshold or more is passed by
 * each of them with a chance of at most GATE_MISS_EARLY (1/64: all six pairs lie below it), by both
 * of at most 3.1 %. Nearly that is reached where it is worse by just the threshold; at twice the
 * threshold it is below 0.3 % for all the noises in the table of `make bench-gate-sim`.
 */
#ifndef EXTCP_GATE_H
#define EXTCP_GATE_H

#include <stdbool.h>
#include <stddef.h>

#define GATE_ALPHA      0.02
#define GATE_MISS       0.05 /* one-sided, of a look */
#define GATE_MISS_EARLY (1.0 / 64)
#define GATE_EARLY      6  /* pairs at the first look */
#define GATE_FIRST      12 /* at the first that can raise an alarm */
#define GATE_LOOKS      4  /* that can */
#define GATE_MAX        24

enum gate_verdict { GATE_UNDECIDED, GATE_NO_REGRESSION, GATE_REGRESSION, GATE_IMPROVEMENT };

struct gate_question {
    bool higher_is_better;
    double threshold; /* 0.05: worse by 5 % */
    unsigned metrics; /* judged in this gate */
    bool paired;      /* a[i] and b[i] were measured side by side */
};

struct gate_answer {
    enum gate_verdict verdict;
    size_t n;                /* values on the smaller side */
    double ratio, low, high; /* b / a with its 95 % interval */
    double p, p_needed;      /* of the direction that the estimate points to */
};

/* Values must be above 0 and finite: what is not is a missing measurement, and then the answer is
 * GATE_UNDECIDED with ratio NaN. */
void gate_judge(const struct gate_question *q, const double *a, size_t na, const double *b,
                size_t nb, struct gate_answer *out);
/* Pairs after which to look next, having n; 0: there is no further look. */
unsigned gate_next(unsigned n);
/* "regression", "improvement", "no regression", "undecided". Static. */
const char *gate_word(enum gate_verdict v);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Measuring emulated links before they are trusted. */
#ifndef EXTCP_CALIBRATE_H
#define EXTCP_CALIBRATE_H

#include "testbed.h"

struct calibration { /* of one link, both directions together for the delay, each for rate and loss
                      */
    unsigned link;
    double rtt_configured_ms, rtt_median_ms, rtt_p99_ms, rtt_min_ms; /* delay there and back */
    double rate_configured_bps[2], rate_measured_bps[2]; /* 0: not limited, not measured */
    double loss_configured[2], loss_measured[2];
    uint64_t loss_lost[2], loss_sent[2];
    bool ok;
    char why[256]; /* where ok is false: what is off, by how much, and the tolerance */
};

struct calibration_tolerance {
    double delay_ms;   /* of the median, each way; default 1.0 */
    double rate_share; /* default 0.02 */
    double loss_alpha; /* two-sided binomial; default 0.01 */
};

/* Measures every link with an impairment (out: array of n_links, caller frees). budget_ms bounds
 * the time per link. Returns 0 when it could measure, whatever it found; the caller looks at ok. */
int calibrate_links(struct testbed *tb, const struct calibration_tolerance *tol, unsigned budget_ms,
                    struct calibration **out, unsigned *n_out, struct err *e);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Measuring emulated links before they are trusted: each direction of each link alone, with UDP
 * probes that are forwarded like the traffic later. Every router gets a stub for the time of the
 * measurement: a namespace without a name behind a clean link, so that a direction that is shaped
 * on the way out of the router has somewhere to come out.
 */
#ifndef EXTCP_CALIBRATE_H
#define EXTCP_CALIBRATE_H

#include "testbed.h"

struct calibration_direction { /* NAN: not measured, because it has no such impairment (or nothing
                                  came through) */
    double delay_configured_ms, delay_min_ms, delay_median_ms,
        delay_p99_ms; /* one-way: all namespaces share a clock */
    unsigned delay_probes, delay_received;
    double rate_configured_bps,
        rate_measured_bps; /* on the wire, with Ethernet header and configured overhead */
    double loss_configured, loss_measured;
    uint64_t loss_sent, loss_lost;
};

struct calibration { /* of one link */
    unsigned link;
    struct calibration_direction dir[2]; /* by enum link_dir */
    bool ok;
    char why[256]; /* where ok is false: what is off, by how much, and the tolerance */
};

struct calibration_tolerance {
    double delay_ms;   /* of the median one-way delay */
    double rate_share; /* of the rate */
    double loss_alpha; /* two-sided exact binomial */
};

/*
 * Measures every link that has an impairment. budget_ms bounds each of the three measurements
 * (delay, rate, loss). *out: one for each of the *n_out links, the caller frees. Returns 0 when it
 * could measure, whatever it found; the caller looks at ok.
 */
int calibrate_links(struct testbed *tb, const struct calibration_tolerance *tol, unsigned budget_ms,
                    struct calibration **out, unsigned *n_out, struct err *e);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench_link BACKEND DELAY RATE LOSS ROUNDS: builds a link of the topology `routed` so and measures
 * it (calibrate.h) in both directions, ROUNDS times. Prints CSV rows:
 * backend,delay_ms,rate_bps,loss,round,direction,delay_median_ms,delay_p99_ms,rate_measured_bps,loss_sent,loss_lost
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "calibrate.h"
#include "util.h"

static int measure(struct testbed *tb, const char *backend, int rounds, struct err *e)
{
    const struct calibration_tolerance tol = {1, 0.02, 0.01};

    for (int r = 1; r <= rounds; r++) {
        struct calibration *c;
        unsigned n;
        int rc = calibrate_links(tb, &tol, 300, &c, &n, e);
        if (rc)
            return rc;
        for (unsigned d = 0; n && d < 2; d++) {
            const struct calibration_direction *x = &c[0].dir[d];
            printf("%s,%g,%.0f,%g,%d,%s,%.4f,%.4f,%.0f,%llu,%llu\n", backend,
                   x->delay_configured_ms, x->rate_configured_bps, x->loss_configured, r,
                   d == DIR_AB ? "forward" : "backward", x->delay_median_ms, x->delay_p99_ms,
                   isfinite(x->rate_measured_bps) ? x->rate_measured_bps : 0,
                   (unsigned long long)x->loss_sent, (unsigned long long)x->loss_lost);
        }
        fflush(stdout);
        free(c);
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct testbed_options o = {.seed = 1};
    struct err e = ERR_INIT;
    struct topology *t = NULL;
    struct testbed *tb = NULL;
    char *set[6];
    int rc;

    if (argc != 6 || (strcmp(argv[1], "netem") && strcmp(argv[1], "nfqueue"))) {
        fprintf(stderr, "usage: bench_link netem|nfqueue DELAY RATE LOSS ROUNDS\n");
        return 2;
    }
    o.seed = (uint64_t)atoi(argv[2]); /* other losses for each delay */
    o.backend = !strcmp(argv[1], "netem") ? BACKEND_NETEM : BACKEND_NFQUEUE;
    set[0] = xasprintf("client-r1.delay=%s", argv[2]);
    set[1] = xasprintf("client-r1.rate=%s", argv[3]);
    set[2] = xasprintf("client-r1.loss=%s", argv[4]);
    set[3] = xasprintf("r1-server.rate=unlimited");
    set[4] = xasprintf("r1-server.delay=0ms");
    set[5] = xasprintf("client-r1.queue=1000");
    rc = topology_load(&t, "routed", set, 6, &e);
    if (!rc)
        rc = testbed_build(&tb, t, &o, &e);
    if (!rc)
        rc = measure(tb, argv[1], atoi(argv[5]), &e);
    if (rc)
        fprintf(stderr, "bench_link: %s\n", e.msg);
    testbed_destroy(tb);
    topology_free(t);
    for (unsigned i = 0; i < ARRAY_SIZE(set); i++)
        free(set[i]);
    return rc ? e.status : 0;
}

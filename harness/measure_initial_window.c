/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The initial window (RFC 6928), proved from the capture: the new data that a sender has put on the
 * wire before the first ACK of any of it comes back. That is its window only where it had more to
 * send. So where the first ACK does not release more new data (within half of the time that it
 * took, and before the other end speaks again) the connection counts as `short` and is left out,
 * and so is one whose SYN the capture does not have.
 *
 * A sender that hears nothing for two round trips sends one new segment more, whatever its window
 * is (tail loss probe, RFC 8985 section 7.2): new data after a silence of more than one and a half
 * is counted as a probe and not as a part of the window.
 */
#include <stdlib.h>

#include "measure_flow.h"
#include "stats.h"
#include "util.h"

enum progress { FLIGHT, ACKED, FULL, SHORT };

struct iw_flow {
    struct flow flow;
    enum progress progress;
    int64_t max; /* end of the data so far */
    unsigned segments;
    int64_t bytes;
    uint64_t first_ns, last_ns; /* of data */
    uint64_t acked_ns;          /* the first ACK of data */
    bool probed;
};

#define SILENCE_MIN_NS                                                                             \
    2000000 /* the kernel's probe waits 2 jiffies more; a scheduler's whim does not */

static bool is_probe(const struct iw_flow *f, uint64_t t_ns)
{
    uint64_t silence = t_ns - f->last_ns;

    return f->last_ns && f->flow.handshake_ns && silence > f->flow.handshake_ns * 3 / 2 &&
           silence > SILENCE_MIN_NS;
}

static void on_segment(void *state, const struct flow_segment *s, void *arg)
{
    struct iw_flow *f = state;
    bool data = s->end > s->seq, fresh = s->seq >= f->max;

    (void)arg;
    if (s->from_sender && data) {
        if (f->progress == FLIGHT && fresh && is_probe(f, s->t_ns)) {
            f->probed = true;
        } else if (f->progress == FLIGHT && fresh) {
            if (!f->segments)
                f->first_ns = s->t_ns;
            f->segments += s->segments;
            f->bytes += s->end - s->seq;
        } else if (f->progress == ACKED && fresh) {
            f->progress = s->t_ns - f->acked_ns <= (f->acked_ns - f->first_ns) / 2 ? FULL : SHORT;
        }
        if (s->end > f->max)
            f->max = s->end;
        f->last_ns = s->t_ns;
    } else if (!s->from_sender && f->max > 0) {
        if (f->progress == FLIGHT && s->has_ack && s->ack > 0) {
            f->progress = ACKED;
            f->acked_ns = s->t_ns;
        }
        if (f->progress == ACKED && data)
            f->progress = SHORT;
    }
}

static void report(const struct measure_input *in, double *segments, double *bytes, size_t n)
{
    if (!n)
        return;
    measure_metric(in, "segments_median", "count", stats_median(segments, n));
    measure_metric(in, "segments_min", "count", stats_quantile(segments, n, 0));
    measure_metric(in, "segments_max", "count", stats_quantile(segments, n, 1));
    measure_metric(in, "bytes_median", "byte", stats_median(bytes, n));
}

int measure_initial_window(const struct measure_input *in, struct err *e)
{
    struct conns flows;
    int rc = flows_read(&flows, sizeof(struct iw_flow), in, on_segment, NULL, e);
    double *segments = xcalloc(flows.n + 1, sizeof(*segments));
    double *bytes = xcalloc(flows.n + 1, sizeof(*bytes));
    size_t n = 0, without = 0, probed = 0;

    for (size_t i = 0; i < flows.n; i++) {
        const struct iw_flow *f = (const struct iw_flow *)flows.all[i];
        if (f->progress == FULL && f->flow.complete) {
            probed += f->probed;
            segments[n] = f->segments;
            bytes[n++] = (double)f->bytes;
        } else if (f->max > 0) {
            without++;
        }
    }
    if (!rc) {
        measure_metric(in, "connections", "count", (double)n);
        measure_metric(in, "short", "count", (double)without);
        measure_metric(in, "probed", "count", (double)probed);
        report(in, segments, bytes, n);
    }
    conns_free(&flows);
    free(segments);
    free(bytes);
    return rc;
}

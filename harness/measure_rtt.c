/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Round-trip times as they are at the point of the capture: from a data segment to the first ACK
 * that covers all of it; an ACK of several gives one sample, of the newest. Karn's rule (RFC 6298,
 * section 3): an ACK that covers anything that was sent twice, or that had a hole before it, gives
 * none.
 */
#include <stdlib.h>
#include <string.h>

#include "measure_flow.h"
#include "stats.h"
#include "util.h"

#define SERIES_STEP_NS 10000000ull /* the series has at most one point in each 10 ms */

struct sent { /* a piece of data that is under way */
    int64_t seq, end;
    uint64_t t_ns;
    bool ambiguous;
};

struct rtt_flow {
    struct flow flow;
    struct sent *sent; /* in order and without gaps, from `first` on */
    size_t first, n, cap;
    int64_t max;
};

struct rtt_run {
    const struct measure_input *in;
    double *samples;
    size_t n, cap;
    uint64_t next_point_ns;
};

static void push(struct rtt_flow *f, int64_t seq, int64_t end, uint64_t t_ns, bool ambiguous)
{
    if (f->n == f->cap && f->first > f->cap / 2) {
        memmove(f->sent, f->sent + f->first, (f->n - f->first) * sizeof(*f->sent));
        f->n -= f->first;
        f->first = 0;
    }
    if (f->n == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 64;
        f->sent = xrealloc(f->sent, f->cap * sizeof(*f->sent));
    }
    f->sent[f->n++] = (struct sent){seq, end, t_ns, ambiguous};
}

static void on_data(struct rtt_flow *f, const struct flow_segment *s)
{
    int64_t seq = s->seq;

    for (size_t i = f->n; i > f->first && f->sent[i - 1].end > seq; i--)
        if (f->sent[i - 1].seq < s->end)
            f->sent[i - 1].ambiguous = true;
    if (seq > f->max) /* the segment before it was lost on the way to the capture */
        push(f, f->max, seq, s->t_ns, true);
    if (seq < f->max)
        seq = f->max;
    if (s->end > seq) {
        push(f, seq, s->end, s->t_ns, false);
        f->max = s->end;
    }
}

static void on_ack(struct rtt_flow *f, const struct flow_segment *s, struct rtt_run *run)
{
    const struct sent *newest = NULL;
    bool ambiguous = false;
    double rtt;

    for (; f->first < f->n && f->sent[f->first].end <= s->ack; f->first++) {
        newest = &f->sent[f->first];
        ambiguous |= newest->ambiguous;
    }
    if (!newest || ambiguous)
        return;
    rtt = (double)(int64_t)(s->t_ns - newest->t_ns) / 1e9;
    if (run->n == run->cap) {
        run->cap = run->cap ? 2 * run->cap : 1024;
        run->samples = xrealloc(run->samples, run->cap * sizeof(*run->samples));
    }
    run->samples[run->n++] = rtt;
    if (s->t_ns >= run->next_point_ns) {
        measure_series(run->in, s->t_ns, rtt);
        run->next_point_ns = s->t_ns - s->t_ns % SERIES_STEP_NS + SERIES_STEP_NS;
    }
}

static void on_segment(void *state, const struct flow_segment *s, void *arg)
{
    struct rtt_flow *f = state;

    if (!s->from_sender) {
        if (s->has_ack)
            on_ack(f, s, arg);
    } else if (s->end > s->seq) {
        if (!f->n && !f->flow.complete)
            f->max = s->seq; /* the capture begins in the middle */
        on_data(f, s);
    }
}

int measure_rtt(const struct measure_input *in, struct err *e)
{
    struct rtt_run run = {.in = in};
    struct conns flows;
    int rc = flows_read(&flows, sizeof(struct rtt_flow), in, on_segment, &run, e);

    if (!rc) {
        measure_metric(in, "n", "count", (double)run.n);
        if (run.n) {
            measure_metric(in, "min", "s", stats_quantile(run.samples, run.n, 0));
            measure_metric(in, "median", "s", stats_median(run.samples, run.n));
            measure_metric(in, "p95", "s", stats_quantile(run.samples, run.n, 0.95));
            measure_metric(in, "max", "s", stats_quantile(run.samples, run.n, 1));
        }
    }
    for (size_t i = 0; i < flows.n; i++)
        free(((struct rtt_flow *)flows.all[i])->sent);
    conns_free(&flows);
    free(run.samples);
    return rc;
}

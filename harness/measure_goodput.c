/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Goodput: the payload of all connections, each byte once, over the time from the first to the last
 * segment with data. Bytes that come a second time, and empty time before and after, do not count.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "measure_flow.h"
#include "util.h"

#define BIN_S 0.1 /* of the series */

struct hole { /* data below `max` that has not been seen */
    int64_t seq, end;
};

struct goodput_flow {
    struct flow flow;
    bool begun;
    int64_t max;
    struct hole *holes; /* in order */
    size_t n, cap;
};

struct goodput_run {
    uint64_t first_ns, last_ns;
    double unique, repeated;
    double *bins; /* unique bytes, from first_ns on */
    size_t n_bins;
};

static void insert_hole(struct goodput_flow *f, size_t at, int64_t seq, int64_t end)
{
    if (f->n == f->cap) {
        f->cap = f->cap ? 2 * f->cap : 16;
        f->holes = xrealloc(f->holes, f->cap * sizeof(*f->holes));
    }
    memmove(f->holes + at + 1, f->holes + at, (f->n - at) * sizeof(*f->holes));
    f->holes[at] = (struct hole){seq, end};
    f->n++;
}

/* Takes seq..end out of the holes; how many bytes of it were in one. */
static int64_t fill_holes(struct goodput_flow *f, int64_t seq, int64_t end)
{
    int64_t filled = 0;

    for (size_t i = 0; i < f->n && f->holes[i].seq < end;) {
        struct hole *h = &f->holes[i], old = *h;
        if (old.end <= seq) {
            i++;
            continue;
        }
        filled += (old.end < end ? old.end : end) - (old.seq > seq ? old.seq : seq);
        if (old.seq < seq) {
            h->end = seq;
            i++;
            if (old.end > end)
                insert_hole(f, i, end, old.end);
        } else if (old.end > end) {
            h->seq = end;
        } else {
            memmove(h, h + 1, (f->n - i - 1) * sizeof(*h));
            f->n--;
        }
    }
    return filled;
}

/* How many bytes of seq..end are new. */
static int64_t take(struct goodput_flow *f, int64_t seq, int64_t end)
{
    int64_t fresh = 0;

    if (!f->begun) {
        f->begun = true;
        f->max = f->flow.complete ? 0 : seq;
    }
    if (seq < f->max)
        fresh = fill_holes(f, seq, end < f->max ? end : f->max);
    if (seq > f->max)
        insert_hole(f, f->n, f->max, seq);
    if (end > f->max) {
        fresh += end - (seq > f->max ? seq : f->max);
        f->max = end;
    }
    return fresh;
}

static void on_segment(void *state, const struct flow_segment *s, void *arg)
{
    struct goodput_run *run = arg;
    int64_t fresh;
    size_t bin;

    if (!s->from_sender || s->end == s->seq)
        return;
    fresh = take(state, s->seq, s->end);
    if (!run->first_ns)
        run->first_ns = s->t_ns;
    if (s->t_ns > run->last_ns)
        run->last_ns = s->t_ns;
    run->unique += (double)fresh;
    run->repeated += (double)(s->end - s->seq - fresh);
    bin = s->t_ns > run->first_ns ? (size_t)((double)(s->t_ns - run->first_ns) / 1e9 / BIN_S) : 0;
    if (bin >= run->n_bins) {
        run->bins = xrealloc(run->bins, (bin + 1) * sizeof(*run->bins));
        memset(run->bins + run->n_bins, 0, (bin + 1 - run->n_bins) * sizeof(*run->bins));
        run->n_bins = bin + 1;
    }
    run->bins[bin] += (double)fresh;
}

int measure_goodput(const struct measure_input *in, struct err *e)
{
    struct goodput_run run = {0};
    struct conns flows;
    int rc = flows_read(&flows, sizeof(struct goodput_flow), in, on_segment, &run, e);
    double duration = (double)(run.last_ns - run.first_ns) / 1e9;

    if (!rc) {
        measure_metric(in, "bytes", "byte", run.unique);
        measure_metric(in, "repeated", "byte", run.repeated);
        measure_metric(in, "duration", "s", duration);
        if (duration > 0)
            measure_metric(in, "goodput", "bit/s", run.unique * 8 / duration);
        /* The last bin is not full. */
        for (size_t i = 0; i + 1 < run.n_bins; i++)
            measure_series(in, run.first_ns + (uint64_t)((double)(i + 1) * BIN_S * 1e9),
                           run.bins[i] * 8 / BIN_S);
    }
    for (size_t i = 0; i < flows.n; i++)
        free(((struct goodput_flow *)flows.all[i])->holes);
    conns_free(&flows);
    free(run.bins);
    return rc;
}

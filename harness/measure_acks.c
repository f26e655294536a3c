/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Acknowledgements: data segments of the sender, and the pure ACKs (no payload, no FIN) that the
 * other end sends after the first of them. Both as often as they were on the wire, so that
 * retransmissions and duplicate ACKs count.
 */
#include "measure_flow.h"

struct acks_flow {
    struct flow flow;
    bool data_seen;
};

struct acks_run {
    double segments, packets, acks;
};

static void on_segment(void *state, const struct flow_segment *s, void *arg)
{
    struct acks_flow *f = state;
    struct acks_run *run = arg;

    if (s->from_sender && s->end > s->seq) {
        f->data_seen = true;
        run->segments += s->segments;
        run->packets++;
    } else if (!s->from_sender && f->data_seen && s->has_ack && s->end == s->seq &&
               !(s->s->flags & SEG_FIN)) {
        run->acks++;
    }
}

int measure_acks(const struct measure_input *in, struct err *e)
{
    struct acks_run run = {0};
    struct conns flows;
    int rc = flows_read(&flows, sizeof(struct acks_flow), in, on_segment, &run, e);

    conns_free(&flows);
    if (rc)
        return rc;
    measure_metric(in, "data_segments", "count", run.segments);
    measure_metric(in, "data_packets", "count", run.packets);
    measure_metric(in, "pure_acks", "count", run.acks);
    if (run.acks > 0)
        measure_metric(in, "segments_per_ack", "1", run.segments / run.acks);
    if (run.segments > 0)
        measure_metric(in, "acks_per_segment", "1", run.acks / run.segments);
    return 0;
}

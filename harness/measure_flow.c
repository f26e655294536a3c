/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure_flow.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "capture.h"
#include "util.h"

struct reader {
    const struct measure_input *in;
    struct conns *t;
    struct net_addr *from;
    unsigned n_from;
    flow_fn fn;
    void *arg;
};

/* Is the segment of a connection that it is about; does its source send the data? */
static bool selects(const struct reader *r, const struct segment *s, bool *src_sends)
{
    unsigned port = r->in->m->port;
    bool src = addr_list_has(r->from, r->n_from, s->family, s->src);
    bool dst = addr_list_has(r->from, r->n_from, s->family, s->dst);

    *src_sends = src && (!dst || !port || s->sport == port);
    return (src || dst) && (!port || s->sport == port || s->dport == port);
}

static uint32_t announced_mss(const struct segment *s)
{
    struct tcp_option_iter it;
    struct tcp_option o;

    tcp_option_begin(&it, s);
    while (tcp_option_next(&it, &o))
        if (o.kind == 2 && !o.malformed && o.data_len == 2)
            return (uint32_t)(o.data[0] << 8 | o.data[1]);
    return s->family == AF_INET ? 536 : 1220; /* RFC 9293, section 3.7.1 */
}

/* A sequence number of `end` as a place in its data. */
static int64_t unwrap(struct flow *f, unsigned end, uint32_t seq)
{
    if (!f->known[end]) {
        f->known[end] = true;
        f->next[end] = seq;
    }
    f->at[end] += (int32_t)(seq - f->next[end]);
    f->next[end] = seq;
    return f->at[end];
}

static struct flow *on_syn(const struct reader *r, struct flow *f, const struct segment *s,
                           unsigned end, uint64_t t_ns)
{
    if (f->has_isn[end] && f->isn[end] != s->seq) /* the same ports again */
        f = conns_renew(r->t, f);
    f->complete = true;
    if (!(s->flags & SEG_ACK)) {
        f->syn_ns = t_ns;
        f->opener = end;
    }
    f->has_isn[end] = true;
    f->isn[end] = s->seq;
    f->mss[end] = announced_mss(s);
    f->known[end] = true;
    f->next[end] = s->seq + 1;
    f->at[end] = 0;
    return f;
}

static unsigned count_segments(const struct flow *f, unsigned end, const struct segment *s)
{
    uint32_t mss = f->mss[!end], options = (uint32_t)s->options_len + s->options_missing;

    /* The smaller of the two: an end also does not send more than its own interface takes. */
    if (f->mss[end] && f->mss[end] < mss)
        mss = f->mss[end];
    if (!mss || mss <= options)
        return 1;
    mss -= options; /* RFC 6691 */
    return s->payload_len > mss ? (s->payload_len + mss - 1) / mss : 1;
}

static int on_segment(const struct segment *s, uint64_t t_ns, uint64_t index, void *arg)
{
    struct reader *r = arg;
    struct flow_segment fs = {.s = s, .t_ns = t_ns};
    struct flow *f;
    bool src_sends;
    unsigned end;

    (void)index;
    if (!selects(r, s, &src_sends))
        return 0;
    f = conns_get(r->t, s, &end);
    if (s->flags & SEG_SYN)
        f = on_syn(r, f, s, end, t_ns);
    f->sender = src_sends ? end : !end;
    if (s->flags & (SEG_SYN | SEG_RST))
        return 0;
    if (f->syn_ns && !f->handshake_ns && end == f->opener)
        f->handshake_ns = t_ns - f->syn_ns;
    fs.from_sender = src_sends;
    fs.seq = unwrap(f, end, s->seq);
    fs.end = fs.seq + s->payload_len;
    fs.has_ack = s->flags & SEG_ACK;
    if (fs.has_ack)
        fs.ack = unwrap(f, !end, s->ack);
    fs.segments = count_segments(f, end, s);
    r->fn(f, &fs, r->arg);
    return 0;
}

int flows_read(struct conns *t, size_t state_size, const struct measure_input *in, flow_fn fn,
               void *arg, struct err *e)
{
    struct reader r = {.in = in, .t = t, .fn = fn, .arg = arg};
    int rc = addr_list_parse(in->m->from, &r.from, &r.n_from, e);

    conns_init(t, state_size);
    if (!rc)
        rc = capture_read(in->pcap_path, on_segment, &r, e);
    free(r.from);
    return rc;
}

/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Initial window request: the client asks, in its SYN, for the number of segments that the server
 * may send before the first acknowledgement of data (RFC 6928 makes it 10). The server applies what
 * its policy allows with TCP_BPF_IW, which the kernel takes only before the first data segment.
 * Kind 254, length 6, our ExID, 16 bits of segments.
 */
#include "extcp_prog.h"

#define OPT_KIND     254
#define OPT_EXID     EXID_IW_REQUEST
#define OPT_MAX_DATA 2
#define OPT_UNIT     "segments"

struct opt_conn {
    __u8 opener;    /* we opened the connection, so it is we who ask */
    __u8 decided;   /* the peer's request: a connection may ask once */
    __u16 segments; /* asked for, by us or by the peer */
};

#define OPT_WRITES (control.ask != 0) /* a server that only has a policy writes nothing */

#include "tcpopt.bpf.h"

struct iw_config {
    __u32 max_iw PARAM(0, 65535, "segments",
                       "the policy: the largest initial window that a peer is given; 0: none");
    __u32
        bound PARAM(0, 1, "",
                    "what becomes of a larger request: 0: it changes nothing, 1: max_iw is given");
};
const volatile struct iw_config config
    HELP("initial window request: the client asks in its SYN for the server's first window") = {
        .max_iw = 10, /* RFC 6928 */
};

struct iw_control {
    __u32 ask PARAM(0, 65535, "segments",
                    "the initial window that connections ask their server for; 0: none is asked");
};
struct iw_control control SEC(".data") = {.ask = 0}; /* zero would make it .bss */

struct iw_counters {
    TCPOPT_COUNTERS;
    __u64 granted, bounded; /* applied; those of them that were cut to max_iw */
    __u64 refused;          /* above max_iw */
    __u64 zero;             /* asked for nothing */
    __u64 late;             /* asked for after the handshake, or after data was sent */
    __u64 again;            /* another value on the same connection */
    __u64 wrong_side;       /* from the side that did not open the connection */
} counters;

enum event_type { iw_asked, iw_granted, iw_refused };
EVENTS(event_type);

/* Only the side that opens the connection asks; the first segments after the handshake say what the
 * SYN said, whatever `ask` is by then. */
static __always_inline int opt_length(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                      enum segment on)
{
    if (!c || (on != ON_SYN && on != ON_FIRST))
        return -1;
    if (on == ON_SYN) {
        c->opt.opener = 1;
        c->opt.segments = control.ask;
    }
    return c->opt.opener && c->opt.segments ? 2 : -1;
}

static __always_inline void opt_write(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                      enum segment on, __u8 *data)
{
    if (!c)
        return;
    data[0] = c->opt.segments >> 8;
    data[1] = c->opt.segments & 0xff;
}

static __always_inline void apply(struct bpf_sock_ops *ctx, struct tcpopt_conn *c, __u32 asked)
{
    __u32 iw = asked;

    if (asked > config.max_iw) {
        if (!config.bound || !config.max_iw) {
            COUNT(refused);
            emit(ctx, iw_refused, asked);
            tcpopt_decide(ctx, c, asked, ctx->snd_cwnd, decided_policy);
            return;
        }
        iw = config.max_iw;
    }
    if (bpf_setsockopt(ctx, SOL_TCP, TCP_BPF_IW, &iw, sizeof(iw))) {
        COUNT(late);
        tcpopt_decide(ctx, c, asked, 0, decided_late);
        return;
    }
    COUNT(granted);
    if (iw != asked)
        COUNT(bounded);
    emit(ctx, iw_granted, ctx->snd_cwnd); /* what the kernel made of it */
    tcpopt_decide(ctx, c, asked, ctx->snd_cwnd, iw == asked ? decided_granted : decided_bounded);
}

static __always_inline void opt_received(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                         enum segment on, const __u8 *data, int len)
{
    __u32 asked = data[0] << 8 | data[1];

    if (len != 2) {
        COUNT(malformed);
        tcpopt_decide(ctx, c, 0, c->record.granted, decided_malformed);
        return;
    }
    if (c->record.active) {
        COUNT(wrong_side);
        return;
    }
    if (c->opt.decided) { /* said again in case of a SYN cookie; another value is no request */
        if (asked != c->opt.segments)
            COUNT(again);
        return;
    }
    c->opt.decided = 1;
    c->opt.segments = asked;
    if (!asked) {
        COUNT(zero);
        tcpopt_decide(ctx, c, 0, ctx->snd_cwnd, decided_unknown);
        return;
    }
    emit(ctx, iw_asked, asked);
    if (on == ON_DATA) { /* RFC 6994: the SYN has to have it */
        COUNT(late);
        tcpopt_decide(ctx, c, asked, ctx->snd_cwnd, decided_late);
        return;
    }
    apply(ctx, c, asked);
}

static __always_inline void opt_established(struct bpf_sock_ops *ctx, struct tcpopt_conn *c)
{
    if (c->opt.opener && c->opt.segments)
        tcpopt_decide(ctx, c, c->opt.segments, 0, decided_asked);
}

#include "tcpopt_main.bpf.h"

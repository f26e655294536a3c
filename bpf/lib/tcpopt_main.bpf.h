/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The sock_ops program of the option framework. The option has defined:
 *
 *   int  opt_length(ctx, struct tcpopt_conn *c, enum segment s)
 *        bytes of the option's data (after kind, length and ExID) on this segment, -1: do not send
 * it. c is NULL on a SYN-ACK, where the kernel has no full socket yet. void opt_write(ctx, struct
 * tcpopt_conn *c, enum segment s, __u8 *data) writes them; data has room for OPT_MAX_DATA bytes.
 *   void opt_received(ctx, struct tcpopt_conn *c, enum segment s, const __u8 *data, int len)
 *        one well-formed option came from the peer; data has at least OPT_MAX_DATA readable bytes.
 *   void opt_established(ctx, struct tcpopt_conn *c)
 *        the handshake is complete, and what it carried was received.
 */
#ifdef OPT_EXID
#define OPT_HEAD 4
#else
#define OPT_HEAD 2
#endif

#define FIRST_SEGMENTS 4 /* a side that only receives never sends data: it stops after so many */

static __always_inline struct tcpopt_conn *conn_of(struct bpf_sock_ops *ctx, __u64 flags)
{
    struct bpf_sock *sk = ctx->sk;

    return sk ? bpf_sk_storage_get(&connections, sk, 0, flags) : NULL;
}

static __always_inline __u8 byte_at(const struct tcpopt_walk *w, __u32 off)
{
    return ((const __u8 *)w->words)[off & 63];
}

/* One step of the walk; false: it is over. */
static __always_inline bool find_step(struct tcpopt_walk *w)
{
    __u32 off = w->off, len = w->len;
    __u8 kind, l;

    if (off >= len || off >= TCP_HEADER_MAX)
        return false;
    kind = byte_at(w, off);
    if (kind == 0)
        return false;
    if (kind == 1) {
        w->off = off + 1;
        return true;
    }
    l = byte_at(w, off + 1);
    if (off + 1 >= len || l < 2 || off + l > len) {
        w->malformed |= kind == OPT_KIND;
        return false;
    }
    w->off = off + l;
#ifdef OPT_EXID
    if (kind == OPT_KIND && l < OPT_HEAD) { /* it has no room for an ExID */
        w->malformed = 1;
        return true;
    }
    if ((kind == TCPOPT_KIND_EXP1 || kind == TCPOPT_KIND_EXP2) &&
        (kind != OPT_KIND || (byte_at(w, off + 2) << 8 | byte_at(w, off + 3)) != OPT_EXID)) {
        w->other++;
        return true;
    }
#endif
    if (kind != OPT_KIND)
        return true;
    w->repeated = w->found;
    w->found = off + OPT_HEAD;
    w->size = l - OPT_HEAD;
    return !w->repeated;
}

/*
 * Finds the option in the header of w->len bytes in w->words. Returns the offset of its data, 0
 * where it is not there, and counts what must not be.
 */
static __always_inline int find_option(struct tcpopt_walk *w)
{
    w->off = TCP_HEADER;
    /* As in RFC 7323, appendix A: what nearly every segment begins with needs no walk. */
    if (w->len >= TCP_HEADER + 12 && w->words[TCP_HEADER / 4] == bpf_htonl(0x0101080a))
        w->off = TCP_HEADER + 12;
    w->found = w->size = w->repeated = w->malformed = w->other = 0;
    for (int i = 0; i < TCP_OPTIONS_MAX; i++)
        if (!find_step(w))
            break;
    if (w->repeated)
        COUNT(repeated);
    if (w->malformed)
        COUNT(malformed);
    if (w->other)
        __sync_fetch_and_add(&counters.other, w->other);
    return w->repeated || w->malformed ? 0 : w->found;
}

static __always_inline void count_received(enum segment on)
{
    if (on == ON_SYN)
        COUNT(received_syn);
    else if (on == ON_SYNACK)
        COUNT(received_synack);
    else if (on == ON_FIRST)
        COUNT(received_first);
    else
        COUNT(received_data);
}

static __always_inline bool take_header(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                        enum segment on)
{
    int off = find_option(&c->walk);

    if (c->walk.repeated || c->walk.malformed)
        tcpopt_decide(ctx, c, 0, c->record.granted, decided_malformed);
    if (!off)
        return false;
    count_received(on);
    opt_received(ctx, c, on, (__u8 *)c->walk.words + (off & 63), c->walk.size);
    return true;
}

/* The header of the segment at hand. */
static __always_inline bool take_segment(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                         enum segment on)
{
    __u32 *p = ctx->skb_data, *end = ctx->skb_data_end;

    c->walk.len = 0;
    for (int i = TCP_HEADER / 4; i < TCP_HEADER_MAX / 4; i++) {
        if (p + i + 1 > end)
            break;
        c->walk.words[i] = p[i];
        c->walk.len = 4 * i + 4;
    }
    return take_header(ctx, c, on);
}

/* The SYN that made this connection, where it was saved (not with a SYN cookie). */
static __always_inline bool take_syn(struct bpf_sock_ops *ctx, struct tcpopt_conn *c)
{
    int n = bpf_getsockopt(ctx, SOL_TCP, TCP_BPF_SYN, c->walk.words, TCP_HEADER_MAX);

    if (n <= 0)
        return false;
    c->walk.len = n;
    return take_header(ctx, c, ON_SYN);
}

static __always_inline void on_established(struct bpf_sock_ops *ctx, bool active)
{
    struct tcpopt_conn *c = conn_of(ctx, BPF_SK_STORAGE_GET_F_CREATE);

    if (!c)
        return;
    set_flags(ctx, (OPT_WRITES ? BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG : 0) |
                       (OPT_READS ? BPF_SOCK_OPS_PARSE_UNKNOWN_HDR_OPT_CB_FLAG : 0));
    c->record.cookie = bpf_get_socket_cookie(ctx);
    c->record.started_ns = bpf_ktime_get_ns();
    c->record.active = active;
    c->established = 1;
    c->first_left = FIRST_SEGMENTS;
    if (!OPT_READS) {
        /* nothing of the handshake is of interest */
    } else if (active) {
        take_segment(ctx, c, ON_SYNACK);
    } else {
        take_syn(ctx, c);
        if (!(ctx->skb_tcp_flags &
              TCPHDR_SYN)) /* with Fast Open, the segment at hand is the SYN itself */
            take_segment(ctx, c, ON_FIRST);
    }
    opt_established(ctx, c);
}

static __always_inline enum segment segment_of(struct bpf_sock_ops *ctx, struct tcpopt_conn *c)
{
    if (ctx->skb_tcp_flags & TCPHDR_SYN)
        return ctx->skb_tcp_flags & TCPHDR_ACK ? ON_SYNACK : ON_SYN;
    return c && c->first_left ? ON_FIRST : ON_DATA;
}

/* Is the option on this segment, and with how much data? The same answer for reserving and for
 * writing. */
static __always_inline int wanted(struct bpf_sock_ops *ctx, struct tcpopt_conn *c, enum segment on)
{
    int n;

    if (ctx->skb_tcp_flags & TCPHDR_RST)
        return -1;
    if (!c && on != ON_SYNACK && !OPT_ALWAYS)
        return -1;
    n = opt_length(ctx, c, on);
    if (n < 0 || n > OPT_MAX_DATA)
        return -1;
    if (on == ON_DATA && c && !c->resend && !c->every)
        return -1;
    return n;
}

static __always_inline void on_length(struct bpf_sock_ops *ctx)
{
    struct tcpopt_conn *c = ctx->is_fullsock && !OPT_ALWAYS ? conn_of(ctx, 0) : NULL;
    enum segment on = segment_of(ctx, c);
    int n = wanted(ctx, c, on);
    bool no_room = n >= 0 && bpf_reserve_hdr_opt(ctx, OPT_HEAD + n, 0);

    if (no_room)
        COUNT(no_space);
    if (c)
        c->no_room = no_room;
}

static __always_inline void on_write(struct bpf_sock_ops *ctx)
{
    struct tcpopt_conn *c = ctx->is_fullsock && !OPT_ALWAYS ? conn_of(ctx, 0) : NULL;
    enum segment on = segment_of(ctx, c);
    int n = wanted(ctx, c, on), header = TCP_HEADER_MAX;
    __u8 *tcp = ctx->skb_data, *end = ctx->skb_data_end;
    __u8 option[OPT_HEAD + OPT_MAX_DATA] = {OPT_KIND};

    if (n < 0 || (c && c->no_room)) /* opt_write is only asked for what goes out */
        return;
    if (tcp + TCP_HEADER <= end)
        header = (tcp[12] >> 4) * 4; /* with the room for all options, written yet or not */
    option[1] = OPT_HEAD + n;
#ifdef OPT_EXID
    option[2] = OPT_EXID >> 8;
    option[3] = OPT_EXID & 0xff;
#endif
    opt_write(ctx, c, on, option + OPT_HEAD);
    if (bpf_store_hdr_opt(ctx, option, sizeof(option), 0))
        return; /* there was no room, and it was counted then */
    if (on == ON_SYN)
        COUNT(sent_syn);
    else if (on == ON_SYNACK)
        COUNT(sent_synack);
    else if (on == ON_FIRST)
        COUNT(sent_first);
    else
        COUNT(sent_data);
    if (c && on == ON_FIRST)
        c->first_left = (int)ctx->skb_len > header ? 0 : c->first_left - 1;
    if (c && (on == ON_FIRST || on == ON_DATA))
        c->resend = 0;
}

SEC("sockops")
int tcpopt(struct bpf_sock_ops *ctx)
{
    int one = 1;
    struct tcpopt_conn *c;

    switch (ctx->op) {
    case BPF_SOCK_OPS_TCP_LISTEN_CB:
        if (OPT_READS)
            bpf_setsockopt(ctx, SOL_TCP, TCP_SAVE_SYN, &one, sizeof(one));
        if (OPT_WRITES)
            set_flags(ctx, BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG); /* for the SYN-ACK */
        break;
    case BPF_SOCK_OPS_TCP_CONNECT_CB:
        if (OPT_WRITES && conn_of(ctx, BPF_SK_STORAGE_GET_F_CREATE))
            set_flags(ctx, BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG);
        break;
    case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
        on_established(ctx, true);
        break;
    case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
        on_established(ctx, false);
        break;
    case BPF_SOCK_OPS_PARSE_HDR_OPT_CB:
        c = conn_of(ctx, 0);
        if (c && c->established)
            take_segment(ctx, c, ON_DATA);
        break;
    case BPF_SOCK_OPS_HDR_OPT_LEN_CB:
        on_length(ctx);
        break;
    case BPF_SOCK_OPS_WRITE_HDR_OPT_CB:
        on_write(ctx);
        break;
#ifdef OPT_OTHER
    default:
        OPT_OTHER(ctx);
#endif
    }
    return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

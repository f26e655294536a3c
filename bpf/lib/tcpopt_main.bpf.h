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
#ifndef OPT_MAX_DATA
#define OPT_MAX_DATA 8
#endif

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

static __always_inline struct tcpopt_scratch *get_scratch(void)
{
    __u32 zero = 0;

    return bpf_map_lookup_elem(&scratch, &zero);
}

/* One step of the walk; false: it is over. */
static __always_inline bool find_step(struct tcpopt_scratch *s)
{
    __u32 off = s->off, len = s->len;
    __u8 kind, l;

    if (off >= len || off >= TCP_HEADER_MAX)
        return false;
    kind = s->bytes[off & 63];
    if (kind == 0)
        return false;
    if (kind == 1) {
        s->off = off + 1;
        return true;
    }
    l = s->bytes[(off + 1) & 63];
    if (off + 1 >= len || l < 2 || off + l > len) {
        s->malformed = kind == OPT_KIND;
        return false;
    }
    s->off = off + l;
    if (kind != OPT_KIND)
        return true;
#ifdef OPT_EXID
    if (l < OPT_HEAD || (s->bytes[(off + 2) & 63] << 8 | s->bytes[(off + 3) & 63]) != OPT_EXID)
        return true;
#endif
    s->repeated = s->found;
    s->found = off + OPT_HEAD;
    s->size = l - OPT_HEAD;
    return !s->repeated;
}

/*
 * Finds the option in the header of s->len bytes in s->bytes. Returns the offset of its data, 0
 * where it is not there, and counts what must not be.
 */
static __always_inline int find_option(struct tcpopt_scratch *s)
{
    s->off = TCP_HEADER;
    s->found = s->size = s->repeated = s->malformed = 0;
    for (int i = 0; i < TCP_OPTIONS_MAX; i++)
        if (!find_step(s))
            break;
    if (s->repeated)
        COUNT(repeated);
    if (s->malformed)
        COUNT(malformed);
    return s->repeated || s->malformed ? 0 : s->found;
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
                                        struct tcpopt_scratch *s, enum segment on)
{
    int off = find_option(s);

    if (!off)
        return false;
    count_received(on);
    opt_received(ctx, c, on, &s->bytes[off & 63], s->size);
    return true;
}

/* The header of the segment at hand. */
static __always_inline bool take_segment(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                         enum segment on)
{
    struct tcpopt_scratch *s = get_scratch();
    __u8 *p = ctx->skb_data, *end = ctx->skb_data_end;

    if (!s)
        return false;
    s->len = 0;
    for (int i = 0; i < TCP_HEADER_MAX; i++) {
        if (p + i + 1 > end)
            break;
        s->bytes[i] = p[i];
        s->len = i + 1;
    }
    return take_header(ctx, c, s, on);
}

/* The SYN that made this connection, where it was saved (not with a SYN cookie). */
static __always_inline bool take_syn(struct bpf_sock_ops *ctx, struct tcpopt_conn *c)
{
    struct tcpopt_scratch *s = get_scratch();
    int n;

    if (!s)
        return false;
    n = bpf_getsockopt(ctx, SOL_TCP, TCP_BPF_SYN, s->bytes, TCP_HEADER_MAX);
    if (n <= 0)
        return false;
    s->len = n;
    return take_header(ctx, c, s, ON_SYN);
}

static __always_inline void on_established(struct bpf_sock_ops *ctx, bool active)
{
    struct tcpopt_conn *c = conn_of(ctx, BPF_SK_STORAGE_GET_F_CREATE);

    if (!c)
        return;
    set_flags(ctx, BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG | BPF_SOCK_OPS_PARSE_UNKNOWN_HDR_OPT_CB_FLAG);
    c->established = 1;
    c->first_left = FIRST_SEGMENTS;
    if (active) {
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
    if (!c && on != ON_SYNACK)
        return -1;
    n = opt_length(ctx, c, on);
    if (n < 0 || n > OPT_MAX_DATA)
        return -1;
    if (on == ON_DATA && c && !c->resend)
        return -1;
    return n;
}

static __always_inline void on_length(struct bpf_sock_ops *ctx)
{
    struct tcpopt_conn *c = ctx->is_fullsock ? conn_of(ctx, 0) : NULL;
    enum segment on = segment_of(ctx, c);
    int n = wanted(ctx, c, on);

    if (n >= 0 && bpf_reserve_hdr_opt(ctx, OPT_HEAD + n, 0))
        COUNT(no_space);
}

static __always_inline void on_write(struct bpf_sock_ops *ctx)
{
    struct tcpopt_conn *c = ctx->is_fullsock ? conn_of(ctx, 0) : NULL;
    enum segment on = segment_of(ctx, c);
    int n = wanted(ctx, c, on), header = TCP_HEADER_MAX;
    __u8 *tcp = ctx->skb_data, *end = ctx->skb_data_end;
    __u8 option[OPT_HEAD + OPT_MAX_DATA] = {OPT_KIND};

    if (n < 0)
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
        bpf_setsockopt(ctx, SOL_TCP, TCP_SAVE_SYN, &one, sizeof(one));
        set_flags(ctx, BPF_SOCK_OPS_WRITE_HDR_OPT_CB_FLAG); /* for the SYN-ACK */
        break;
    case BPF_SOCK_OPS_TCP_CONNECT_CB:
        if (conn_of(ctx, BPF_SK_STORAGE_GET_F_CREATE))
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
    }
    return 1;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

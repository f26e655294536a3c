/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The sock_ops program: connections and subflows as their sockets see them. */

static __always_inline struct tcp_sock *pm_tcp(struct bpf_sock_ops *ctx)
{
    struct bpf_sock *sk = ctx->sk;

    return sk ? bpf_skc_to_tcp_sock(sk) : NULL;
}

static __always_inline struct mptcp_sock *pm_mptcp(struct bpf_sock_ops *ctx)
{
    struct pm_shared *h = pm_shared();
    struct bpf_sock *sk = ctx->sk;

    if (!sk || !h || bpf_get_netns_cookie(ctx) != h->netns_cookie)
        return NULL;
    return bpf_skc_to_mptcp_sock(sk);
}

static __always_inline void pm_watch(struct bpf_sock_ops *ctx, __u32 more)
{
    /* One word for every program on this socket: add, never take another's away. */
    bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags | more | BPF_SOCK_OPS_STATE_CB_FLAG |
                                       (policy.rtt ? BPF_SOCK_OPS_RTT_CB_FLAG : 0) |
                                       (policy.loss ? BPF_SOCK_OPS_RETRANS_CB_FLAG : 0));
}

/* The SYN of a subflow is about to leave: only the daemon opens those. */
static __always_inline void pm_on_connect(struct bpf_sock_ops *ctx)
{
    struct mptcp_sock *msk = pm_mptcp(ctx);
    struct pm_conn *c = msk ? pm_conn_of(msk->token) : NULL;
    struct pm_shared *h = pm_shared();
    struct pm_addr local, remote;

    if (!c || !h)
        return;
    h->syn_ns[PM_INDEX(bpf_get_smp_processor_id(), PM_MAX_CPUS)] = bpf_ktime_get_ns();
    pm_ends_of(ctx, &local, &remote);
    if (!pm_new_subflow(c, &local, &remote, false))
        return;
    __sync_fetch_and_add(&c->in_call, 1);
    pm_watch(ctx, 0);
}

static __always_inline void pm_on_first(struct bpf_sock_ops *ctx, struct mptcp_sock *msk,
                                        bool server, struct pm_addr *local, struct pm_addr *remote)
{
    bool all = ctx->bpf_sock_ops_cb_flags & BPF_SOCK_OPS_PARSE_ALL_HDR_OPT_CB_FLAG;
    struct pm_subflow *s;
    struct pm_conn *c;

    c = pm_new_conn(msk->token, local, remote, server, ctx->family == AF_INET);
    if (!c)
        return;
    s = pm_new_subflow(c, local, remote, true);
    COUNT(connections);
    pm_emit(msk->token, pm_connection, server, local, remote);
    if (!s)
        return;
    s->established_ns = bpf_ktime_get_ns();
    COUNT(subflows_established);
    /* A server knows now that the peer has its key; a client with the first segment that carries a
     * data acknowledgement, so until then its segments are looked at. */
    s->parsing = server ? 0 : all ? PM_PARSING : PM_PARSING_OURS;
    pm_watch(ctx, s->parsing == PM_PARSING_OURS ? BPF_SOCK_OPS_PARSE_ALL_HDR_OPT_CB_FLAG : 0);
    pm_call_subflow_established(ctx, c, s);
    if (server)
        pm_now_established(c);
}

static __always_inline void pm_on_established(struct bpf_sock_ops *ctx, bool server)
{
    struct mptcp_sock *msk = pm_mptcp(ctx);
    struct pm_addr local, remote;
    struct pm_kernel_side k;
    struct pm_tuple key = {};
    struct pm_subflow *s;
    struct pm_conn *c;

    if (!msk || msk->pm.pm_type != PM_TYPE_USERSPACE)
        return;
    pm_look(pm_tcp(ctx), &k);
    pm_ends_of(ctx, &local, &remote);
    if (k.capable && !k.join) {
        pm_on_first(ctx, msk, server, &local, &remote);
        return;
    }
    if (!k.join)
        return; /* fell back to TCP */
    c = pm_conn_of(msk->token);
    if (!c)
        return;
    pm_tuple_of(&local, &remote, &key);
    s = bpf_map_lookup_elem(&subflows, &key);
    if (!s)
        s = pm_new_subflow(c, &local, &remote, false);
    if (!s)
        return;
    s->established_ns = bpf_ktime_get_ns();
    s->local.id = k.local_id;
    s->remote.id = k.remote_id;
    COUNT(subflows_established);
    pm_emit(c->token, pm_subflow, k.local_id << 8 | k.remote_id, &local, &remote);
    pm_watch(ctx, 0);
    pm_call_subflow_established(ctx, c, s);
}

/* The subflow at hand and its connection. */
static __always_inline struct pm_subflow *pm_at_hand(struct bpf_sock_ops *ctx, struct pm_conn **c)
{
    struct pm_addr local, remote;
    struct pm_tuple key = {};
    struct pm_subflow *s;

    pm_ends_of(ctx, &local, &remote);
    pm_tuple_of(&local, &remote, &key);
    s = bpf_map_lookup_elem(&subflows, &key);
    *c = s ? pm_conn_of(s->token) : NULL;
    return *c ? s : NULL;
}

static __always_inline void pm_on_segment(struct bpf_sock_ops *ctx)
{
    __u8 option[4] = {PM_TCPOPT_MPTCP};
    struct pm_conn *c;
    struct pm_subflow *s = pm_at_hand(ctx, &c);
    bool found = false, ours;
    int n;

    if (!s || !s->parsing)
        return;
    COUNT(parsed);
    /* Only the first option of the kind is found; the kernel writes DSS before ADD_ADDR. -ENOSPC:
     * it is longer than what we look at. */
    n = bpf_load_hdr_opt(ctx, option, sizeof(option), 0);
    if (n > 0 || n == -ENOSPC)
        found = (option[2] >> 4 == PM_SUBTYPE_DSS && option[3] & PM_DSS_HAS_ACK) ||
                option[2] >> 4 == PM_SUBTYPE_ADD_ADDR;
    if (!found && ++s->parsed < PM_PARSE_AT_MOST)
        return;
    ours = s->parsing == PM_PARSING_OURS;
    s->parsing = 0;
    pm_now_established(c);
    if (ours)
        bpf_sock_ops_cb_flags_set(ctx, ctx->bpf_sock_ops_cb_flags &
                                           ~BPF_SOCK_OPS_PARSE_ALL_HDR_OPT_CB_FLAG);
}

static __always_inline void pm_on_state(struct bpf_sock_ops *ctx)
{
    struct pm_addr local, remote;
    struct pm_kernel_side k;
    struct pm_tuple key = {};

    if (ctx->args[1] != PM_TCP_CLOSE)
        return;
    pm_look(pm_tcp(ctx), &k);
    pm_ends_of(ctx, &local, &remote);
    pm_tuple_of(&local, &remote, &key);
    pm_subflow_gone(&key, k.error, k.reason);
}

SEC("sockops")
int pm_sockops(struct bpf_sock_ops *ctx)
{
    struct pm_subflow *s;
    struct pm_conn *c;

    switch (ctx->op) {
    case BPF_SOCK_OPS_TCP_CONNECT_CB:
        pm_on_connect(ctx);
        break;
    case BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB:
        pm_on_established(ctx, false);
        break;
    case BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB:
        pm_on_established(ctx, true);
        break;
    case BPF_SOCK_OPS_PARSE_HDR_OPT_CB:
        pm_on_segment(ctx);
        break;
    case BPF_SOCK_OPS_STATE_CB:
        pm_on_state(ctx);
        break;
    case BPF_SOCK_OPS_RTT_CB:
        if (!policy.rtt)
            break;
        s = pm_at_hand(ctx, &c);
        if (!s || !s->established_ns)
            break;
        s->srtt_us = ctx->srtt_us >> 3;
        pm_call_rtt(ctx, c, s);
        break;
    case BPF_SOCK_OPS_RETRANS_CB:
        if (!policy.loss)
            break;
        s = pm_at_hand(ctx, &c);
        if (!s)
            break;
        s->retransmits += ctx->args[1];
        pm_call_loss(ctx, c, s);
        break;
    }
    return 1;
}

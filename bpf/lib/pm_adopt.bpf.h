/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The iterator over the TCP sockets of the namespace: puts MPTCP connections that are there, and
 * not known yet, into the maps (no callbacks yet: PM_IN_ADOPT follows), and marks the known ones as
 * seen. Reading it gives one struct pm_seen for each subflow.
 */

#define PM_SOL_TCP                   6
#define PM_TCP_BPF_SOCK_OPS_CB_FLAGS 1008 /* from Linux 6.12 */

static __always_inline bool pm_in_cgroup(struct tcp_sock *tp, const struct pm_shared *h)
{
    struct cgroup *cg = tp->inet_conn.icsk_inet.sk.sk_cgrp_data.cgroup, *above = NULL;
    __u32 level = h->cgroup_level;

    if (!cg || BPF_CORE_READ(cg, level) < (int)level)
        return false;
    if (!bpf_core_field_exists(cg->ancestors))
        return BPF_CORE_READ(cg, kn, id) == h->cgroup_id;
    bpf_probe_read_kernel(&above, sizeof(above),
                          (char *)cg + bpf_core_field_offset(struct cgroup, ancestors) +
                              sizeof(void *) * (level & 1023));
    return above && BPF_CORE_READ(above, kn, id) == h->cgroup_id;
}

static __always_inline void pm_ends_of_sock(struct sock_common *sk, struct pm_addr *local,
                                            struct pm_addr *remote)
{
    __u32 l[4] = {}, r[4] = {};

    __builtin_memset(local, 0, sizeof(*local));
    __builtin_memset(remote, 0, sizeof(*remote));
    local->family = BPF_CORE_READ(sk, skc_family);
    if (local->family == AF_INET6) {
        BPF_CORE_READ_INTO(&l, sk, skc_v6_rcv_saddr);
        BPF_CORE_READ_INTO(&r, sk, skc_v6_daddr);
        pm_unmap(l, AF_INET6);
        local->family = pm_unmap(r, AF_INET6);
    } else {
        l[0] = BPF_CORE_READ(sk, skc_rcv_saddr);
        r[0] = BPF_CORE_READ(sk, skc_daddr);
    }
    remote->family = local->family;
    __builtin_memcpy(local->ip, l, 16);
    __builtin_memcpy(remote->ip, r, 16);
    local->port = BPF_CORE_READ(sk, skc_num);
    remote->port = bpf_ntohs(BPF_CORE_READ(sk, skc_dport));
}

/* The connection's own socket has the addresses of its first subflow, also when that is gone. */
static __always_inline struct pm_conn *pm_adopt_conn(struct mptcp_sock *msk, struct pm_seen *seen)
{
    struct sock_common *own = (struct sock_common *)msk;
    struct pm_conn *c = pm_conn_of(seen->token);
    struct pm_addr local, remote;

    if (c) {
        c->seen_ns = bpf_ktime_get_ns();
        return c;
    }
    pm_ends_of_sock(own, &local, &remote);
    c = pm_new_conn(seen->token, &local, &remote, BPF_CORE_READ(msk, pm.server_side),
                    BPF_CORE_READ(own, skc_family) == AF_INET);
    if (c) {
        seen->fresh = 1;
        COUNT(adopted);
    }
    return c;
}

static __always_inline struct pm_subflow *pm_adopt_subflow(struct pm_conn *c, struct tcp_sock *tp,
                                                           bool established)
{
    struct pm_addr local, remote;
    struct pm_kernel_side k;
    struct pm_tuple key = {};
    struct pm_subflow *s;

    pm_look(tp, &k);
    pm_ends_of_sock((struct sock_common *)tp, &local, &remote);
    pm_tuple_of(&local, &remote, &key);
    s = bpf_map_lookup_elem(&subflows, &key);
    if (s) {
        s->seen_ns = bpf_ktime_get_ns();
        return s;
    }
    local.id = k.local_id;
    remote.id = k.remote_id;
    /* A subflow that we opened went to an address of the peer's: the one it announced with this
     * id. */
    if (k.asked_by_us && remote.id && pm_find_remote(c, &remote) == PM_NO_SLOT)
        for (__u32 i = 1; i < PM_REMOTES; i++)
            if (!c->remotes[i].family) {
                c->remotes[i] = remote;
                break;
            }
    s = pm_new_subflow(c, &local, &remote, k.capable && !k.join);
    if (s && established)
        s->established_ns = s->seen_ns;
    return s;
}

/* One that is on its way to be closed is still there: its end is told when it comes. */
static __always_inline void pm_still_there(struct tcp_sock *tp)
{
    struct pm_addr local, remote;
    struct pm_tuple key = {};
    struct pm_subflow *s;

    pm_ends_of_sock((struct sock_common *)tp, &local, &remote);
    pm_tuple_of(&local, &remote, &key);
    s = bpf_map_lookup_elem(&subflows, &key);
    if (s)
        s->seen_ns = bpf_ktime_get_ns();
}

SEC("iter/tcp")
int pm_adopt(struct bpf_iter__tcp *ctx)
{
    struct sock_common *sk = ctx->sk_common;
    struct pm_shared *h = pm_shared();
    struct mptcp_subflow_context *f;
    struct pm_seen seen = {};
    struct mptcp_sock *msk;
    struct tcp_sock *tp;
    struct pm_subflow *s;
    struct pm_conn *c;
    __u8 state;
    int had = 0, flags = BPF_SOCK_OPS_STATE_CB_FLAG | (policy.rtt ? BPF_SOCK_OPS_RTT_CB_FLAG : 0) |
                         (policy.loss ? BPF_SOCK_OPS_RETRANS_CB_FLAG : 0);

    if (!sk || !h)
        return 0;
    tp = bpf_skc_to_tcp_sock(sk);
    if (!tp || !tp->is_mptcp || !pm_in_cgroup(tp, h))
        return 0;
    state = sk->skc_state;
    f = tp->inet_conn.icsk_ulp_data;
    /* A further subflow whose handshake is under way is not to be asked for again. */
    if (state != PM_TCP_ESTABLISHED &&
        (state != PM_TCP_SYN_SENT || !f || !BPF_CORE_READ_BITFIELD_PROBED(f, request_join))) {
        pm_still_there(tp);
        return 0;
    }
    msk = f ? (struct mptcp_sock *)BPF_CORE_READ(f, conn) : NULL;
    if (!msk || BPF_CORE_READ(msk, pm.pm_type) != PM_TYPE_USERSPACE)
        return 0;
    seen.token = BPF_CORE_READ(msk, token);
    seen.fully_established = BPF_CORE_READ(msk, fully_established);
    if (!h->list_only) {
        c = pm_adopt_conn(msk, &seen);
        if (!c)
            return 0;
        /* That its peer has our key is known to a server from the handshake on. */
        if (c->server)
            seen.fully_established = 1;
        s = pm_adopt_subflow(c, tp, state == PM_TCP_ESTABLISHED);
        if (s && s->first && !c->server && !seen.fully_established)
            flags |= BPF_SOCK_OPS_PARSE_ALL_HDR_OPT_CB_FLAG;
        /* Where the kernel does not know it, subflows' ends come from netlink, and commands for a
         * connection that is not fully established are only tried for a while. */
        if (!bpf_getsockopt(tp, PM_SOL_TCP, PM_TCP_BPF_SOCK_OPS_CB_FLAGS, &had, sizeof(had)))
            flags |= had; /* another program's */
        if (bpf_setsockopt(tp, PM_SOL_TCP, PM_TCP_BPF_SOCK_OPS_CB_FLAGS, &flags, sizeof(flags)))
            seen.fully_established = 1;
        else if (s && flags & BPF_SOCK_OPS_PARSE_ALL_HDR_OPT_CB_FLAG)
            s->parsing = PM_PARSING_OURS;
    }
    bpf_seq_write(ctx->meta->seq, &seen, sizeof(seen));
    return 0;
}

/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The programs of the path-manager framework: pm_sockops (sock_ops: connections and subflows as the
 * kernel has them), pm_feed (what the daemon learnt from netlink, and what became of commands),
 * pm_adopt (an iterator over what is there already). `policy` was defined before.
 */
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct pm_shared);
} shared SEC(".maps");

static __always_inline struct pm_shared *pm_shared(void)
{
    __u32 zero = 0;

    return bpf_map_lookup_elem(&shared, &zero);
}

#include "pm_commands.bpf.h"

static const struct pm_conn pm_no_conn = {0};
static const struct pm_subflow pm_no_subflow = {0};

#define PM_PARSE_AT_MOST 64 /* segments; then commands are tried all the same */

/*
 * The functions without `static` are verified once, and not again at each place that calls them:
 * without that, the loops below are too much for the verifier. Their pointers can be NULL to it.
 */

__noinline int pm_emit(__u32 token, __u32 type, __s64 value, const struct pm_addr *local,
                       const struct pm_addr *remote)
{
    struct extcp_event *e;

    if (config.quiet)
        return 0;
    e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
    if (!e)
        return -ENOBUFS;
    __builtin_memset(e, 0, sizeof(*e));
    e->t_ns = bpf_ktime_get_ns();
    e->cookie = token;
    e->type = type;
    e->value = value;
    e->family = AF_INET;
    if (local) {
        e->family = local->family;
        __builtin_memcpy(e->local, local->ip, 16);
        e->local_port = local->port;
    }
    if (remote) {
        e->family = remote->family;
        __builtin_memcpy(e->remote, remote->ip, 16);
        e->remote_port = remote->port;
    }
    bpf_ringbuf_submit(e, BPF_RB_NO_WAKEUP);
    return 0;
}

static __always_inline struct pm_conn *pm_conn_of(__u32 token)
{
    struct pm_conn *c = bpf_map_lookup_elem(&connections, &token);

    return c && c->ready ? c : NULL;
}

static __always_inline bool pm_same_ip(const struct pm_addr *a, const struct pm_addr *b)
{
    const __u32 *p = (const __u32 *)a->ip, *q = (const __u32 *)b->ip;

    return a->family == b->family && p[0] == q[0] && p[1] == q[1] && p[2] == q[2] && p[3] == q[3];
}

/* The slot of an address of ours, or PM_NO_SLOT. */
__noinline int pm_find_local(const struct pm_addr *a)
{
    for (__u32 i = 0; a && i < PM_LOCALS; i++)
        if (pm_same_ip(&pm_locals[i], a))
            return i;
    return PM_NO_SLOT;
}

/* The slot of an address of the peer's, or PM_NO_SLOT. */
__noinline int pm_find_remote(const struct pm_conn *c, const struct pm_addr *a)
{
    for (__u32 i = 0; c && a && i < PM_REMOTES; i++)
        if (pm_same_ip(&c->remotes[i], a))
            return i;
    return PM_NO_SLOT;
}

/* Addresses are compared as IPv4 where they are IPv4, also on IPv6 sockets. */
static __always_inline __u16 pm_unmap(__u32 *w, __u16 family)
{
    if (family == AF_INET6 && !w[0] && !w[1] && w[2] == bpf_htonl(0xffff)) {
        w[0] = w[3];
        w[2] = w[3] = 0;
        return AF_INET;
    }
    return family;
}

static __always_inline void pm_tuple_of(const struct pm_addr *local, const struct pm_addr *remote,
                                        struct pm_tuple *t)
{
    __builtin_memcpy(t->local, local->ip, 16);
    __builtin_memcpy(t->remote, remote->ip, 16);
    t->local_port = local->port;
    t->remote_port = remote->port;
}

static __always_inline void pm_ends_of(struct bpf_sock_ops *ctx, struct pm_addr *local,
                                       struct pm_addr *remote)
{
    __u32 l[4] = {ctx->local_ip4}, r[4] = {ctx->remote_ip4};

    __builtin_memset(local, 0, sizeof(*local));
    __builtin_memset(remote, 0, sizeof(*remote));
    local->family = ctx->family;
    if (local->family == AF_INET6) {
        l[0] = ctx->local_ip6[0], l[1] = ctx->local_ip6[1];
        l[2] = ctx->local_ip6[2], l[3] = ctx->local_ip6[3];
        r[0] = ctx->remote_ip6[0], r[1] = ctx->remote_ip6[1];
        r[2] = ctx->remote_ip6[2], r[3] = ctx->remote_ip6[3];
        pm_unmap(l, AF_INET6);
        local->family = pm_unmap(r, AF_INET6);
    }
    remote->family = local->family;
    __builtin_memcpy(local->ip, l, 16);
    __builtin_memcpy(remote->ip, r, 16);
    local->port = ctx->local_port;
    remote->port = bpf_ntohl(ctx->remote_port);
}

/* What the kernel says of a subflow beyond its socket. */
struct pm_kernel_side {
    bool join, capable, asked_by_us;
    __u8 local_id, remote_id, reason;
    int error;
};

static __always_inline void pm_look(struct tcp_sock *tp, struct pm_kernel_side *k)
{
    struct mptcp_subflow_context *f;

    __builtin_memset(k, 0, sizeof(*k));
    if (!tp)
        return;
    k->error = tp->inet_conn.icsk_inet.sk.sk_err;
    f = tp->inet_conn.icsk_ulp_data;
    if (!f)
        return;
    k->join = BPF_CORE_READ_BITFIELD_PROBED(f, mp_join);
    k->capable = BPF_CORE_READ_BITFIELD_PROBED(f, mp_capable);
    k->asked_by_us = BPF_CORE_READ_BITFIELD_PROBED(f, request_join);
    k->local_id = BPF_CORE_READ(f, local_id);
    k->remote_id = BPF_CORE_READ(f, remote_id);
    if (bpf_core_field_exists(f->reset_reason) && BPF_CORE_READ_BITFIELD_PROBED(f, reset_seen))
        k->reason = BPF_CORE_READ_BITFIELD_PROBED(f, reset_reason);
}

/* A map did not take an entry: for want of room, unless it is there already. The daemon looks again
 * later for what was missed. */
static __always_inline void pm_miss(long error)
{
    struct pm_shared *h = pm_shared();

    if (error == -EEXIST)
        return;
    COUNT(no_room);
    if (h)
        __sync_fetch_and_add(&h->missed, 1);
}

static __always_inline struct pm_conn *pm_new_conn(__u32 token, const struct pm_addr *local,
                                                   const struct pm_addr *remote, bool server,
                                                   bool only_v4)
{
    long error = bpf_map_update_elem(&connections, &token, &pm_no_conn, BPF_NOEXIST);
    struct pm_conn *c;

    if (error) {
        pm_miss(error);
        return NULL;
    }
    c = bpf_map_lookup_elem(&connections, &token);
    if (!c)
        return NULL;
    c->token = token;
    c->seen_ns = bpf_ktime_get_ns();
    c->local = *local;
    c->local.id = 0;
    c->local_slot = pm_find_local(local);
    c->remotes[0] = *remote;
    c->remotes[0].id = 0;
    c->server = server;
    c->only_v4 = only_v4;
    /* Netlink can tell of it at the same moment, on another processor. */
    __sync_lock_test_and_set(&c->ready, 1);
    return c;
}

/* A place in the connection's list; PM_NO_SLOT: full. */
__noinline int pm_list(struct pm_conn *c, const struct pm_subflow *s)
{
    for (__u32 i = 0; c && s && i < PM_SUBFLOWS; i++) {
        struct pm_listed *p = &c->list[i];
        if (c->listed >> i & 1 || __sync_fetch_and_or(&c->listed, 1u << i) >> i & 1)
            continue;
        p->local_port = s->local.port;
        p->remote_port = s->remote.port;
        p->local_slot = s->local_slot;
        p->remote_slot = s->remote_slot;
        p->flags = 0;
        p->used = 1;
        return i;
    }
    return PM_NO_SLOT;
}

static __always_inline struct pm_subflow *pm_new_subflow(struct pm_conn *c,
                                                         const struct pm_addr *local,
                                                         const struct pm_addr *remote, bool first)
{
    struct pm_tuple key = {};
    struct pm_subflow *s;
    long error;

    pm_tuple_of(local, remote, &key);
    error = bpf_map_update_elem(&subflows, &key, &pm_no_subflow, BPF_NOEXIST);
    if (error) {
        pm_miss(error);
        return NULL;
    }
    s = bpf_map_lookup_elem(&subflows, &key);
    if (!s)
        return NULL;
    s->token = c->token;
    s->seen_ns = bpf_ktime_get_ns();
    s->local = *local;
    s->remote = *remote;
    s->first = first;
    s->local_slot = pm_find_local(local);
    s->remote_slot = pm_find_remote(c, remote);
    if (s->local_slot < PM_LOCALS && s->remote_slot < PM_REMOTES)
        __sync_fetch_and_or(&c->mesh[PM_INDEX(s->local_slot, PM_LOCALS)],
                            1u << (s->remote_slot & 7));
    s->index = pm_list(c, s);
    __sync_fetch_and_add(&c->subflows, 1);
    return s;
}

/* Takes the subflow out of its connection's books. */
__noinline int pm_unlist(struct pm_conn *c, const struct pm_subflow *s)
{
    bool another = false;
    __u32 l, r, i;

    if (!c || !s)
        return 0;
    l = s->local_slot, r = s->remote_slot, i = s->index;
    __sync_fetch_and_sub(&c->subflows, 1);
    if (i < PM_SUBFLOWS) {
        c->list[PM_INDEX(i, PM_SUBFLOWS)].used = 0;
        __sync_fetch_and_and(&c->listed, ~(1u << (i & 31)));
    }
    for (__u32 k = 0; k < PM_SUBFLOWS; k++) {
        struct pm_listed *p = &c->list[k];
        another |= p->used && p->local_slot == l && p->remote_slot == r;
    }
    if (!another)
        pm_unmesh(c, l, r);
    return 0;
}

#include "pm_callbacks.bpf.h"

__noinline int pm_subflow_gone(const struct pm_tuple *key, int error, __u32 reason)
{
    struct pm_subflow *s = key ? bpf_map_lookup_elem(&subflows, key) : NULL;
    struct pm_conn *c;

    /* The socket and netlink both tell; the first one counts. */
    if (!s || __sync_lock_test_and_set(&s->gone, 1))
        return 0;
    s->error = error;
    s->reason = reason;
    c = pm_conn_of(s->token);
    if (c) {
        pm_unlist(c, s);
        pm_emit(s->token, s->established_ns ? pm_subflow_closed : pm_subflow_failed, error,
                &s->local, &s->remote);
        pm_call_subflow_closed(c, s);
    }
    if (!s->established_ns)
        COUNT(subflows_failed);
    else if (error)
        COUNT(subflows_reset);
    else
        COUNT(subflows_closed);
    bpf_map_delete_elem(&subflows, key);
    return 0;
}

__noinline int pm_now_established(struct pm_conn *c)
{
    if (!c || __sync_lock_test_and_set(&c->established, 1))
        return 0;
    pm_call_established(c);
    COUNT(established);
    pm_emit(c->token, pm_established, bpf_ktime_get_ns() - c->seen_ns, &c->local, &c->remotes[0]);
    return 0;
}

__noinline int pm_conn_gone(struct pm_conn *c, __u32 token)
{
    if (!c || __sync_lock_test_and_set(&c->closed, 1))
        return 0;
    pm_call_closed(c);
    COUNT(closed);
    pm_emit(token, pm_closed, c->subflows, &c->local, &c->remotes[0]);
    bpf_map_delete_elem(&connections, &token);
    return 0;
}

#include "pm_sockops.bpf.h"
#include "pm_feed.bpf.h"
#include "pm_adopt.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

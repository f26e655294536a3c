/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The commands of pm.bpf.h: each checks the policy's limits and hands over to the daemon. */

/* Keeps a command that its ring has no room for: a worker looks here whenever it has read a ring.
 */
__noinline int pm_keep(const struct pm_command *m)
{
    static const struct pm_command nothing = {0};
    __u32 cpu = bpf_get_smp_processor_id();
    struct pm_shared *h = pm_shared();
    void *ring;

    if (!m)
        return -EINVAL;
    if (!h || bpf_map_push_elem(&overflow, m, 0)) {
        COUNT(no_room);
        return -ENOBUFS;
    }
    COUNT(overflowed);
    __sync_fetch_and_add(&h->overflowed, 1);
    /* The worker may have emptied the ring, and looked here, just before: then there is room now to
     * wake it. */
    ring = bpf_map_lookup_elem(&commands, &cpu);
    if (ring)
        bpf_ringbuf_output(ring, (void *)&nothing, sizeof(nothing), 0);
    return 0;
}

static __always_inline int pm_send(struct pm_conn *c, __u8 op, __u8 on, const struct pm_addr *local,
                                   __u32 local_slot, const struct pm_addr *remote,
                                   __u32 remote_slot, __u32 delay_ms)
{
    __u32 cpu = bpf_get_smp_processor_id();
    void *ring = bpf_map_lookup_elem(&commands, &cpu);
    struct pm_command m = {
        .asked_ns = bpf_ktime_get_ns(),
        .token = c->token,
        .delay_ms = delay_ms,
        .op = op,
        .on = on,
        .local_slot = local_slot,
        .remote_slot = remote_slot,
        .local = *local,
        .remote = *remote,
    };

    if (local_slot == c->local_slot)
        m.local.id = 0; /* the first subflow's address has this id in every connection */
    if (!m.remote.port)
        m.remote.port = c->remotes[0].port;
    /* The default wakes the daemon only if it has read everything before: what a callback asks for
     * together costs one wake-up. */
    if ((!ring || bpf_ringbuf_output(ring, &m, sizeof(m), 0)) && pm_keep(&m))
        return -ENOBUFS;
    COUNT(commands);
    return 0;
}

static __always_inline bool pm_over_limit(struct pm_conn *c)
{
    return c->subflows + c->asked - c->in_call > config.subflows;
}

static __always_inline void pm_unmesh(struct pm_conn *c, __u32 local, __u32 remote)
{
    if (local < PM_LOCALS && remote < PM_REMOTES)
        __sync_fetch_and_and(&c->mesh[PM_INDEX(local, PM_LOCALS)], ~(1u << remote));
}

__noinline int pm_create(struct pm_conn *c, __u32 local, __u32 remote, __u32 flags, __u32 delay_ms)
{
    struct pm_addr *l, *r;
    __u32 old = 0;
    int rc;

    if (!c || c->closed)
        return -EPIPE;
    r = pm_remote(c, remote);
    if (local == PM_FIRST)
        local = c->local_slot;
    l = local == PM_NO_SLOT && flags & PM_ANOTHER ? &c->local : pm_local(local);
    if (!l || !r)
        return -ENOENT;
    if (l->family != r->family || (c->only_v4 && l->family != AF_INET))
        return -EAFNOSUPPORT;
    if (local < PM_LOCALS)
        old = __sync_fetch_and_or(&c->mesh[PM_INDEX(local, PM_LOCALS)], 1u << (remote & 7)) >>
                  (remote & 7) &
              1;
    if (old && !(flags & PM_ANOTHER))
        return -EEXIST;
    __sync_fetch_and_add(&c->asked, 1);
    if (pm_over_limit(c)) {
        COUNT(over_limit);
        rc = -E2BIG;
    } else {
        rc = pm_send(c, PM_CREATE, !!(flags & PM_AS_BACKUP), l, local, r, remote, delay_ms);
    }
    if (rc) {
        __sync_fetch_and_sub(&c->asked, 1);
        if (!old)
            pm_unmesh(c, local, remote);
    }
    return rc;
}

__noinline int pm_close(struct pm_conn *c, __u32 index)
{
    struct pm_listed *p;
    struct pm_addr l, r;
    __u32 local, remote;
    int rc;

    if (!c || c->closed)
        return -EPIPE;
    if (index >= PM_SUBFLOWS)
        return -ENOENT;
    p = &c->list[PM_INDEX(index, PM_SUBFLOWS)];
    local = p->local_slot;
    remote = p->remote_slot;
    if (!p->used || p->flags & PM_LISTED_CLOSING || remote >= PM_REMOTES)
        return -ENOENT;
    if (local == PM_NO_SLOT)
        l = c->local;
    else
        l = pm_locals[PM_INDEX(local, PM_LOCALS)];
    r = c->remotes[PM_INDEX(remote, PM_REMOTES)];
    l.port = p->local_port;
    r.port = p->remote_port;
    p->flags |= PM_LISTED_CLOSING;
    rc = pm_send(c, PM_CLOSE, 0, &l, local, &r, remote, 0);
    if (rc)
        p->flags &= ~PM_LISTED_CLOSING;
    return rc;
}

__noinline int pm_announce(struct pm_conn *c, __u32 local)
{
    struct pm_addr *l;
    int rc;

    if (!c || c->closed)
        return -EPIPE;
    l = pm_local(local);
    if (!l)
        return -ENOENT;
    if (c->only_v4 && l->family != AF_INET)
        return -EAFNOSUPPORT;
    /* The peer knows the first one. */
    if (local == c->local_slot ||
        __sync_fetch_and_or(&c->announced, 1u << (local & 15)) >> (local & 15) & 1)
        return -EEXIST;
    rc = pm_send(c, PM_ANNOUNCE, 0, l, local, l, PM_NO_SLOT, 0);
    if (rc)
        __sync_fetch_and_and(&c->announced, ~(1u << (local & 15)));
    return rc;
}

__noinline int pm_withdraw(struct pm_conn *c, __u32 local)
{
    if (!c || c->closed)
        return -EPIPE;
    if (local >= PM_LOCALS)
        return -ENOENT;
    __sync_fetch_and_and(&c->announced, ~(1u << (local & 15)));
    return pm_send(c, PM_WITHDRAW, 0, &pm_locals[local & 15], local, &pm_locals[local & 15],
                   PM_NO_SLOT, 0);
}

__noinline int pm_set_backup(struct pm_conn *c, struct pm_subflow *s, __u32 on, __u32 delay_ms)
{
    if (!c || !s || c->closed)
        return -EPIPE;
    return pm_send(c, PM_BACKUP, on, &s->local, PM_NO_SLOT, &s->remote, s->remote_slot, delay_ms);
}

__noinline int pm_count_through(const struct pm_conn *c, __u32 ifindex)
{
    int n = 0;

    for (__u32 i = 0; c && i < PM_SUBFLOWS; i++) {
        struct pm_addr *a = pm_local(c->list[i].local_slot);
        n += c->list[i].used && a && a->ifindex == ifindex;
    }
    return n;
}

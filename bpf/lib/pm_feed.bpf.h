/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The program that the daemon runs (BPF_PROG_RUN) with each thing that it learns from netlink. */

/* An address that can be the other end of a subflow. */
static __always_inline bool pm_usable(const struct pm_addr *a)
{
    const __u8 *b = a->ip;
    const __u32 *w = (const __u32 *)a->ip;

    if (a->family == AF_INET) /* not "this network", loopback, link-local, multicast, reserved */
        return b[0] && b[0] != 127 && b[0] < 224 && !(b[0] == 169 && b[1] == 254);
    if (a->family != AF_INET6)
        return false;
    if (!w[0] && !w[1] && (!w[2] || w[2] == bpf_htonl(0xffff)))
        return false; /* unspecified, loopback, IPv4 inside IPv6 */
    return b[0] != 0xff && !(b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
}

/* An address without a port means the first subflow's. */
static __always_inline __u16 pm_port_of(const struct pm_conn *c, const struct pm_addr *r)
{
    return r->port ? r->port : c->remotes[0].port;
}

__noinline int pm_feed_announced(struct pm_conn *c, const struct pm_addr *a)
{
    __u32 empty = PM_NO_SLOT, kept = 0, mine;
    bool again = false;

    if (!c || !a)
        return 0;
    mine = pm_find_local(a);
    for (__u32 i = 0; i < PM_REMOTES; i++) {
        struct pm_addr *r = &c->remotes[i];
        if (!r->family) {
            if (empty == PM_NO_SLOT)
                empty = i;
            continue;
        }
        kept++;
        if (!pm_same_ip(r, a) || (a->port && a->port != pm_port_of(c, r))) {
            again |= i && r->id == a->id; /* another address for an id */
            continue;
        }
        if (i && r->id == a->id)
            return 0; /* said again: our echo was lost */
        again = true; /* another id for what we know */
    }
    if (again || !a->id || !pm_usable(a) || mine != PM_NO_SLOT || pm_same_ip(a, &c->local) ||
        empty >= PM_REMOTES || kept > config.addresses) {
        COUNT(addresses_refused);
        pm_emit(c->token, pm_refused, a->id, NULL, a);
        return 0;
    }
    c->remotes[PM_INDEX(empty, PM_REMOTES)] = *a;
    COUNT(addresses_announced);
    pm_emit(c->token, pm_announced, a->id, NULL, a);
    pm_call_announced(c, empty);
    return 0;
}

__noinline int pm_feed_removed(struct pm_conn *c, __u32 id)
{
    for (__u32 i = 1; c && i < PM_REMOTES; i++) {
        struct pm_addr *r = &c->remotes[i];
        if (!r->family || r->id != id)
            continue;
        COUNT(addresses_withdrawn);
        pm_emit(c->token, pm_withdrawn, id, NULL, r);
        pm_call_withdrawn(c, i);
        r->family = 0;
        for (__u32 l = 0; l < PM_LOCALS; l++)
            pm_unmesh(c, l, i);
    }
    return 0;
}

struct pm_local_change {
    __u32 up, slot;
    struct pm_addr address;
};

static long pm_each_local(struct bpf_map *map, const void *key, struct pm_conn *c,
                          struct pm_local_change *change)
{
    if (c->closed)
        return 0;
    if (!change->up) {
        pm_call_local_down(c, change->slot);
        return 0;
    }
    if (c->local_slot == PM_NO_SLOT && pm_same_ip(&c->local, &change->address))
        c->local_slot = change->slot;
    if (c->established)
        pm_call_local_up(c, change->slot);
    return 0;
}

__noinline int pm_feed_local(const struct pm_input *in)
{
    struct pm_local_change change = {};
    __u32 slot;

    if (!in)
        return 0;
    slot = PM_INDEX(in->slot, PM_LOCALS);
    change.up = in->kind == PM_IN_LOCAL_UP;
    change.slot = slot;
    if (change.up)
        pm_locals[slot] = in->local;
    change.address = pm_locals[slot];
    pm_locals[slot].up = change.up;
    pm_emit(0, change.up ? pm_local_up : pm_local_down, change.address.id, &change.address, NULL);
    bpf_for_each_map_elem(&connections, pm_each_local, &change, 0);
    return 0;
}

/* A backup flag that was set, in our books. */
static __always_inline void pm_note_backup(struct pm_conn *c, const struct pm_command *m)
{
    struct pm_tuple key = {};
    struct pm_subflow *s;

    pm_tuple_of(&m->local, &m->remote, &key);
    s = bpf_map_lookup_elem(&subflows, &key);
    if (!s)
        return;
    s->backup = m->on;
    if (s->index < PM_SUBFLOWS) {
        struct pm_listed *p = &c->list[PM_INDEX(s->index, PM_SUBFLOWS)];
        p->flags = m->on ? p->flags | PM_LISTED_BACKUP : p->flags & ~PM_LISTED_BACKUP;
    }
    pm_emit(c->token, pm_backup, m->on, &m->local, &m->remote);
}

__noinline int pm_feed_result(const struct pm_input *in)
{
    const struct pm_command *m = &in->command;
    struct pm_conn *c;

    if (!in)
        return 0;
    c = pm_conn_of(m->token);
    if (!c || in->error == -ESTALE) {
        COUNT(gone);
        return 0;
    }
    if (m->op == PM_CREATE) {
        __sync_fetch_and_sub(&c->asked, 1);
        if (in->connected)
            __sync_fetch_and_sub(&c->in_call, 1);
        if (in->error)
            pm_unmesh(c, m->local_slot, m->remote_slot);
    }
    if (in->error) {
        COUNT(failed);
        pm_emit(c->token, pm_command_failed, -in->error, &m->local, &m->remote);
    } else {
        COUNT(done);
        if (m->op == PM_BACKUP)
            pm_note_backup(c, m);
    }
    pm_call_result(c, m, in->error);
    return 0;
}

static long pm_sweep_subflow(struct bpf_map *map, struct pm_tuple *key, struct pm_subflow *s,
                             const __u64 *since)
{
    struct pm_tuple k = *key;

    if (s->seen_ns < *since)
        pm_subflow_gone(&k, 0, 0);
    return 0;
}

static long pm_sweep_conn(struct bpf_map *map, const __u32 *token, struct pm_conn *c,
                          const __u64 *since)
{
    if (c->seen_ns < *since)
        pm_conn_gone(c, *token);
    return 0;
}

__noinline int pm_feed_conn(const struct pm_input *in)
{
    struct pm_tuple key = {};
    struct pm_conn *c;
    __u32 slot;

    c = in ? pm_conn_of(in->token) : NULL;
    if (!c || c->closed)
        return 0;
    switch (in->kind) {
    case PM_IN_ANNOUNCED:
        pm_feed_announced(c, &in->remote);
        break;
    case PM_IN_REMOVED:
        pm_feed_removed(c, in->remote.id);
        break;
    case PM_IN_SUBFLOW_CLOSED:
        pm_tuple_of(&in->local, &in->remote, &key);
        pm_subflow_gone(&key, in->error, in->reason);
        break;
    case PM_IN_CLOSED:
        pm_conn_gone(c, in->token);
        break;
    case PM_IN_OURS:
        slot = pm_find_local(&in->local);
        if (slot < PM_LOCALS)
            __sync_fetch_and_or(&c->announced, 1u << (slot & 15));
        break;
    case PM_IN_ALIVE:
        c->seen_ns = bpf_ktime_get_ns();
        break;
    case PM_IN_ADOPT:
        pm_now_established(c);
        break;
    }
    return 0;
}

SEC("syscall")
int pm_feed(struct pm_input *ctx)
{
    struct pm_input in;
    __u64 since;

    /* The verifier takes loads from the context only at fixed places. */
    __builtin_memcpy(&in, ctx, sizeof(in));
    since = in.value;
    switch (in.kind) {
    case PM_IN_LOCAL_UP:
    case PM_IN_LOCAL_DOWN:
        pm_feed_local(&in);
        break;
    case PM_IN_RESULT:
        pm_feed_result(&in);
        break;
    case PM_IN_SWEEP:
        bpf_for_each_map_elem(&subflows, pm_sweep_subflow, &since, 0);
        bpf_for_each_map_elem(&connections, pm_sweep_conn, &since, 0);
        break;
    default:
        pm_feed_conn(&in);
    }
    return 0;
}

/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Callbacks that keep a subflow between each pair of addresses: all that `fullmesh` is, and what
 * policies that judge paths build on. The side that opened the connection opens subflows, the other
 * one announces its addresses.
 */
#ifndef EXTCP_BPF_LIB_PM_MESH_BPF_H
#define EXTCP_BPF_LIB_PM_MESH_BPF_H

/* From our address to all of the peer's; or tell the peer of it. */
static void mesh_local_up(struct pm_conn *c, __u32 local)
{
    if (c->server) {
        pm_announce(c, local);
        return;
    }
    for (__u32 r = 0; r < PM_REMOTES; r++)
        pm_create(c, local, r, 0, 0);
}

static void mesh_established(struct pm_conn *c)
{
    for (__u32 l = 0; l < PM_LOCALS; l++)
        if (pm_local(l))
            mesh_local_up(c, l);
}

static void mesh_announced(struct pm_conn *c, __u32 remote)
{
    if (c->server)
        return;
    for (__u32 l = 0; l < PM_LOCALS; l++)
        pm_create(c, l, remote, 0, 0);
}

/* Our address is gone: the peer must not wait for it, and neither do we; but the last subflow
 * stays, as a TCP connection would, for the case that the address comes back. */
static void mesh_local_down(struct pm_conn *c, __u32 local)
{
    bool from_it = false, others = false;

    for (__u32 i = 0; i < PM_SUBFLOWS; i++) {
        from_it |= c->list[i].used && c->list[i].local_slot == local;
        others |= c->list[i].used && c->list[i].local_slot != local;
    }
    if (!others)
        return;
    if (from_it || c->announced >> (local & 15) & 1)
        pm_withdraw(c, local);
    for (__u32 i = 0; i < PM_SUBFLOWS; i++)
        if (c->list[i].used && c->list[i].local_slot == local)
            pm_close(c, i);
}

#define MESH                                                                                       \
    .established = mesh_established, .announced = mesh_announced, .local_up = mesh_local_up,       \
    .local_down = mesh_local_down

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A plugin for mptcpd (0.12), so that a daemon that decides in user space can be measured beside
 * the others. The plugins that come with mptcpd create no subflow on their own: addr_adv tells the
 * in-kernel path manager what to do, sspi only announces and closes.
 *
 * EXTCP_POLICY=fullmesh    from every local address to every address of the peer
 * EXTCP_POLICY=ndiffports  EXTCP_SUBFLOWS (2) subflows in all between the first one's addresses
 *
 * A client creates subflows, a server announces its addresses (fullmesh). It prints "ready" when
 * mptcpd is subscribed to the kernel's events.
 */
#include <arpa/inet.h>
#include <ell/queue.h>
#include <ell/util.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mptcpd/id_manager.h>
#include <mptcpd/network_monitor.h>
#include <mptcpd/path_manager.h>
#include <mptcpd/plugin.h>

struct connection {
    mptcpd_token_t token;
    struct sockaddr_storage local, remote; /* of the first subflow */
};

static struct l_queue *connections;
static unsigned subflows = 2;
static bool mesh;

static size_t length(const struct sockaddr *a)
{
    return a->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static void set_port(struct sockaddr_storage *a, in_port_t port)
{
    if (a->ss_family == AF_INET)
        ((struct sockaddr_in *)a)->sin_port = port;
    else
        ((struct sockaddr_in6 *)a)->sin6_port = port;
}

static in_port_t port_of(const struct sockaddr *a)
{
    return a->sa_family == AF_INET ? ((const struct sockaddr_in *)a)->sin_port
                                   : ((const struct sockaddr_in6 *)a)->sin6_port;
}

static bool same_address(const struct sockaddr *a, const struct sockaddr *b)
{
    if (a->sa_family != b->sa_family)
        return false;
    if (a->sa_family == AF_INET)
        return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    return !memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
                   &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr));
}

static bool has_token(const void *data, const void *token)
{
    return ((const struct connection *)data)->token == L_PTR_TO_UINT(token);
}

/* To one address of the peer, from each local one. */
struct request {
    struct mptcpd_pm *pm;
    const struct connection *c;
    struct sockaddr_storage remote; /* an address of the peer */
    mptcpd_aid_t remote_id;
    bool announce; /* tell the peer the local address instead */
};

static void one_local(void *data, void *user)
{
    const struct sockaddr *local = data,
                          *first = (const struct sockaddr *)&((struct request *)user)->c->local;
    struct request *r = user;
    struct sockaddr_storage from = {0};
    bool is_first = same_address(local, first);
    mptcpd_aid_t id;

    if (local->sa_family != first->sa_family || (is_first && !r->remote_id))
        return;
    memcpy(&from, local, length(local));
    id = is_first ? 0 : mptcpd_idm_get_id(mptcpd_pm_get_idm(r->pm), local);
    if (!r->announce) {
        mptcpd_pm_add_subflow(r->pm, r->c->token, id, r->remote_id, (struct sockaddr *)&from,
                              (struct sockaddr *)&r->remote, false);
        return;
    }
    set_port(&from, port_of(first));
    mptcpd_pm_add_addr(r->pm, (struct sockaddr *)&from, id, r->c->token);
}

static void one_interface(const struct mptcpd_interface *i, void *user)
{
    if (!(i->flags & IFF_LOOPBACK))
        l_queue_foreach(i->addrs, one_local, user);
}

static void established(mptcpd_token_t token, const struct sockaddr *local,
                        const struct sockaddr *remote, bool server, struct mptcpd_pm *pm)
{
    struct connection *c = l_new(struct connection, 1);
    struct request r = {.pm = pm, .c = c, .announce = server};

    c->token = token;
    memcpy(&c->local, local, length(local));
    memcpy(&c->remote, remote, length(remote));
    l_queue_push_head(connections, c);
    r.remote = c->remote;
    if (mesh) {
        mptcpd_nm_foreach_interface(mptcpd_pm_get_nm(pm), one_interface, &r);
    } else if (!server) {
        struct sockaddr_storage from = c->local;
        set_port(&from, 0); /* the kernel chooses one for each */
        for (unsigned i = 1; i < subflows; i++)
            mptcpd_pm_add_subflow(pm, token, 0, 0, (struct sockaddr *)&from, remote, false);
    }
}

static void announced(mptcpd_token_t token, mptcpd_aid_t id, const struct sockaddr *addr,
                      struct mptcpd_pm *pm)
{
    struct connection *c = l_queue_find(connections, has_token, L_UINT_TO_PTR(token));
    struct request r = {.pm = pm, .c = c, .remote_id = id};

    if (!c || !mesh || addr->sa_family != c->remote.ss_family)
        return;
    memcpy(&r.remote, addr, length(addr));
    if (!port_of(addr))
        set_port(&r.remote, port_of((struct sockaddr *)&c->remote));
    mptcpd_nm_foreach_interface(mptcpd_pm_get_nm(pm), one_interface, &r);
}

static void closed(mptcpd_token_t token, struct mptcpd_pm *pm)
{
    (void)pm;
    l_free(l_queue_remove_if(connections, has_token, L_UINT_TO_PTR(token)));
}

static void ready(struct mptcpd_pm *pm, void *data)
{
    (void)pm, (void)data;
    puts("ready");
    fflush(stdout);
}

static const struct mptcpd_plugin_ops ops = {
    .connection_established = established, .connection_closed = closed, .new_address = announced};
static const struct mptcpd_pm_ops pm_ops = {.ready = ready};

static int plugin_init(struct mptcpd_pm *pm)
{
    const char *policy = getenv("EXTCP_POLICY"), *n = getenv("EXTCP_SUBFLOWS");

    connections = l_queue_new();
    mesh = !policy || !strcmp(policy, "fullmesh");
    if (n)
        subflows = (unsigned)strtoul(n, NULL, 10);
    return mptcpd_plugin_register_ops("extcp", &ops) && mptcpd_pm_register_ops(pm, &pm_ops, NULL)
               ? 0
               : -1;
}

static void plugin_exit(struct mptcpd_pm *pm)
{
    (void)pm;
    l_queue_destroy(connections, l_free);
}

MPTCPD_PLUGIN_DEFINE(extcp, "Creates subflows as EXTCP_POLICY says", MPTCPD_PLUGIN_PRIORITY_DEFAULT,
                     plugin_init, plugin_exit)

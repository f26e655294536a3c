/* SPDX-License-Identifier: BSD-2-Clause */
#include "endpoints.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/mptcp.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "netns.h"
#include "util.h"

static const struct {
    const char *name;
    uint32_t flag;
} flag_names[] = {
    {"signal", MPTCP_PM_ADDR_FLAG_SIGNAL},
    {"subflow", MPTCP_PM_ADDR_FLAG_SUBFLOW},
    {"backup", MPTCP_PM_ADDR_FLAG_BACKUP},
    {"fullmesh", MPTCP_PM_ADDR_FLAG_FULLMESH},
};

uint32_t endpoint_flag(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(flag_names); i++)
        if (!strcmp(flag_names[i].name, name))
            return flag_names[i].flag;
    return 0;
}

const char *endpoint_flags_print(uint32_t flags, char *buf, size_t size)
{
    buf[0] = '\0';
    for (unsigned i = 0; i < ARRAY_SIZE(flag_names); i++)
        if (flags & flag_names[i].flag)
            snprintf(buf + strlen(buf), size - strlen(buf), "%s%s", *buf ? " " : "",
                     flag_names[i].name);
    return buf;
}

struct pm_socket {
    struct nl_sock *sk;
    int family;
    const char *name; /* of the node */
};

static int pm_open(struct pm_socket *s, int ns_fd, const char *name, struct err *e)
{
    int saved, rc;

    s->name = name;
    s->sk = nl_socket_alloc();
    saved = s->sk ? netns_enter(ns_fd) : -ENOMEM;
    if (saved < 0) {
        nl_socket_free(s->sk);
        return err_broke(e, saved, "%s: cannot enter the namespace: %s", name, strerror(-saved));
    }
    rc = genl_connect(s->sk);
    netns_leave(saved);
    s->family = rc ? -1 : genl_ctrl_resolve(s->sk, MPTCP_PM_NAME);
    if (s->family >= 0)
        return 0;
    nl_socket_free(s->sk);
    return err_lacks(e, -EOPNOTSUPP,
                     "%s: the kernel has no MPTCP path manager (generic netlink family '%s'): a "
                     "kernel with CONFIG_MPTCP is needed",
                     name, MPTCP_PM_NAME);
}

static struct nl_msg *pm_message(const struct pm_socket *s, int command, int flags)
{
    struct nl_msg *m = nlmsg_alloc();

    if (!m || !genlmsg_put(m, NL_AUTO_PORT, NL_AUTO_SEQ, s->family, 0, flags, (uint8_t)command,
                           MPTCP_PM_VER))
        abort();
    return m;
}

/* Sends it, takes it, and waits for the acknowledgement. */
static int pm_command(const struct pm_socket *s, struct nl_msg *m, const char *what, struct err *e)
{
    int rc = nl_send_sync(s->sk, m);

    if (!rc)
        return 0;
    return err_broke(e, -EIO, "%s: cannot %s of the in-kernel path manager: %s", s->name, what,
                     nl_geterror(rc));
}

static void put_endpoint(struct nl_msg *m, const struct pm_endpoint *p)
{
    struct nlattr *nest = nla_nest_start(m, MPTCP_PM_ATTR_ADDR | NLA_F_NESTED);

    NLA_PUT_U16(m, MPTCP_PM_ADDR_ATTR_FAMILY, (uint16_t)p->family);
    if (p->family == AF_INET)
        NLA_PUT(m, MPTCP_PM_ADDR_ATTR_ADDR4, sizeof(p->v4), &p->v4);
    else
        NLA_PUT(m, MPTCP_PM_ADDR_ATTR_ADDR6, sizeof(p->v6), &p->v6);
    if (p->id)
        NLA_PUT_U8(m, MPTCP_PM_ADDR_ATTR_ID, p->id);
    NLA_PUT_U32(m, MPTCP_PM_ADDR_ATTR_FLAGS, p->flags);
    if (p->port)
        NLA_PUT_U16(m, MPTCP_PM_ADDR_ATTR_PORT, p->port);
    if (p->ifindex)
        NLA_PUT_S32(m, MPTCP_PM_ADDR_ATTR_IF_IDX, p->ifindex);
    nla_nest_end(m, nest);
    return;
nla_put_failure:
    abort(); /* a message of a page has room for one endpoint */
}

struct dump {
    struct pm_endpoint *endpoints;
    unsigned max, n;
    struct pm_limits limits;
};

static void read_endpoint(struct nlattr *nest, struct dump *d)
{
    struct nlattr *tb[MPTCP_PM_ADDR_ATTR_MAX + 1];
    struct pm_endpoint p = {0};

    if (nla_parse_nested(tb, MPTCP_PM_ADDR_ATTR_MAX, nest, NULL) || !tb[MPTCP_PM_ADDR_ATTR_FAMILY])
        return;
    p.family = nla_get_u16(tb[MPTCP_PM_ADDR_ATTR_FAMILY]);
    if (p.family == AF_INET && tb[MPTCP_PM_ADDR_ATTR_ADDR4])
        nla_memcpy(&p.v4, tb[MPTCP_PM_ADDR_ATTR_ADDR4], sizeof(p.v4));
    if (p.family == AF_INET6 && tb[MPTCP_PM_ADDR_ATTR_ADDR6])
        nla_memcpy(&p.v6, tb[MPTCP_PM_ADDR_ATTR_ADDR6], sizeof(p.v6));
    if (tb[MPTCP_PM_ADDR_ATTR_ID])
        p.id = nla_get_u8(tb[MPTCP_PM_ADDR_ATTR_ID]);
    if (tb[MPTCP_PM_ADDR_ATTR_FLAGS])
        p.flags = nla_get_u32(tb[MPTCP_PM_ADDR_ATTR_FLAGS]);
    if (tb[MPTCP_PM_ADDR_ATTR_PORT])
        p.port = nla_get_u16(tb[MPTCP_PM_ADDR_ATTR_PORT]);
    if (tb[MPTCP_PM_ADDR_ATTR_IF_IDX])
        p.ifindex = nla_get_s32(tb[MPTCP_PM_ADDR_ATTR_IF_IDX]);
    if (d->n < d->max)
        d->endpoints[d->n] = p;
    d->n++;
}

static int on_message(struct nl_msg *m, void *arg)
{
    struct nlattr *tb[MPTCP_PM_ATTR_MAX + 1];
    struct dump *d = arg;

    if (genlmsg_parse(nlmsg_hdr(m), 0, tb, MPTCP_PM_ATTR_MAX, NULL))
        return NL_SKIP;
    if (tb[MPTCP_PM_ATTR_ADDR])
        read_endpoint(tb[MPTCP_PM_ATTR_ADDR], d);
    if (tb[MPTCP_PM_ATTR_SUBFLOWS])
        d->limits.subflows = nla_get_u32(tb[MPTCP_PM_ATTR_SUBFLOWS]);
    if (tb[MPTCP_PM_ATTR_RCV_ADD_ADDRS])
        d->limits.add_addr_accepted = nla_get_u32(tb[MPTCP_PM_ATTR_RCV_ADD_ADDRS]);
    return NL_OK;
}

/* Sends it, takes it, and reads the answer. Without an acknowledgement, which would stay behind in
 * the socket: libnl reads one answer. */
static int pm_query(const struct pm_socket *s, struct nl_msg *m, const char *what, struct err *e)
{
    int rc;

    nl_socket_disable_auto_ack(s->sk);
    rc = nl_send_auto(s->sk, m);
    nlmsg_free(m);
    if (rc >= 0)
        rc = nl_recvmsgs_default(s->sk);
    nl_socket_enable_auto_ack(s->sk);
    return rc >= 0 ? 0
                   : err_broke(e, -EIO, "%s: cannot read the %s of the in-kernel path manager: %s",
                               s->name, what, nl_geterror(rc));
}

static int pm_read(const struct pm_socket *s, struct dump *d, struct err *e)
{
    int rc;

    nl_socket_modify_cb(s->sk, NL_CB_VALID, NL_CB_CUSTOM, on_message, d);
    rc = pm_query(s, pm_message(s, MPTCP_PM_CMD_GET_LIMITS, 0), "limits", e);
    if (!rc)
        rc = pm_query(s, pm_message(s, MPTCP_PM_CMD_GET_ADDR, NLM_F_DUMP), "endpoints", e);
    return rc;
}

/* Flags that the kernel adds or that were not asked for are not looked at: "implicit". */
static bool same_endpoint(const struct pm_endpoint *a, const struct pm_endpoint *b)
{
    const uint32_t ours = MPTCP_PM_ADDR_FLAG_SIGNAL | MPTCP_PM_ADDR_FLAG_SUBFLOW |
                          MPTCP_PM_ADDR_FLAG_BACKUP | MPTCP_PM_ADDR_FLAG_FULLMESH;

    return a->family == b->family && (!a->id || a->id == b->id) &&
           (a->flags & ours) == (b->flags & ours) && a->ifindex == b->ifindex &&
           a->port == b->port && !memcmp(&a->v6, &b->v6, a->family == AF_INET ? 4 : 16);
}

static int read_back(const struct pm_socket *s, const struct pm_endpoint *endpoints, unsigned n,
                     const struct pm_limits *limits, struct err *e)
{
    struct pm_endpoint there[ENDPOINTS_MAX];
    struct dump d = {.endpoints = there, .max = ENDPOINTS_MAX};
    int rc = pm_read(s, &d, e);

    if (rc)
        return rc;
    if (d.limits.subflows != limits->subflows ||
        d.limits.add_addr_accepted != limits->add_addr_accepted)
        return err_broke(e, -EIO,
                         "%s: the in-kernel path manager was told limits of %u subflows and %u "
                         "addresses, and has %u and %u",
                         s->name, limits->subflows, limits->add_addr_accepted, d.limits.subflows,
                         d.limits.add_addr_accepted);
    if (d.n != n)
        return err_broke(e, -EIO,
                         "%s: the in-kernel path manager was told %u endpoints, and has %u",
                         s->name, n, d.n);
    for (unsigned i = 0; i < n; i++) {
        char text[INET6_ADDRSTRLEN];
        bool found = false;
        for (unsigned k = 0; k < d.n; k++)
            found |= same_endpoint(&endpoints[i], &there[k]);
        inet_ntop(endpoints[i].family, &endpoints[i].v6, text, sizeof(text));
        if (!found)
            return err_broke(e, -EIO,
                             "%s: the in-kernel path manager does not have the endpoint %s as it "
                             "was told",
                             s->name, text);
    }
    return 0;
}

int endpoints_set(int ns_fd, const char *name, const struct pm_endpoint *endpoints, unsigned n,
                  const struct pm_limits *limits, struct err *e)
{
    struct pm_socket s = {0};
    struct nl_msg *m;
    int rc = pm_open(&s, ns_fd, name, e);

    if (rc)
        return rc;
    rc = pm_command(&s, pm_message(&s, MPTCP_PM_CMD_FLUSH_ADDRS, 0), "remove the endpoints", e);
    if (!rc) {
        m = pm_message(&s, MPTCP_PM_CMD_SET_LIMITS, 0);
        if (nla_put_u32(m, MPTCP_PM_ATTR_SUBFLOWS, limits->subflows) ||
            nla_put_u32(m, MPTCP_PM_ATTR_RCV_ADD_ADDRS, limits->add_addr_accepted))
            abort();
        rc = pm_command(&s, m, "set the limits", e);
    }
    for (unsigned i = 0; !rc && i < n; i++) {
        char text[INET6_ADDRSTRLEN], what[96];
        m = pm_message(&s, MPTCP_PM_CMD_ADD_ADDR, 0);
        put_endpoint(m, &endpoints[i]);
        inet_ntop(endpoints[i].family, &endpoints[i].v6, text, sizeof(text));
        snprintf(what, sizeof(what), "add the endpoint %s", text);
        rc = pm_command(&s, m, what, e);
    }
    if (!rc)
        rc = read_back(&s, endpoints, n, limits, e);
    nl_socket_free(s.sk);
    return rc;
}

int endpoints_get(int ns_fd, const char *name, struct pm_endpoint *endpoints, unsigned max,
                  unsigned *n, struct pm_limits *limits, struct err *e)
{
    struct dump d = {.endpoints = endpoints, .max = max};
    struct pm_socket s = {0};
    int rc = pm_open(&s, ns_fd, name, e);

    if (rc)
        return rc;
    rc = pm_read(&s, &d, e);
    nl_socket_free(s.sk);
    *n = d.n;
    *limits = d.limits;
    return rc;
}

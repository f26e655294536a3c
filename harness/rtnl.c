/* SPDX-License-Identifier: BSD-2-Clause */
#include "rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netns.h"
#include "util.h"

#define BATCH_BYTES    32768
#define BATCH_MESSAGES 200 /* each acknowledgement takes room in the receive buffer */
#define RECEIVE_BUFFER (4 << 20)

struct rtnl {
    struct nl_sock *sk;
    char *name;
    uint8_t *buf;
    size_t len;
    uint32_t seq, first_seq; /* next number; that of the first message in the batch */
    char *labels[BATCH_MESSAGES];
    unsigned n;
    struct err first_error;
};

int rtnl_open(struct rtnl **out, int ns_fd, const char *name, struct err *e)
{
    struct rtnl *r = xcalloc(1, sizeof(*r));
    int saved, rc, one = 1;

    r->name = xstrdup(name);
    r->buf = xcalloc(1, BATCH_BYTES);
    r->sk = nl_socket_alloc();
    r->seq = 1;
    saved = netns_enter(ns_fd);
    if (saved < 0) {
        rc = saved;
    } else {
        rc = r->sk ? -nl_connect(r->sk, NETLINK_ROUTE) : -ENOMEM;
        netns_leave(saved);
    }
    if (rc) {
        rtnl_close(r);
        return err_broke(e, -EIO, "%s: cannot open a netlink socket", name);
    }
    nl_socket_set_buffer_size(r->sk, RECEIVE_BUFFER, 0);
    setsockopt(nl_socket_get_fd(r->sk), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
    setsockopt(nl_socket_get_fd(r->sk), SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
    setsockopt(nl_socket_get_fd(r->sk), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &one, sizeof(one));
    *out = r;
    return 0;
}

void rtnl_close(struct rtnl *r)
{
    if (!r)
        return;
    for (unsigned i = 0; i < r->n; i++)
        free(r->labels[i]);
    nl_socket_free(r->sk);
    free(r->buf);
    free(r->name);
    free(r);
}

struct nl_msg *rtnl_msg(int type, int flags)
{
    struct nl_msg *m = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags);

    if (!m)
        abort();
    return m;
}

static const char *extended_ack(struct nlmsghdr *h)
{
    struct nlmsgerr *err = nlmsg_data(h);
    struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
    size_t skip = sizeof(*err);

    if (!(h->nlmsg_flags & NLM_F_ACK_TLVS))
        return NULL;
    if (!(h->nlmsg_flags & NLM_F_CAPPED))
        skip += err->msg.nlmsg_len - sizeof(err->msg);
    if (h->nlmsg_len <= NLMSG_HDRLEN + NLMSG_ALIGN(skip) ||
        nla_parse(tb, NLMSGERR_ATTR_MAX,
                  (struct nlattr *)((uint8_t *)nlmsg_data(h) + NLMSG_ALIGN(skip)),
                  (int)(h->nlmsg_len - NLMSG_HDRLEN - NLMSG_ALIGN(skip)), NULL) < 0)
        return NULL;
    return tb[NLMSGERR_ATTR_MSG] ? nla_get_string(tb[NLMSGERR_ATTR_MSG]) : NULL;
}

static void take_ack(struct rtnl *r, struct nlmsghdr *h, unsigned *acked)
{
    struct nlmsgerr *err = nlmsg_data(h);
    uint32_t i = h->nlmsg_seq - r->first_seq;

    if (h->nlmsg_type != NLMSG_ERROR || i >= r->n)
        return;
    (*acked)++;
    if (err->error && !r->first_error.code) {
        const char *more = extended_ack(h);
        err_broke(&r->first_error, err->error, "%s: cannot %s: %s%s%s%s", r->name, r->labels[i],
                  strerror(-err->error), more ? " (" : "", more ? more : "", more ? ")" : "");
    }
}

static void send_batch(struct rtnl *r)
{
    unsigned acked = 0;
    struct sockaddr_nl from;

    if (!r->n)
        return;
    if (nl_sendto(r->sk, r->buf, r->len) < 0)
        err_broke(&r->first_error, -EIO, "%s: cannot send on the netlink socket: %s", r->name,
                  strerror(errno));
    while (!r->first_error.code && acked < r->n) {
        unsigned char *buf = NULL;
        int len = nl_recv(r->sk, &from, &buf, NULL);
        if (len <= 0) {
            err_broke(&r->first_error, -EIO, "%s: cannot read the netlink socket: %s", r->name,
                      nl_geterror(len));
            free(buf);
            break;
        }
        for (struct nlmsghdr *h = (struct nlmsghdr *)buf; nlmsg_ok(h, len); h = nlmsg_next(h, &len))
            take_ack(r, h, &acked);
        free(buf);
    }
    for (unsigned i = 0; i < r->n; i++)
        free(r->labels[i]);
    r->n = 0;
    r->len = 0;
    r->first_seq = r->seq;
}

void rtnl_queue(struct rtnl *r, struct nl_msg *msg, const char *fmt, ...)
{
    struct nlmsghdr *h = nlmsg_hdr(msg);
    size_t len = NLMSG_ALIGN(h->nlmsg_len);
    va_list ap;

    if (r->n == BATCH_MESSAGES || r->len + len > BATCH_BYTES)
        send_batch(r);
    if (!r->n)
        r->first_seq = r->seq;
    h->nlmsg_seq = r->seq++;
    h->nlmsg_pid = nl_socket_get_local_port(r->sk);
    memcpy(r->buf + r->len, h, h->nlmsg_len);
    r->len += len;
    va_start(ap, fmt);
    if (vasprintf(&r->labels[r->n], fmt, ap) < 0)
        abort();
    va_end(ap);
    r->n++;
    nlmsg_free(msg);
}

int rtnl_flush(struct rtnl *r, struct err *e)
{
    int rc;

    send_batch(r);
    rc = r->first_error.code;
    if (rc && e)
        *e = r->first_error;
    r->first_error = (struct err)ERR_INIT;
    return rc;
}

int rtnl_dump(struct rtnl *r, int type, const void *payload, size_t len,
              int (*fn)(struct nlmsghdr *h, void *arg), void *arg, struct err *e)
{
    struct nl_msg *m = nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_DUMP);
    struct sockaddr_nl from;
    bool done = false;
    int rc = 0, sent;

    if (!m)
        abort();
    nlmsg_append(m, (void *)payload, len, NLMSG_ALIGNTO);
    nlmsg_hdr(m)->nlmsg_seq = r->seq++;
    nlmsg_hdr(m)->nlmsg_pid = nl_socket_get_local_port(r->sk);
    sent = nl_sendto(r->sk, nlmsg_hdr(m), nlmsg_hdr(m)->nlmsg_len);
    nlmsg_free(m);
    if (sent < 0)
        return err_broke(e, -EIO, "%s: cannot send on the netlink socket", r->name);
    while (!done) {
        unsigned char *buf = NULL;
        int n = nl_recv(r->sk, &from, &buf, NULL);
        if (n <= 0) {
            free(buf);
            return err_broke(e, -EIO, "%s: cannot read the netlink socket: %s", r->name,
                             nl_geterror(n));
        }
        for (struct nlmsghdr *h = (struct nlmsghdr *)buf; nlmsg_ok(h, n); h = nlmsg_next(h, &n)) {
            if (h->nlmsg_type == NLMSG_DONE) {
                done = true;
            } else if (h->nlmsg_type == NLMSG_ERROR) {
                struct nlmsgerr *ne = nlmsg_data(h);
                done = true;
                if (ne->error && !rc)
                    rc = err_broke(e, ne->error, "%s: netlink dump %d: %s", r->name, type,
                                   strerror(-ne->error));
            } else if (!rc) {
                rc = fn(h, arg);
            }
        }
        free(buf);
    }
    return rc;
}

void rtnl_mac(uint8_t mac[6], int ifindex, unsigned end)
{
    mac[0] = 0x02;
    mac[1] = 0x00;
    mac[2] = (uint8_t)(ifindex >> 16);
    mac[3] = (uint8_t)(ifindex >> 8);
    mac[4] = (uint8_t)ifindex;
    mac[5] = (uint8_t)(end + 1);
}

void rtnl_veth(struct rtnl *r, const char *name, int ifindex, uint32_t mtu, int peer_ns_fd)
{
    struct nl_msg *m = rtnl_msg(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    struct ifinfomsg ifi = {.ifi_index = ifindex};
    struct nlattr *info, *data, *peer;
    uint8_t mac[6];

    nlmsg_append(m, &ifi, sizeof(ifi), NLMSG_ALIGNTO);
    nla_put_string(m, IFLA_IFNAME, name);
    nla_put_u32(m, IFLA_MTU, mtu);
    rtnl_mac(mac, ifindex, 0);
    nla_put(m, IFLA_ADDRESS, 6, mac);
    info = nla_nest_start(m, IFLA_LINKINFO);
    nla_put_string(m, IFLA_INFO_KIND, "veth");
    data = nla_nest_start(m, IFLA_INFO_DATA);
    peer = nla_nest_start(m, VETH_INFO_PEER);
    nlmsg_append(m, &ifi, sizeof(ifi), NLMSG_ALIGNTO);
    nla_put_string(m, IFLA_IFNAME, name);
    nla_put_u32(m, IFLA_MTU, mtu);
    rtnl_mac(mac, ifindex, 1);
    nla_put(m, IFLA_ADDRESS, 6, mac);
    nla_put_u32(m, IFLA_NET_NS_FD, (uint32_t)peer_ns_fd);
    nla_nest_end(m, peer);
    nla_nest_end(m, data);
    nla_nest_end(m, info);
    rtnl_queue(r, m, "create link %s", name);
}

void rtnl_link_limits(struct rtnl *r, const char *name, int ifindex, uint32_t mtu,
                      uint32_t gso_max_segs)
{
    struct nl_msg *m;
    struct ifinfomsg ifi = {.ifi_index = ifindex};

    if (!mtu && !gso_max_segs)
        return;
    m = rtnl_msg(RTM_NEWLINK, 0);
    nlmsg_append(m, &ifi, sizeof(ifi), NLMSG_ALIGNTO);
    if (mtu)
        nla_put_u32(m, IFLA_MTU, mtu);
    if (gso_max_segs)
        nla_put_u32(m, IFLA_GSO_MAX_SEGS, gso_max_segs);
    rtnl_queue(r, m, "set link %s mtu %u gso_max_segs %u (0: unchanged)", name, mtu, gso_max_segs);
}

void rtnl_link_up(struct rtnl *r, const char *name, int ifindex, bool up)
{
    struct nl_msg *m = rtnl_msg(RTM_NEWLINK, 0);
    struct ifinfomsg ifi = {
        .ifi_index = ifindex, .ifi_flags = up ? IFF_UP : 0, .ifi_change = IFF_UP};

    nlmsg_append(m, &ifi, sizeof(ifi), NLMSG_ALIGNTO);
    rtnl_queue(r, m, "set link %s %s", name, up ? "up" : "down");
}

void rtnl_addr(struct rtnl *r, int ifindex, int family, const void *addr, unsigned prefix_len)
{
    struct nl_msg *m = rtnl_msg(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
    struct ifaddrmsg ifa = {.ifa_family = (uint8_t)family,
                            .ifa_prefixlen = (uint8_t)prefix_len,
                            .ifa_index = (unsigned)ifindex,
                            .ifa_flags = family == AF_INET6 ? IFA_F_NODAD : 0};
    char text[INET6_ADDRSTRLEN];
    int len = family == AF_INET ? 4 : 16;

    nlmsg_append(m, &ifa, sizeof(ifa), NLMSG_ALIGNTO);
    nla_put(m, IFA_LOCAL, len, addr);
    nla_put(m, IFA_ADDRESS, len, addr);
    rtnl_queue(r, m, "add address %s/%u", inet_ntop(family, addr, text, sizeof(text)), prefix_len);
}

void rtnl_neighbour(struct rtnl *r, int ifindex, int family, const void *addr, const uint8_t mac[6])
{
    struct nl_msg *m = rtnl_msg(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE);
    struct ndmsg nd = {
        .ndm_family = (uint8_t)family, .ndm_ifindex = ifindex, .ndm_state = NUD_PERMANENT};
    char text[INET6_ADDRSTRLEN];

    nlmsg_append(m, &nd, sizeof(nd), NLMSG_ALIGNTO);
    nla_put(m, NDA_DST, family == AF_INET ? 4 : 16, addr);
    nla_put(m, NDA_LLADDR, 6, mac);
    rtnl_queue(r, m, "add neighbour %s", inet_ntop(family, addr, text, sizeof(text)));
}

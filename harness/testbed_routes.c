/* SPDX-License-Identifier: BSD-2-Clause */
#include "testbed_routes.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static int addr_len(int family)
{
    return family == AF_INET ? 4 : 16;
}

static const char *prefix_text(int family, const void *addr, unsigned len, char *buf, size_t size)
{
    char text[INET6_ADDRSTRLEN];

    snprintf(buf, size, "%s/%u", inet_ntop(family, addr, text, sizeof(text)), len);
    return buf;
}

static void put_nexthops(struct nl_msg *m, const struct topo_route *r)
{
    struct nlattr *all = nla_nest_start(m, RTA_MULTIPATH);

    for (unsigned i = 0; i < r->n_nexthops; i++) {
        struct rtnexthop *nh = nlmsg_reserve(m, sizeof(*nh), NLMSG_ALIGNTO);
        size_t before = nlmsg_hdr(m)->nlmsg_len - sizeof(*nh);
        memset(nh, 0, sizeof(*nh));
        nh->rtnh_ifindex = testbed_ifindex(r->nexthop[i].link);
        if (r->nexthop[i].has_via)
            nla_put(m, RTA_GATEWAY, addr_len(r->family), &r->nexthop[i].via);
        nh->rtnh_len = (uint16_t)(nlmsg_hdr(m)->nlmsg_len - before);
    }
    nla_nest_end(m, all);
}

/* For one next hop or several; the metrics are the route's. */
static void put_metrics(struct nl_msg *m, const struct topo_route *r)
{
    struct nlattr *all;

    if (!r->quickack)
        return;
    all = nla_nest_start(m, RTA_METRICS);
    nla_put_u32(m, RTAX_QUICKACK, 1);
    nla_nest_end(m, all);
}

void testbed_queue_route(struct rtnl *nl, const struct topo_route *r)
{
    struct nl_msg *m = rtnl_msg(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    bool via = r->n_nexthops > 1 || r->nexthop[0].has_via;
    struct rtmsg rt = {.rtm_family = (uint8_t)r->family,
                       .rtm_dst_len = r->dst_len,
                       .rtm_protocol = RTPROT_STATIC,
                       .rtm_type = RTN_UNICAST,
                       .rtm_scope =
                           via || r->family == AF_INET6 ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK};
    char text[INET6_ADDRSTRLEN + 8];

    nlmsg_append(m, &rt, sizeof(rt), NLMSG_ALIGNTO);
    nla_put_u32(m, RTA_TABLE, r->table);
    if (r->metric)
        nla_put_u32(m, RTA_PRIORITY, r->metric);
    if (r->dst_len)
        nla_put(m, RTA_DST, addr_len(r->family), &r->dst);
    put_metrics(m, r);
    if (r->n_nexthops > 1) {
        put_nexthops(m, r);
    } else {
        nla_put_u32(m, RTA_OIF, (uint32_t)testbed_ifindex(r->nexthop[0].link));
        if (r->nexthop[0].has_via)
            nla_put(m, RTA_GATEWAY, addr_len(r->family), &r->nexthop[0].via);
    }
    rtnl_queue(nl, m, "add route %s in table %u",
               prefix_text(r->family, &r->dst, r->dst_len, text, sizeof(text)), r->table);
}

void testbed_queue_rule(struct rtnl *nl, const struct topo_rule *r)
{
    struct nl_msg *m = rtnl_msg(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL);
    struct fib_rule_hdr fr = {
        .family = (uint8_t)r->family, .src_len = r->src_len, .action = FR_ACT_TO_TBL};
    char text[INET6_ADDRSTRLEN + 8];

    nlmsg_append(m, &fr, sizeof(fr), NLMSG_ALIGNTO);
    if (r->src_len)
        nla_put(m, FRA_SRC, addr_len(r->family), &r->src);
    if (r->mark)
        nla_put_u32(m, FRA_FWMARK, r->mark);
    nla_put_u32(m, FRA_TABLE, r->table);
    nla_put_u32(m, FRA_PRIORITY, r->priority);
    rtnl_queue(nl, m, "add rule from %s, mark %u",
               prefix_text(r->family, &r->src, r->src_len, text, sizeof(text)), r->mark);
}

/* ---- reading back ---- */

struct verify {
    const struct topology *t;
    unsigned node;
    int family;
    bool *links, *addrs, *routes, *rules, loopback; /* seen */
};

/* A limit that was asked for (0: none was). */
static bool has_limit(const struct nlattr *a, uint32_t limit)
{
    return !limit || (a && nla_get_u32(a) == limit);
}

static int seen_link(struct nlmsghdr *h, void *arg)
{
    struct verify *v = arg;
    const struct ifinfomsg *ifi = nlmsg_data(h);
    struct nlattr *tb[IFLA_MAX + 1];
    const struct topo_loopback *lo = &v->t->nodes[v->node].loopback;
    long l = ifi->ifi_index - testbed_ifindex(0);

    if (nlmsg_parse(h, sizeof(*ifi), tb, IFLA_MAX, NULL) < 0)
        return 0;
    if (ifi->ifi_flags & IFF_LOOPBACK)
        v->loopback = ifi->ifi_flags & IFF_UP && has_limit(tb[IFLA_MTU], lo->mtu) &&
                      has_limit(tb[IFLA_GSO_MAX_SEGS], lo->gso_max_segs);
    if (l < 0 || l >= (long)v->t->n_links)
        return 0;
    v->links[l] =
        tb[IFLA_IFNAME] && !strcmp(nla_get_string(tb[IFLA_IFNAME]), v->t->links[l].name) &&
        has_limit(tb[IFLA_MTU], v->t->links[l].mtu) &&
        has_limit(tb[IFLA_GSO_MAX_SEGS], v->t->links[l].gso_max_segs) && ifi->ifi_flags & IFF_UP;
    return 0;
}

static int seen_addr(struct nlmsghdr *h, void *arg)
{
    struct verify *v = arg;
    const struct ifaddrmsg *ifa = nlmsg_data(h);
    struct nlattr *tb[IFA_MAX + 1], *a;

    if (nlmsg_parse(h, sizeof(*ifa), tb, IFA_MAX, NULL) < 0)
        return 0;
    a = tb[IFA_LOCAL] ? tb[IFA_LOCAL] : tb[IFA_ADDRESS];
    for (unsigned i = 0; a && i < v->t->n_addrs; i++) {
        const struct topo_addr *p = &v->t->addrs[i];
        if (p->node == v->node && p->family == ifa->ifa_family &&
            p->prefix_len == ifa->ifa_prefixlen &&
            testbed_ifindex(p->link) == (int)ifa->ifa_index && nla_len(a) == addr_len(p->family) &&
            !memcmp(nla_data(a), &p->v6, (size_t)addr_len(p->family)))
            v->addrs[i] = true;
    }
    return 0;
}

static unsigned count_nexthops(struct nlattr **tb)
{
    struct rtnexthop *nh;
    int left;
    unsigned n = 0;

    if (!tb[RTA_MULTIPATH])
        return 1;
    nh = nla_data(tb[RTA_MULTIPATH]);
    left = nla_len(tb[RTA_MULTIPATH]);
    for (; left >= (int)sizeof(*nh) && nh->rtnh_len >= sizeof(*nh) && nh->rtnh_len <= left;
         left -= NLMSG_ALIGN(nh->rtnh_len), nh = RTNH_NEXT(nh))
        n++;
    return n;
}

static bool has_quickack(struct nlattr **tb)
{
    struct nlattr *metrics[RTAX_MAX + 1];

    return tb[RTA_METRICS] && nla_parse_nested(metrics, RTAX_MAX, tb[RTA_METRICS], NULL) >= 0 &&
           metrics[RTAX_QUICKACK] && nla_get_u32(metrics[RTAX_QUICKACK]);
}

static int seen_route(struct nlmsghdr *h, void *arg)
{
    struct verify *v = arg;
    const struct rtmsg *rt = nlmsg_data(h);
    struct nlattr *tb[RTA_MAX + 1];
    uint32_t table;

    if (rt->rtm_type != RTN_UNICAST || nlmsg_parse(h, sizeof(*rt), tb, RTA_MAX, NULL) < 0)
        return 0;
    table = tb[RTA_TABLE] ? nla_get_u32(tb[RTA_TABLE]) : rt->rtm_table;
    for (unsigned i = 0; i < v->t->n_routes; i++) {
        const struct topo_route *p = &v->t->routes[i];
        if (p->node != v->node || p->family != rt->rtm_family || p->dst_len != rt->rtm_dst_len ||
            p->table != table || p->quickack != has_quickack(tb))
            continue;
        if (p->dst_len &&
            (!tb[RTA_DST] || memcmp(nla_data(tb[RTA_DST]), &p->dst, (size_t)addr_len(p->family))))
            continue;
        if (count_nexthops(tb) == p->n_nexthops &&
            (p->n_nexthops > 1 || !tb[RTA_OIF] ||
             (int)nla_get_u32(tb[RTA_OIF]) == testbed_ifindex(p->nexthop[0].link)))
            v->routes[i] = true;
    }
    return 0;
}

static int seen_rule(struct nlmsghdr *h, void *arg)
{
    struct verify *v = arg;
    const struct fib_rule_hdr *fr = nlmsg_data(h);
    struct nlattr *tb[FRA_MAX + 1];

    if (nlmsg_parse(h, sizeof(*fr), tb, FRA_MAX, NULL) < 0 || !tb[FRA_TABLE])
        return 0;
    for (unsigned i = 0; i < v->t->n_rules; i++) {
        const struct topo_rule *p = &v->t->rules[i];
        if (p->node == v->node && p->family == fr->family && p->src_len == fr->src_len &&
            p->table == nla_get_u32(tb[FRA_TABLE]) &&
            p->mark == (tb[FRA_FWMARK] ? nla_get_u32(tb[FRA_FWMARK]) : 0) &&
            p->priority == (tb[FRA_PRIORITY] ? nla_get_u32(tb[FRA_PRIORITY]) : 0) &&
            !p->src_len == !tb[FRA_SRC] &&
            (!p->src_len || !memcmp(nla_data(tb[FRA_SRC]), &p->src, (size_t)addr_len(p->family))))
            v->rules[i] = true;
    }
    return 0;
}

static int compare(const struct verify *v, struct err *e)
{
    const char *node = v->t->nodes[v->node].name;
    char text[INET6_ADDRSTRLEN + 8];

    if (!v->loopback)
        return err_broke(e, -EIO,
                         "%s: lo is not up, or its MTU or gso_max_segs is not what was set", node);
    for (unsigned i = 0; i < v->t->n_links; i++)
        if ((v->t->links[i].node[0] == v->node || v->t->links[i].node[1] == v->node) &&
            !v->links[i])
            return err_broke(e, -EIO,
                             "%s: link %s is not there, not up, or has another MTU than %u or "
                             "another gso_max_segs",
                             node, v->t->links[i].name, v->t->links[i].mtu);
    for (unsigned i = 0; i < v->t->n_addrs; i++)
        if (v->t->addrs[i].node == v->node && !v->addrs[i])
            return err_broke(e, -EIO, "%s: address %s was set but is not there", node,
                             prefix_text(v->t->addrs[i].family, &v->t->addrs[i].v6,
                                         v->t->addrs[i].prefix_len, text, sizeof(text)));
    for (unsigned i = 0; i < v->t->n_routes; i++)
        if (v->t->routes[i].node == v->node && !v->routes[i])
            return err_broke(e, -EIO, "%s: route %s (table %u) was set but is not there", node,
                             prefix_text(v->t->routes[i].family, &v->t->routes[i].dst,
                                         v->t->routes[i].dst_len, text, sizeof(text)),
                             v->t->routes[i].table);
    for (unsigned i = 0; i < v->t->n_rules; i++)
        if (v->t->rules[i].node == v->node && !v->rules[i])
            return err_broke(e, -EIO, "%s: rule from %s, mark %u, was set but is not there", node,
                             prefix_text(v->t->rules[i].family, &v->t->rules[i].src,
                                         v->t->rules[i].src_len, text, sizeof(text)),
                             v->t->rules[i].mark);
    return 0;
}

static bool has_rules(const struct topology *t, unsigned node)
{
    for (unsigned i = 0; i < t->n_rules; i++)
        if (t->rules[i].node == node)
            return true;
    return false;
}

int testbed_verify_node(const struct topology *t, unsigned node, struct rtnl *nl, struct err *e)
{
    struct verify v = {.t = t, .node = node};
    struct ifinfomsg ifi = {0};
    struct ifaddrmsg ifa = {0};
    int rc;

    v.links = xcalloc(t->n_links, 1);
    v.addrs = xcalloc(t->n_addrs, 1);
    v.routes = xcalloc(t->n_routes, 1);
    v.rules = xcalloc(t->n_rules, 1);
    rc = rtnl_dump(nl, RTM_GETLINK, &ifi, sizeof(ifi), seen_link, &v, e);
    if (!rc)
        rc = rtnl_dump(nl, RTM_GETADDR, &ifa, sizeof(ifa), seen_addr, &v, e);
    for (int f = 0; f < 2 && !rc; f++) {
        struct rtmsg rt = {.rtm_family = f ? AF_INET6 : AF_INET};
        struct fib_rule_hdr fr = {.family = f ? AF_INET6 : AF_INET};
        rc = rtnl_dump(nl, RTM_GETROUTE, &rt, sizeof(rt), seen_route, &v, e);
        if (!rc && has_rules(t, node))
            rc = rtnl_dump(nl, RTM_GETRULE, &fr, sizeof(fr), seen_rule, &v, e);
    }
    if (!rc)
        rc = compare(&v, e);
    free(v.links);
    free(v.addrs);
    free(v.routes);
    free(v.rules);
    return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "tcqd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

#define UNLIMITED_BPS                                                                              \
    100000000000ull /* for a link without a rate that has a shaper all the same, because it may    \
                       change */
#define BURST_SECONDS 0.001 /* of tokens: small, so that the rate holds over short times */
#define BURST_PACKETS 2
#define LINK_HEADER   18      /* Ethernet with a VLAN tag */
#define NETEM_PACKETS 1000000 /* netem holds what is in flight; the queue is tbf's */

void tcqd_ifb(struct rtnl *r, const char *name, int ifindex, uint32_t mtu)
{
    struct nl_msg *m = rtnl_msg(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    struct ifinfomsg ifi = {.ifi_index = ifindex, .ifi_flags = IFF_UP, .ifi_change = IFF_UP};
    struct nlattr *info;

    nlmsg_append(m, &ifi, sizeof(ifi), NLMSG_ALIGNTO);
    nla_put_string(m, IFLA_IFNAME, name);
    nla_put_u32(m, IFLA_MTU, mtu);
    info = nla_nest_start(m, IFLA_LINKINFO);
    nla_put_string(m, IFLA_INFO_KIND, "ifb");
    nla_nest_end(m, info);
    rtnl_queue(r, m, "create interface %s (ifb)", name);
}

static struct nl_msg *qdisc_msg(int ifindex, uint32_t parent, uint32_t handle, const char *kind)
{
    struct nl_msg *m = rtnl_msg(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE);
    struct tcmsg tc = {.tcm_ifindex = ifindex, .tcm_parent = parent, .tcm_handle = handle};

    nlmsg_append(m, &tc, sizeof(tc), NLMSG_ALIGNTO);
    nla_put_string(m, TCA_KIND, kind);
    return m;
}

static void put_stab(struct nl_msg *m, uint32_t overhead)
{
    /* Without a table the kernel adds the overhead only (__qdisc_calculate_pkt_len). */
    struct tc_sizespec s = {.overhead = (int)overhead, .linklayer = 1 /* Ethernet */};
    struct nlattr *stab;

    if (!overhead)
        return;
    stab = nla_nest_start(m, TCA_STAB);
    nla_put(m, TCA_STAB_BASE, sizeof(s), &s);
    nla_nest_end(m, stab);
}

void tcqd_tbf(struct rtnl *r, int ifindex, uint32_t parent, uint64_t rate_bps, uint32_t mtu,
              uint32_t overhead_bytes, uint32_t queue_packets)
{
    struct nl_msg *m = qdisc_msg(ifindex, parent, TCQD_TBF, "tbf");
    uint64_t rate = (rate_bps ? rate_bps : UNLIMITED_BPS) / 8;
    uint32_t packet = mtu + LINK_HEADER + overhead_bytes,
             burst = (uint32_t)((double)rate * BURST_SECONDS);
    struct tc_tbf_qopt q = {0};
    struct nlattr *o;

    if (burst < BURST_PACKETS * packet)
        burst = BURST_PACKETS * packet;
    q.rate.linklayer = 1; /* TC_LINKLAYER_ETHERNET: the kernel computes, no rate table is needed */
    q.rate.rate = rate < UINT32_MAX ? (uint32_t)rate : UINT32_MAX;
    q.limit = queue_packets * packet;
    put_stab(m, overhead_bytes);
    o = nla_nest_start(m, TCA_OPTIONS);
    nla_put(m, TCA_TBF_PARMS, sizeof(q), &q);
    nla_put_u32(m, TCA_TBF_BURST, burst);
    if (rate >= UINT32_MAX)
        nla_put_u64(m, TCA_TBF_RATE64, rate);
    nla_nest_end(m, o);
    rtnl_queue(r, m, "set the shaper (tbf, %llu bit/s) on interface %d",
               (unsigned long long)rate * 8, ifindex);

    /* Its queue counts packets. After tbf, which writes its own limit (in bytes) into whatever fifo
     * is there. */
    m = qdisc_msg(ifindex, TCQD_TBF_CHILD, 0, "pfifo");
    struct tc_fifo_qopt f = {.limit = queue_packets};
    nla_put(m, TCA_OPTIONS, sizeof(f), &f);
    rtnl_queue(r, m, "set the shaper's queue (pfifo, %u packets) on interface %d", queue_packets,
               ifindex);
}

static uint32_t share32(double share)
{
    return share >= 1 ? UINT32_MAX : (uint32_t)(share * 4294967296.0);
}

void tcqd_gilbert(double loss, double burst, uint32_t *p, uint32_t *r)
{
    /* Two states; every packet in the bad one is lost. It is left with 1/burst, so that its mean
     * length is `burst`; the share of time in it, p / (p + r), is to be `loss`. */
    double leave = 1 / (burst > 1 ? burst : 1);

    *r = share32(leave);
    *p = loss >= 1 ? UINT32_MAX : share32(loss * leave / (1 - loss));
}

void tcqd_netem(struct rtnl *r, int ifindex, const struct impairment *imp)
{
    struct nl_msg *m = qdisc_msg(ifindex, TCQD_ROOT, TCQD_NETEM, "netem");
    struct tc_netem_qopt q = {.limit = NETEM_PACKETS, .duplicate = share32(imp->duplicate)};
    struct tc_netem_reorder reorder = {.probability = share32(imp->reorder)};
    struct nlattr *o = nla_nest_start(m, TCA_OPTIONS);

    if (imp->loss > 0 && !(imp->loss_burst > 1))
        q.loss = share32(imp->loss);
    if (imp->reorder > 0)
        q.gap = 1; /* netem: reordering happens only with a gap */
    nlmsg_append(m, &q, sizeof(q), NLMSG_ALIGNTO);
    nla_put_u64(m, TCA_NETEM_LATENCY64, (uint64_t)imp->delay_us * 1000);
    nla_put_u64(m, TCA_NETEM_JITTER64, (uint64_t)imp->jitter_us * 1000);
    if (imp->reorder > 0)
        nla_put(m, TCA_NETEM_REORDER, sizeof(reorder), &reorder);
    if (imp->loss > 0 && imp->loss_burst > 1) {
        struct tc_netem_gemodel ge = {.h = 0, .k1 = 0};
        struct nlattr *loss = nla_nest_start(m, TCA_NETEM_LOSS);
        tcqd_gilbert(imp->loss, imp->loss_burst, &ge.p, &ge.r);
        nla_put(m, NETEM_LOSS_GE, sizeof(ge), &ge);
        nla_nest_end(m, loss);
    }
    nla_nest_end(m, o);
    rtnl_queue(r, m, "set netem on interface %d", ifindex);
}

void tcqd_clsact(struct rtnl *r, int ifindex)
{
    rtnl_queue(r, qdisc_msg(ifindex, TC_H_CLSACT, TC_H_MAKE(TC_H_CLSACT, 0), "clsact"),
               "set clsact on interface %d", ifindex);
}

void tcqd_redirect(struct rtnl *r, int ifindex, unsigned priority, const char *indev, int ifb)
{
    struct nl_msg *m = rtnl_msg(RTM_NEWTFILTER, NLM_F_CREATE | NLM_F_EXCL);
    struct tcmsg tc = {.tcm_ifindex = ifindex,
                       .tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_EGRESS),
                       .tcm_info = TC_H_MAKE(priority << 16, htons(ETH_P_ALL))};
    struct {
        struct tc_u32_sel sel;
        struct tc_u32_key key; /* mask 0: matches everything */
    } match = {.sel = {.flags = TC_U32_TERMINAL, .nkeys = 1}};
    struct tc_mirred mirred = {
        .action = TC_ACT_STOLEN, .eaction = TCA_EGRESS_REDIR, .ifindex = (unsigned)ifb};
    struct nlattr *o, *acts, *act, *ao;

    nlmsg_append(m, &tc, sizeof(tc), NLMSG_ALIGNTO);
    nla_put_string(m, TCA_KIND, "u32");
    o = nla_nest_start(m, TCA_OPTIONS);
    nla_put(m, TCA_U32_SEL, sizeof(match), &match);
    if (indev)
        nla_put_string(m, TCA_U32_INDEV, indev);
    acts = nla_nest_start(m, TCA_U32_ACT);
    act = nla_nest_start(m, 1);
    nla_put_string(m, TCA_ACT_KIND, "mirred");
    ao = nla_nest_start(m, TCA_ACT_OPTIONS);
    nla_put(m, TCA_MIRRED_PARMS, sizeof(mirred), &mirred);
    nla_nest_end(m, ao);
    nla_nest_end(m, act);
    nla_nest_end(m, acts);
    nla_nest_end(m, o);
    rtnl_queue(r, m, "redirect from interface %d to the shaper of %s", ifindex,
               indev ? indev : "everything");
}

struct stats_arg {
    int ifindex;
    bool found;
    uint64_t drops, rate_bps;
};

static void tbf_rate(struct nlattr *options, struct stats_arg *s)
{
    struct nlattr *tb[TCA_TBF_MAX + 1];

    if (!options || nla_parse_nested(tb, TCA_TBF_MAX, options, NULL) < 0)
        return;
    if (tb[TCA_TBF_RATE64])
        s->rate_bps = nla_get_u64(tb[TCA_TBF_RATE64]) * 8;
    else if (tb[TCA_TBF_PARMS])
        s->rate_bps = (uint64_t)((struct tc_tbf_qopt *)nla_data(tb[TCA_TBF_PARMS]))->rate.rate * 8;
}

static int take_stats(struct nlmsghdr *h, void *arg)
{
    struct stats_arg *s = arg;
    const struct tcmsg *tc = nlmsg_data(h);
    struct nlattr *tb[TCA_MAX + 1], *st[TCA_STATS_MAX + 1];

    if (tc->tcm_ifindex != s->ifindex || nlmsg_parse(h, sizeof(*tc), tb, TCA_MAX, NULL) < 0 ||
        !tb[TCA_KIND] || strcmp(nla_get_string(tb[TCA_KIND]), "tbf"))
        return 0;
    s->found = true;
    tbf_rate(tb[TCA_OPTIONS], s);
    if (tb[TCA_STATS2] && !nla_parse_nested(st, TCA_STATS_MAX, tb[TCA_STATS2], NULL) &&
        st[TCA_STATS_QUEUE]) {
        struct gnet_stats_queue q = {0};
        int len = nla_len(st[TCA_STATS_QUEUE]);
        memcpy(&q, nla_data(st[TCA_STATS_QUEUE]), len < (int)sizeof(q) ? (size_t)len : sizeof(q));
        s->drops = q.drops;
    }
    return 0;
}

int tcqd_tbf_stats(struct rtnl *r, int ifindex, uint64_t *drops, uint64_t *rate_bps, struct err *e)
{
    struct stats_arg s = {.ifindex = ifindex};
    struct tcmsg tc = {.tcm_ifindex = ifindex};
    int rc = rtnl_dump(r, RTM_GETQDISC, &tc, sizeof(tc), take_stats, &s, e);

    if (rc)
        return rc;
    if (!s.found)
        return err_broke(e, -ENOENT, "interface %d has no shaper", ifindex);
    if (drops)
        *drops = s.drops;
    if (rate_bps)
        *rate_bps = s.rate_bps;
    return 0;
}

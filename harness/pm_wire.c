/* SPDX-License-Identifier: BSD-2-Clause */
#include "pm_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/mptcp.h>
#include <string.h>

#include "util.h"

static const __u8 command_of[PM_OPS] = {
    [PM_CREATE] = MPTCP_PM_CMD_SUBFLOW_CREATE, [PM_CLOSE] = MPTCP_PM_CMD_SUBFLOW_DESTROY,
    [PM_ANNOUNCE] = MPTCP_PM_CMD_ANNOUNCE,     [PM_WITHDRAW] = MPTCP_PM_CMD_REMOVE,
    [PM_BACKUP] = MPTCP_PM_CMD_SET_FLAGS,
};

static struct nlmsghdr *start(void *buf, unsigned family, unsigned seq, unsigned command,
                              unsigned flags)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    struct genlmsghdr *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));

    h->nlmsg_type = (__u16)family;
    h->nlmsg_flags = (__u16)(NLM_F_REQUEST | flags);
    h->nlmsg_seq = seq;
    g->cmd = (__u8)command;
    g->version = MPTCP_PM_VER;
    return h;
}

static void put_addr(struct nlmsghdr *h, unsigned type, const struct pm_addr *a, unsigned flags)
{
    struct nlattr *nest = mnl_attr_nest_start(h, (__u16)type);

    mnl_attr_put_u16(h, MPTCP_PM_ADDR_ATTR_FAMILY, a->family);
    mnl_attr_put_u8(h, MPTCP_PM_ADDR_ATTR_ID, a->id);
    if (a->family == AF_INET6)
        mnl_attr_put(h, MPTCP_PM_ADDR_ATTR_ADDR6, 16, a->ip);
    else
        mnl_attr_put(h, MPTCP_PM_ADDR_ATTR_ADDR4, 4, a->ip);
    if (a->port)
        mnl_attr_put_u16(h, MPTCP_PM_ADDR_ATTR_PORT, a->port);
    if (flags)
        mnl_attr_put_u32(h, MPTCP_PM_ADDR_ATTR_FLAGS, flags);
    if (a->ifindex)
        mnl_attr_put_u32(h, MPTCP_PM_ADDR_ATTR_IF_IDX, a->ifindex);
    mnl_attr_nest_end(h, nest);
}

struct nlmsghdr *pm_wire_command(void *buf, unsigned family, unsigned seq,
                                 const struct pm_command *c)
{
    struct nlmsghdr *h = start(buf, family, seq, command_of[c->op], NLM_F_ACK);
    struct pm_addr remote = c->remote;
    unsigned flags = c->op == PM_ANNOUNCE ? MPTCP_PM_ADDR_FLAG_SIGNAL : 0;

    if (c->on)
        flags |= MPTCP_PM_ADDR_FLAG_BACKUP;
    mnl_attr_put_u32(h, MPTCP_PM_ATTR_TOKEN, c->token);
    if (c->op == PM_WITHDRAW) {
        mnl_attr_put_u8(h, MPTCP_PM_ATTR_LOC_ID, c->local.id);
        return h;
    }
    put_addr(h, MPTCP_PM_ATTR_ADDR, &c->local, flags);
    if (c->op != PM_ANNOUNCE) {
        remote.ifindex = 0;
        put_addr(h, MPTCP_PM_ATTR_ADDR_REMOTE, &remote, 0);
    }
    return h;
}

struct nlmsghdr *pm_wire_addresses(void *buf, unsigned family, unsigned seq, __u32 token)
{
    struct nlmsghdr *h = start(buf, family, seq, MPTCP_PM_CMD_GET_ADDR, NLM_F_DUMP);

    mnl_attr_put_u32(h, MPTCP_PM_ATTR_TOKEN, token);
    return h;
}

int pm_wire_ack(const struct nlmsghdr *h, size_t len, const char **text)
{
    /* our token is the first attribute of every command */
    const __u32 token_at = NLMSG_HDRLEN + GENL_HDRLEN;
    const struct nlmsgerr *err;
    size_t attrs;

    *text = NULL;
    if (!mnl_nlmsg_ok(h, (int)len) || h->nlmsg_type != NLMSG_ERROR ||
        mnl_nlmsg_get_payload_len(h) < sizeof(*err))
        return -EBADMSG;
    err = mnl_nlmsg_get_payload(h);
    if (!err->error)
        return 0;
    attrs = sizeof(*err) +
            (h->nlmsg_flags & NLM_F_CAPPED ? 0 : MNL_ALIGN(err->msg.nlmsg_len) - NLMSG_HDRLEN);
    if (!(h->nlmsg_flags & NLM_F_ACK_TLVS) || attrs > mnl_nlmsg_get_payload_len(h))
        return err->error;
    const struct nlattr *a;
    int rc = err->error;
    mnl_attr_for_each(a, h, (unsigned)attrs)
    {
        if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG)
            *text = mnl_attr_get_str(a);
        if (mnl_attr_get_type(a) == NLMSGERR_ATTR_OFFS && mnl_attr_get_u32(a) == token_at)
            rc = -ESTALE;
    }
    return rc;
}

/* IPv4 also where the kernel says it as IPv6. */
static void put_ip(struct pm_addr *a, const struct nlattr *ip4, const struct nlattr *ip6)
{
    static const __u8 mapped[12] = {[10] = 0xff, [11] = 0xff};
    const __u8 *b = ip6 ? mnl_attr_get_payload(ip6) : NULL;

    if (ip4 && mnl_attr_get_payload_len(ip4) >= 4) {
        a->family = AF_INET;
        memcpy(a->ip, mnl_attr_get_payload(ip4), 4);
    } else if (b && mnl_attr_get_payload_len(ip6) >= 16) {
        a->family = AF_INET6;
        memcpy(a->ip, b, 16);
        if (!memcmp(b, mapped, 12)) {
            a->family = AF_INET;
            memset(a->ip, 0, 16);
            memcpy(a->ip, b + 12, 4);
        }
    }
}

/* The attributes by type; false: the message is malformed. */
static bool collect(const struct nlmsghdr *h, size_t len, const struct nlattr **by_type,
                    unsigned n_types)
{
    const struct nlattr *a;

    memset(by_type, 0, n_types * sizeof(*by_type));
    if (!mnl_nlmsg_ok(h, (int)len) || mnl_nlmsg_get_payload_len(h) < sizeof(struct genlmsghdr))
        return false;
    mnl_attr_for_each(a, h, sizeof(struct genlmsghdr))
    {
        if (mnl_attr_get_type(a) < n_types)
            by_type[mnl_attr_get_type(a)] = a;
    }
    return true;
}

static unsigned number(const struct nlattr *a)
{
    switch (a ? mnl_attr_get_payload_len(a) : 0) {
    case 1:
        return mnl_attr_get_u8(a);
    case 2:
        return mnl_attr_get_u16(a);
    case 4:
        return mnl_attr_get_u32(a);
    default:
        return 0;
    }
}

bool pm_wire_event(const struct nlmsghdr *h, size_t len, struct pm_input *in)
{
    const struct nlattr *a[MPTCP_ATTR_MAX + 1];
    const struct genlmsghdr *g;

    if (!collect(h, len, a, ARRAY_SIZE(a)) || !a[MPTCP_ATTR_TOKEN])
        return false;
    g = mnl_nlmsg_get_payload(h);
    memset(in, 0, sizeof(*in));
    switch (g->cmd) {
    case MPTCP_EVENT_CLOSED:
        in->kind = PM_IN_CLOSED;
        break;
    case MPTCP_EVENT_ANNOUNCED:
        in->kind = PM_IN_ANNOUNCED;
        break;
    case MPTCP_EVENT_REMOVED:
        in->kind = PM_IN_REMOVED;
        break;
    case MPTCP_EVENT_SUB_CLOSED:
        in->kind = PM_IN_SUBFLOW_CLOSED;
        break;
    default:
        return false;
    }
    in->token = number(a[MPTCP_ATTR_TOKEN]);
    in->error = (int)number(a[MPTCP_ATTR_ERROR]);
    in->reason = number(a[MPTCP_ATTR_RESET_REASON]);
    in->local.id = (__u8)number(a[MPTCP_ATTR_LOC_ID]);
    in->local.port = ntohs((__u16)number(a[MPTCP_ATTR_SPORT]));
    put_ip(&in->local, a[MPTCP_ATTR_SADDR4], a[MPTCP_ATTR_SADDR6]);
    in->remote.id = (__u8)number(a[MPTCP_ATTR_REM_ID]);
    in->remote.port = ntohs((__u16)number(a[MPTCP_ATTR_DPORT]));
    put_ip(&in->remote, a[MPTCP_ATTR_DADDR4], a[MPTCP_ATTR_DADDR6]);
    return true;
}

bool pm_wire_address(const struct nlmsghdr *h, size_t len, struct pm_addr *out, bool *announced)
{
    const struct nlattr *top[MPTCP_PM_ATTR_MAX + 1], *a[MPTCP_PM_ADDR_ATTR_MAX + 1] = {NULL}, *one;

    if (!collect(h, len, top, ARRAY_SIZE(top)) || !top[MPTCP_PM_ATTR_ADDR])
        return false;
    mnl_attr_for_each_nested(one, top[MPTCP_PM_ATTR_ADDR])
    {
        if (mnl_attr_get_type(one) <= MPTCP_PM_ADDR_ATTR_MAX)
            a[mnl_attr_get_type(one)] = one;
    }
    memset(out, 0, sizeof(*out));
    put_ip(out, a[MPTCP_PM_ADDR_ATTR_ADDR4], a[MPTCP_PM_ADDR_ATTR_ADDR6]);
    out->id = (__u8)number(a[MPTCP_PM_ADDR_ATTR_ID]);
    *announced = number(a[MPTCP_PM_ADDR_ATTR_FLAGS]) & MPTCP_PM_ADDR_FLAG_SIGNAL;
    return out->family != 0;
}

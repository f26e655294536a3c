/* SPDX-License-Identifier: BSD-2-Clause */
#include "pm_locals.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

#define PM_MAX_LINKS 1024

static bool same_address(const struct pm_addr *a, const struct pm_addr *b)
{
    return a->family == b->family && !memcmp(a->ip, b->ip, sizeof(a->ip));
}

static bool id_taken(const struct pm_locals *l, unsigned id)
{
    for (unsigned i = 0; i < PM_LOCALS; i++)
        if (l->slots[i].family && l->slots[i].id == id)
            return true;
    return false;
}

static __u8 new_id(struct pm_locals *l)
{
    do {
        l->next_id = l->next_id >= 255 ? 1 : l->next_id + 1;
    } while (id_taken(l, l->next_id));
    return (__u8)l->next_id;
}

/* The address's own slot, else an empty one, else one whose address is gone. NULL: all in use. */
static struct pm_addr *slot_for(struct pm_locals *l, const struct pm_addr *a)
{
    struct pm_addr *empty = NULL, *down = NULL;

    for (unsigned i = 0; i < PM_LOCALS; i++) {
        struct pm_addr *s = &l->slots[i];
        if (s->family && same_address(s, a))
            return s;
        if (!s->family && !empty)
            empty = s;
        if (s->family && !s->up && !down)
            down = s;
    }
    return empty ? empty : down;
}

void pm_locals_learn(struct pm_locals *l, const struct pm_addr *a)
{
    struct pm_addr *s = a->id && !id_taken(l, a->id) ? slot_for(l, a) : NULL;

    if (!s || s->family)
        return;
    *s = *a;
    s->port = 0;
    s->up = 0;
}

static bool is_in(const struct pm_addr *a, const struct pm_addr *list, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (same_address(a, &list[i]))
            return true;
    return false;
}

unsigned pm_locals_update(struct pm_locals *l, const struct pm_addr *usable, unsigned n,
                          void (*fn)(unsigned slot, bool up, void *arg), void *arg)
{
    unsigned without = 0;

    for (unsigned i = 0; i < PM_LOCALS; i++) {
        struct pm_addr *s = &l->slots[i];
        if (s->up && !is_in(s, usable, n)) {
            s->up = 0;
            fn(i, false, arg);
        }
    }
    for (unsigned i = 0; i < n; i++) {
        struct pm_addr *s = slot_for(l, &usable[i]);
        if (!s) {
            without++;
            continue;
        }
        if (s->up && s->ifindex == usable[i].ifindex)
            continue;
        if (s->up) { /* it moved to another interface: what went through the old one is lost */
            s->up = 0;
            fn((unsigned)(s - l->slots), false, arg);
        }
        if (!s->family || !same_address(s, &usable[i])) {
            s->family = 0;
            __u8 id = new_id(l);
            *s = usable[i];
            s->id = id;
        }
        s->ifindex = usable[i].ifindex;
        s->up = 1;
        fn((unsigned)(s - l->slots), true, arg);
    }
    return without;
}

int pm_locals_watch(int *fd, uint32_t bytes, struct err *e)
{
    int size = (int)bytes;
    struct sockaddr_nl self = {.nl_family = AF_NETLINK,
                               .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};

    *fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (*fd < 0 || setsockopt(*fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
        bind(*fd, (struct sockaddr *)&self, sizeof(self)))
        return err_broke(e, -errno, "rtnetlink: %s", strerror(errno));
    return 0;
}

void pm_locals_drain(int fd)
{
    char buf[8192];

    while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0 || errno == ENOBUFS || errno == EINTR)
        errno = 0;
}

struct reading {
    struct pm_addr *out;
    unsigned n, max;
    unsigned links[PM_MAX_LINKS]; /* those that can carry something */
    unsigned n_links;
    const struct pm_locals_wanted *wanted;
};

static bool interface_wanted(const struct reading *r, const char *name)
{
    for (unsigned i = 0; i < r->wanted->n_interfaces; i++)
        if (!strcmp(r->wanted->interfaces[i], name))
            return true;
    return !r->wanted->n_interfaces;
}

static int on_link(const struct nlmsghdr *h, void *arg)
{
    struct ifinfomsg *m = mnl_nlmsg_get_payload(h);
    const unsigned wanted = IFF_UP | IFF_RUNNING;
    const struct nlattr *a;
    struct reading *r = arg;
    const char *name = "";

    mnl_attr_for_each(a, h, sizeof(*m))
    {
        if (mnl_attr_get_type(a) == IFLA_IFNAME)
            name = mnl_attr_get_str(a);
    }
    if ((m->ifi_flags & wanted) == wanted && !(m->ifi_flags & IFF_LOOPBACK) &&
        interface_wanted(r, name) && r->n_links < PM_MAX_LINKS)
        r->links[r->n_links++] = (unsigned)m->ifi_index;
    return MNL_CB_OK;
}

static int on_address(const struct nlmsghdr *h, void *arg)
{
    struct ifaddrmsg *m = mnl_nlmsg_get_payload(h);
    struct pm_addr found = {.family = m->ifa_family, .ifindex = m->ifa_index};
    unsigned size = m->ifa_family == AF_INET ? 4 : 16, flags = m->ifa_flags;
    const struct nlattr *a, *ip = NULL;
    struct reading *r = arg;
    bool carried = false;

    for (unsigned i = 0; i < r->n_links; i++)
        carried |= r->links[i] == m->ifa_index;
    mnl_attr_for_each(a, h, sizeof(*m))
    {
        if (mnl_attr_get_type(a) == IFA_LOCAL ||
            (mnl_attr_get_type(a) == IFA_ADDRESS && !ip)) /* of a point-to-point link: the peer's */
            ip = a;
        if (mnl_attr_get_type(a) == IFA_FLAGS)
            flags = mnl_attr_get_u32(a);
    }
    if (!carried || !ip || (r->wanted->family && r->wanted->family != m->ifa_family) ||
        mnl_attr_get_payload_len(ip) < size || m->ifa_scope != RT_SCOPE_UNIVERSE ||
        flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED | IFA_F_DEPRECATED) || r->n >= r->max)
        return MNL_CB_OK;
    memcpy(found.ip, mnl_attr_get_payload(ip), size);
    r->out[r->n++] = found;
    return MNL_CB_OK;
}

static int dump(int fd, unsigned type, unsigned seq, mnl_cb_t fn, struct reading *r)
{
    char buf[16384];
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    ssize_t got;
    int rc = MNL_CB_OK;

    h->nlmsg_type = (__u16)type;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    h->nlmsg_seq = seq;
    if (type == RTM_GETLINK)
        mnl_nlmsg_put_extra_header(h, sizeof(struct ifinfomsg));
    else
        mnl_nlmsg_put_extra_header(h, sizeof(struct ifaddrmsg));
    if (send(fd, h, h->nlmsg_len, 0) < 0)
        return -errno;
    while (rc > MNL_CB_STOP) {
        got = recv(fd, buf, sizeof(buf), 0);
        if (got < 0 && errno == EINTR)
            continue;
        rc = got < 0 ? MNL_CB_ERROR : mnl_cb_run(buf, (size_t)got, seq, 0, fn, r);
    }
    return rc == MNL_CB_ERROR ? -errno : 0;
}

int pm_locals_read(struct pm_addr *out, unsigned max, const struct pm_locals_wanted *wanted,
                   struct err *e)
{
    struct reading r = {.out = out, .max = max, .wanted = wanted};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), rc;

    if (fd < 0)
        return err_broke(e, -errno, "rtnetlink: %s", strerror(errno));
    /* EINTR: the list changed while it was read. */
    do {
        r.n = r.n_links = 0;
        rc = dump(fd, RTM_GETLINK, 1, on_link, &r);
        if (!rc)
            rc = dump(fd, RTM_GETADDR, 2, on_address, &r);
    } while (rc == -EINTR);
    close(fd);
    return rc ? err_broke(e, rc, "rtnetlink: cannot read links and addresses: %s", strerror(-rc))
              : (int)r.n;
}

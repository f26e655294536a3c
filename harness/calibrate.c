/* SPDX-License-Identifier: BSD-2-Clause */
#include "calibrate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <math.h>
#include <netlink/attr.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "netns.h"
#include "rtnl.h"
#include "stats.h"
#include "testbed_routes.h"
#include "util.h"

#define STUB_IFINDEX      900000      /* plus the router's number; above links and ifbs */
#define STUB_NET          0xc6120000u /* 198.18.0.0/15 is for benchmarks (RFC 2544) */
#define DELAY_PROBES      30
#define DELAY_GAP_NS      4000000ull
#define SMALL             26            /* bytes of payload of a small probe: seq, time, kind */
#define BIG               1400          /* of a probe for the rate */
#define HEADERS           (20 + 8 + 14) /* IPv4, UDP, Ethernet: what the shaper counts */
#define RATE_PROBES_MAX   4000
#define RATE_MEASURABLE   300e6 /* faster than this, our probes are the bottleneck */
#define RATE_WINDOWS      10
#define RATE_WINDOW_LEAST 3  /* packets in one */
#define RATE_LEAST        15 /* packets that a rate is computed from */
#define LOSS_PROBES       600
#define RETRY_NS          200000ull
#define RT_PRIORITY       10 /* below the emulator's */
#define SETTLE_NS                                                                                  \
    60000000ull /* silence after the last probe is due, before a measurement is over */

struct probe {
    uint32_t seq, kind;
    uint64_t sent_ns;
};

struct arrival {
    uint32_t seq;
    uint64_t sent_ns, received_ns;
};

struct path { /* one direction of one link under measurement */
    struct calibration_direction *c;
    const struct impairment *imp;
    unsigned link, dir;
    uint32_t overhead;
    int tx, rx;
    struct arrival *arrivals;
    unsigned n, cap;
    uint64_t next_send_ns, last_arrival_ns;
    uint32_t sent, to_send, kind;
    uint64_t gap_ns;
    size_t size;
};

struct stub { /* behind a router, for the time of the measurement */
    int ns_fd;
    bool used;
};

struct calibrator {
    struct testbed *tb;
    const struct topology *t;
    struct stub *stubs; /* by node */
    struct path *paths;
    unsigned n_paths;
    struct topo_route *routes; /* ours, to be removed */
    unsigned *route_nodes;
    unsigned n_routes;
};

static uint32_t stub_addr(unsigned router,
                          unsigned end) /* host order; end 0: the router, 1: the stub */
{
    return STUB_NET + router * 4 + 1 + end;
}

/* ---- the stubs ---- */

static int new_anonymous_ns(struct err *e)
{
    int saved = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), fd = -1;

    if (saved < 0 || unshare(CLONE_NEWNET)) {
        err_broke(e, -errno, "calibration: unshare: %s", strerror(errno));
        if (saved >= 0)
            close(saved);
        return -EIO;
    }
    fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    netns_leave(saved);
    return fd < 0 ? err_broke(e, -errno, "calibration: %s", strerror(errno)) : fd;
}

static void queue_default(struct rtnl *nl, int ifindex, uint32_t via)
{
    struct nl_msg *m = rtnl_msg(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    struct rtmsg rt = {.rtm_family = AF_INET,
                       .rtm_protocol = RTPROT_STATIC,
                       .rtm_type = RTN_UNICAST,
                       .rtm_table = RT_TABLE_MAIN};
    uint32_t gw = htonl(via);

    nlmsg_append(m, &rt, sizeof(rt), NLMSG_ALIGNTO);
    nla_put_u32(m, RTA_OIF, (uint32_t)ifindex);
    nla_put(m, RTA_GATEWAY, 4, &gw);
    rtnl_queue(nl, m, "add the stub's route");
}

static int make_stub(struct calibrator *c, unsigned router, struct err *e)
{
    struct stub *s = &c->stubs[router];
    struct rtnl *r = NULL, *in = NULL;
    int ifindex = STUB_IFINDEX + (int)router, rc;
    uint32_t a0 = htonl(stub_addr(router, 0)), a1 = htonl(stub_addr(router, 1));
    uint8_t m0[6], m1[6];

    s->ns_fd = new_anonymous_ns(e);
    if (s->ns_fd < 0)
        return s->ns_fd;
    rc = netns_sysctl(s->ns_fd, "net/ipv4/conf/all/rp_filter", "0", e);
    if (!rc)
        rc = rtnl_open(&r, testbed_ns_fd(c->tb, router), c->t->nodes[router].name, e);
    if (!rc)
        rc = rtnl_open(&in, s->ns_fd, "stub", e);
    if (!rc) {
        rtnl_veth(r, "stub", ifindex, 65535, s->ns_fd);
        rc = rtnl_flush(r, e);
    }
    if (!rc) {
        rtnl_mac(m0, ifindex, 0);
        rtnl_mac(m1, ifindex, 1);
        rtnl_link_up(r, "stub", ifindex, true);
        rtnl_link_up(in, "stub", ifindex, true);
        rtnl_addr(r, ifindex, AF_INET, &a0, 30);
        rtnl_addr(in, ifindex, AF_INET, &a1, 30);
        rtnl_neighbour(r, ifindex, AF_INET, &a1, m1);
        rtnl_neighbour(in, ifindex, AF_INET, &a0, m0);
        queue_default(in, ifindex, stub_addr(router, 0));
        rc = rtnl_flush(in, e);
        if (!rc)
            rc = rtnl_flush(r, e);
    }
    rtnl_close(r);
    rtnl_close(in);
    return rc ? rc : linkemu_add_interface(testbed_linkemu(c->tb), router, ifindex, e);
}

/* The link first: the kernel takes its time with a namespace, and the name may be needed again at
 * once. */
static void remove_stubs(struct calibrator *c)
{
    for (unsigned i = 0; i < c->t->n_nodes; i++) {
        struct rtnl *r;
        if (!c->stubs[i].used || c->stubs[i].ns_fd < 0)
            continue;
        if (!rtnl_open(&r, testbed_ns_fd(c->tb, i), c->t->nodes[i].name, NULL)) {
            struct nl_msg *m = rtnl_msg(RTM_DELLINK, 0);
            struct ifinfomsg ifi = {.ifi_index = STUB_IFINDEX + (int)i};
            nlmsg_append(m, &ifi, sizeof(ifi), NLMSG_ALIGNTO);
            rtnl_queue(r, m, "remove the stub");
            rtnl_flush(r, NULL);
            rtnl_close(r);
        }
        close(c->stubs[i].ns_fd);
    }
}

/* ---- routes to the stubs ---- */

static int change_route(struct calibrator *c, unsigned node, const struct topo_route *r, bool add,
                        struct err *e)
{
    struct rtnl *nl;
    int rc = rtnl_open(&nl, testbed_ns_fd(c->tb, node), c->t->nodes[node].name, e);

    if (rc)
        return rc;
    if (add) {
        testbed_queue_route(nl, r);
    } else {
        struct nl_msg *m = rtnl_msg(RTM_DELROUTE, 0);
        struct rtmsg rt = {.rtm_family = AF_INET,
                           .rtm_dst_len = r->dst_len,
                           .rtm_table = RT_TABLE_MAIN,
                           .rtm_scope = RT_SCOPE_NOWHERE};
        nlmsg_append(m, &rt, sizeof(rt), NLMSG_ALIGNTO);
        nla_put(m, RTA_DST, 4, &r->dst);
        rtnl_queue(nl, m, "remove the route to a stub");
    }
    rc = rtnl_flush(nl, e);
    rtnl_close(nl);
    return rc;
}

/* From node to the stub of the router at the other end of the link. */
static int route_to_stub(struct calibrator *c, unsigned node, unsigned link, unsigned router,
                         struct err *e)
{
    struct topo_route r = {
        .node = node, .family = AF_INET, .dst_len = 32, .table = RT_TABLE_MAIN, .n_nexthops = 1};
    const struct topo_addr *via = topology_addr(c->t, router, (int)link, AF_INET);
    int rc;

    if (!via)
        return err_usage(e, -EADDRNOTAVAIL, "link %s: calibration needs an IPv4 address on it",
                         c->t->links[link].name);
    r.dst.v4.s_addr = htonl(stub_addr(router, 1));
    r.nexthop[0].link = link;
    r.nexthop[0].has_via = true;
    r.nexthop[0].via.v4 = via->v4;
    rc = change_route(c, node, &r, true, e);
    if (!rc) {
        c->routes[c->n_routes] = r;
        c->route_nodes[c->n_routes++] = node;
    }
    return rc;
}

static void remove_routes(struct calibrator *c)
{
    for (unsigned i = 0; i < c->n_routes; i++)
        change_route(c, c->route_nodes[i], &c->routes[i], false, NULL);
    c->n_routes = 0;
}

/* ---- sockets ---- */

static int udp(int ns_fd, uint32_t bind_addr, struct err *e)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = bind_addr};
    int saved = netns_enter(ns_fd), fd, one = 1, buffer = 8 << 20, rc = 0;

    if (saved < 0)
        return err_broke(e, saved, "calibration: cannot enter a namespace");
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)))
        rc = err_broke(e, -errno, "calibration: UDP socket: %s", strerror(errno));
    netns_leave(saved);
    if (rc) {
        if (fd >= 0)
            close(fd);
        return rc;
    }
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
    return fd;
}

static int path_sockets(struct calibrator *c, struct path *p, struct err *e)
{
    const struct topo_link *k = &c->t->links[p->link];
    unsigned from = k->node[p->dir], to = k->node[!p->dir];
    bool from_router = c->t->nodes[from].kind == NODE_ROUTER,
         to_router = c->t->nodes[to].kind == NODE_ROUTER;
    const struct topo_addr *fa = topology_addr(c->t, from, (int)p->link, AF_INET),
                           *ta = topology_addr(c->t, to, (int)p->link, AF_INET);
    struct sockaddr_in dst = {.sin_family = AF_INET};
    socklen_t len = sizeof(dst);

    if (!fa || !ta)
        return err_usage(e, -EADDRNOTAVAIL,
                         "link %s: calibration needs an IPv4 address at both ends", k->name);
    p->tx = udp(from_router ? c->stubs[from].ns_fd : testbed_ns_fd(c->tb, from),
                from_router ? htonl(stub_addr(from, 1)) : fa->v4.s_addr, e);
    if (p->tx < 0)
        return p->tx;
    p->rx = udp(to_router ? c->stubs[to].ns_fd : testbed_ns_fd(c->tb, to),
                to_router ? htonl(stub_addr(to, 1)) : ta->v4.s_addr, e);
    if (p->rx < 0)
        return p->rx;
    if (getsockname(p->rx, (struct sockaddr *)&dst, &len) ||
        connect(p->tx, (struct sockaddr *)&dst, sizeof(dst)))
        return err_broke(e, -errno, "link %s: calibration: %s", k->name, strerror(errno));
    return 0;
}

static void path_close(struct path *p)
{
    if (p->tx >= 0)
        close(p->tx);
    if (p->rx >= 0)
        close(p->rx);
    free(p->arrivals);
    p->tx = p->rx = -1;
    p->arrivals = NULL;
}

/* ---- sending and receiving ---- */

static void receive(struct path *p)
{
    uint8_t buf[2048] = {0}, control[256];

    for (;;) {
        struct iovec iov = {buf, sizeof(buf)};
        struct msghdr m = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof(control)};
        ssize_t n = recvmsg(p->rx, &m, MSG_DONTWAIT);
        struct probe pr;
        uint64_t at = now_real_ns();

        if (n < (ssize_t)sizeof(pr))
            return;
        memcpy(&pr, buf, sizeof(pr));
        for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h)) {
            struct timespec ts;
            if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_TIMESTAMPNS)
                continue;
            memcpy(&ts, CMSG_DATA(h), sizeof(ts));
            at = (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
        }
        p->last_arrival_ns = now_mono_ns();
        if (pr.kind != p->kind || p->n == p->cap)
            continue; /* a late one of an earlier measurement */
        p->arrivals[p->n++] = (struct arrival){pr.seq, pr.sent_ns, at};
    }
}

static void send_due(struct path *p, uint64_t now)
{
    static uint8_t buf[BIG];

    while (p->sent < p->to_send && p->next_send_ns <= now) {
        struct probe pr = {p->sent, p->kind, now_real_ns()};
        memcpy(buf, &pr, sizeof(pr));
        if (send(p->tx, buf, p->size, MSG_DONTWAIT) < 0 && (errno == EAGAIN || errno == ENOBUFS)) {
            p->next_send_ns = now + RETRY_NS; /* never a busy loop: we may be in real time */
            return;
        }
        p->sent++;
        p->next_send_ns += p->gap_ns;
        /* what is late is not made up for in a burst */
        if (p->next_send_ns + 10 * p->gap_ns < now)
            p->next_send_ns = now;
    }
}

static bool busy(const struct path *p, uint64_t now)
{
    uint64_t due = p->next_send_ns + (uint64_t)(p->imp->delay_us + p->imp->jitter_us) * 1000;
    uint64_t quiet = due > p->last_arrival_ns ? due : p->last_arrival_ns;

    if (!p->to_send)
        return false;
    return p->sent < p->to_send || (p->n < p->sent && now < quiet + SETTLE_NS);
}

/* Drives the paths for which to_send was set until each has its probes, or silence. */
static void drive(struct calibrator *c)
{
    struct pollfd *fds = xcalloc(c->n_paths, sizeof(*fds));
    uint64_t start = now_mono_ns();

    for (unsigned i = 0; i < c->n_paths; i++) {
        struct path *p = &c->paths[i];
        p->n = p->sent = 0;
        p->last_arrival_ns = p->next_send_ns = start;
        free(p->arrivals);
        p->cap = p->to_send;
        p->arrivals = xcalloc(p->cap, sizeof(*p->arrivals));
    }
    for (;;) {
        uint64_t now = now_mono_ns(), next = now + 5000000;
        bool any = false;
        for (unsigned i = 0; i < c->n_paths; i++) {
            struct path *p = &c->paths[i];
            receive(p);
            send_due(p, now);
            any |= busy(p, now);
            fds[i] = (struct pollfd){.fd = p->to_send ? p->rx : -1, .events = POLLIN};
            if (p->to_send && p->sent < p->to_send && p->next_send_ns < next)
                next = p->next_send_ns;
        }
        if (!any)
            break;
        now = now_mono_ns();
        struct timespec ts = {.tv_nsec = next > now ? (long)(next - now) : 0};
        ppoll(fds, c->n_paths, &ts, NULL);
    }
    free(fds);
}

/* ---- the three measurements ---- */

static void measure_delay(struct calibrator *c)
{
    for (unsigned i = 0; i < c->n_paths; i++) {
        struct path *p = &c->paths[i];
        p->kind = 1;
        p->size = SMALL;
        p->gap_ns = DELAY_GAP_NS;
        p->to_send = p->imp->loss < 1 ? DELAY_PROBES : 0;
    }
    drive(c);
    for (unsigned i = 0; i < c->n_paths; i++) {
        struct path *p = &c->paths[i];
        double *ms = xcalloc(p->n, sizeof(*ms));
        for (unsigned k = 0; k < p->n; k++)
            ms[k] = ((double)p->arrivals[k].received_ns - (double)p->arrivals[k].sent_ns) / 1e6;
        p->c->delay_configured_ms = p->imp->delay_us / 1000.0;
        p->c->delay_probes = p->to_send;
        p->c->delay_received = p->n;
        p->c->delay_min_ms = stats_quantile(ms, p->n, 0);
        p->c->delay_median_ms = stats_median(ms, p->n);
        p->c->delay_p99_ms = stats_quantile(ms, p->n, 0.99);
        free(ms);
    }
}

/* Packets a second between the first-th and the last arrival: the median of several windows,
 * because a machine that stands still for some milliseconds is not the link's doing. */
static double arrival_rate(const struct path *p, unsigned first)
{
    unsigned n = p->n - 1 - first, windows = n / RATE_WINDOW_LEAST;
    double rates[RATE_WINDOWS];

    windows = windows > RATE_WINDOWS ? RATE_WINDOWS : windows ? windows : 1;
    for (unsigned w = 0; w < windows; w++) {
        unsigned from = first + n * w / windows, to = first + n * (w + 1) / windows;
        double t =
            (double)(p->arrivals[to].received_ns - p->arrivals[from].received_ns) / NSEC_PER_SEC;
        rates[w] = (to - from) / t;
    }
    return stats_median(rates, windows);
}

/* The shaper is kept busy with half as much again as it lets through; how fast packets come out of
 * it is the rate. */
static void measure_rate(struct calibrator *c, unsigned dir, unsigned budget_ms)
{
    for (unsigned i = 0; i < c->n_paths; i++) {
        struct path *p = &c->paths[i];
        double wire_bits = (BIG + HEADERS + p->overhead) * 8.0;
        double packets = (double)p->imp->rate_bps * budget_ms / 1000 / wire_bits * 1.5;
        p->kind = 2 + dir;
        p->size = BIG;
        p->to_send = 0;
        if (p->dir != dir || !p->imp->rate_bps || p->imp->loss > 0.2 ||
            (double)p->imp->rate_bps > RATE_MEASURABLE)
            continue;
        if (packets < 2 * RATE_LEAST)
            packets = 2 * RATE_LEAST;
        p->to_send = packets < RATE_PROBES_MAX ? (uint32_t)packets : RATE_PROBES_MAX;
        p->gap_ns = (uint64_t)(wire_bits / (double)p->imp->rate_bps * 1e9 / 1.5);
    }
    drive(c);
    for (unsigned i = 0; i < c->n_paths; i++) {
        struct path *p = &c->paths[i];
        double wire_bits = (BIG + HEADERS + p->overhead) * 8.0;
        /* the first ones went through on the shaper's burst: a millisecond's worth, or two packets
         */
        unsigned skip = (unsigned)((double)p->imp->rate_bps * 0.001 / wire_bits * 3) + 6;
        if (!p->to_send || p->n < skip + 5)
            continue;
        p->c->rate_measured_bps = arrival_rate(p, skip) * wire_bits;
    }
}

static void measure_loss(struct calibrator *c, unsigned budget_ms)
{
    for (unsigned i = 0; i < c->n_paths; i++) {
        struct path *p = &c->paths[i];
        double pps = LOSS_PROBES * 1000.0 / budget_ms,
               limit = (double)p->imp->rate_bps / ((SMALL + HEADERS + p->overhead) * 8.0) / 2;
        p->kind = 4;
        p->size = SMALL;
        p->to_send = p->imp->loss > 0 ? LOSS_PROBES : 0;
        if (p->imp->rate_bps && pps > limit)
            pps = limit; /* the queue must not drop any */
        p->gap_ns = (uint64_t)(1e9 / pps);
    }
    drive(c);
    for (unsigned i = 0; i < c->n_paths; i++) {
        struct path *p = &c->paths[i];
        if (!p->to_send)
            continue;
        p->c->loss_sent = p->sent;
        p->c->loss_lost = p->sent > p->n ? p->sent - p->n : 0; /* duplicates may hide one */
        p->c->loss_measured = (double)p->c->loss_lost / p->sent;
    }
}

/* ---- judging ---- */

static void off(struct calibration *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void off(struct calibration *c, const char *fmt, ...)
{
    va_list ap;

    if (!c->ok)
        return; /* the first one is enough */
    c->ok = false;
    va_start(ap, fmt);
    vsnprintf(c->why, sizeof(c->why), fmt, ap);
    va_end(ap);
}

static void judge(struct calibration *c, unsigned d, const struct impairment *imp,
                  const struct calibration_tolerance *tol)
{
    const struct calibration_direction *x = &c->dir[d];
    const char *name = d == DIR_AB ? "forward" : "backward";
    double low, high, burst = imp->loss_burst > 1 ? imp->loss_burst : 1;

    if (x->delay_probes && !x->delay_received)
        off(c, "%s: none of %u probes came through", name, x->delay_probes);
    else if (x->delay_probes &&
             !(fabs(x->delay_median_ms - x->delay_configured_ms) <= tol->delay_ms))
        off(c, "%s: one-way delay %.2f ms instead of %.2f ms (tolerance %.2f ms)", name,
            x->delay_median_ms, x->delay_configured_ms, tol->delay_ms);
    if (isfinite(x->rate_measured_bps) &&
        !(fabs(x->rate_measured_bps / x->rate_configured_bps - 1) <= tol->rate_share))
        off(c, "%s: rate %.3f Mbit/s instead of %.3f Mbit/s (tolerance %.1f %%)", name,
            x->rate_measured_bps / 1e6, x->rate_configured_bps / 1e6, tol->rate_share * 100);
    if (!x->loss_sent)
        return;
    /* Losses in bursts are not independent: a burst counts as one. */
    stats_binomial((uint64_t)((double)x->loss_lost / burst),
                   (uint64_t)((double)x->loss_sent / burst), tol->loss_alpha, &low, &high);
    if (x->loss_configured < low || x->loss_configured > high)
        off(c, "%s: %llu of %llu probes lost, %.2f %% configured (outside the %.0f %% interval)",
            name, (unsigned long long)x->loss_lost, (unsigned long long)x->loss_sent,
            x->loss_configured * 100, (1 - tol->loss_alpha) * 100);
}

/* ---- the whole ---- */

static bool impaired(const struct topo_link *k, unsigned d)
{
    return k->dir[d].rate_bps || impairment_needs_emulation(&k->dir[d]);
}

static void init_direction(struct calibration_direction *x, const struct impairment *imp)
{
    memset(x, 0, sizeof(*x));
    x->delay_configured_ms = imp->delay_us / 1000.0;
    x->rate_configured_bps = (double)imp->rate_bps;
    x->loss_configured = imp->loss;
    x->delay_min_ms = x->delay_median_ms = x->delay_p99_ms = NAN;
    x->rate_measured_bps = x->loss_measured = NAN;
}

static int add_path(struct calibrator *c, struct calibration *cal, unsigned link, unsigned d,
                    struct err *e)
{
    const struct topo_link *k = &c->t->links[link];
    unsigned from = k->node[d], to = k->node[!d];
    struct path *p = &c->paths[c->n_paths++];
    int rc = 0;

    *p = (struct path){.c = &cal->dir[d],
                       .imp = &k->dir[d],
                       .link = link,
                       .dir = d,
                       .overhead = k->overhead_bytes,
                       .tx = -1,
                       .rx = -1};
    for (unsigned end = 0; !rc && end < 2; end++) {
        unsigned n = k->node[end];
        if (c->t->nodes[n].kind == NODE_ROUTER && !c->stubs[n].used) {
            c->stubs[n].used = true;
            rc = make_stub(c, n, e);
        }
    }
    if (!rc && c->t->nodes[to].kind == NODE_ROUTER)
        rc = route_to_stub(c, from, link, to, e);
    return rc ? rc : path_sockets(c, p, e);
}

/*
 * Paths that would need two routes to the same stub from the same node (parallel links between two
 * routers) cannot be measured at once: such a link waits for the next round.
 */
static int round_of(struct calibrator *c, struct calibration *all, unsigned n, bool *done,
                    struct err *e)
{
    int rc = 0;

    c->n_paths = 0;
    for (unsigned i = 0; !rc && i < n; i++) {
        const struct topo_link *k = &c->t->links[all[i].link];
        bool wait = done[i];
        for (unsigned j = 0; !wait && j < c->n_paths; j++) {
            const struct topo_link *o = &c->t->links[c->paths[j].link];
            wait = (o->node[0] == k->node[0] && o->node[1] == k->node[1]) ||
                   (o->node[0] == k->node[1] && o->node[1] == k->node[0]);
        }
        if (wait)
            continue;
        done[i] = true;
        for (unsigned d = 0; !rc && d < 2; d++)
            rc = add_path(c, &all[i], all[i].link, d, e);
    }
    return rc;
}

/* What is measured is the link and not how busy the machine is, so the probes do not wait for other
 * processes, where that may be. */
static void set_realtime(bool on)
{
    struct sched_param p = {.sched_priority = on ? RT_PRIORITY : 0};

    (void)!sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &p);
}

int calibrate_links(struct testbed *tb, const struct calibration_tolerance *tol, unsigned budget_ms,
                    struct calibration **out, unsigned *n_out, struct err *e)
{
    struct calibrator c = {.tb = tb, .t = testbed_topology(tb)};
    struct calibration *all = xcalloc(c.t->n_links, sizeof(*all));
    bool *done = xcalloc(c.t->n_links, sizeof(*done));
    unsigned n = 0;
    int rc = 0;

    c.stubs = xcalloc(c.t->n_nodes, sizeof(*c.stubs));
    c.paths = xcalloc(2 * (size_t)c.t->n_links, sizeof(*c.paths));
    c.routes = xcalloc(2 * (size_t)c.t->n_links, sizeof(*c.routes));
    c.route_nodes = xcalloc(2 * (size_t)c.t->n_links, sizeof(*c.route_nodes));
    for (unsigned l = 0; l < c.t->n_links; l++) {
        if (!impaired(&c.t->links[l], 0) && !impaired(&c.t->links[l], 1))
            continue;
        all[n].link = l;
        all[n].ok = true;
        for (unsigned d = 0; d < 2; d++)
            init_direction(&all[n].dir[d], &c.t->links[l].dir[d]);
        n++;
    }
    while (n && !rc) {
        rc = round_of(&c, all, n, done, e);
        if (rc || !c.n_paths)
            break;
        set_realtime(true);
        measure_delay(&c);
        measure_rate(&c, DIR_AB, budget_ms);
        measure_rate(&c, DIR_BA, budget_ms);
        measure_loss(&c, budget_ms);
        set_realtime(false);
        for (unsigned i = 0; i < c.n_paths; i++)
            path_close(&c.paths[i]);
        c.n_paths = 0;
        remove_routes(&c);
    }
    for (unsigned i = 0; i < c.n_paths; i++)
        path_close(&c.paths[i]);
    remove_routes(&c);
    remove_stubs(&c);
    for (unsigned i = 0; i < n; i++)
        for (unsigned d = 0; d < 2; d++)
            judge(&all[i], d, &c.t->links[all[i].link].dir[d], tol);
    free(c.stubs);
    free(c.paths);
    free(c.routes);
    free(c.route_nodes);
    free(done);
    *out = all;
    *n_out = n;
    if (rc) {
        free(all);
        *out = NULL;
    }
    return rc;
}

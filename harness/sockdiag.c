/* SPDX-License-Identifier: BSD-2-Clause */
#include "sockdiag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/mptcp.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netns.h"
#include "util.h"

/* States of include/net/tcp_states.h: ESTABLISHED, FIN_WAIT1, FIN_WAIT2, CLOSE_WAIT, LAST_ACK,
 * CLOSING. Before, a socket may still change its congestion control; afterwards it has none. */
#define CONNECTED (1u << 1 | 1u << 4 | 1u << 5 | 1u << 8 | 1u << 9 | 1u << 11)

/* --- asking once --- */
int sockdiag_open(struct mnl_socket **out, int ns_fd)
{
    int saved = netns_enter(ns_fd), rc = 0;

    if (saved < 0)
        return saved;
    *out = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    if (!*out)
        rc = -errno;
    netns_leave(saved);
    if (!rc && mnl_socket_bind(*out, 0, MNL_SOCKET_AUTOPID)) {
        rc = -errno;
        mnl_socket_close(*out);
    }
    return rc;
}

struct dump {
    sockdiag_fn fn;
    void *arg;
};

static int on_attribute(const struct nlattr *a, void *arg)
{
    struct sockdiag_entry *s = arg;

    if (mnl_attr_get_type(a) <= INET_DIAG_MAX)
        s->attr[mnl_attr_get_type(a)] = a;
    return MNL_CB_OK;
}

static int on_message(const struct nlmsghdr *h, void *arg)
{
    struct dump *d = arg;
    struct sockdiag_entry s = {.msg = mnl_nlmsg_get_payload(h)};

    if (mnl_nlmsg_get_payload_len(h) < sizeof(*s.msg))
        return MNL_CB_OK;
    mnl_attr_parse(h, sizeof(*s.msg), on_attribute, &s);
    d->fn(&s, d->arg);
    return MNL_CB_OK;
}

static int dump_family(struct mnl_socket *nl, int family, uint32_t protocol, uint32_t states,
                       uint8_t extensions, struct dump *d)
{
    char buf[32768] __attribute__((aligned(8)));
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    struct inet_diag_req_v2 *r;
    int rc;

    h->nlmsg_type = SOCK_DIAG_BY_FAMILY;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    r = mnl_nlmsg_put_extra_header(h, sizeof(*r));
    r->sdiag_family = (uint8_t)family;
    r->sdiag_protocol = (uint8_t)protocol; /* the attribute counts where it does not fit */
    r->idiag_ext = extensions;
    r->idiag_states = states;
    mnl_attr_put_u32(h, INET_DIAG_REQ_PROTOCOL, protocol);
    if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
        return -errno;
    do {
        ssize_t n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
        if (n < 0)
            return -errno;
        rc = mnl_cb_run(buf, (size_t)n, 0, mnl_socket_get_portid(nl), on_message, d);
        if (rc < 0)
            return -errno;
    } while (rc != MNL_CB_STOP);
    return 0;
}

static int dump_both(struct mnl_socket *nl, uint32_t protocol, uint32_t states, uint8_t extensions,
                     struct dump *d)
{
    int rc = dump_family(nl, AF_INET, protocol, states, extensions, d);

    return rc ? rc : dump_family(nl, AF_INET6, protocol, states, extensions, d);
}

int sockdiag_dump(struct mnl_socket *nl, uint32_t states, uint8_t extensions, sockdiag_fn fn,
                  void *arg)
{
    struct dump d = {fn, arg};

    return dump_both(nl, IPPROTO_TCP, states, extensions, &d);
}

struct tokens {
    void (*fn)(uint32_t token, void *arg);
    void *arg;
};

static void on_mptcp(const struct sockdiag_entry *s, void *arg)
{
    const struct nlattr *a = s->attr[INET_DIAG_INFO];
    struct tokens *t = arg;
    struct mptcp_info info;

    if (!a || mnl_attr_get_payload_len(a) <
                  offsetof(struct mptcp_info, mptcpi_token) + sizeof(info.mptcpi_token))
        return;
    memcpy(&info.mptcpi_token,
           (const char *)mnl_attr_get_payload(a) + offsetof(struct mptcp_info, mptcpi_token),
           sizeof(info.mptcpi_token));
    t->fn(info.mptcpi_token, t->arg);
}

int sockdiag_mptcp(void (*fn)(uint32_t token, void *arg), void *arg)
{
    struct tokens t = {fn, arg};
    struct dump d = {on_mptcp, &t};
    const uint8_t info = 1u << (INET_DIAG_INFO - 1);
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_SOCK_DIAG, SOCK_CLOEXEC);
    int rc = 0;

    if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID))
        rc = -errno;
    if (!rc)
        rc = dump_both(nl, IPPROTO_MPTCP, ~0u, info, &d);
    if (nl)
        mnl_socket_close(nl);
    return rc;
}

/* --- sampling --- */
struct sockdiag {
    const struct socket_watch *w;
    char tag[SOCKDIAG_ALGORITHM_MAX];
    struct mnl_socket *nl;
    struct socket_log log;
    uint64_t now_ns; /* of the sample that is being taken */
    pthread_t thread;
    int stop_fd, rc; /* rc: what ended the thread early */
};

/* Token of the MPTCP connection that a subflow belongs to, and whether it is a backup; 0: it is
 * none. */
static uint32_t subflow_token(const struct sockdiag_entry *s, bool *backup)
{
    const struct nlattr *ulp = s->attr[INET_DIAG_ULP_INFO], *a, *b;
    uint32_t token = 0, flags = 0;

    if (!ulp)
        return 0;
    mnl_attr_for_each_nested(a, ulp)
    {
        if (mnl_attr_get_type(a) != INET_ULP_INFO_MPTCP)
            continue;
        mnl_attr_for_each_nested(b, a)
        {
            if (mnl_attr_get_type(b) == MPTCP_SUBFLOW_ATTR_TOKEN_LOC)
                token = mnl_attr_get_u32(b);
            if (mnl_attr_get_type(b) == MPTCP_SUBFLOW_ATTR_FLAGS)
                flags = mnl_attr_get_u32(b);
        }
    }
    *backup = flags & (MPTCP_SUBFLOW_FLAG_BKUP_REM | MPTCP_SUBFLOW_FLAG_BKUP_LOC);
    return token;
}

/* A mapped address is shown as the IPv4 address that it is: the server's socket may be of IPv6. */
static void address(const struct sockdiag_entry *s, const uint32_t *addr, char *buf)
{
    bool mapped =
        s->msg->idiag_family == AF_INET6 && !addr[0] && !addr[1] && addr[2] == htonl(0xffff);

    inet_ntop(mapped ? AF_INET : s->msg->idiag_family, mapped ? addr + 3 : addr, buf,
              INET6_ADDRSTRLEN);
}

static bool of_a_connection(const struct sockdiag *d, uint32_t token)
{
    for (unsigned i = 0; token && i < d->log.n_sockets; i++)
        if (d->log.sockets[i].token == token)
            return true;
    return false;
}

static void take_sample(const struct sockdiag_entry *s, void *arg)
{
    struct sockdiag *d = arg;
    const struct nlattr *info_attr = s->attr[INET_DIAG_INFO], *cong = s->attr[INET_DIAG_CONG];
    struct socket_sample sample = {.t_mono_ns = d->now_ns};
    struct tcp_info info = {0};
    char from[INET6_ADDRSTRLEN], to[INET6_ADDRSTRLEN], path[96];
    uint32_t token;
    size_t len;

    token = subflow_token(s, &sample.backup);
    if (ntohs(s->msg->id.idiag_sport) != d->w->port &&
        ntohs(s->msg->id.idiag_dport) != d->w->port && !of_a_connection(d, token))
        return;
    if (!info_attr || !cong)
        return;
    len = mnl_attr_get_payload_len(info_attr);
    memcpy(&info, mnl_attr_get_payload(info_attr), len < sizeof(info) ? len : sizeof(info));
    sample.socket = socket_log_socket(&d->log, (uint64_t)s->msg->id.idiag_cookie[1] << 32 |
                                                   s->msg->id.idiag_cookie[0]);
    if (token) {
        address(s, s->msg->id.idiag_src, from);
        address(s, s->msg->id.idiag_dst, to);
        snprintf(path, sizeof(path), "%s-%s", from, to);
        socket_log_subflow(&d->log, sample.socket, token, path);
    }
    sample.algorithm = socket_log_algorithm(&d->log, mnl_attr_get_str(cong), d->tag);
    sample.rtt_s = info.tcpi_rtt / 1e6;
    sample.cwnd = info.tcpi_snd_cwnd;
    sample.retransmits = info.tcpi_total_retrans;
    sample.bytes_acked = info.tcpi_bytes_acked;
    sample.delivery_rate_bps = 8.0 * (double)info.tcpi_delivery_rate;
    socket_log_add(&d->log, &sample);
}

static void *sampler(void *arg)
{
    struct sockdiag *d = arg;
    struct pollfd p = {.fd = d->stop_fd, .events = POLLIN};
    uint64_t next = now_mono_ns(), step = (uint64_t)(d->w->interval_s * 1e9);
    bool last = false;

    do {
        struct timespec ts = {0};

        d->now_ns = now_mono_ns();
        d->rc =
            sockdiag_dump(d->nl, CONNECTED, 1u << (INET_DIAG_INFO - 1) | 1u << (INET_DIAG_CONG - 1),
                          take_sample, d);
        if (d->rc || last)
            break;
        d->now_ns = now_mono_ns();
        while (next <= d->now_ns)
            next += step;
        ts.tv_sec = (time_t)((next - d->now_ns) / NSEC_PER_SEC);
        ts.tv_nsec = (long)((next - d->now_ns) % NSEC_PER_SEC);
        last = ppoll(&p, 1, &ts, NULL) > 0;
    } while (true);
    return NULL;
}

static void sockdiag_free(struct sockdiag *d)
{
    if (d->nl)
        mnl_socket_close(d->nl);
    if (d->stop_fd >= 0)
        close(d->stop_fd);
    socket_log_free(&d->log);
    free(d);
}

int sockdiag_start(struct sockdiag **out, int ns_fd, const struct socket_watch *w, const char *tag,
                   struct err *e)
{
    struct sockdiag *d = xcalloc(1, sizeof(*d));
    int rc;

    *out = NULL;
    d->w = w;
    snprintf(d->tag, sizeof(d->tag), "%s", tag ? tag : "");
    d->stop_fd = eventfd(0, EFD_CLOEXEC);
    rc = d->stop_fd < 0 ? -errno : sockdiag_open(&d->nl, ns_fd);
    if (!rc)
        rc = -pthread_create(&d->thread, NULL, sampler, d);
    if (rc) {
        sockdiag_free(d);
        return err_broke(e, rc, "sockets '%s': cannot ask the kernel (inet_diag): %s", w->name,
                         strerror(-rc));
    }
    *out = d;
    return 0;
}

int sockdiag_stop(struct sockdiag *d, uint64_t t0_mono_ns, metric_fn metric, series_fn series,
                  void *arg, struct err *e)
{
    int rc = 0;

    if (!d)
        return 0;
    eventfd_write(d->stop_fd, 1);
    pthread_join(d->thread, NULL);
    if (d->rc)
        rc = err_broke(e, d->rc, "sockets '%s': asking the kernel (inet_diag): %s", d->w->name,
                       strerror(-d->rc));
    else if (metric)
        sockdiag_report(&d->log, d->w->name, t0_mono_ns, metric, series, arg);
    sockdiag_free(d);
    return rc;
}

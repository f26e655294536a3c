/* SPDX-License-Identifier: BSD-2-Clause */
#include "pm_netlink.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/genetlink.h>
#include <linux/mptcp.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pm_wire.h"
#include "util.h"

struct pm_netlink {
    int commands, events;
    unsigned family, seq;
    _Alignas(8) char out[PM_WIRE_MAX];
    _Alignas(8) char in[32768];
};

static int open_socket(struct err *e)
{
    struct sockaddr_nl self = {.nl_family = AF_NETLINK};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

    if (fd >= 0 && !bind(fd, (struct sockaddr *)&self, sizeof(self)))
        return fd;
    int rc = err_broke(e, -errno, "generic netlink: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

/* The family and its events group have numbers that the kernel chooses. */
static int resolve(unsigned *family, int *group, struct err *e)
{
    struct nl_sock *s = nl_socket_alloc();
    int rc = s ? genl_connect(s) : -NLE_NOMEM, id;

    if (rc) {
        nl_socket_free(s);
        return err_broke(e, -EIO, "generic netlink: %s", nl_geterror(rc));
    }
    id = genl_ctrl_resolve(s, MPTCP_PM_NAME);
    *group = genl_ctrl_resolve_grp(s, MPTCP_PM_NAME, MPTCP_PM_EV_GRP_NAME);
    nl_socket_free(s);
    if (id < 0 || *group < 0)
        return err_lacks(e, -ENOENT,
                         "the kernel has no generic-netlink family %s (%s); it needs MPTCP with a "
                         "path manager in user space: Linux 5.19 or newer, CONFIG_MPTCP=y",
                         MPTCP_PM_NAME, nl_geterror(id < 0 ? id : *group));
    *family = (unsigned)id;
    return 0;
}

/*
 * Keeps in the kernel the events that nobody asks for: MPTCP_EVENT_CREATED, ESTABLISHED and
 * SUB_ESTABLISHED, which sock_ops sees itself, and listeners'. Each would wake the daemon;
 * ESTABLISHED at the very moment when a worker has to hurry. The command is the first byte after
 * the netlink header.
 */
static int filter_events(int fd)
{
    static const __u8 wanted[] = {MPTCP_EVENT_CLOSED, MPTCP_EVENT_ANNOUNCED, MPTCP_EVENT_REMOVED,
                                  MPTCP_EVENT_SUB_CLOSED};
    struct sock_filter code[ARRAY_SIZE(wanted) + 3];
    struct sock_fprog prog = {.len = ARRAY_SIZE(code), .filter = code};

    code[0] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_B | BPF_ABS, NLMSG_HDRLEN);
    for (unsigned i = 0; i < ARRAY_SIZE(wanted); i++)
        code[1 + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, wanted[i],
                                                   (__u8)(ARRAY_SIZE(wanted) - i), 0);
    code[ARRAY_SIZE(wanted) + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0);
    code[ARRAY_SIZE(wanted) + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, ~0u);
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) ? -errno : 0;
}

static int listen_to_events(struct pm_netlink *n, int group, uint32_t bytes, struct err *e)
{
    int size = (int)bytes;

    n->events = open_socket(e);
    if (n->events < 0)
        return n->events;
    if (setsockopt(n->events, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) ||
        filter_events(n->events) ||
        setsockopt(n->events, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
        return err_broke(e, -errno, "generic netlink: cannot listen to %s: %s",
                         MPTCP_PM_EV_GRP_NAME, strerror(errno));
    return 0;
}

int pm_netlink_open(struct pm_netlink **out, uint32_t events_bytes, struct err *e)
{
    struct pm_netlink *n = xcalloc(1, sizeof(*n));
    int group = 0, one = 1, rc = resolve(&n->family, &group, e);

    n->commands = n->events = -1;
    if (!rc) {
        n->commands = open_socket(e);
        rc = n->commands < 0 ? n->commands : 0;
    }
    if (!rc && (setsockopt(n->commands, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one)) ||
                setsockopt(n->commands, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one))))
        rc = err_broke(e, -errno, "generic netlink: %s", strerror(errno));
    if (!rc && events_bytes)
        rc = listen_to_events(n, group, events_bytes, e);
    if (rc) {
        pm_netlink_close(n);
        return rc;
    }
    *out = n;
    return 0;
}

void pm_netlink_close(struct pm_netlink *n)
{
    if (!n)
        return;
    if (n->commands >= 0)
        close(n->commands);
    if (n->events >= 0)
        close(n->events);
    free(n);
}

/* The kernel executes it inside send, so the acknowledgement is there when send returns. */
static int exchange(struct pm_netlink *n, const struct pm_command *c, const char **text)
{
    struct nlmsghdr *h = pm_wire_command(n->out, n->family, ++n->seq, c);
    ssize_t got;

    *text = NULL;
    if (send(n->commands, h, h->nlmsg_len, 0) < 0)
        return -errno;
    do {
        got = recv(n->commands, n->in, sizeof(n->in), 0);
        if (got < 0 && errno != EINTR)
            return -errno;
    } while (got < (ssize_t)NLMSG_HDRLEN || ((struct nlmsghdr *)n->in)->nlmsg_seq != n->seq);
    return pm_wire_ack((struct nlmsghdr *)n->in, (size_t)got, text);
}

static void map_to_ipv6(struct pm_addr *a)
{
    memcpy(a->ip + 12, a->ip, 4);
    memset(a->ip, 0, 10);
    a->ip[10] = a->ip[11] = 0xff;
    a->family = AF_INET6;
}

int pm_netlink_execute(struct pm_netlink *n, const struct pm_command *c, const char **text)
{
    int rc = exchange(n, c, text);

    /* The kernel knows an IPv4 subflow of an IPv6 socket by its mapped addresses. */
    if (rc == -ESRCH && c->op == PM_CLOSE && c->local.family == AF_INET) {
        struct pm_command mapped = *c;
        map_to_ipv6(&mapped.local);
        map_to_ipv6(&mapped.remote);
        rc = exchange(n, &mapped, text);
    }
    return rc;
}

int pm_netlink_addresses(struct pm_netlink *n, __u32 token,
                         void (*fn)(__u32 token, const struct pm_addr *a, int announced, void *arg),
                         void *arg)
{
    struct nlmsghdr *h = pm_wire_addresses(n->out, n->family, ++n->seq, token);
    struct pm_addr a;
    bool announced;

    if (send(n->commands, h, h->nlmsg_len, 0) < 0)
        return -errno;
    for (;;) {
        int got = (int)recv(n->commands, n->in, sizeof(n->in), 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        for (h = (struct nlmsghdr *)n->in; mnl_nlmsg_ok(h, got); h = mnl_nlmsg_next(h, &got)) {
            if (h->nlmsg_seq != n->seq)
                continue;
            if (h->nlmsg_type == NLMSG_DONE)
                return 0;
            if (h->nlmsg_type == NLMSG_ERROR)
                return ((struct nlmsgerr *)mnl_nlmsg_get_payload(h))->error;
            if (pm_wire_address(h, (size_t)got, &a, &announced))
                fn(token, &a, announced, arg);
        }
    }
}

int pm_netlink_events_fd(const struct pm_netlink *n)
{
    return n->events;
}

int pm_netlink_events(struct pm_netlink *n, void (*fn)(const struct pm_input *in, void *arg),
                      void *arg)
{
    int got = (int)recv(n->events, n->in, sizeof(n->in), MSG_DONTWAIT);
    struct pm_input in;

    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    for (struct nlmsghdr *h = (struct nlmsghdr *)n->in; mnl_nlmsg_ok(h, got);
         h = mnl_nlmsg_next(h, &got)) {
        if (h->nlmsg_type == n->family && pm_wire_event(h, (size_t)got, &in))
            fn(&in, arg);
    }
    return 1;
}

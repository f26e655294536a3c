/* SPDX-License-Identifier: BSD-2-Clause */
/* Is a port being listened on? Asked from the kernel with sock_diag(7). */
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "netns.h"

#ifndef TCP_LISTEN
#define TCP_LISTEN 10
#endif

static int ask(int fd, int family, unsigned port)
{
    struct {
        struct nlmsghdr h;
        struct inet_diag_req_v2 r;
    } req = {.h = {.nlmsg_len = sizeof(req),
                   .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
             .r = {.sdiag_family = (uint8_t)family,
                   .sdiag_protocol = IPPROTO_TCP,
                   .idiag_states = 1u << TCP_LISTEN}};
    char buf[16384] __attribute__((aligned(8)));
    int found = 0;

    if (send(fd, &req, sizeof(req), 0) < 0)
        return -errno;
    for (;;) {
        ssize_t n = recv(fd, buf, sizeof(buf), 0);
        if (n < 0)
            return -errno;
        for (struct nlmsghdr *h = (struct nlmsghdr *)buf; NLMSG_OK(h, (size_t)n);
             h = NLMSG_NEXT(h, n)) {
            if (h->nlmsg_type == NLMSG_DONE)
                return found;
            if (h->nlmsg_type == NLMSG_ERROR)
                return ((struct nlmsgerr *)NLMSG_DATA(h))->error
                           ? ((struct nlmsgerr *)NLMSG_DATA(h))->error
                           : found;
            const struct inet_diag_msg *m = NLMSG_DATA(h);
            found |= ntohs(m->id.idiag_sport) == port;
        }
    }
}

int port_is_listening(int ns_fd, unsigned port)
{
    int saved = netns_enter(ns_fd), fd, rc;

    if (saved < 0)
        return saved;
    fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    rc = fd < 0 ? -errno : 0;
    netns_leave(saved);
    if (!rc)
        rc = ask(fd, AF_INET, port);
    if (!rc)
        rc = ask(fd, AF_INET6, port);
    if (fd >= 0)
        close(fd);
    return rc;
}

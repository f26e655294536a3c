/* SPDX-License-Identifier: BSD-2-Clause */
/* Ending connections from outside: SOCK_DESTROY (what `ss -K` does) aborts a socket and sends RST.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "sockdiag.h"
#include "util.h"

#define ESTABLISHED (1u << 1) /* include/net/tcp_states.h */

struct victims {
    int family;
    const uint8_t *local;
    struct inet_diag_sockid *ids;
    unsigned n;
};

static void collect(const struct sockdiag_entry *s, void *arg)
{
    struct victims *v = arg;

    if (s->msg->idiag_family != v->family ||
        memcmp(s->msg->id.idiag_src, v->local, v->family == AF_INET ? 4 : 16))
        return;
    v->ids = xrealloc(v->ids, (v->n + 1) * sizeof(*v->ids));
    v->ids[v->n++] = s->msg->id;
}

static int destroy(struct mnl_socket *nl, int family, const struct inet_diag_sockid *id)
{
    char buf[8192] __attribute__((aligned(8)));
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    struct inet_diag_req_v2 *r;
    ssize_t n;

    h->nlmsg_type = SOCK_DESTROY;
    h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
    r = mnl_nlmsg_put_extra_header(h, sizeof(*r));
    r->sdiag_family = (uint8_t)family;
    r->sdiag_protocol = IPPROTO_TCP;
    r->id = *id;
    if (mnl_socket_sendto(nl, h, h->nlmsg_len) < 0)
        return -errno;
    n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
    if (n < 0 || mnl_cb_run(buf, (size_t)n, 0, mnl_socket_get_portid(nl), NULL, NULL) < 0)
        return -errno;
    return 0;
}

int sockdiag_reset(int ns_fd, int family, const void *local_addr, unsigned *n)
{
    struct victims v = {.family = family, .local = local_addr};
    struct mnl_socket *nl;
    int rc = sockdiag_open(&nl, ns_fd);

    *n = 0;
    if (rc)
        return rc;
    rc = sockdiag_dump(nl, ESTABLISHED, 0, collect, &v);
    for (unsigned i = 0; !rc && i < v.n; i++) {
        int one = destroy(nl, family, &v.ids[i]);
        if (one != -ENOENT) /* it has ended on its own since */
            rc = one;
        *n += !one;
    }
    mnl_socket_close(nl);
    free(v.ids);
    return rc;
}

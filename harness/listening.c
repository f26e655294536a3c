/* SPDX-License-Identifier: BSD-2-Clause */
/* Is a port being listened on? */
#include <arpa/inet.h>
#include <libmnl/libmnl.h>

#include "child.h"
#include "sockdiag.h"

#define TCP_LISTEN_STATE 10 /* include/net/tcp_states.h */

struct question {
    unsigned port;
    int found;
};

static void look(const struct sockdiag_entry *s, void *arg)
{
    struct question *q = arg;

    q->found |= ntohs(s->msg->id.idiag_sport) == q->port;
}

int port_is_listening(int ns_fd, unsigned port)
{
    struct question q = {.port = port};
    struct mnl_socket *nl;
    int rc = sockdiag_open(&nl, ns_fd);

    if (rc)
        return rc;
    rc = sockdiag_dump(nl, 1u << TCP_LISTEN_STATE, 0, look, &q);
    mnl_socket_close(nl);
    return rc ? rc : q.found;
}

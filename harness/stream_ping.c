/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "util.h"

#define PING_GRACE_NS (10 * NSEC_PER_SEC) /* for the last exchange */

/* Until the descriptor is ready or the time is over; 0, or an errno. */
static int wait_ready(int fd, short events, uint64_t deadline)
{
    struct pollfd p = {.fd = fd, .events = events};
    uint64_t now = now_mono_ns();

    if (now >= deadline)
        return ETIMEDOUT;
    if (poll(&p, 1, (int)((deadline - now) / 1000000) + 1) < 0 && errno != EINTR)
        return errno;
    return 0;
}

/* One exchange; 0, or an errno: ETIMEDOUT where it was not complete at the deadline. */
static int exchange(int fd, const uint8_t *chunk, unsigned bytes, uint64_t deadline)
{
    static uint8_t back[65536];
    unsigned sent = 0, received = 0;

    while (received < bytes) {
        ssize_t n = sent < bytes ? send(fd, chunk + sent, bytes - sent, MSG_NOSIGNAL)
                                 : recv(fd, back, sizeof(back), 0);
        int rc = 0;

        if (n < 0 && errno == EAGAIN)
            rc = wait_ready(fd, sent < bytes ? POLLOUT : POLLIN, deadline);
        else if (n < 0)
            rc = errno;
        else if (!n)
            rc = ECONNRESET; /* the peer has closed in the middle of an exchange */
        else if (sent < bytes)
            sent += (unsigned)n;
        else
            received += (unsigned)n;
        if (rc)
            return rc;
    }
    return 0;
}

int stream_ping(int fd, const uint8_t *chunk, unsigned bytes, uint64_t end_ns, double **round_trips,
                size_t *n)
{
    double *v = NULL;
    size_t cap = 0;
    int rc = 0;

    *n = 0;
    for (uint64_t start = now_mono_ns(); !rc && start < end_ns;) {
        uint64_t now;

        rc = exchange(fd, chunk, bytes, end_ns + PING_GRACE_NS);
        if (rc)
            break;
        now = now_mono_ns();
        if (*n == cap) {
            cap = cap ? 2 * cap : 4096;
            v = xrealloc(v, cap * sizeof(*v));
        }
        v[(*n)++] = (double)(now - start);
        start = now;
    }
    *round_trips = v;
    return rc;
}

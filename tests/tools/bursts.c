/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bursts TO PORT CONNECTIONS FIRST LAST [more]: sends a burst of every length from FIRST to LAST
 * segments, with pauses, over so many connections at the same time, and says how long the sender
 * waited for acknowledgements. An ACK that is missing shows as a wait, whatever ends it. `more`:
 * with MSG_MORE, so that the last segment of a burst is not pushed.
 *
 *   last  from the last byte that left the send queue to the acknowledgement of all
 *   gap   the longest time without progress (nothing more acknowledged while something was not)
 *
 * Prints a line for each burst and, for the harness, lines "extcp-metric NAME UNIT VALUE".
 */
#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "stream.h"
#include "util.h"

#define MAX_CONNS 64
#define TICK_NS   500000
#define GIVE_UP_S 20 /* for one burst: a stall that nothing ends */

struct conn {
    int fd;
    unsigned length; /* of the burst under way; 0: pausing */
    size_t left;     /* bytes that are not written yet */
    int unacked;
    uint64_t began_ns, progress_ns, sent_ns, gap_ns, until_ns; /* until: end of the pause */
};

struct totals {
    uint64_t gap_ns, last_ns;
    unsigned bursts, retransmits;
};

static char zeros[1 << 16];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int outq(int fd, unsigned long which)
{
    int n;

    if (ioctl(fd, which, &n))
        die("bursts: SIOCOUTQ");
    return n;
}

static struct tcp_info info(int fd)
{
    struct tcp_info i;
    socklen_t len = sizeof(i);

    memset(&i, 0, sizeof(i));
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &i, &len))
        die("bursts: TCP_INFO");
    return i;
}

static void start(struct conn *c, unsigned length)
{
    c->length = length;
    c->left = (size_t)length * info(c->fd).tcpi_snd_mss;
    c->began_ns = c->progress_ns = now_mono_ns();
    c->sent_ns = c->gap_ns = 0;
    c->unacked = 0;
}

/* Writes what fits and looks how far the peer is; true when the whole burst is acknowledged. */
static bool step(struct conn *c, int flags)
{
    uint64_t now;
    int n;

    while (c->left) {
        ssize_t w = send(c->fd, zeros, c->left < sizeof(zeros) ? c->left : sizeof(zeros),
                         flags | MSG_DONTWAIT | MSG_NOSIGNAL);
        if (w < 0 && errno != EAGAIN)
            die("bursts: send");
        if (w < 0)
            break;
        c->left -= (size_t)w;
        c->unacked += (int)w;
    }
    now = now_mono_ns();
    n = outq(c->fd, SIOCOUTQ);
    if (n != c->unacked) {
        if (now - c->progress_ns > c->gap_ns)
            c->gap_ns = now - c->progress_ns;
        c->progress_ns = now;
        c->unacked = n;
    }
    if (!c->sent_ns && !c->left && !outq(c->fd, SIOCOUTQNSD))
        c->sent_ns = now;
    if (now - c->began_ns > GIVE_UP_S * NSEC_PER_SEC) {
        fprintf(stderr, "bursts: a burst of %u segments has not been acknowledged for %d s\n",
                c->length, GIVE_UP_S);
        exit(1);
    }
    return !c->left && !n;
}

static void finish(struct conn *c, struct totals *t, unsigned pause_ms)
{
    uint64_t now = now_mono_ns(), last = c->sent_ns ? now - c->sent_ns : 0;

    printf("burst %u last %.1f ms gap %.1f ms\n", c->length, (double)last / 1e6,
           (double)c->gap_ns / 1e6);
    if (last > t->last_ns)
        t->last_ns = last;
    if (c->gap_ns > t->gap_ns)
        t->gap_ns = c->gap_ns;
    t->bursts++;
    c->length = 0;
    c->until_ns = now + pause_ms * 1000000ull;
}

static void open_all(struct conn *conns, unsigned n, const char *to, unsigned port)
{
    struct sockaddr_storage ss;
    unsigned len;

    if (stream_address(to, port, &ss, &len)) {
        fprintf(stderr, "bursts: address '%s': accepted: an IPv4 or IPv6 address\n", to);
        exit(2);
    }
    for (unsigned i = 0; i < n; i++) {
        conns[i] = (struct conn){.fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0)};
        if (conns[i].fd < 0 || connect(conns[i].fd, (struct sockaddr *)&ss, len))
            die("bursts: connect");
    }
}

static void report(const struct conn *conns, unsigned n, struct totals t)
{
    for (unsigned i = 0; i < n; i++)
        t.retransmits += info(conns[i].fd).tcpi_total_retrans;
    printf("extcp-metric bursts count %u\nextcp-metric retransmits count %u\n"
           "extcp-metric last s %.6f\nextcp-metric gap s %.6f\n",
           t.bursts, t.retransmits, (double)t.last_ns / 1e9, (double)t.gap_ns / 1e9);
}

int main(int argc, char **argv)
{
    struct conn conns[MAX_CONNS];
    struct totals t = {0};
    unsigned n, next, last, busy;

    if (argc < 6 || (n = (unsigned)atoi(argv[3])) < 1 || n > MAX_CONNS ||
        (next = (unsigned)atoi(argv[4])) < 1 || (last = (unsigned)atoi(argv[5])) < next) {
        fprintf(stderr, "usage: bursts TO PORT CONNECTIONS FIRST LAST [more]\n");
        return 2;
    }
    open_all(conns, n, argv[1], (unsigned)atoi(argv[2]));
    do {
        busy = 0;
        for (unsigned i = 0; i < n; i++) {
            struct conn *c = &conns[i];
            if (!c->length && next <= last && now_mono_ns() >= c->until_ns)
                start(c, next++);
            /* 5 to 94 ms, the same each time */
            if (c->length && step(c, argc > 6 ? MSG_MORE : 0))
                finish(c, &t, 5 + c->length * 37 % 90);
            busy += c->length > 0;
        }
        nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
    } while (busy || next <= last);
    report(conns, n, t);
    return 0;
}

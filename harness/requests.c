/* SPDX-License-Identifier: BSD-2-Clause */
#include "requests.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stats.h"
#include "stream.h"
#include "util.h"

enum state { CONNECTING, WAITING, HOLDING, CLOSED };

struct one {
    enum state state;
    int fd;
    unsigned received;
    uint64_t start_ns, deadline_ns; /* of what it waits for: the answer, or the end of the hold */
};

struct client {
    const struct requests_options *o;
    struct sockaddr_storage to;
    unsigned to_len;
    int ep;
    struct one *all;
    unsigned opened, first_open, failed; /* first_open: all before it are closed */
    double *connect_s, *answer_s;
    unsigned n_connect, n_answer;
    int last_error;
    uint8_t chunk[REQUESTS_MAX_CHUNK];
};

static void end(struct client *c, struct one *r, int error)
{
    if (error) {
        c->failed++;
        c->last_error = error;
    }
    close(r->fd);
    r->state = CLOSED;
}

static void open_one(struct client *c)
{
    struct one *r = &c->all[c->opened++];
    struct epoll_event ev = {.events = EPOLLOUT, .data.ptr = r};
    int one = 1;

    r->start_ns = now_mono_ns();
    r->deadline_ns = r->start_ns + (uint64_t)(c->o->timeout_s * 1e9);
    r->fd = socket(c->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (r->fd < 0) {
        c->failed++;
        c->last_error = errno;
        r->state = CLOSED;
        return;
    }
    setsockopt(r->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if ((connect(r->fd, (struct sockaddr *)&c->to, c->to_len) && errno != EINPROGRESS) ||
        epoll_ctl(c->ep, EPOLL_CTL_ADD, r->fd, &ev))
        end(c, r, errno);
}

static void connected(struct client *c, struct one *r)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = r};
    int error = 0;
    socklen_t len = sizeof(error);

    getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error) {
        end(c, r, error);
        return;
    }
    c->connect_s[c->n_connect++] = (double)(now_mono_ns() - r->start_ns) / 1e9;
    /* A new connection takes at least an initial window: a request is written at once or not. */
    if (send(r->fd, c->chunk, c->o->chunk, MSG_NOSIGNAL) != (ssize_t)c->o->chunk) {
        end(c, r, errno ? errno : EIO);
        return;
    }
    r->state = WAITING;
    epoll_ctl(c->ep, EPOLL_CTL_MOD, r->fd, &ev);
}

static void answered(struct client *c, struct one *r)
{
    uint8_t buf[16384];
    ssize_t n = recv(r->fd, buf, sizeof(buf), 0);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        end(c, r, n ? errno : ECONNRESET);
        return;
    }
    r->received += (unsigned)n;
    if (r->received < c->o->chunk || r->state == HOLDING)
        return;
    c->answer_s[c->n_answer++] = (double)(now_mono_ns() - r->start_ns) / 1e9;
    r->state = HOLDING;
    r->deadline_ns = now_mono_ns() + (uint64_t)(c->o->hold_s * 1e9);
}

/* Closes what has been held, or has waited, long enough; when the next one is due. */
static uint64_t deadlines(struct client *c)
{
    uint64_t now = now_mono_ns(), next = UINT64_MAX;

    while (c->first_open < c->opened && c->all[c->first_open].state == CLOSED)
        c->first_open++;
    for (unsigned i = c->first_open; i < c->opened; i++) {
        struct one *r = &c->all[i];
        if (r->state == CLOSED)
            continue;
        if (r->deadline_ns <= now)
            end(c, r, r->state == HOLDING ? 0 : ETIMEDOUT);
        else if (r->deadline_ns < next)
            next = r->deadline_ns;
    }
    return next;
}

static void run(struct client *c)
{
    uint64_t start = now_mono_ns(),
             step = (uint64_t)(c->o->seconds * 1e9 / (double)c->o->connections);

    for (;;) {
        uint64_t next = deadlines(c), now = now_mono_ns(), due = start + c->opened * step;
        struct epoll_event evs[64];
        int n, wait_ms;

        if (c->opened < c->o->connections && due <= now) {
            open_one(c);
            continue;
        }
        if (c->opened == c->o->connections && next == UINT64_MAX)
            return;
        if (c->opened < c->o->connections && due < next)
            next = due;
        wait_ms = next <= now ? 0 : (int)((next - now + 999999) / 1000000);
        n = epoll_wait(c->ep, evs, ARRAY_SIZE(evs), wait_ms);
        for (int i = 0; i < n; i++) {
            struct one *r = evs[i].data.ptr;
            if (r->state == CONNECTING)
                connected(c, r);
            else if (r->state != CLOSED)
                answered(c, r);
        }
    }
}

static void spread(const char *name, const double *v, unsigned n)
{
    if (!n)
        return;
    printf("extcp-metric %s_median s %.9f\n", name, stats_median(v, n));
    printf("extcp-metric %s_p99 s %.9f\n", name, stats_quantile(v, n, 0.99));
}

int requests_client(const struct requests_options *o, struct err *e)
{
    struct client *c = xcalloc(1, sizeof(*c));
    struct rlimit files = {o->connections + 64, o->connections + 64};
    int rc = 0;

    c->o = o;
    if (stream_address(o->address, o->port, &c->to, &c->to_len)) {
        free(c);
        return err_usage(e, -EINVAL, "--to '%s': accepted: an IPv4 or IPv6 address", o->address);
    }
    setrlimit(RLIMIT_NOFILE,
              &files); /* where it is refused, those that cannot open count as failed */
    c->all = xcalloc(o->connections, sizeof(*c->all));
    c->connect_s = xcalloc(o->connections, sizeof(double));
    c->answer_s = xcalloc(o->connections, sizeof(double));
    c->ep = epoll_create1(EPOLL_CLOEXEC);
    if (c->ep < 0) {
        rc = err_broke(e, -errno, "epoll: %s", strerror(errno));
    } else {
        run(c);
        close(c->ep);
        printf("extcp-metric opened count %u\n", c->opened);
        printf("extcp-metric completed count %u\n", c->n_answer);
        printf("extcp-metric failed count %u\n", c->failed);
        spread("connect", c->connect_s, c->n_connect);
        spread("answer", c->answer_s, c->n_answer);
        if (c->failed)
            fprintf(stderr, "%u connections failed, the last one with: %s\n", c->failed,
                    strerror(c->last_error));
    }
    free(c->all);
    free(c->connect_s);
    free(c->answer_s);
    free(c);
    return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream.h"

#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

#define FAST_OPEN_QUEUE 256
#define BACKLOG         256
#define ECHO_BUFFER     65536

struct peer {
    int fd;
    uint64_t received, accepted_ns;
    uint8_t buf[ECHO_BUFFER]; /* echo: read, not yet sent back */
    size_t from, to;
    bool eof;
};

static volatile sig_atomic_t ending;

static void on_end(int sig)
{
    (void)sig;
    ending = 1;
}

static void say(const char *event, json_t *more)
{
    json_t *j = json_pack("{s:s, s:I}", "event", event, "real_ns", (json_int_t)now_real_ns());

    json_object_update(j, more);
    json_decref(more);
    json_dumpf(j, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(j);
}

static void drop(struct peer *p, int error)
{
    say("closed", json_pack("{s:I, s:i, s:s}", "bytes_received", (json_int_t)p->received, "errno",
                            error, "text", error ? strerror(error) : ""));
    close(p->fd);
    free(p);
}

static void accept_one(int listener, int ep)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
    struct peer *p;
    struct epoll_event ev = {.events = EPOLLIN};

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    p = xcalloc(1, sizeof(*p));
    p->fd = fd;
    p->accepted_ns = now_real_ns();
    ev.data.ptr = p;
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
    say("accepted", json_object());
}

/* False: the connection is over and p is gone. */
static bool echo_back(struct peer *p, int ep)
{
    struct epoll_event ev = {.data.ptr = p};

    while (p->from < p->to) {
        ssize_t n = send(p->fd, p->buf + p->from, p->to - p->from, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0) {
            drop(p, errno);
            return false;
        }
        p->from += (size_t)n;
    }
    if (p->from == p->to && p->eof) {
        drop(p, 0);
        return false;
    }
    ev.events = p->from < p->to ? EPOLLOUT : EPOLLIN;
    epoll_ctl(ep, EPOLL_CTL_MOD, p->fd, &ev);
    return true;
}

static void serve(struct peer *p, int ep, bool echo)
{
    ssize_t n;

    if (p->from < p->to && !echo_back(p, ep))
        return;
    while (p->from == p->to) {
        n = recv(p->fd, p->buf, sizeof(p->buf), 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n < 0 || (n == 0 && !echo)) {
            drop(p, n < 0 ? errno : 0);
            return;
        }
        p->eof = n == 0;
        p->received += (uint64_t)n;
        p->from = 0;
        p->to = echo ? (size_t)n : 0;
        if (echo && !echo_back(p, ep))
            return;
    }
}

static int listen_on(const struct stream_options *o, struct err *e)
{
    struct sockaddr_storage ss;
    unsigned len;
    int one = 1, queue = FAST_OPEN_QUEUE, fd;

    if (stream_address(o->address, o->port, &ss, &len))
        return err_usage(e, -EINVAL, "--bind '%s': accepted: an IPv4 or IPv6 address", o->address);
    fd = socket(ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (fd < 0)
        return err_broke(e, -errno, "socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if ((o->congestion && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, o->congestion,
                                     (socklen_t)strlen(o->congestion))) ||
        (o->fast_open && setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue))) ||
        bind(fd, (struct sockaddr *)&ss, len) || listen(fd, BACKLOG)) {
        int rc = err_broke(e, -errno, "cannot listen on %s port %u: %s", o->address, o->port,
                           strerror(errno));
        close(fd);
        return rc;
    }
    return fd;
}

int stream_server(const struct stream_options *o, struct err *e)
{
    struct sigaction sa = {.sa_handler = on_end};
    int listener = listen_on(o, e), ep;
    struct epoll_event ev = {.events = EPOLLIN};

    if (listener < 0)
        return listener;
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    ep = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev); /* data.ptr NULL: the listener */
    while (!ending) {
        struct epoll_event evs[64];
        int n = epoll_wait(ep, evs, ARRAY_SIZE(evs), 200);
        for (int i = 0; i < n; i++) {
            if (!evs[i].data.ptr)
                accept_one(listener, ep);
            else
                serve(evs[i].data.ptr, ep, o->echo);
        }
    }
    say("ended", json_object());
    close(ep);
    close(listener);
    return 0;
}

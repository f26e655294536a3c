/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Many short MPTCP connections, for `make bench-pm` and tests of path managers.
 *   bench_pm server ADDRESS PORT                     echoes until SIGTERM; says "ready"
 *   bench_pm client ADDRESS PORT COUNT RATE LIFE_MS SUBFLOWS
 * The client opens COUNT connections, RATE each second, exchanges a byte on each, closes each after
 * LIFE_MS, and counts those that have fewer than SUBFLOWS subflows then.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/mptcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef SOL_MPTCP
#define SOL_MPTCP 284
#endif

union address {
    struct sockaddr sa;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

static socklen_t parse_address(const char *text, const char *port, union address *a)
{
    memset(a, 0, sizeof(*a));
    if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
        a->v4.sin_family = AF_INET;
        a->v4.sin_port = htons((uint16_t)atoi(port));
        return sizeof(a->v4);
    }
    if (inet_pton(AF_INET6, text, &a->v6.sin6_addr) == 1) {
        a->v6.sin6_family = AF_INET6;
        a->v6.sin6_port = htons((uint16_t)atoi(port));
        return sizeof(a->v6);
    }
    fprintf(stderr, "bench_pm: '%s': accepted: an address\n", text);
    exit(EXIT_USAGE);
}

static int mptcp_socket(int family)
{
    int s = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_MPTCP);

    if (s < 0) {
        perror("bench_pm: MPTCP socket");
        exit(EXIT_LACKS);
    }
    return s;
}

static void watch(int epoll, int fd, uint32_t events, uint32_t index)
{
    struct epoll_event ev = {.events = events, .data.u64 = (uint64_t)index << 32 | (uint32_t)fd};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) && epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &ev)) {
        perror("bench_pm: epoll");
        exit(EXIT_BROKE);
    }
}

static int server(char **argv)
{
    union address a;
    socklen_t size = parse_address(argv[2], argv[3], &a);
    int one = 1, epoll = epoll_create1(EPOLL_CLOEXEC), listener = mptcp_socket(a.sa.sa_family);
    struct epoll_event ready[64];

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, &a.sa, size) || listen(listener, 4096)) {
        perror("bench_pm: listen");
        return EXIT_BROKE;
    }
    watch(epoll, listener, EPOLLIN, 0);
    puts("ready");
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(epoll, ready, ARRAY_SIZE(ready), -1);
        for (int i = 0; i < n; i++) {
            int fd = (int)(uint32_t)ready[i].data.u64;
            char buf[64];
            if (fd == listener) {
                int c;
                while ((c = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
                    watch(epoll, c, EPOLLIN, 0);
                continue;
            }
            ssize_t got = read(fd, buf, sizeof(buf));
            if (got > 0 && write(fd, buf, (size_t)got) == got)
                continue;
            if (got < 0 && errno == EAGAIN)
                continue;
            close(fd);
        }
    }
}

struct connection {
    int fd;
    uint64_t close_ns;
    bool answered;
};

struct tally {
    unsigned opened, closed, failed, few, silent;
    uint64_t subflows;
};

/* The subflows that there are, the first one included; 0: it is no MPTCP connection any more. */
static unsigned subflows_of(int fd)
{
    struct mptcp_info info = {0};
    socklen_t size = sizeof(info);

    if (getsockopt(fd, SOL_MPTCP, MPTCP_INFO, &info, &size) ||
        info.mptcpi_flags & MPTCP_INFO_FLAG_FALLBACK)
        return 0;
    return info.mptcpi_subflows + 1u;
}

static void on_connection(int epoll, struct connection *c, unsigned index, uint32_t events,
                          struct tally *t)
{
    char byte = 'x';

    if (events & EPOLLOUT) {
        if (write(c->fd, &byte, 1) != 1)
            t->failed++;
        watch(epoll, c->fd, EPOLLIN, index);
    } else if (events & EPOLLIN && read(c->fd, &byte, 1) == 1) {
        c->answered = true;
    }
}

static void close_one(struct connection *c, unsigned wanted, struct tally *t)
{
    unsigned n = subflows_of(c->fd);

    t->closed++;
    t->subflows += n;
    t->few += n < wanted;
    t->silent += !c->answered;
    if (n < wanted && t->few <= 5) {
        union address a;
        socklen_t size = sizeof(a);
        if (!getsockname(c->fd, &a.sa, &size))
            fprintf(stderr, "bench_pm: the connection from port %u has %u of %u subflows\n",
                    ntohs(a.v4.sin_port), n, wanted);
    }
    close(c->fd);
}

static int client(char **argv)
{
    unsigned count = (unsigned)atoi(argv[4]), life_ms = (unsigned)atoi(argv[6]),
             wanted = (unsigned)atoi(argv[7]);
    double rate = atof(argv[5]);
    union address a;
    socklen_t size = parse_address(argv[2], argv[3], &a);
    struct connection *all = xcalloc(count, sizeof(*all));
    struct epoll_event ready[64];
    struct tally t = {0};
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    uint64_t start = now_mono_ns();

    while (t.closed < count) {
        uint64_t now = now_mono_ns();
        while (t.opened < count && now >= start + (uint64_t)(t.opened / rate * 1e9)) {
            struct connection *c = &all[t.opened];
            c->fd = mptcp_socket(a.sa.sa_family);
            c->close_ns = now_mono_ns() + life_ms * 1000000ull;
            if (connect(c->fd, &a.sa, size) && errno != EINPROGRESS)
                t.failed++;
            watch(epoll, c->fd, EPOLLOUT, t.opened++);
        }
        while (t.closed < t.opened && all[t.closed].close_ns <= now)
            close_one(&all[t.closed], wanted, &t);
        int n = epoll_wait(epoll, ready, ARRAY_SIZE(ready), 1);
        for (int i = 0; i < n; i++) {
            unsigned index = (unsigned)(ready[i].data.u64 >> 32);
            if (index >= t.closed)
                on_connection(epoll, &all[index], index, ready[i].events, &t);
        }
    }
    printf("extcp-metric opened count %u\n", t.opened);
    printf("extcp-metric failed count %u\n", t.failed);
    printf("extcp-metric without_subflows count %u\n", t.few);
    printf("extcp-metric silent count %u\n", t.silent);
    printf("extcp-metric subflows count %" PRIu64 "\n", t.subflows);
    printf("extcp-metric took_s s %.3f\n", (double)(now_mono_ns() - start) / 1e9);
    free(all);
    return t.failed || t.silent ? EXIT_VERDICT : EXIT_OK;
}

int main(int argc, char **argv)
{
    struct rlimit files = {65536, 65536};

    setrlimit(RLIMIT_NOFILE, &files);
    if (argc == 4 && !strcmp(argv[1], "server"))
        return server(argv);
    if (argc == 8 && !strcmp(argv[1], "client"))
        return client(argv);
    fprintf(stderr, "usage: bench_pm server ADDRESS PORT\n"
                    "       bench_pm client ADDRESS PORT COUNT RATE LIFE_MS SUBFLOWS\n");
    return EXIT_USAGE;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "carrier.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/ackthin.h"
#include "log.h"
#include "netns.h"
#include "util.h"

struct carrier {
    pthread_t thread;
    int stop_fd, raw4, raw6, packets_fd, alive_fd; /* the last two: maps, not ours … */
    bool own_maps;                                 /* … or ours */
    struct ring_buffer *ring;
    unsigned failed;
};

static uint32_t sum16(const uint8_t *p, size_t len, uint32_t sum)
{
    for (; len > 1; p += 2, len -= 2)
        sum += (uint32_t)p[0] << 8 | p[1];
    return len ? sum + ((uint32_t)p[0] << 8) : sum;
}

int carrier_checksum(uint8_t *packet, size_t len)
{
    unsigned v = len ? packet[0] >> 4 : 0, ip = v == 4 ? 20 : 40;
    uint8_t *tcp = packet + ip;
    uint32_t sum;

    if (len < ip + 20 || (v == 4 ? packet[0] != 0x45 || packet[9] != IPPROTO_TCP
                                 : v != 6 || packet[6] != IPPROTO_TCP))
        return -EINVAL;
    tcp[16] = tcp[17] = 0;
    sum = IPPROTO_TCP + (uint32_t)(len - ip);
    sum = v == 4 ? sum16(packet + 12, 8, sum) : sum16(packet + 8, 32, sum);
    sum = sum16(tcp, len - ip, sum);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    sum = ~sum & 0xffff;
    tcp[16] = (uint8_t)(sum >> 8);
    tcp[17] = (uint8_t)sum;
    return 0;
}

static int on_packet(void *arg, void *record, size_t size)
{
    struct carrier *c = arg;
    struct thin_packet p;
    struct sockaddr_in to4 = {.sin_family = AF_INET};
    struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
    ssize_t n;

    if (size < sizeof(p))
        return 0;
    memcpy(&p, record, sizeof(p));
    if (p.len > sizeof(p.bytes) || carrier_checksum(p.bytes, p.len)) {
        c->failed++;
        return 0;
    }
    if (p.bytes[0] >> 4 == 4) {
        memcpy(&to4.sin_addr, p.bytes + 16, 4);
        n = sendto(c->raw4, p.bytes, p.len, MSG_DONTWAIT, (struct sockaddr *)&to4, sizeof(to4));
    } else {
        memcpy(&to6.sin6_addr, p.bytes + 24, 16);
        n = sendto(c->raw6, p.bytes, p.len, MSG_DONTWAIT, (struct sockaddr *)&to6, sizeof(to6));
    }
    if (n != (ssize_t)p.len)
        c->failed++;
    return 0;
}

static void say_alive(const struct carrier *c, uint64_t when_ns)
{
    uint32_t zero = 0;

    bpf_map_update_elem(c->alive_fd, &zero, &when_ns, BPF_ANY);
}

static void carry_ready(const struct carrier *c, bool stoppable, unsigned timeout_ms, bool *stop)
{
    struct pollfd p[2] = {{.fd = ring_buffer__epoll_fd(c->ring), .events = POLLIN},
                          {.fd = c->stop_fd, .events = POLLIN}};

    poll(p, stoppable ? 2 : 1, (int)timeout_ms);
    ring_buffer__consume(c->ring);
    *stop = p[1].revents;
}

static void *carry(void *arg)
{
    struct carrier *c = arg;
    uint64_t said = 0, end;
    bool stop = false;
    struct sched_param rt = {.sched_priority = 1};
    sigset_t all;

    /* Signals are for the thread that cleans up. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    /* It has little to do, and a peer waits for it. Without the privilege it is only later. */
    (void)!pthread_setschedparam(pthread_self(), SCHED_FIFO, &rt);
    while (!stop) {
        if (now_mono_ns() - said >= THIN_ALIVE_MS * 1000000ull) {
            said = now_mono_ns();
            say_alive(c, said);
        }
        carry_ready(c, true, THIN_ALIVE_MS, &stop);
    }
    /* From here on nothing more is held back; what was, is carried. */
    say_alive(c, 0);
    end = now_mono_ns() + THIN_LAST_MS * 1000000ull;
    while (now_mono_ns() < end)
        carry_ready(c, false, 5, &stop);
    return NULL;
}

static int raw_socket(int family)
{
    int one = 1, fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

    /* With IPPROTO_RAW an IPv4 socket takes whole packets already. */
    if (fd >= 0 && family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &one, sizeof(one))) {
        close(fd);
        return -1;
    }
    return fd;
}

static int open_sockets(struct carrier *c, int ns_fd, struct err *e)
{
    int saved = ns_fd >= 0 ? netns_enter(ns_fd) : -1;

    if (ns_fd >= 0 && saved < 0)
        return err_broke(e, saved, "carrier of late ACKs: network namespace: %s", strerror(-saved));
    c->raw4 = raw_socket(AF_INET);
    if (c->raw4 < 0)
        err_broke(e, -errno, "carrier of late ACKs: raw socket: %s", strerror(errno));
    /* Without IPv6 in the kernel there is nothing to carry for it. */
    c->raw6 = raw_socket(AF_INET6);
    if (saved >= 0)
        netns_leave(saved);
    return c->raw4 < 0 ? e->code : 0;
}

static void release(struct carrier *c)
{
    if (c->ring)
        ring_buffer__free(c->ring);
    if (c->raw4 >= 0)
        close(c->raw4);
    if (c->raw6 >= 0)
        close(c->raw6);
    if (c->stop_fd >= 0)
        close(c->stop_fd);
    if (c->own_maps) {
        close(c->packets_fd);
        close(c->alive_fd);
    }
    free(c);
}

bool carrier_needed(const struct bpf_object *obj)
{
    return bpf_object__find_map_by_name(obj, "packets") &&
           bpf_object__find_map_by_name(obj, "carrier");
}

bool carrier_map(const char *name)
{
    return !strcmp(name, "packets") || !strcmp(name, "carrier") ||
           !strcmp(name, "thin_parked"); /* timers run for as long as user space holds their map */
}

/* Takes c. */
static int start(struct carrier **out, struct carrier *c, int ns_fd, struct err *e)
{
    int rc;

    c->raw4 = c->raw6 = -1;
    c->stop_fd = eventfd(0, EFD_CLOEXEC);
    rc = c->stop_fd < 0 ? err_broke(e, -errno, "carrier of late ACKs: %s", strerror(errno))
                        : open_sockets(c, ns_fd, e);
    if (!rc) {
        c->ring = ring_buffer__new(c->packets_fd, on_packet, c, NULL);
        if (!c->ring)
            rc = err_broke(e, -errno, "carrier of late ACKs: ring buffer: %s", strerror(errno));
    }
    if (!rc) {
        say_alive(c, now_mono_ns());
        rc = -pthread_create(&c->thread, NULL, carry, c);
        if (rc)
            err_broke(e, rc, "carrier of late ACKs: thread: %s", strerror(-rc));
    }
    if (rc) {
        release(c);
        return rc;
    }
    *out = c;
    return 0;
}

int carrier_start(struct carrier **out, const struct bpf_object *obj, int ns_fd, struct err *e)
{
    struct carrier *c;

    *out = NULL;
    if (!carrier_needed(obj))
        return 0;
    c = xcalloc(1, sizeof(*c));
    c->packets_fd = bpf_object__find_map_fd_by_name(obj, "packets");
    c->alive_fd = bpf_object__find_map_fd_by_name(obj, "carrier");
    return start(out, c, ns_fd, e);
}

static int open_pinned(const char *dir, const char *name)
{
    char *path = xasprintf("%s/%s", dir, name);
    int fd = bpf_obj_get(path);

    free(path);
    return fd;
}

int carrier_start_pinned(struct carrier **out, const char *dir, int ns_fd, struct err *e)
{
    int packets = open_pinned(dir, "packets"), alive = open_pinned(dir, "carrier");
    struct carrier *c;

    *out = NULL;
    if (packets < 0 || alive < 0) {
        int rc = packets < 0 ? packets : alive;
        if (packets >= 0)
            close(packets);
        if (alive >= 0)
            close(alive);
        return err_broke(e, rc, "%s: no late ACKs come from there: %s", dir, strerror(-rc));
    }
    c = xcalloc(1, sizeof(*c));
    c->packets_fd = packets;
    c->alive_fd = alive;
    c->own_maps = true;
    return start(out, c, ns_fd, e);
}

void carrier_stop(struct carrier *c)
{
    uint64_t one = 1;

    if (!c)
        return;
    if (write(c->stop_fd, &one, sizeof(one)) != sizeof(one))
        abort(); /* an eventfd takes a one */
    pthread_join(c->thread, NULL);
    if (c->failed)
        log_line("carrier of late ACKs: %u could not be sent", c->failed);
    release(c);
}

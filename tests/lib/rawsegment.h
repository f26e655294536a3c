/* SPDX-License-Identifier: BSD-2-Clause */
/* One TCP connection made of raw IPv4 segments, for what no kernel would send. The caller must keep
 * the kernel from answering its peer with RST (iptables). */
#ifndef EXTCP_TESTS_RAWSEGMENT_H
#define EXTCP_TESTS_RAWSEGMENT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "util.h"

#define RAW_MAX_OPTIONS 40

struct raw_conn {
    int fd;
    struct sockaddr_in from, to; /* ours and the peer's address */
    uint16_t sport, dport;
    uint32_t seq, ack;
};

/* What came from the peer. */
struct raw_segment {
    struct in_addr from;
    uint16_t sport;
    uint8_t flags;
    uint32_t seq, ack;
    unsigned payload;
};

/* A raw socket of this address; -errno. */
static inline int raw_open(struct raw_conn *c)
{
    int big = 4 << 20;

    c->fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
    if (c->fd < 0 || bind(c->fd, (struct sockaddr *)&c->from, sizeof(c->from)))
        return -1;
    setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &big, sizeof(big));
    return 0;
}

static inline uint16_t raw_checksum(const struct raw_conn *c, const uint8_t *seg, size_t len)
{
    uint32_t a = ntohl(c->from.sin_addr.s_addr), b = ntohl(c->to.sin_addr.s_addr);
    uint32_t sum =
        (a >> 16) + (a & 0xffff) + (b >> 16) + (b & 0xffff) + IPPROTO_TCP + (uint32_t)len;

    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)seg[i] << 8 | seg[i + 1];
    if (len & 1)
        sum += (uint32_t)seg[len - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

/* Sends a segment with n bytes of options (at most RAW_MAX_OPTIONS), padded to whole words with the
 * end-of-options byte. */
static inline int raw_send(const struct raw_conn *c, uint8_t flags, const uint8_t *options,
                           unsigned n, const char *data)
{
    uint8_t seg[120] = {0};
    unsigned padded = (n + 3) / 4 * 4;
    size_t len = 20 + (size_t)padded + strlen(data);
    uint32_t seq = htonl(c->seq), ack = htonl(c->ack);
    uint16_t sum;

    seg[0] = (uint8_t)(c->sport >> 8), seg[1] = (uint8_t)c->sport;
    seg[2] = (uint8_t)(c->dport >> 8), seg[3] = (uint8_t)c->dport;
    memcpy(seg + 4, &seq, 4);
    memcpy(seg + 8, &ack, 4);
    seg[12] = (uint8_t)((20 + padded) / 4 << 4);
    seg[13] = flags;
    seg[14] = 0xff, seg[15] = 0xff;
    if (n)
        memcpy(seg + 20, options, n);
    memcpy(seg + 20 + padded, data, strlen(data));
    sum = htons(raw_checksum(c, seg, len));
    memcpy(seg + 16, &sum, 2);
    return sendto(c->fd, seg, len, 0, (const struct sockaddr *)&c->to, sizeof(c->to)) ==
                   (ssize_t)len
               ? 0
               : -1;
}

/* Waits for a segment to our port (from the peer's port, where there is one) that has all of
 * `flags` or is a RST. False: none came in time. */
static inline bool raw_receive(const struct raw_conn *c, uint8_t flags, unsigned timeout_ms,
                               struct raw_segment *s)
{
    uint64_t end = now_mono_ns() + timeout_ms * 1000000ull;
    uint8_t buf[2048];

    while (now_mono_ns() < end) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        struct sockaddr_in from;
        socklen_t size = sizeof(from);
        ssize_t n;
        if (poll(&p, 1, 50) != 1 ||
            (n = recvfrom(c->fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &size)) < 40)
            continue;
        unsigned ip = (buf[0] & 15u) * 4;
        const uint8_t *t = buf + ip;
        s->sport = (uint16_t)(t[0] << 8 | t[1]);
        s->flags = t[13] & 0x3f;
        if ((t[2] << 8 | t[3]) != c->sport || (c->dport && s->sport != c->dport) ||
            ((s->flags & flags) != flags && !(s->flags & TH_RST)))
            continue;
        s->from = from.sin_addr;
        memcpy(&s->seq, t + 4, 4);
        memcpy(&s->ack, t + 8, 4);
        s->seq = ntohl(s->seq);
        s->ack = ntohl(s->ack);
        s->payload = (unsigned)n - ip - (t[12] >> 4) * 4u;
        return true;
    }
    return false;
}

#endif

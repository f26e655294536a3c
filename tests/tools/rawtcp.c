/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rawtcp FROM TO PORT SYN-OPTIONS ACK-OPTIONS DATA-OPTIONS [LATER-OPTIONS]: a TCP client of raw
 * IPv4 segments, for what no kernel would send. Makes a handshake, sends one byte of data, and a
 * FIN, with the option bytes given in hexadecimal ("-": none; padded to whole words with the
 * end-of-options byte) on the SYN, the ACK and the data segment. With LATER-OPTIONS another byte
 * follows when the peer has sent data. The caller must keep the kernel from answering with RST.
 * Exit 0 when the data was acknowledged.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util.h"

#define TRIES 20

struct conn {
    int fd;
    struct sockaddr_in from, to;
    uint16_t sport, dport;
    uint32_t seq, ack;
};

static int parse_hex(const char *s, uint8_t *out)
{
    int n = 0;

    if (!strcmp(s, "-"))
        return 0;
    for (; s[0] && s[1] && n < 40; s += 2) {
        unsigned v;
        if (sscanf(s, "%2x", &v) != 1)
            return -1;
        out[n++] = (uint8_t)v;
    }
    return *s ? -1 : n;
}

static uint16_t checksum(const struct conn *c, const uint8_t *seg, size_t len)
{
    uint32_t sum = 0;
    uint32_t a = ntohl(c->from.sin_addr.s_addr), b = ntohl(c->to.sin_addr.s_addr);

    sum += (a >> 16) + (a & 0xffff) + (b >> 16) + (b & 0xffff) + IPPROTO_TCP + (uint32_t)len;
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)seg[i] << 8 | seg[i + 1];
    if (len & 1)
        sum += (uint32_t)seg[len - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static int send_segment(struct conn *c, uint8_t flags, const char *options, const char *data)
{
    uint8_t seg[120] = {0}, opt[40];
    int n = parse_hex(options, opt), padded = (n + 3) / 4 * 4;
    size_t len = 20 + (size_t)padded + strlen(data);
    uint16_t sum;

    if (n < 0) {
        fprintf(stderr, "rawtcp: options '%s': accepted: up to 40 bytes in hexadecimal, or -\n",
                options);
        exit(2);
    }
    seg[0] = (uint8_t)(c->sport >> 8), seg[1] = (uint8_t)c->sport;
    seg[2] = (uint8_t)(c->dport >> 8), seg[3] = (uint8_t)c->dport;
    uint32_t seq = htonl(c->seq), ack = htonl(c->ack);
    memcpy(seg + 4, &seq, 4);
    memcpy(seg + 8, &ack, 4);
    seg[12] = (uint8_t)((20 + padded) / 4 << 4);
    seg[13] = flags;
    seg[14] = 0xff, seg[15] = 0xff;
    memcpy(seg + 20, opt, (size_t)n);
    memcpy(seg + 20 + padded, data, strlen(data));
    sum = htons(checksum(c, seg, len));
    memcpy(seg + 16, &sum, 2);
    return sendto(c->fd, seg, len, 0, (struct sockaddr *)&c->to, sizeof(c->to)) == (ssize_t)len
               ? 0
               : -1;
}

/* Waits for a segment of the peer with these flags; its sequence number and what it acknowledges.
 */
static int receive(struct conn *c, uint8_t flags, uint32_t *seq, uint32_t *ack)
{
    uint64_t end = now_mono_ns() + 500000000ull;
    uint8_t buf[2048];

    while (now_mono_ns() < end) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        ssize_t n;
        if (poll(&p, 1, 50) != 1 || (n = recv(c->fd, buf, sizeof(buf), 0)) < 40)
            continue;
        const uint8_t *t = buf + (buf[0] & 15) * 4;
        if ((t[0] << 8 | t[1]) != c->dport || (t[2] << 8 | t[3]) != c->sport ||
            (t[13] & 0x3f & (flags | TH_RST)) == 0)
            continue;
        if (t[13] & TH_RST)
            return -1;
        if ((t[13] & flags) != flags)
            continue;
        memcpy(seq, t + 4, 4);
        memcpy(ack, t + 8, 4);
        *seq = ntohl(*seq);
        *ack = ntohl(*ack);
        return 0;
    }
    return -1;
}

/* One byte, until it is acknowledged. */
static int send_data(struct conn *c, const char *options)
{
    uint32_t seq, ack;

    for (int try = 0; try < TRIES; try++) {
        send_segment(c, TH_ACK | TH_PUSH, options, "x");
        if (!receive(c, TH_ACK, &seq, &ack) && ack == c->seq + 1) {
            c->seq++;
            return 0;
        }
    }
    fprintf(stderr, "rawtcp: the data was not acknowledged\n");
    return -1;
}

/* The peer sends one byte, again and again until we acknowledge it. */
static int await_data(struct conn *c)
{
    uint32_t seq, ack;

    for (int try = 0; try < TRIES; try++) {
        if (!receive(c, TH_ACK | TH_PUSH, &seq, &ack) && seq == c->ack) {
            c->ack++;
            return 0;
        }
    }
    fprintf(stderr, "rawtcp: the peer sent no data\n");
    return -1;
}

int main(int argc, char **argv)
{
    struct conn c = {.seq = 1000, .sport = (uint16_t)(20000 + getpid() % 20000)};
    uint32_t seq, ack;
    int try, rc;

    if ((argc != 7 && argc != 8) || inet_pton(AF_INET, argv[1], &c.from.sin_addr) != 1 ||
        inet_pton(AF_INET, argv[2], &c.to.sin_addr) != 1) {
        fprintf(stderr, "usage: rawtcp FROM TO PORT SYN-OPTIONS ACK-OPTIONS DATA-OPTIONS "
                        "[LATER-OPTIONS]\n");
        return 2;
    }
    c.dport = (uint16_t)atoi(argv[3]);
    c.from.sin_family = c.to.sin_family = AF_INET;
    c.fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
    if (c.fd < 0 || bind(c.fd, (struct sockaddr *)&c.from, sizeof(c.from))) {
        perror("rawtcp");
        return 1;
    }
    for (try = 0; try < TRIES; try++)
        if (!send_segment(&c, TH_SYN, argv[4], "") && !receive(&c, TH_SYN | TH_ACK, &seq, &ack))
            break;
    if (try == TRIES) {
        fprintf(stderr, "rawtcp: no SYN-ACK\n");
        return 1;
    }
    c.seq++;
    c.ack = seq + 1;
    send_segment(&c, TH_ACK, argv[5], "");
    rc = send_data(&c, argv[6]);
    if (!rc && argc == 8)
        rc = await_data(&c) || send_data(&c, argv[7]);
    send_segment(&c, TH_ACK | TH_FIN, "-", "");
    return rc ? 1 : 0;
}

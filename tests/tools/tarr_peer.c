/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tarr_peer FROM TO PORT SYN-OPTIONS STEP...: a TCP sender of raw IPv4 segments that looks at how
 * it is acknowledged. A STEP is COUNT:OPTIONS: that many segments of 1000 bytes, 0.7 ms apart,
 * never pushed, the first with the options (hexadecimal, "-": none); then it waits until all is
 * acknowledged. For each step it prints how many ACKs came and how long after the first segment the
 * last of them did. The caller must keep the kernel from answering with RST.
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

#include "carrier.h"
#include "util.h"

#define SEGMENT    1000
#define SPACING_US 700 /* so that the peer's application reads in between */
#define WAIT_NS    (2 * NSEC_PER_SEC)

static int out, in;
static struct in_addr from, to;
static uint16_t sport, dport;
static uint32_t seq = 1000, ack;

static unsigned parse_hex(const char *s, uint8_t *bytes)
{
    unsigned n = 0;

    for (; strcmp(s, "-") && s[0] && s[1] && n < 40; s += 2) {
        unsigned v;
        if (sscanf(s, "%2x", &v) != 1)
            break;
        bytes[n++] = (uint8_t)v;
    }
    if (*s && strcmp(s, "-")) {
        fprintf(stderr, "tarr_peer: options '%s': accepted: up to 40 bytes in hexadecimal, or -\n",
                s);
        exit(2);
    }
    return n;
}

static void put32(uint8_t *p, uint32_t v)
{
    v = htonl(v);
    memcpy(p, &v, 4);
}

static void send_segment(uint8_t flags, const char *options, unsigned payload)
{
    uint8_t p[40 + 40 + SEGMENT] = {0x45}, *tcp = p + 20;
    unsigned n = (parse_hex(options, tcp + 20) + 3) / 4 * 4, len = 40 + n + payload;
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr = to};

    p[2] = (uint8_t)(len >> 8), p[3] = (uint8_t)len;
    p[6] = 0x40; /* do not fragment */
    p[8] = 64, p[9] = IPPROTO_TCP;
    memcpy(p + 12, &from, 4);
    memcpy(p + 16, &to, 4);
    tcp[0] = (uint8_t)(sport >> 8), tcp[1] = (uint8_t)sport;
    tcp[2] = (uint8_t)(dport >> 8), tcp[3] = (uint8_t)dport;
    put32(tcp + 4, seq);
    put32(tcp + 8, ack);
    tcp[12] = (uint8_t)((20 + n) / 4 << 4);
    tcp[13] = flags;
    tcp[14] = tcp[15] = 0xff; /* window */
    if (carrier_checksum(p, len) ||
        sendto(out, p, len, 0, (struct sockaddr *)&sin, sizeof(sin)) != (ssize_t)len) {
        perror("tarr_peer: send");
        exit(1);
    }
    seq += payload;
}

/* The next segment of the peer with all of these flags; false at the end of the time. */
static bool receive(uint8_t flags, uint64_t end_ns, uint32_t *peer_seq, uint32_t *peer_ack)
{
    uint8_t b[2048];

    for (;;) {
        uint64_t now = now_mono_ns();
        struct pollfd p = {.fd = in, .events = POLLIN};
        ssize_t n;

        if (now >= end_ns || poll(&p, 1, (int)((end_ns - now) / 1000000) + 1) < 1)
            return false;
        n = recv(in, b, sizeof(b), 0);
        if (n < 40)
            continue;
        const uint8_t *t = b + (b[0] & 15) * 4;
        if ((t[0] << 8 | t[1]) != dport || (t[2] << 8 | t[3]) != sport || (t[13] & flags) != flags)
            continue;
        memcpy(peer_seq, t + 4, 4);
        memcpy(peer_ack, t + 8, 4);
        *peer_seq = ntohl(*peer_seq);
        *peer_ack = ntohl(*peer_ack);
        return true;
    }
}

static void step(unsigned number, const char *text)
{
    const char *colon = strchr(text, ':');
    int count = atoi(text), acks = 0;
    uint64_t start = now_mono_ns(), last = start;
    uint32_t s, a = seq;

    if (!colon || count < 1) {
        fprintf(stderr, "tarr_peer: step '%s': accepted: COUNT:OPTIONS\n", text);
        exit(2);
    }
    for (int i = 0; i < count; i++) {
        if (i)
            usleep(SPACING_US);
        send_segment(TH_ACK, i ? "-" : colon + 1, SEGMENT);
    }
    while (a != seq && receive(TH_ACK, start + WAIT_NS, &s, &a)) {
        last = now_mono_ns();
        acks++;
    }
    if (a != seq) {
        fprintf(stderr, "tarr_peer: step %u: not all was acknowledged in 2 s\n", number);
        exit(1);
    }
    printf("extcp-metric acks%u count %d\nextcp-metric last%u s %.6f\n", number, acks, number,
           (double)(last - start) / 1e9);
}

int main(int argc, char **argv)
{
    uint32_t s, a;

    if (argc < 6 || inet_pton(AF_INET, argv[1], &from) != 1 ||
        inet_pton(AF_INET, argv[2], &to) != 1) {
        fprintf(stderr, "usage: tarr_peer FROM TO PORT SYN-OPTIONS STEP...\n");
        return 2;
    }
    dport = (uint16_t)atoi(argv[3]);
    sport = (uint16_t)(20000 + getpid() % 20000);
    out = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    in = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_TCP);
    if (out < 0 || in < 0) {
        perror("tarr_peer: raw socket");
        return 1;
    }
    send_segment(TH_SYN, argv[4], 0);
    if (!receive(TH_SYN | TH_ACK, now_mono_ns() + WAIT_NS, &s, &a)) {
        fprintf(stderr, "tarr_peer: no SYN-ACK\n");
        return 1;
    }
    seq = a;
    ack = s + 1;
    send_segment(TH_ACK, "-", 0);
    for (int i = 5; i < argc; i++)
        step((unsigned)i - 5, argv[i]);
    send_segment(TH_ACK | TH_FIN, "-", 0);
    return 0;
}

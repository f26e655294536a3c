/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rawtcp FROM TO PORT SYN-OPTIONS ACK-OPTIONS DATA-OPTIONS [LATER-OPTIONS]: a TCP client of raw
 * IPv4 segments, for what no kernel would send. Makes a handshake, sends one byte of data, and a
 * FIN, with the option bytes given in hexadecimal ("-": none; padded to whole words with the
 * end-of-options byte) on the SYN, the ACK and the data segment. With LATER-OPTIONS another byte
 * follows when the peer has sent data. The caller must keep the kernel from answering with RST.
 * Exit 0 when the data was acknowledged.
 */
#include <stdlib.h>
#include <unistd.h>

#include "../lib/rawsegment.h"

#define TRIES      20
#define TIMEOUT_MS 500

struct options {
    uint8_t bytes[RAW_MAX_OPTIONS];
    unsigned n;
};

static struct options parse_hex(const char *text)
{
    struct options o = {.n = 0};
    const char *s = text;
    unsigned v;

    if (!strcmp(s, "-"))
        return o;
    for (; s[0] && s[1] && o.n < RAW_MAX_OPTIONS && sscanf(s, "%2x", &v) == 1; s += 2)
        o.bytes[o.n++] = (uint8_t)v;
    if (*s) {
        fprintf(stderr, "rawtcp: options '%s': accepted: up to 40 bytes in hexadecimal, or -\n",
                text);
        exit(2);
    }
    return o;
}

/* One byte, until it is acknowledged. */
static int send_data(struct raw_conn *c, const struct options *o)
{
    struct raw_segment s;

    for (int try = 0; try < TRIES; try++) {
        raw_send(c, TH_ACK | TH_PUSH, o->bytes, o->n, "x");
        if (raw_receive(c, TH_ACK, TIMEOUT_MS, &s) && !(s.flags & TH_RST) && s.ack == c->seq + 1) {
            c->seq++;
            return 0;
        }
    }
    fprintf(stderr, "rawtcp: the data was not acknowledged\n");
    return -1;
}

/* The peer sends one byte, again and again until we acknowledge it. */
static int await_data(struct raw_conn *c)
{
    struct raw_segment s;

    for (int try = 0; try < TRIES; try++) {
        if (raw_receive(c, TH_ACK | TH_PUSH, TIMEOUT_MS, &s) && !(s.flags & TH_RST) &&
            s.seq == c->ack) {
            c->ack++;
            return 0;
        }
    }
    fprintf(stderr, "rawtcp: the peer sent no data\n");
    return -1;
}

int main(int argc, char **argv)
{
    struct raw_conn c = {.seq = 1000, .sport = (uint16_t)(20000 + getpid() % 20000)};
    struct options syn, ack, data, later = {.n = 0};
    struct raw_segment s;
    int try, rc;

    if ((argc != 7 && argc != 8) || inet_pton(AF_INET, argv[1], &c.from.sin_addr) != 1 ||
        inet_pton(AF_INET, argv[2], &c.to.sin_addr) != 1) {
        fprintf(stderr, "usage: rawtcp FROM TO PORT SYN-OPTIONS ACK-OPTIONS DATA-OPTIONS "
                        "[LATER-OPTIONS]\n");
        return 2;
    }
    c.dport = (uint16_t)atoi(argv[3]);
    c.from.sin_family = c.to.sin_family = AF_INET;
    syn = parse_hex(argv[4]);
    ack = parse_hex(argv[5]);
    data = parse_hex(argv[6]);
    if (argc == 8)
        later = parse_hex(argv[7]);
    if (raw_open(&c)) {
        perror("rawtcp");
        return 1;
    }
    for (try = 0; try < TRIES; try++)
        if (!raw_send(&c, TH_SYN, syn.bytes, syn.n, "") &&
            raw_receive(&c, TH_SYN | TH_ACK, TIMEOUT_MS, &s) && !(s.flags & TH_RST))
            break;
    if (try == TRIES) {
        fprintf(stderr, "rawtcp: no SYN-ACK\n");
        return 1;
    }
    c.seq++;
    c.ack = s.seq + 1;
    raw_send(&c, TH_ACK, ack.bytes, ack.n, "");
    rc = send_data(&c, &data);
    if (!rc && argc == 8)
        rc = await_data(&c) || send_data(&c, &later);
    raw_send(&c, TH_ACK | TH_FIN, NULL, 0, "");
    return rc ? 1 : 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets for tests and benchmarks: Ethernet, IPv4 or IPv6, TCP with any options, right lengths and
 * checksums; and a pcap file with nanoseconds to put them into. */
#ifndef EXTCP_TESTS_PACKET_H
#define EXTCP_TESTS_PACKET_H

#include <arpa/inet.h>
#include <pcap/pcap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"

#define PACKET_MAX 2048

struct packet {
    const char *src, *dst; /* IPv6 where there is a colon */
    uint16_t sport, dport;
    uint32_t seq, ack;
    uint16_t flags; /* SEG_ACK… */
    const uint8_t *opt;
    size_t opt_len; /* is filled up to a multiple of 4 with end of list and zeros */
    size_t payload; /* bytes of it */
};

static inline void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v & 0xffff);
}

static inline uint32_t sum16(const uint8_t *p, size_t n, uint32_t sum)
{
    for (; n > 1; p += 2, n -= 2)
        sum += (uint32_t)(p[0] << 8 | p[1]);
    return n ? sum + (uint32_t)(p[0] << 8) : sum;
}

static inline uint16_t sum_end(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static inline size_t packet_tcp(uint8_t *tcp, const struct packet *p)
{
    size_t padded = (p->opt_len + 3) / 4 * 4, len = 20 + padded;

    memset(tcp, 0, len + p->payload);
    put16(tcp, p->sport);
    put16(tcp + 2, p->dport);
    put32(tcp + 4, p->seq);
    put32(tcp + 8, p->ack);
    put16(tcp + 12, (uint32_t)(len / 4 << 12) | p->flags);
    put16(tcp + 14, 64240);
    if (p->opt_len)
        memcpy(tcp + 20, p->opt, p->opt_len);
    return len + p->payload;
}

/* Returns the length, at most PACKET_MAX. */
static inline size_t packet_build(uint8_t *buf, const struct packet *p)
{
    int v6 = strchr(p->src, ':') != NULL;
    size_t ip_len = v6 ? 40 : 20, alen = v6 ? 16 : 4;
    uint8_t *ip = buf + 14, *tcp = ip + ip_len, *addrs = ip + (v6 ? 8 : 12);
    size_t tcp_len = packet_tcp(tcp, p);

    memset(buf, 0, 14 + ip_len);
    buf[5] = 2, buf[11] = 1; /* 00:00:00:00:00:02 from 00:00:00:00:00:01 */
    put16(buf + 12, v6 ? 0x86dd : 0x0800);
    if (v6) {
        ip[0] = 0x60;
        put16(ip + 4, (uint32_t)tcp_len);
        ip[6] = 6;
        ip[7] = 64;
    } else {
        ip[0] = 0x45;
        put16(ip + 2, (uint32_t)(20 + tcp_len));
        ip[6] = 0x40;
        ip[8] = 64;
        ip[9] = 6;
    }
    if (inet_pton(v6 ? AF_INET6 : AF_INET, p->src, addrs) != 1 ||
        inet_pton(v6 ? AF_INET6 : AF_INET, p->dst, addrs + alen) != 1) {
        fprintf(stderr, "packet_build: bad address %s or %s\n", p->src, p->dst);
        abort();
    }
    if (!v6)
        put16(ip + 10, sum_end(sum16(ip, 20, 0)));
    put16(tcp + 16, sum_end(sum16(tcp, tcp_len, sum16(addrs, 2 * alen, 6 + (uint32_t)tcp_len))));
    return 14 + ip_len + tcp_len;
}

struct packet_file {
    pcap_t *pcap;
    pcap_dumper_t *dump;
};

static inline void packet_file_open(struct packet_file *f, const char *path)
{
    f->pcap = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, 262144, PCAP_TSTAMP_PRECISION_NANO);
    f->dump = f->pcap ? pcap_dump_open(f->pcap, path) : NULL;
    if (!f->dump) {
        fprintf(stderr, "%s: %s\n", path, f->pcap ? pcap_geterr(f->pcap) : "no memory");
        exit(4);
    }
}

static inline void packet_file_write(struct packet_file *f, uint64_t t_ns, const uint8_t *data,
                                     size_t len)
{
    struct pcap_pkthdr h = {.caplen = (bpf_u_int32)len, .len = (bpf_u_int32)len};

    h.ts.tv_sec = (time_t)(t_ns / 1000000000ull);
    h.ts.tv_usec = (suseconds_t)(t_ns % 1000000000ull);
    pcap_dump((u_char *)f->dump, &h, data);
}

static inline void packet_file_add(struct packet_file *f, uint64_t t_ns, const struct packet *p)
{
    uint8_t buf[PACKET_MAX];

    packet_file_write(f, t_ns, buf, packet_build(buf, p));
}

static inline void packet_file_close(struct packet_file *f)
{
    if (pcap_dump_flush(f->dump)) {
        perror("cannot write the pcap file");
        exit(4);
    }
    pcap_dump_close(f->dump);
    pcap_close(f->pcap);
}

#endif

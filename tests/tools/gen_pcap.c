/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes captures locally.
 *   gen_pcap options FILE      every option and MPTCP subtype in every form, over IPv4 and IPv6
 *   gen_pcap segments N FILE   N segments of many connections with a realistic mix of options
 */
#include "../lib/packet.h"
#include "lib/tcp_exids.h"
#include "util.h"

/* Bytes of an option list as the text of a C string, so that zeros are fine. */
struct options {
    uint16_t flags;
    size_t payload;
    const char *bytes;
    size_t len;
};
#define O(flags, payload, bytes)                                                                   \
    {                                                                                              \
        flags, payload, bytes, sizeof(bytes) - 1                                                   \
    }
#define SYN    SEG_SYN
#define SYNACK (SEG_SYN | SEG_ACK)
#define ACK    SEG_ACK
#define DATA   (SEG_ACK | SEG_PSH)
#define KEY_A  "\x11\x22\x33\x44\x55\x66\x77\x88"
#define KEY_B  "\xf1\xe2\xd3\xc4\xb5\xa6\x97\x88"
#define HMAC20 "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14"
#define V6     "\xfd\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07"

static const struct options samples[] = {
    /* RFC 9293, 7323, 2018, 2883 */
    O(SYN, 0, "\x02\x04\x05\xb4"),
    O(SYN, 0, "\x02\x04\x05\xb4\x04\x02\x08\x0a\x00\x00\x10\x00\x00\x00\x00\x00\x01\x03\x03\x07"),
    O(SYN, 0, "\x03\x03\x0e"),
    O(SYN, 0, "\x03\x03\x00"),
    O(SYNACK, 0, "\x04\x02\x01\x01"),
    O(ACK, 0, "\x01\x01\x08\x0a\xff\xff\xff\xff\x80\x00\x00\x01"),
    O(ACK, 0, "\x01\x01\x05\x0a\x00\x01\x00\x00\x00\x02\x00\x00"),
    O(ACK, 0, "\x05\x12\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04\x00\x00"),
    O(ACK, 0,
      "\x05\x1a\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00\x05\x00\x00"
      "\x00\x06\x00\x00"),
    O(ACK, 0,
      "\x05\x22\x00\x01\x00\x00\x00\x02\x00\x00\x00\x03\x00\x00\x00\x04\x00\x00\x00\x05\x00\x00"
      "\x00\x06\x00\x00\x00\x07\x00\x00\x00\x08\x00\x00"),
    /* D-SACK: below the acknowledgement (2000), and inside the second block */
    O(ACK, 0, "\x05\x0a\x00\x00\x03\xe8\x00\x00\x05\xdc"),
    O(ACK, 0, "\x05\x12\x00\x01\x10\x00\x00\x01\x20\x00\x00\x01\x00\x00\x00\x02\x00\x00"),
    /* RFC 2385, 5925 */
    O(DATA, 10, "\x13\x12\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff"),
    O(DATA, 10, "\x1d\x10\x05\x06\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab"),
    /* RFC 5482: 10 s, 300 s, 5 min, reserved 0, largest */
    O(SYN, 0, "\x1c\x04\x00\x0a"),
    O(SYNACK, 0, "\x1c\x04\x01\x2c"),
    O(DATA, 10, "\x1c\x04\x80\x05"),
    O(SYN, 0, "\x1c\x04\x00\x00"),
    O(SYN, 0, "\x1c\x04\xff\xff"),
    /* RFC 7413: request, cookies, and the form before it had a kind of its own */
    O(SYN, 0, "\x22\x02"),
    O(SYNACK, 0, "\x22\x06\x10\x20\x30\x40"),
    O(SYN, 5, "\x22\x0a\x01\x02\x03\x04\x05\x06\x07\x08"),
    O(SYN, 5, "\x22\x12\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"),
    O(SYN, 0, "\xfe\x04\xf9\x89"),
    O(SYN, 5, "\xfe\x0c\xf9\x89\x01\x02\x03\x04\x05\x06\x07\x08"),
    /* TARR: on a SYN; R 0, 1, 10, 127; the reserved bit */
    O(SYN, 0, "\xfe\x04\x00\xac"),
    O(ACK, 0, "\xfe\x05\x00\xac\x00"),
    O(ACK, 0, "\xfe\x05\x00\xac\x02"),
    O(ACK, 0, "\xfe\x05\x00\xac\x14"),
    O(ACK, 0, "\xfe\x05\x00\xac\xff"),
    O(ACK, 0, "\xfd\x05\x00\xac\x14"),
    /* experiments nobody knows, kinds nobody knows */
    O(SYN, 0, "\xfd\x06\x12\x34\xab\xcd"),
    O(SYN, 0, "\xfe\x04\x12\x34"),
    O(SYN, 0, "\x4d\x05\x01\x02\x03"),
    O(SYN, 0, "\x4d\x02"),
    /* MP_CAPABLE: SYN, SYN-ACK, third ACK, with data, with data and checksum; flags */
    O(SYN, 0, "\x1e\x04\x01\x01"),
    O(SYN, 0, "\x1e\x04\x01\xe1"),
    O(SYNACK, 0, "\x1e\x0c\x01\x81" KEY_B),
    O(ACK, 0, "\x1e\x14\x01\x01" KEY_A KEY_B),
    O(DATA, 100, "\x1e\x16\x01\x01" KEY_A KEY_B "\x00\x64"),
    O(DATA, 100, "\x1e\x18\x01\x81" KEY_A KEY_B "\x00\x64\xbe\xef"),
    /* MP_JOIN */
    O(SYN, 0, "\x1e\x0c\x10\x02\x12\x34\x56\x78\x9a\xbc\xde\xf0"),
    O(SYN, 0, "\x1e\x0c\x11\xff\x12\x34\x56\x78\x9a\xbc\xde\xf0"),
    O(SYNACK, 0, "\x1e\x10\x11\x03" KEY_A "\x0a\x0b\x0c\x0d"),
    O(ACK, 0, "\x1e\x18\x10\x00" HMAC20),
    /* DSS: nothing, each acknowledgement, each mapping, both, DATA_FIN, with and without checksum
     */
    O(ACK, 0, "\x1e\x04\x20\x00"),
    O(ACK, 0, "\x1e\x08\x20\x01\x00\x00\x12\x34"),
    O(ACK, 0, "\x1e\x0c\x20\x03\x01\x02\x03\x04\x05\x06\x07\x08"),
    O(DATA, 100, "\x1e\x0e\x20\x04\x00\x00\x00\x10\x00\x00\x00\x01\x00\x64"),
    O(DATA, 100, "\x1e\x10\x20\x04\x00\x00\x00\x10\x00\x00\x00\x01\x00\x64\xca\xfe"),
    O(DATA, 100, "\x1e\x12\x20\x0c\x80\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x01\x00\x64"),
    O(DATA, 100,
      "\x1e\x14\x20\x0c\x80\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x01\x00\x64\xca\xfe"),
    O(DATA, 100, "\x1e\x12\x20\x05\x00\x00\x12\x34\x00\x00\x00\x10\x00\x00\x00\x01\x00\x64"),
    O(DATA, 100,
      "\x1e\x16\x20\x07\x01\x02\x03\x04\x05\x06\x07\x08\x00\x00\x00\x10\x00\x00\x00\x01\x00\x64"),
    O(DATA, 100,
      "\x1e\x16\x20\x0d\x00\x00\x12\x34\x80\x00\x00\x00\x00\x00\x00\x10\x00\x00\x00\x01\x00\x64"),
    O(DATA, 100,
      "\x1e\x1a\x20\x0f\x01\x02\x03\x04\x05\x06\x07\x08\x80\x00\x00\x00\x00\x00\x00\x10\x00\x00"
      "\x00\x01\x00\x64"),
    O(DATA, 100,
      "\x1e\x1c\x20\x0f\x01\x02\x03\x04\x05\x06\x07\x08\x80\x00\x00\x00\x00\x00\x00\x10\x00\x00"
      "\x00\x01\x00\x64\xca\xfe"),
    O(ACK, 0,
      "\x1e\x1a\x20\x1f\x01\x02\x03\x04\x05\x06\x07\x08\x80\x00\x00\x00\x00\x00\x00\x74\x00\x00"
      "\x00\x00\x00\x01"),
    /* ADD_ADDR: IPv4 and IPv6, with and without port, and the echoes */
    O(ACK, 0, "\x1e\x10\x30\x02\x0a\x01\x02\x03" KEY_A),
    O(ACK, 0, "\x1e\x12\x30\x02\x0a\x01\x02\x03\x1f\x90" KEY_A),
    O(ACK, 0, "\x1e\x1c\x30\x03" V6 KEY_A),
    O(ACK, 0, "\x1e\x1e\x30\x03" V6 "\x1f\x90" KEY_A),
    O(ACK, 0, "\x1e\x08\x31\x02\x0a\x01\x02\x03"),
    O(ACK, 0, "\x1e\x0a\x31\x02\x0a\x01\x02\x03\x1f\x90"),
    O(ACK, 0, "\x1e\x14\x31\x03" V6),
    O(ACK, 0, "\x1e\x16\x31\x03" V6 "\x1f\x90"),
    /* an ADD_ADDR behind a DSS, as Linux sends it */
    O(ACK, 0, "\x1e\x08\x20\x01\x00\x00\x12\x34\x1e\x10\x30\x02\x0a\x01\x02\x03" KEY_A),
    /* REMOVE_ADDR, MP_PRIO, MP_FAIL, MP_FASTCLOSE, MP_TCPRST, MP_EXPERIMENTAL, an unassigned one */
    O(ACK, 0, "\x1e\x04\x40\x02"),
    O(ACK, 0, "\x1e\x06\x40\x02\x03\x09"),
    O(ACK, 0, "\x1e\x03\x50"),
    O(ACK, 0, "\x1e\x03\x51"),
    O(ACK, 0, "\x1e\x0c\x60\x00\x00\x00\x00\x00\x00\x00\x12\x34"),
    O(ACK, 0, "\x1e\x0c\x70\x00" KEY_B),
    O(SEG_RST | SEG_ACK, 0, "\x1e\x0c\x70\x00" KEY_B),
    O(SEG_RST | SEG_ACK, 0, "\x1e\x04\x80\x00"),
    O(SEG_RST, 0, "\x1e\x04\x81\x02"),
    O(SEG_RST, 0, "\x1e\x04\x8f\x06"),
    O(ACK, 0, "\x1e\x08\xf0\x01\x02\x03\x04\x05"),
    O(ACK, 0, "\x1e\x04\x90\x01"),
};

/* Ours have identifiers that are symbols, so they cannot be literals. */
static const struct {
    uint16_t flags, exid;
    uint8_t len, data[4];
} own[] = {
    {SYN, EXID_CC_REQUEST, 5, {3}},          {SYN, EXID_IW_REQUEST, 6, {0, 20}},
    {SYN, EXID_IW_REQUEST, 6, {0x12, 0x34}}, {SYN, EXID_OVERHEAD, 4, {0}},
    {ACK, EXID_OVERHEAD, 8, {1, 2, 3, 4}},
};

static int gen_options(const char *path)
{
    struct packet_file f;
    uint64_t t = 1700000000123456789ull;
    uint16_t port = 10000;
    uint8_t bytes[8];

    packet_file_open(&f, path);
    for (int v6 = 0; v6 < 2; v6++) {
        struct packet p = {.src = v6 ? "fd00::1" : "10.0.0.1",
                           .dst = v6 ? "fd00:1::2" : "10.0.1.2",
                           .dport = 5001};

        for (size_t i = 0; i < ARRAY_SIZE(samples) + ARRAY_SIZE(own); i++, t += 1000001) {
            bool mine = i >= ARRAY_SIZE(samples);
            size_t k = mine ? i - ARRAY_SIZE(samples) : i;

            if (mine) {
                bytes[0] = TCPOPT_KIND_EXP2;
                bytes[1] = own[k].len;
                put16(bytes + 2, own[k].exid);
                memcpy(bytes + 4, own[k].data, 4);
            }
            p.opt = mine ? bytes : (const uint8_t *)samples[k].bytes;
            p.opt_len = mine ? own[k].len : samples[k].len;
            p.flags = mine ? own[k].flags : samples[k].flags;
            p.payload = mine ? 0 : samples[k].payload;
            p.sport = port++; /* a connection each: no analysis of one colours another */
            p.seq = 1000;
            p.ack = p.flags & SEG_ACK ? 2000 : 0;
            packet_file_add(&f, t, &p);
        }
    }
    packet_file_close(&f);
    return 0;
}

/* A connection in turns: SYN, SYN-ACK, ACK, then data and ACKs, some with SACK, some MPTCP. */
static void gen_one(struct packet *p, uint64_t i, uint8_t *opt)
{
    static const uint8_t syn[] = {2, 4, 5, 0xb4, 4, 2, 8,  10, 0, 0,  0,  0, 0, 0,
                                  0, 0, 1, 3,    3, 7, 28, 4,  0, 10, 30, 4, 1, 1};
    uint64_t conn = i / 1000, at = i % 1000;
    bool back = at % 3 == 1;

    p->src = back ? "10.0.1.2" : "10.0.0.1";
    p->dst = back ? "10.0.0.1" : "10.0.1.2";
    p->sport = back ? 5001 : (uint16_t)(10000 + conn % 50000);
    p->dport = back ? (uint16_t)(10000 + conn % 50000) : 5001;
    p->seq = (uint32_t)(conn * 7919 + (back ? 1 : at * 100));
    p->ack = (uint32_t)(conn * 7919 + (back ? at * 100 : 1));
    p->opt = opt;
    p->payload = at < 3 || back ? 0 : 100;
    p->flags = at == 0 ? SYN : at == 1 ? SYNACK : p->payload ? DATA : ACK;
    if (at < 2) {
        memcpy(opt, syn, sizeof(syn));
        p->opt_len = sizeof(syn);
        return;
    }
    opt[0] = opt[1] = 1;
    opt[2] = 8, opt[3] = 10;
    put32(opt + 4, (uint32_t)i);
    put32(opt + 8, (uint32_t)i - 7);
    p->opt_len = 12;
    if (at % 10 == 4) { /* two SACK blocks */
        opt[12] = opt[13] = 1;
        opt[14] = 5, opt[15] = 18;
        for (unsigned k = 0; k < 4; k++)
            put32(opt + 16 + 4 * k, p->ack + 1000 * (k + 1));
        p->opt_len = 32;
    } else if (conn % 2) { /* MPTCP */
        opt[12] = 30, opt[13] = 20, opt[14] = 0x20, opt[15] = 0x05;
        put32(opt + 16, p->ack);
        put32(opt + 20, p->seq);
        put32(opt + 24, p->seq);
        put32(opt + 28, (uint32_t)p->payload << 16 | 0xbeef);
        p->opt_len = 32;
    }
}

static int gen_segments(uint64_t n, const char *path)
{
    struct packet_file f;
    uint8_t opt[40];

    packet_file_open(&f, path);
    for (uint64_t i = 0; i < n; i++) {
        struct packet p = {0};

        gen_one(&p, i, opt);
        packet_file_add(&f, 1700000000000000000ull + i * 12345, &p);
    }
    packet_file_close(&f);
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t n;

    if (argc == 3 && !strcmp(argv[1], "options"))
        return gen_options(argv[2]);
    if (argc == 4 && !strcmp(argv[1], "segments") && !parse_u64(argv[2], &n))
        return gen_segments(n, argv[3]);
    fprintf(stderr, "usage: gen_pcap options FILE | gen_pcap segments N FILE\n");
    return 2;
}

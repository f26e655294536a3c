/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Decoding TCP segments and every option in docs/wire-formats (RFC 9293, 7323, 2018, 7413, 5482,
 * 6994, TARR, our own requests) and every MPTCP subtype (RFC 8684). Works on bytes only: no
 * allocation, no kernel, safe on hostile input.
 */
#ifndef EXTCP_DECODE_H
#define EXTCP_DECODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum segment_flag {
    SEG_FIN = 1,
    SEG_SYN = 2,
    SEG_RST = 4,
    SEG_PSH = 8,
    SEG_ACK = 16,
    SEG_URG = 32,
    SEG_ECE = 64,
    SEG_CWR = 128,
    SEG_AE = 256
};

struct segment {
    int family;               /* AF_INET or AF_INET6 */
    uint8_t src[16], dst[16]; /* network order; 4 bytes used for AF_INET */
    uint16_t sport, dport;
    uint32_t seq, ack;
    uint16_t flags; /* enum segment_flag */
    uint16_t window;
    uint32_t payload_len;    /* from the IP length, so also right when the capture is cut */
    const uint8_t *options;  /* option bytes that were captured */
    uint8_t options_len;     /* bytes there */
    uint8_t options_missing; /* bytes the header promises but the capture does not hold */
};

/* Parses from the link layer on (DLT_EN10MB, DLT_LINUX_SLL, DLT_LINUX_SLL2, DLT_RAW, DLT_NULL). 0,
 * -ENOMSG where it is not TCP (or a later fragment), -EBADMSG where it is TCP but broken. */
int segment_parse(struct segment *s, int linktype, const uint8_t *data, size_t captured,
                  size_t original);

/* One option; iterate with tcp_option_next. Malformed ones are reported, not skipped. */
struct tcp_option {
    uint8_t kind;
    uint8_t len;         /* whole option; 1 for EOL and NOP */
    const uint8_t *data; /* after kind and length */
    uint8_t data_len;
    uint16_t exid;         /* kinds 253 and 254 with at least 2 bytes of data, else 0 */
    uint8_t subtype;       /* MPTCP: 0..15, else 0 */
    const char *malformed; /* NULL, or what is wrong with it, in words */
    uint16_t seg_flags;    /* of the segment that carries it; 0: not known */
    uint32_t seg_ack;      /* likewise; a D-SACK block (RFC 2883) is one below it */
};
struct tcp_option_iter {
    const uint8_t *p;
    size_t left;
    size_t missing; /* segment.options_missing: then "cut off by the capture", not a fault of it */
    uint16_t seg_flags;
    uint32_t seg_ack;
};
void tcp_option_begin(struct tcp_option_iter *it, const struct segment *s);
bool tcp_option_next(struct tcp_option_iter *it,
                     struct tcp_option *o); /* false: no more; EOL ends it after being returned */

/* The table of options: its short name ("mss", "uto", "tarr", "mptcp.add_addr", "unknown-77") by
 * which experiments ask for it. Static storage. */
const char *tcp_option_name(const struct tcp_option *o);
/*
 * A value of the option by field name as a printable string: ("mss","value"), ("uto","seconds"),
 * ("uto","granularity"), ("mptcp.add_addr","address")… The default field (field NULL) is the one a
 * person means by "its value". 0 or -ENOENT (no such field).
 */
int tcp_option_field(const struct tcp_option *o, const char *field, char *buf, size_t size);
/* Names of known options and their fields, for `extcp list` and error messages: iterate i from 0
 * until NULL. */
const char *tcp_option_known(unsigned i, const char *const **fields);

/* Two of MPTCP's options, read. False where the option is another one or malformed. */
struct mptcp_add_addr { /* RFC 8684, section 3.4.1 */
    bool echo;
    uint8_t id;
    int family;
    uint8_t addr[16]; /* network order; 4 bytes used for AF_INET */
    uint16_t port;    /* 0: none */
    uint64_t hmac;    /* not in an echo */
};
bool mptcp_add_addr_read(const struct tcp_option *o, struct mptcp_add_addr *a);
struct mptcp_dss { /* section 3.3 */
    unsigned flags;
    unsigned ack_len, dsn_len; /* 0 (not there), 4 or 8 */
    uint64_t ack, dsn;
    uint32_t subflow_seq; /* these three: with dsn_len */
    uint16_t data_len;
    uint16_t checksum;
    bool has_checksum;
};
bool mptcp_dss_read(const struct tcp_option *o, struct mptcp_dss *d);

/* In words: "uto 10 s", "mss 1460", "mptcp MP_JOIN SYN token 0x… nonce 0x… id 2 backup". Returns
 * what snprintf would. */
int tcp_option_print(char *buf, size_t size, const struct tcp_option *o);
/* A line: "10.0.0.1:5000 > 10.0.1.2:80 SYN seq 1 win 64240 len 0 <mss 1460, uto 10 s, …>". */
int segment_print(char *buf, size_t size, const struct segment *s);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Wire checks: data that says what must, or must not, be seen in a capture. */
#ifndef EXTCP_WIRECHECK_H
#define EXTCP_WIRECHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

enum wire_segments { WIRE_SYN, WIRE_SYNACK, WIRE_FIRST_DATA, WIRE_FIRST_ACK, WIRE_ALL, WIRE_ANY };

/* What a check is about that looks at whole MPTCP connections (mptcp_track.h) and not at segments:
 * at each one in the capture, and there must be one. */
enum wire_mptcp {
    WIRE_NO_MPTCP, /* it is about segments and an option */
    WIRE_JOINS,    /* an MP_JOIN SYN from each address of `from` to each of `to`, but for the pair
                      of the first subflow */
    WIRE_ADD_ADDR, /* `address` (with `id`, where given) was announced by `from`, and echoed */
    WIRE_HMAC,     /* every HMAC (of MP_JOIN's SYN-ACK and ACK, of ADD_ADDR) is the right one, and
                      there is at least one in each connection */
    WIRE_SUBFLOWS, /* `value` subflows completed their handshake, the first one included */
};

/* Strings belong to whoever filled it in. */
struct wire_check {
    char *name;    /* "the client's SYN carries the timeout" */
    char *point;   /* "client:path1": which capture */
    char *from;    /* sender's address as text, or NULL for any (the harness puts a node's addresses
                      here, comma separated) */
    unsigned port; /* either port is this one; 0: any */
    enum wire_segments
        segments; /* per connection: each SYN, each SYN-ACK, the first with data of each direction,
                     the first ACK after the handshake, all, or at least one */
    char *option; /* name as in decode.h, "uto" */
    char *field;  /* or NULL */
    char *value;  /* expected, or NULL for "is there"; "5", "2..10" or "!=3" */
    bool absent;  /* the option must not be there (with that value) */
    enum wire_mptcp
        mptcp;          /* then of the above only name, point, from, port and value count, and: */
    char *to, *address; /* addresses as in from; one address */
    unsigned id;        /* 0: any */
    bool may_be_empty;  /* no matching segment at all is fine; otherwise that is a failure */
};

struct wire_result {
    bool ok;
    uint64_t matched, failed; /* segments looked at, and those that failed */
    char expected[256];       /* in words */
    char found[256];
    char packet[768]; /* the first failing segment in words; the first matching one where ok */
};

/* Names for files: "SYN", "SYN-ACK", "first data", "first ack", "all", "any". -EINVAL where
 * unknown. */
int wire_segments_parse(const char *s, enum wire_segments *out);
const char *wire_segments_name(enum wire_segments s);

/* "joins", "add_addr", "hmac", "subflows". -EINVAL where unknown. */
int wire_mptcp_parse(const char *s, enum wire_mptcp *out);

/* Is it a check that can be run (known option, field, value syntax)? The error says what is
 * accepted. */
int wire_check_validate(const struct wire_check *c, struct err *e);
/* Runs n checks over one capture in one pass. */
int wire_check_run(const struct wire_check *checks, unsigned n, const char *pcap_path,
                   struct wire_result *results, struct err *e);

#endif

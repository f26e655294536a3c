/* SPDX-License-Identifier: BSD-2-Clause */
/* Wire checks: data that says what must, or must not, be seen in a capture. */
#ifndef EXTCP_WIRECHECK_H
#define EXTCP_WIRECHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

enum wire_segments { WIRE_SYN, WIRE_SYNACK, WIRE_FIRST_DATA, WIRE_FIRST_ACK, WIRE_ALL, WIRE_ANY };

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
    bool may_be_empty; /* no matching segment at all is fine; otherwise that is a failure */
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

/* Is it a check that can be run (known option, field, value syntax)? The error says what is
 * accepted. */
int wire_check_validate(const struct wire_check *c, struct err *e);
/* Runs n checks over one capture in one pass. */
int wire_check_run(const struct wire_check *checks, unsigned n, const char *pcap_path,
                   struct wire_result *results, struct err *e);

#endif

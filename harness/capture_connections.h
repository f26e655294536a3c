/* SPDX-License-Identifier: BSD-2-Clause */
/* The connections in a capture: a table by addresses and ports in which both directions of a
 * connection are one entry, with whatever state its user keeps; and lists of addresses. Pure. */
#ifndef EXTCP_CAPTURE_CONNECTIONS_H
#define EXTCP_CAPTURE_CONNECTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decode.h"
#include "err.h"

/* The first member of the user's own struct. End 0 has the lower address (and port). */
struct connection {
    struct connection *next; /* of the table */
    uint8_t addr[2][16];     /* network order; 4 bytes used for AF_INET */
    uint16_t port[2];
    int family;
};

struct conns {
    size_t size; /* of the user's struct */
    struct connection **buckets, **all;
    size_t n_buckets, n; /* all: in the order of the capture */
};

/* size: of the user's struct, which begins with a struct connection. */
void conns_init(struct conns *t, size_t size);
void conns_free(struct conns *t);
/* The connection of a segment, zeroed where it is new; *sender: which end sent the segment. Valid
 * until conns_free. */
void *conns_get(struct conns *t, const struct segment *s, unsigned *sender);
/* Another connection with the same addresses and ports begins: a zeroed entry takes its place in
 * the table. The old one stays in t->all. */
void *conns_renew(struct conns *t, void *old);

struct net_addr {
    int family;
    uint8_t addr[16]; /* network order */
};
/* "10.0.0.1, fd00::1": the caller frees *out, also on an error (-EINVAL, "from: …"). */
int addr_list_parse(const char *text, struct net_addr **out, unsigned *n, struct err *e);
bool addr_list_has(const struct net_addr *list, unsigned n, int family, const uint8_t *addr);

#endif

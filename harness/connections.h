/* SPDX-License-Identifier: BSD-2-Clause */
/* The live connections of an option: who asked for what, what was granted or refused, and why. The
 * option's program keeps a record with each socket; a bpf_iter reads them all. */
#ifndef EXTCP_CONNECTIONS_H
#define EXTCP_CONNECTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "lib/extcp_prog.h"

typedef void (*connection_fn)(const struct extcp_connection *c, void *arg);

/* map_fd: an option's map `connections` (socket storage that begins with struct extcp_record).
 * Calls fn for each socket in it. EXIT_LACKS where the kernel has no such iterator. */
int connections_read(int map_fd, connection_fn fn, void *arg, struct err *e);

/* Can that be done here? 0, or why not. Needs root. */
int connections_probe(struct err *e);

/* "granted", "refused", …; "the policy does not allow it", …; static. */
const char *decision_outcome(unsigned why);
const char *decision_reason(unsigned why);
/* "granted", "policy": the enumerator. */
const char *decision_name(unsigned why);
/* "10.0.0.1:80", "[fd00::1]:80"; an IPv4 address in IPv6 clothes is printed as IPv4. */
void endpoint_text(const uint8_t *address, unsigned family, unsigned port, char *buf, size_t size);
/* "ESTABLISHED", "FIN-WAIT-1": RFC 9293's words for the kernel's sk_state. */
const char *tcp_state_name(unsigned state);

#endif

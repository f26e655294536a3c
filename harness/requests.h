/* SPDX-License-Identifier: BSD-2-Clause */
/* Many short TCP connections: each sends a request, gets it back, is held for a while, and closed.
 * The server is `extcp stream server --echo`. */
#ifndef EXTCP_REQUESTS_H
#define EXTCP_REQUESTS_H

#include <stdbool.h>

#include "err.h"

#define REQUESTS_MAX_CHUNK 65536

struct requests_options {
    const char *address; /* IPv4 or IPv6, as text */
    unsigned port;
    unsigned connections; /* in all, opened evenly over `seconds` */
    double seconds, hold_s, timeout_s;
    unsigned chunk; /* bytes of a request */
    bool help;
};

/*
 * Prints, as `extcp-metric NAME UNIT VALUE` lines, what came of them: opened, completed, failed,
 * and of those that completed the times until connected and until the whole answer was there. 0
 * also where some failed: that is a result. An error is what kept it from trying.
 */
int requests_client(const struct requests_options *o, struct err *e);

#endif

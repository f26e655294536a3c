/* SPDX-License-Identifier: BSD-2-Clause */
/* The built-in stream: a TCP client that notes what happens to its connection, and its server. */
#ifndef EXTCP_STREAM_H
#define EXTCP_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define STREAM_MAX_CHUNK (1 << 20)

struct stream_options {
    const char *address; /* IPv4 or IPv6, as text */
    unsigned port;
    double seconds;
    uint64_t rate_bps;        /* 0: as fast as it can */
    unsigned chunk;           /* bytes */
    unsigned user_timeout_ms; /* 0: not set */
    double app_timeout_s;     /* 0: never gives up */
    const char *congestion;
    bool echo, ping, fast_open, help;
    unsigned samples_ms;
};

/* 0 also where the connection broke: that is a result, in the summary. An error is what kept it
 * from trying. */
int stream_client(const struct stream_options *o, struct err *e);
/* Serves until SIGTERM or SIGINT. */
int stream_server(const struct stream_options *o, struct err *e);

/* Request and response: sends `bytes` and waits until as many have come back, over and over, until
 * `end_ns` (CLOCK_MONOTONIC). The round trips in ns, in order; the caller frees. 0, or the errno
 * that ended it (the round trips so far are kept). */
int stream_ping(int fd, const uint8_t *chunk, unsigned bytes, uint64_t end_ns, double **round_trips,
                size_t *n);

/* An address and port as a socket address; -EINVAL. Returns its length in *len. */
struct sockaddr_storage;
int stream_address(const char *address, unsigned port, struct sockaddr_storage *ss, unsigned *len);

#endif

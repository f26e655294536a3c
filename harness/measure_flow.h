/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For measures about data in one direction: every connection of a capture that `from` takes part
 * in, its segments with sequence numbers that begin at 0 and do not wrap, and how many full-sized
 * segments each stands for.
 */
#ifndef EXTCP_MEASURE_FLOW_H
#define EXTCP_MEASURE_FLOW_H

#include "capture_connections.h"
#include "measure.h"

/* The first member of a kind's own state of a connection. */
struct flow {
    struct connection id;
    unsigned sender;       /* which end is `from` */
    bool complete;         /* the capture has it from its SYN or SYN-ACK on */
    uint32_t mss[2];       /* that each end's SYN announced; 0: not seen */
    uint64_t handshake_ns; /* its round trip: from the (last) SYN to the first segment behind the
                              SYN-ACK from who sent the SYN; 0: not seen yet */
    uint64_t syn_ns;       /* private */
    unsigned opener;
    uint32_t next[2]; /* private: where the sequence numbers of each end are, */
    int64_t at[2];    /* and that place counted from its first byte of data */
    bool known[2];
    uint32_t isn[2];
    bool has_isn[2];
};

struct flow_segment {
    const struct segment *s;
    uint64_t t_ns;
    bool from_sender;
    int64_t seq, end; /* of its payload, at whichever end; the first byte of data is 0 */
    bool has_ack;
    int64_t ack; /* the other end's bytes below this one have been received */
    /*
     * Segments on the wire that it stands for: with segmentation offload a capture on the sending
     * host has super-segments, so one whose payload is longer than the MSS (less its own options)
     * counts as so many. 1 where the SYNs with the MSS are not in the capture.
     */
    unsigned segments;
};

/* state: the kind's struct of this connection, zeroed at its first segment. Called for every
 * segment but SYN and RST. */
typedef void (*flow_fn)(void *state, const struct flow_segment *f, void *arg);

/*
 * Reads the capture of in, and leaves the connections in *t, which the caller frees with
 * conns_free (also on an error). Connections that `from` and `port` do not select are left out. Of
 * a connection between two addresses of `from` (loopback) the end with `port` is the sender.
 */
int flows_read(struct conns *t, size_t state_size, const struct measure_input *in, flow_fn fn,
               void *arg, struct err *e);

#endif

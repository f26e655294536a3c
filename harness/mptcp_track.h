/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The MPTCP connections in a capture: which subflow belongs to which connection, found from the
 * keys in MP_CAPABLE and the tokens that follow from them (RFC 8684), and whether each HMAC is the
 * one it must be. Plain TCP connections are followed as well, as connections of one subflow. The
 * capture must have seen every path: of one point that all pass, or of "NODE:any". Pure.
 *
 * Side 0 of a connection is the one that opened it (its first SYN), side 1 the one that listened. A
 * subflow may be opened by either.
 */
#ifndef EXTCP_MPTCP_TRACK_H
#define EXTCP_MPTCP_TRACK_H

#include "capture_connections.h"

enum hmac_state {
    HMAC_NONE,    /* it was not seen */
    HMAC_UNKNOWN, /* seen, but the keys (or a nonce) were not */
    HMAC_VALID,
    HMAC_INVALID,
};

struct mptcp_connection;

struct mptcp_subflow {
    struct connection id;          /* ends as in capture_connections.h */
    struct mptcp_connection *conn; /* NULL: an MP_JOIN whose token nobody has */
    struct mptcp_subflow *next;    /* of the connection, in the order of their SYNs */
    bool join;
    unsigned opener;                    /* which end sent the SYN */
    unsigned side;                      /* which side of the connection that is */
    uint32_t isn;                       /* of the SYN */
    uint64_t syn_ns, synack_ns, ack_ns; /* the handshake; 0: not seen */
    uint64_t syn_index;                 /* number of the packet */
    uint8_t address_id[2];              /* in MP_JOIN's SYN and SYN-ACK */
    bool backup[2];                     /* likewise */
    uint32_t nonce[2];                  /* likewise */
    enum hmac_state synack_hmac, ack_hmac;
    uint64_t reset_ns;   /* the first RST; 0: none */
    uint64_t payload[2]; /* bytes that each end sent, each counted once */
    /* private */
    bool has_seq[2];
    uint32_t next_seq[2];
    uint8_t synack_mac[8];
};

/* An ADD_ADDR; one that is sent again is counted. */
struct mptcp_announcement {
    struct mptcp_announcement *next;
    struct mptcp_add_addr what;
    unsigned side;              /* who announced */
    uint64_t first_ns, echo_ns; /* 0: never echoed */
    uint64_t index;
    unsigned times;
    enum hmac_state hmac;
};

struct mptcp_connection {
    bool mptcp; /* both sent MP_CAPABLE */
    bool has_key[2];
    uint64_t key[2];
    uint32_t token[2];
    uint64_t capable_ack_ns; /* the third ACK of the first subflow, with MP_CAPABLE; 0: not seen */
    uint64_t established_ns; /* side 0 got the first data ACK or ADD_ADDR: it may join from now on
                                (what Linux calls fully established) */
    uint64_t first_join_ns;  /* SYN of the first MP_JOIN that side 0 sent; 0: none */
    struct mptcp_subflow *subflows, *last_subflow;
    struct mptcp_announcement *announcements;
    /* Data that the receiver (that side) acknowledged in order: DATA_ACK, or ACK where it is TCP.
     */
    struct mptcp_progress {
        bool begun;
        uint64_t acked; /* bytes */
        uint64_t first_ns, last_ns;
        uint64_t gap_ns, gap_at_ns; /* the longest time without new data, and when it began */
        uint64_t last_ack;          /* private */
    } progress[2];
};

struct mptcp_track {
    struct conns subflows;
    struct mptcp_connection **connections; /* in the order of their SYNs */
    size_t n, cap;
    struct token_table *tokens; /* private */
};

void mptcp_track_init(struct mptcp_track *t);
void mptcp_track_free(struct mptcp_track *t);
/* Takes the next segment of the capture. */
void mptcp_track_segment(struct mptcp_track *t, const struct segment *s, uint64_t t_ns,
                         uint64_t index);

/* The address and port of the subflow's end on that side of its connection. */
const uint8_t *mptcp_subflow_addr(const struct mptcp_subflow *s, unsigned side);
uint16_t mptcp_subflow_port(const struct mptcp_subflow *s, unsigned side);
/* Its three-way handshake is complete. */
bool mptcp_subflow_complete(const struct mptcp_subflow *s);
/* "10.0.0.1:40000 > 10.0.1.2:80": from the end that opened it. Returns buf. */
const char *mptcp_subflow_print(const struct mptcp_subflow *s, char *buf, size_t size);
const char *hmac_state_name(enum hmac_state s);

#endif

/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* What ACK thinning (ackthin.bpf.h) and the carrier of late ACKs (harness/carrier.c) agree on. */
#ifndef EXTCP_BPF_LIB_ACKTHIN_H
#define EXTCP_BPF_LIB_ACKTHIN_H

#include <linux/types.h>

/* An ACK without data: IPv6, TCP, and no option but timestamps. */
#define THIN_PACKET_MAX 72

/* A record of the ring buffer `packets`: an IP packet to be sent now. Its TCP checksum is not
 * valid: the kernel leaves that to the network card, so the carrier computes it. */
struct thin_packet {
    __u32 len;
    __u8 bytes[THIN_PACKET_MAX];
};

/* The carrier writes CLOCK_MONOTONIC (ns) into the array map `carrier` every THIN_ALIVE_MS; an
 * older sign of life than THIN_DEAD_MS is none. */
#define THIN_ALIVE_MS 50
#define THIN_DEAD_MS  300
/* When the program is told to hold nothing back any more, all that it did is due within this. */
#define THIN_LAST_MS 60

/* For the counters of a program that thins ACKs. */
#define THIN_COUNTERS                                                                              \
    __u64 acks_made;   /* by the kernel, without data */                                           \
    __u64 acks_held;   /* not let out */                                                           \
    __u64 acks_late;   /* of those: carried after the time bound */                                \
    __u64 acks_unsafe; /* let out because there was no carrier */                                  \
    __u64 not_marked   /* the socket did not get its mark, or there is none */

#endif

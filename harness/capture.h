/* SPDX-License-Identifier: BSD-2-Clause */
/* Capturing at a named point: one interface in one namespace, with libpcap, into a pcap file with
 * nanosecond timestamps. */
#ifndef EXTCP_CAPTURE_H
#define EXTCP_CAPTURE_H

#include <stdint.h>

#include "err.h"

struct capture;

/* As iface: every interface of the namespace (packet(7) without a device). The link type is then
 * Linux "cooked"; what the devices themselves dropped is not known. */
#define CAPTURE_ANY_IFACE "any"

struct capture_stats {
    uint64_t packets;        /* written */
    uint64_t dropped_kernel; /* ps_drop */
    uint64_t dropped_iface;  /* ps_ifdrop */
};

/* Opens, and returns only when packets are being captured. filter: pcap-filter(7), "tcp" by default
 * (NULL). snaplen 0: 262144. Runs in a thread. */
int capture_start(struct capture **out, int ns_fd, const char *iface, const char *filter,
                  unsigned snaplen, const char *path, struct err *e);
/* Is it a filter in the language of pcap-filter(7)? Needs no interface. */
int capture_filter_check(const char *filter, struct err *e);
/* Reads what is still in the ring, closes the file, synced. An I/O error while writing (disk full)
 * is an error here. Frees c. */
int capture_stop(struct capture *c, struct capture_stats *st, struct err *e);

/* Reads a capture; calls fn for each TCP segment with its time (ns since 1970). index is the
 * packet's number in the file, from 1 on, as Wireshark counts. fn returns non-zero to stop, which
 * is returned. */
struct segment;
typedef int (*capture_fn)(const struct segment *s, uint64_t t_ns, uint64_t index, void *arg);
int capture_read(const char *path, capture_fn fn, void *arg, struct err *e);

/* The same for every packet that `filter` (pcap-filter(7), NULL: all) lets through, also those that
 * are no TCP segment or a broken one. path "-" is standard input. */
struct capture_packet {
    int parsed;                /* what segment_parse returned */
    const struct segment *seg; /* valid where parsed is 0 */
    uint64_t t_ns;             /* since 1970 */
    uint64_t index;            /* from 1 on, also counting what the filter left out */
    uint32_t captured, original;
};
typedef int (*capture_packet_fn)(const struct capture_packet *p, void *arg);
int capture_each(const char *path, const char *filter, capture_packet_fn fn, void *arg,
                 struct err *e);

#endif

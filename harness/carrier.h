/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The carrier of late ACKs. An eBPF timer cannot send a packet; a program that thins ACKs
 * (bpf/lib/ackthin.bpf.h) puts the one that is due into a ring buffer, and a thread here sends it
 * from a raw socket, as the kernel had made it. The program sees a sign of life of the thread, and
 * holds back less where there is none.
 */
#ifndef EXTCP_CARRIER_H
#define EXTCP_CARRIER_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

struct carrier;

/*
 * Starts the thread for the maps `packets` and `carrier` of a loaded object. ns_fd: the network
 * namespace that the packets leave from, -1: the caller's. *out is NULL where the object has no
 * such maps. Needs CAP_NET_RAW. The object must stay until carrier_stop.
 */
int carrier_start(struct carrier **out, const struct bpf_object *obj, int ns_fd, struct err *e);
/* The same for maps that are pinned in a directory (pins.h); -ENOENT where there are none. */
int carrier_start_pinned(struct carrier **out, const char *dir, int ns_fd, struct err *e);
/* Does the object hand out packets? */
bool carrier_needed(const struct bpf_object *obj);
/* Must a map of this name be pinned, so that carrier_start_pinned can be called later? */
bool carrier_map(const char *name);
/* Stops it: the program holds nothing back any more, and what it did is sent before. NULL is fine.
 */
void carrier_stop(struct carrier *c);

/*
 * Makes the TCP checksum of a whole IP packet (IPv4 without options, or IPv6 with TCP right behind
 * it) valid. -EINVAL where it is none. For carrier.c and its test.
 */
int carrier_checksum(uint8_t *packet, size_t len);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* Segmentation and checksum offloads of an interface, through ethtool's ioctl (linux/ethtool.h). */
#ifndef EXTCP_OFFLOAD_H
#define EXTCP_OFFLOAD_H

#include <stdbool.h>

#include "err.h"

/*
 * Turns TSO, GSO, GRO and transmit checksum offload of each of the n interfaces on or off and reads
 * them back; sockets are opened in the current namespace, so enter it first. The error names the
 * interface and the feature.
 */
int offload_set(const char *const *names, const bool *on, unsigned n, struct err *e);

#endif

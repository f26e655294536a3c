/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Experiment identifiers (RFC 6994) that extcp puts into, or reads from, TCP options of kind 253
 * and 254. Plain numbers, so that eBPF programs and the user side share the one list.
 *
 * EXID_TARR and EXID_FASTOPEN are in IANA's registry "TCP/UDP Experimental Option Experiment
 * Identifiers". The other three are extcp's own and are NOT registered with IANA: they differ from
 * every entry of that registry (0x00AC, 0x0348, 0x0A0D, 0x0CA0, 0x0ED0, 0x454E, 0x5323, 0x75EC,
 * 0xACC0, 0xACC1, 0xACCE, 0xE2D4C3D9, 0xF989, 0xF990 when they were chosen) and from 0xEB9F, which
 * the kernel's BPF selftests use. Keep them inside networks that you own, and register a value
 * before anything is deployed.
 */
#ifndef EXTCP_BPF_LIB_TCP_EXIDS_H
#define EXTCP_BPF_LIB_TCP_EXIDS_H

#define TCPOPT_KIND_EXP1 253 /* RFC 4727, RFC 6994 */
#define TCPOPT_KIND_EXP2 254 /* the one that extcp writes */

#define EXID_TARR     0x00AC /* ACK rate request, draft-ietf-tcpm-ack-rate-request */
#define EXID_FASTOPEN 0xF989 /* TCP Fast Open before it had kind 34, RFC 7413 section 4.1.1 */

#define EXID_CC_REQUEST 0xE8C1 /* ours: length 5, one byte: the algorithm's id */
#define EXID_IW_REQUEST 0xE8C2 /* ours: length 6, 16 bits: segments */
#define EXID_OVERHEAD   0xE8C3 /* ours: any length, only for measuring */

#endif

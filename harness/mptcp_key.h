/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What follows from the keys of an MPTCP connection (RFC 8684): tokens, initial data sequence
 * numbers and HMACs. SHA-256 and HMAC are nettle's. Keys, tokens and nonces are in host order.
 */
#ifndef EXTCP_MPTCP_KEY_H
#define EXTCP_MPTCP_KEY_H

#include <stdint.h>

/* Section 3.2: the 32 most significant bits of SHA-256 of the key. */
uint32_t mptcp_token(uint64_t key);
/* Section 3.3.1: the 64 least significant bits of it, the sender's initial data sequence number. */
uint64_t mptcp_idsn(uint64_t key);

/*
 * Section 3.2, MP_JOIN: HMAC-SHA256 with the sender's key before the receiver's as the key, and the
 * sender's nonce before the receiver's as the message. The SYN-ACK carries its first 8 bytes, the
 * third ACK its first 20.
 */
void mptcp_join_hmac(uint64_t sender_key, uint64_t receiver_key, uint32_t sender_nonce,
                     uint32_t receiver_nonce, uint8_t hmac[32]);

/*
 * Section 3.4.1, ADD_ADDR: over address identifier, address (4 or 16 bytes) and port (0 where none
 * is announced), keyed as above. The option carries the last 8 bytes, which are returned.
 */
uint64_t mptcp_add_addr_hmac(uint64_t sender_key, uint64_t receiver_key, uint8_t id,
                             const uint8_t *addr, unsigned addr_len, uint16_t port);

#endif

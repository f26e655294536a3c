/* SPDX-License-Identifier: BSD-2-Clause */
#include "mptcp_key.h"

#include <nettle/hmac.h>
#include <nettle/sha2.h>
#include <string.h>

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> 8 * (bytes - 1 - i));
}

static uint64_t get(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | p[i];
    return v;
}

static void hash_key(uint64_t key, uint8_t digest[SHA256_DIGEST_SIZE])
{
    struct sha256_ctx ctx;
    uint8_t bytes[8];

    put(bytes, key, sizeof(bytes));
    sha256_init(&ctx);
    sha256_update(&ctx, sizeof(bytes), bytes);
    sha256_digest(&ctx, SHA256_DIGEST_SIZE, digest);
}

uint32_t mptcp_token(uint64_t key)
{
    uint8_t digest[SHA256_DIGEST_SIZE];

    hash_key(key, digest);
    return (uint32_t)get(digest, 4);
}

uint64_t mptcp_idsn(uint64_t key)
{
    uint8_t digest[SHA256_DIGEST_SIZE];

    hash_key(key, digest);
    return get(digest + SHA256_DIGEST_SIZE - 8, 8);
}

static void keyed(uint64_t first_key, uint64_t second_key, const uint8_t *msg, size_t len,
                  uint8_t hmac[32])
{
    struct hmac_sha256_ctx ctx;
    uint8_t key[16];

    put(key, first_key, 8);
    put(key + 8, second_key, 8);
    hmac_sha256_set_key(&ctx, sizeof(key), key);
    hmac_sha256_update(&ctx, len, msg);
    hmac_sha256_digest(&ctx, SHA256_DIGEST_SIZE, hmac);
}

void mptcp_join_hmac(uint64_t sender_key, uint64_t receiver_key, uint32_t sender_nonce,
                     uint32_t receiver_nonce, uint8_t hmac[32])
{
    uint8_t msg[8];

    put(msg, sender_nonce, 4);
    put(msg + 4, receiver_nonce, 4);
    keyed(sender_key, receiver_key, msg, sizeof(msg), hmac);
}

uint64_t mptcp_add_addr_hmac(uint64_t sender_key, uint64_t receiver_key, uint8_t id,
                             const uint8_t *addr, unsigned addr_len, uint16_t port)
{
    uint8_t msg[1 + 16 + 2], hmac[SHA256_DIGEST_SIZE];

    msg[0] = id;
    memcpy(msg + 1, addr, addr_len);
    put(msg + 1 + addr_len, port, 2);
    keyed(sender_key, receiver_key, msg, 1 + addr_len + 2, hmac);
    return get(hmac + SHA256_DIGEST_SIZE - 8, 8);
}

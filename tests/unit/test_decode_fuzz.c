/* SPDX-License-Identifier: BSD-2-Clause */
/* The fuzz target over inputs that a small generator mutates: the same in every run, so that a
 * failure can be found again. EXTCP_FUZZ_ROUNDS sets how many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../fuzz/fuzz_decode.c"
#include "../lib/packet.h"
#include "util.h"

static uint64_t seed = 0x9e3779b97f4a7c15ull;

static uint32_t rnd(uint32_t n) /* xorshift64* */
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (uint32_t)((seed * 0x2545f4914f6cdd1dull) >> 33) % n;
}

static uint64_t rounds(void)
{
    const char *s = getenv("EXTCP_FUZZ_ROUNDS");
    uint64_t n = 200000;

    assert_int_equal(s ? parse_u64(s, &n) : 0, 0);
    return n;
}

/* The input in memory of just its size, so that the address sanitiser sees a byte too far. */
static void one(const uint8_t *data, size_t size)
{
    uint8_t *tight = malloc(size ? size : 1);

    memcpy(tight, data, size);
    LLVMFuzzerTestOneInput(tight, size);
    free(tight);
}

/* Kinds and lengths that lead somewhere, more often than by chance. */
static void plausible_options(uint8_t *opt, size_t n)
{
    static const uint8_t kinds[] = {0,  1,  2,  3,  4,  5,  8,  19,  28,  29, 30,
                                    30, 30, 30, 30, 30, 34, 77, 253, 254, 254};

    for (size_t i = 0; i < n;) {
        uint8_t kind = kinds[rnd(sizeof(kinds))], len = (uint8_t)(rnd(8) ? 2 + rnd(30) : rnd(256));

        opt[i] = kind;
        if (i + 1 < n)
            opt[i + 1] = len;
        for (size_t k = i + 2; k < n; k++)
            opt[k] = (uint8_t)rnd(256);
        if (kind >= 253 && i + 3 < n && rnd(2))
            put16(opt + i + 2, (const uint16_t[]){0xac, 0xf989, 0xe8c1, 0xe8c2, 0xe8c3}[rnd(5)]);
        i += kind > 1 && len > 1 ? len : 1;
    }
}

static void mutated_packets(void **state)
{
    uint8_t b[2 + PACKET_MAX], opt[40];

    (void)state;
    for (uint64_t i = rounds(); i; i--) {
        struct packet p = {.src = rnd(2) ? "10.0.0.1" : "fd00::1",
                           .flags = (uint16_t)rnd(512),
                           .ack = rnd(UINT32_MAX),
                           .opt = opt,
                           .opt_len = rnd(41),
                           .payload = rnd(64)};
        size_t n;

        p.dst = strchr(p.src, ':') ? "fd00::2" : "10.0.0.2";
        plausible_options(opt, p.opt_len);
        n = 2 + packet_build(b + 2, &p);
        b[0] = (uint8_t)(rnd(8) ? 0 : rnd(6));
        b[1] = (uint8_t)(rnd(4) ? 0 : rnd(256));
        for (uint32_t k = rnd(4) ? 0 : rnd(5); k; k--)
            b[rnd((uint32_t)n)] ^= (uint8_t)(1u << rnd(8));
        if (!rnd(4))
            n = rnd((uint32_t)n + 1);
        one(b, n);
    }
}

static void noise(void **state)
{
    uint8_t b[256];

    (void)state;
    for (uint64_t i = rounds() / 4; i; i--) {
        size_t n = rnd(sizeof(b) + 1);

        for (size_t k = 0; k < n; k++)
            b[k] = (uint8_t)rnd(256);
        if (n > 20 && rnd(2)) { /* raw IPv4 with TCP in it, so that it gets somewhere */
            b[0] = 1;
            b[2] = (uint8_t)(0x45 + rnd(3));
            put16(b + 4, 0);
            put16(b + 8, 0);
            b[11] = 6;
        }
        one(b, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mutated_packets),
        cmocka_unit_test(noise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP checksums of late ACKs: against packets that a kernel has sent. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "carrier.h"

/* Captured: 10.0.1.2:5000 to 10.0.0.1, an ACK with timestamps. */
static const uint8_t ipv4[] = "\x45\x00\x00\x34\x30\xb7\x40\x00\x3f\x06\xf6\x0a\x0a\x00\x01\x02"
                              "\x0a\x00\x00\x01\x13\x88\xac\x9c\x6c\xcd\x72\x33\x4e\x2f\x52\x33"
                              "\x80\x10\x00\x50\xe9\x96\x00\x00\x01\x01\x08\x0a\xd2\xf3\xfe\x51"
                              "\xcc\x86\x9a\x7f";
/* fd00:0:0:1::2 port 5000 to fd00::1. */
static const uint8_t ipv6[] = "\x60\x0b\x24\x73\x00\x20\x06\x3f\xfd\x00\x00\x00\x00\x00\x00\x01"
                              "\x00\x00\x00\x00\x00\x00\x00\x02\xfd\x00\x00\x00\x00\x00\x00\x00"
                              "\x00\x00\x00\x00\x00\x00\x00\x01\x13\x88\xc9\xd2\x37\x50\x27\x5a"
                              "\xb2\xdc\x5a\xed\x80\x10\x00\x50\xf6\x30\x00\x00\x01\x01\x08\x0a"
                              "\x84\x05\x72\x1a\xa2\x64\xa3\xe3";

static void checksums(void **state)
{
    const struct {
        const uint8_t *packet;
        size_t len, at;
    } rows[] = {{ipv4, sizeof(ipv4) - 1, 36}, {ipv6, sizeof(ipv6) - 1, 56}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t copy[80];
        memcpy(copy, rows[i].packet, rows[i].len);
        copy[rows[i].at] = 0x12; /* as the kernel leaves it to the network card */
        copy[rows[i].at + 1] = 0x34;
        assert_int_equal(carrier_checksum(copy, rows[i].len), 0);
        assert_memory_equal(copy, rows[i].packet, rows[i].len);
    }
}

static void not_ours(void **state)
{
    uint8_t copy[80];

    (void)state;
    memcpy(copy, ipv4, sizeof(ipv4) - 1);
    assert_int_equal(carrier_checksum(copy, 0), -EINVAL);
    assert_int_equal(carrier_checksum(copy, 39), -EINVAL);
    copy[0] = 0x46; /* IP options */
    assert_int_equal(carrier_checksum(copy, sizeof(ipv4) - 1), -EINVAL);
    copy[0] = 0x45;
    copy[9] = 17; /* UDP */
    assert_int_equal(carrier_checksum(copy, sizeof(ipv4) - 1), -EINVAL);
    memcpy(copy, ipv6, sizeof(ipv6) - 1);
    assert_int_equal(carrier_checksum(copy, 59), -EINVAL);
    copy[6] = 44; /* a fragment */
    assert_int_equal(carrier_checksum(copy, sizeof(ipv6) - 1), -EINVAL);
    copy[0] = 0x00;
    assert_int_equal(carrier_checksum(copy, sizeof(ipv6) - 1), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(checksums), cmocka_unit_test(not_ours)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>

#include "../lib/packet.h"
#include "lib/tcp_exids.h"
#include "util.h"

/* --- options: bytes, flags of the segment, all of it in words --- */
struct words {
    uint16_t flags;
    const char *bytes;
    size_t len;
    const char *text;
};
#define W(flags, bytes, text)                                                                      \
    {                                                                                              \
        flags, bytes, sizeof(bytes) - 1, text                                                      \
    }
#define K8 "\x11\x22\x33\x44\x55\x66\x77\x88"
#define V6 "\xfd\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07"

static struct segment with_options(const char *bytes, size_t len, uint16_t flags)
{
    return (struct segment){.family = AF_INET,
                            .flags = flags,
                            .ack = 2000,
                            .options = (const uint8_t *)bytes,
                            .options_len = (uint8_t)len};
}

static void all_in_words(char *buf, size_t size, const struct segment *s)
{
    struct tcp_option_iter it;
    struct tcp_option o;
    size_t n = 0;

    *buf = '\0';
    tcp_option_begin(&it, s);
    while (tcp_option_next(&it, &o)) {
        n += (size_t)snprintf(buf + n, size - n, "%s", n ? ", " : "");
        n += (size_t)tcp_option_print(buf + n, size - n, &o);
        assert_true(n < size);
    }
}

static void check_words(const struct words *w, size_t n)
{
    char text[2048];

    for (size_t i = 0; i < n; i++) {
        struct segment s = with_options(w[i].bytes, w[i].len, w[i].flags);

        all_in_words(text, sizeof(text), &s);
        assert_string_equal(text, w[i].text);
    }
}

static void tcp_options_in_words(void **state)
{
    static const struct words w[] = {
        W(0, "", ""),
        W(0, "\x01\x01\x00", "nop, nop, eol"),
        W(0, "\x00\x02\x04\x05\xb4", "eol"), /* nothing counts behind it */
        W(SEG_SYN, "\x02\x04\x05\xb4", "mss 1460"),
        W(SEG_SYN, "\x02\x04\xff\xff\x01", "mss 65535, nop"),
        W(SEG_SYN, "\x03\x03\x07", "wscale 7"),
        W(SEG_SYN, "\x03\x03\x0f", "wscale 15 (more than 14, counts as 14)"),
        W(SEG_SYN, "\x04\x02", "sack_permitted"),
        W(SEG_ACK, "\x05\x0a\x00\x01\x00\x00\x00\x02\x00\x00", "sack 65536-131072"),
        W(SEG_ACK, "\x05\x0a\x00\x00\x03\xe8\x00\x00\x05\xdc",
          "sack (first block is a d-sack) 1000-1500"),
        W(0, "\x05\x0a\x00\x00\x03\xe8\x00\x00\x05\xdc", "sack 1000-1500"), /* no acknowledgement */
        W(SEG_ACK, "\x05\x12\x00\x01\x10\x00\x00\x01\x20\x00\x00\x01\x00\x00\x00\x02\x00\x00",
          "sack (first block is a d-sack) 69632-73728 65536-131072"),
        W(SEG_ACK, "\x05\x12\x00\x01\x10\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\x02\x00\x00",
          "sack 69632-196608 65536-131072"),
        W(0, "\x08\x0a\xff\xff\xff\xff\x80\x00\x00\x00", "timestamps 4294967295 echo 2147483648"),
        W(0, "\x13\x12" K8 K8, "md5 0x11223344556677881122334455667788"),
        W(0, "\x1d\x04\x05\x06", "ao keyid 5 rnextkeyid 6 mac "),
        W(0, "\x1d\x06\x05\x06\xab\xcd", "ao keyid 5 rnextkeyid 6 mac 0xabcd"),
        W(0, "\x1c\x04\x00\x0a", "uto 10 s"),
        W(0, "\x1c\x04\x80\x05", "uto 5 min"),
        W(0, "\x1c\x04\x00\x00", "uto 0 s (reserved value)"),
        W(0, "\x22\x02", "tfo cookie request"),
        W(0, "\x22\x06\x10\x20\x30\x40", "tfo cookie 0x10203040"),
        W(0, "\xfe\x04\xf9\x89", "tfo_exp cookie request"),
        W(0, "\xfd\x08\xf9\x89\x10\x20\x30\x40", "tfo_exp cookie 0x10203040"),
        W(0, "\xfe\x04\x00\xac", "tarr supported"),
        W(0, "\xfe\x05\x00\xac\x14", "tarr R 10"),
        W(0, "\xfe\x05\x00\xac\xff", "tarr R 127 (reserved bit set)"),
        W(0, "\xfe\x06\x12\x34\xab\xcd", "exp-254 exid 0x1234 data 0xabcd"),
        W(0, "\xfd\x04\x12\x34", "exp-253 exid 0x1234"),
        W(0, "\x4d\x03\xaa", "unknown-77 data 0xaa"),
        W(0, "\x4d\x02", "unknown-77"),
    };

    (void)state;
    check_words(w, ARRAY_SIZE(w));
}

static void own_options_in_words(void **state)
{
    static const struct {
        uint8_t kind, len;
        uint16_t exid;
        uint8_t data[4];
        const char *text;
    } t[] = {
        {254, 5, EXID_CC_REQUEST, {3}, "cc_request algorithm 3 (bbr)"},
        {254, 6, EXID_IW_REQUEST, {1, 2}, "iw_request 258 segments"},
        {254, 4, EXID_OVERHEAD, {0}, "overhead 4 bytes"},
        {254, 8, EXID_OVERHEAD, {1, 2, 3, 4}, "overhead 8 bytes"},
    };
    char text[256];
    uint8_t b[8];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
        b[0] = t[i].kind;
        b[1] = t[i].len;
        put16(b + 2, t[i].exid);
        memcpy(b + 4, t[i].data, 4);
        struct segment s = with_options((const char *)b, t[i].len, SEG_SYN);
        all_in_words(text, sizeof(text), &s);
        assert_string_equal(text, t[i].text);
        /* Under 253 the identifier is not ours. */
        b[0] = 253;
        all_in_words(text, sizeof(text), &s);
        assert_memory_equal(text, "exp-253 exid 0xe8c", 18);
        /* One byte less than it must have. */
        b[0] = 254;
        b[1] = s.options_len = t[i].len - 1;
        all_in_words(text, sizeof(text), &s);
        if (t[i].exid != EXID_OVERHEAD || t[i].len == 4)
            assert_non_null(strstr(text, "malformed"));
    }
}

static void mptcp_in_words(void **state)
{
    static const struct words w[] = {
        W(SEG_SYN, "\x1e\x04\x01\x01", "mptcp MP_CAPABLE v1 SYN flags 0x01 hmac-sha256"),
        W(SEG_SYN, "\x1e\x04\x01\xe1",
          "mptcp MP_CAPABLE v1 SYN flags 0xe1 checksum-required extensibility no-more-subflows "
          "hmac-sha256"),
        W(SEG_SYN, "\x1e\x0c\x00\x01" K8,
          "mptcp MP_CAPABLE v0 SYN key 0x1122334455667788 flags 0x01 hmac-sha256"),
        W(SEG_SYN | SEG_ACK, "\x1e\x0c\x01\x01" K8,
          "mptcp MP_CAPABLE v1 SYN-ACK key 0x1122334455667788 flags 0x01 hmac-sha256"),
        W(SEG_ACK, "\x1e\x14\x01\x00" K8 "\xff\xff\xff\xff\xff\xff\xff\xff",
          "mptcp MP_CAPABLE v1 ACK key 0x1122334455667788 peer key 0xffffffffffffffff flags 0x00"),
        W(SEG_ACK, "\x1e\x16\x01\x00" K8 K8 "\x05\xdc",
          "mptcp MP_CAPABLE v1 data key 0x1122334455667788 peer key 0x1122334455667788 length 1500 "
          "flags 0x00"),
        W(SEG_ACK, "\x1e\x18\x01\x80" K8 K8 "\x05\xdc\xbe\xef",
          "mptcp MP_CAPABLE v1 data key 0x1122334455667788 peer key 0x1122334455667788 length 1500 "
          "checksum 0xbeef flags 0x80 checksum-required"),
        W(SEG_SYN, "\x1e\x0c\x11\x02\x12\x34\x56\x78\x9a\xbc\xde\xf0",
          "mptcp MP_JOIN SYN token 0x12345678 nonce 0x9abcdef0 id 2 backup"),
        W(SEG_SYN | SEG_ACK, "\x1e\x10\x10\x02" K8 "\x0a\x0b\x0c\x0d",
          "mptcp MP_JOIN SYN-ACK hmac 0x1122334455667788 nonce 0x0a0b0c0d id 2"),
        W(SEG_ACK, "\x1e\x18\x10\x00" K8 K8 "\x01\x02\x03\x04",
          "mptcp MP_JOIN ACK hmac 0x1122334455667788112233445566778801020304"),
        W(SEG_ACK, "\x1e\x10\x30\x02\x0a\x01\x02\x03" K8,
          "mptcp ADD_ADDR 10.1.2.3 id 2 hmac 0x1122334455667788"),
        W(SEG_ACK, "\x1e\x12\x30\x02\x0a\x01\x02\x03\x1f\x90" K8,
          "mptcp ADD_ADDR 10.1.2.3 port 8080 id 2 hmac 0x1122334455667788"),
        W(SEG_ACK, "\x1e\x1c\x30\x03" V6 K8,
          "mptcp ADD_ADDR fd00:9::7 id 3 hmac 0x1122334455667788"),
        W(SEG_ACK, "\x1e\x1e\x30\x03" V6 "\x1f\x90" K8,
          "mptcp ADD_ADDR fd00:9::7 port 8080 id 3 hmac 0x1122334455667788"),
        W(SEG_ACK, "\x1e\x08\x31\x02\x0a\x01\x02\x03", "mptcp ADD_ADDR echo 10.1.2.3 id 2"),
        W(SEG_ACK, "\x1e\x0a\x31\x02\x0a\x01\x02\x03\x1f\x90",
          "mptcp ADD_ADDR echo 10.1.2.3 port 8080 id 2"),
        W(SEG_ACK, "\x1e\x14\x31\x03" V6, "mptcp ADD_ADDR echo fd00:9::7 id 3"),
        W(SEG_ACK, "\x1e\x16\x31\x03" V6 "\x1f\x90",
          "mptcp ADD_ADDR echo fd00:9::7 port 8080 id 3"),
        W(SEG_ACK, "\x1e\x04\x40\x02", "mptcp REMOVE_ADDR id 2"),
        W(SEG_ACK, "\x1e\x06\x40\x02\x03\x09", "mptcp REMOVE_ADDR id 2 3 9"),
        W(SEG_ACK, "\x1e\x03\x50", "mptcp MP_PRIO not backup"),
        W(SEG_ACK, "\x1e\x03\x51", "mptcp MP_PRIO backup"),
        W(SEG_ACK, "\x1e\x0c\x60\x00" K8, "mptcp MP_FAIL dsn 1234605616436508552"),
        W(SEG_ACK, "\x1e\x0c\x70\x00" K8, "mptcp MP_FASTCLOSE key 0x1122334455667788"),
        W(SEG_RST, "\x1e\x04\x81\x05",
          "mptcp MP_TCPRST reason 5 (unacceptable performance) transient"),
        W(SEG_RST, "\x1e\x04\x8c\x77", "mptcp MP_TCPRST reason 119 (unknown reason) flags 0xc"),
        W(SEG_ACK, "\x1e\x05\xf1\x01\x02", "mptcp MP_EXPERIMENTAL flags 0x1 data 0x0102"),
        W(SEG_ACK, "\x1e\x03\x90", "mptcp unknown subtype 9 flags 0x0"),
    };

    (void)state;
    check_words(w, ARRAY_SIZE(w));
}

/* Every combination of the five flags: the one length, the one with a checksum, and no other. */
static void dss_lengths(void **state)
{
    uint8_t b[40] = {30, 0, 0x20};
    char text[64];

    (void)state;
    for (unsigned flags = 0; flags < 32; flags++) {
        unsigned ack = flags & 1 ? flags & 2 ? 8 : 4 : 0;
        unsigned map = flags & 4 ? (flags & 8 ? 8 : 4) + 6 : 0;
        unsigned want = 4 + ack + map;

        for (unsigned len = 3; len <= 40; len++) {
            struct segment s = with_options((const char *)b, len, SEG_ACK);
            bool good = len == want || (map && len == want + 2);
            struct tcp_option_iter it;
            struct tcp_option o;

            b[1] = (uint8_t)len;
            b[3] = (uint8_t)flags;
            for (unsigned i = 4; i < 40; i++)
                b[i] = (uint8_t)i;
            tcp_option_begin(&it, &s);
            assert_true(tcp_option_next(&it, &o));
            assert_int_equal(o.malformed == NULL, good);
            if (!good)
                continue;
            assert_int_equal(tcp_option_field(&o, "data_ack", text, sizeof(text)),
                             ack ? 0 : -ENOENT);
            if (ack)
                assert_string_equal(text, ack == 8 ? "289644378304612875" : "67438087");
            assert_int_equal(tcp_option_field(&o, "dsn", text, sizeof(text)), map ? 0 : -ENOENT);
            assert_int_equal(tcp_option_field(&o, "checksum", text, sizeof(text)),
                             len == want ? -ENOENT : 0);
            assert_int_equal(tcp_option_field(&o, "data_fin", text, sizeof(text)), 0);
            assert_string_equal(text, flags & 16 ? "yes" : "no");
        }
    }
}

static void malformed_is_said(void **state)
{
    static const struct words w[] = {
        W(0, "\x02", "mss malformed (kind 2, length 1: its length byte is missing)"),
        W(0, "\x01\x02\x00\x05",
          "nop, mss malformed (kind 2, length 0: its length is less than 2) data 0x05"),
        W(0, "\x02\x01\x05\xb4",
          "mss malformed (kind 2, length 1: its length is less than 2) data 0x05b4"),
        W(0, "\x02\x04\x05",
          "mss malformed (kind 2, length 4: it is longer than the header has room for) data 0x05"),
        W(0, "\x02\x03\x05\x03\x03\x07",
          "mss malformed (kind 2, length 3: its length is not 4) data 0x05, wscale 7"),
        W(0, "\x03\x02\x01", "wscale malformed (kind 3, length 2: its length is not 3), nop"),
        W(0, "\x04\x03\x01",
          "sack_permitted malformed (kind 4, length 3: its length is not 2) data 0x01"),
        W(0, "\x05\x02",
          "sack malformed (kind 5, length 2: its length is not 2 + 8 for each block)"),
        W(0, "\x05\x06\x00\x00\x00\x01",
          "sack malformed (kind 5, length 6: its length is not 2 + 8 for each block) data "
          "0x00000001"),
        W(0, "\x08\x04\x00\x00",
          "timestamps malformed (kind 8, length 4: its length is not 10) data 0x0000"),
        W(0, "\x13\x03\x00", "md5 malformed (kind 19, length 3: its length is not 18) data 0x00"),
        W(0, "\x1d\x03\x00",
          "ao malformed (kind 29, length 3: its length is less than 4) data 0x00"),
        W(0, "\x1c\x03\x0a", "uto malformed (kind 28, length 3: its length is not 4) data 0x0a"),
        W(0, "\x22\x05\x01\x02\x03",
          "tfo malformed (kind 34, length 5: its cookie is not empty and not an even number of 4 "
          "to 16 bytes) data 0x010203"),
        W(0, "\xfe\x03\x00",
          "exp-254 malformed (kind 254, length 3: it has no room for an experiment identifier) "
          "data 0x00"),
        W(0, "\xfe\x06\x00\xac\x14\x00",
          "tarr malformed (kind 254, length 6: its length is not 4 (SYN) or 5) data 0x00ac1400"),
        W(0, "\x1e\x02",
          "mptcp.mp_capable malformed (kind 30, length 2: its length is not 4, 12, 20, 22 or 24)"),
        W(0, "\x1e\x05\x01\x01\x00",
          "mptcp.mp_capable malformed (kind 30, length 5: its length is not 4, 12, 20, 22 or 24) "
          "data 0x010100"),
        W(0, "\x1e\x04\x10\x00",
          "mptcp.mp_join malformed (kind 30, length 4: its length is not 12 (SYN), 16 (SYN-ACK) or "
          "24 (ACK)) data 0x1000"),
        W(0, "\x1e\x03\x20",
          "mptcp.dss malformed (kind 30, length 3: its length is less than 4) data 0x20"),
        W(0, "\x1e\x08\x30\x02\x0a\x01\x02\x03",
          "mptcp.add_addr malformed (kind 30, length 8: its length has no room for an address) "
          "data 0x30020a010203"),
        W(0, "\x1e\x09\x31\x02\x0a\x01\x02\x03\x00",
          "mptcp.add_addr malformed (kind 30, length 9: its length fits neither an IPv4 nor an "
          "IPv6 address, with or without a port) data 0x31020a01020300"),
        W(0, "\x1e\x03\x40",
          "mptcp.remove_addr malformed (kind 30, length 3: it names no address) data 0x40"),
        W(0, "\x1e\x04\x50\x01",
          "mptcp.mp_prio malformed (kind 30, length 4: its length is not 3) data 0x5001"),
        W(0, "\x1e\x04\x60\x00",
          "mptcp.mp_fail malformed (kind 30, length 4: its length is not 12) data 0x6000"),
        W(0, "\x1e\x04\x70\x00",
          "mptcp.mp_fastclose malformed (kind 30, length 4: its length is not 12) data 0x7000"),
        W(0, "\x1e\x03\x80",
          "mptcp.mp_tcprst malformed (kind 30, length 3: its length is not 4) data 0x80"),
    };

    (void)state;
    check_words(w, ARRAY_SIZE(w));
}

static void a_cut_capture_is_not_malformed(void **state)
{
    struct segment s = with_options("\x02\x04\x05", 3, SEG_SYN);
    char text[256];

    (void)state;
    s.options_missing = 1;
    all_in_words(text, sizeof(text), &s);
    assert_string_equal(text, "mss malformed (kind 2, length 4: cut off by the capture) data 0x05");
    segment_print(text, sizeof(text), &s);
    assert_non_null(strstr(text, "data 0x05, 1 bytes not captured>"));
}

/* --- fields --- */
static void fields_by_name(void **state)
{
    static const struct {
        const char *bytes;
        const char *field, *value; /* value NULL: no such field */
    } t[] = {
        {"\x02\x04\x05\xb4", NULL, "1460"},
        {"\x02\x04\x05\xb4", "value", "1460"},
        {"\x02\x04\x05\xb4", "kind", "2"},
        {"\x02\x04\x05\xb4", "length", "4"},
        {"\x02\x04\x05\xb4", "data", "0x05b4"},
        {"\x02\x04\x05\xb4", "seconds", NULL},
        {"\x02\x03\x05", NULL, NULL}, /* malformed: no value, but a length */
        {"\x02\x03\x05", "length", "3"},
        {"\x04\x02", NULL, NULL},
        {"\x03\x03\x0f", "multiplier", "16384"},
        {"\x1c\x04\x80\x05", NULL, "300"},
        {"\x1c\x04\x80\x05", "value", "5"},
        {"\x1c\x04\x80\x05", "granularity", "minutes"},
        {"\x1c\x04\x7f\xff", "granularity", "seconds"},
        {"\x05\x0a\xff\xff\xff\xfe\xff\xff\xff\xff", NULL, "4294967294-4294967295"},
        {"\x05\x0a\x00\x01\x00\x00\x00\x02\x00\x00", "dsack", "no"},
        {"\xfe\x05\x00\xac\x15", "rate", "10"},
        {"\xfe\x05\x00\xac\x15", "reserved", "1"},
        {"\xfe\x05\x00\xac\x15", "exid", "0x00ac"},
        {"\xfe\x04\x00\xac", "rate", NULL},
        {"\x22\x02", "request", "yes"},
        {"\x22\x06\x01\x02\x03\x04", "cookie", "0x01020304"},
        {"\x22\x06\x01\x02\x03\x04", "exid", NULL},
        {"\x1e\x03\x51", "subtype", "5"},
        {"\x1e\x03\x51", NULL, "yes"},
        {"\x1e\x04\x01\x01", "version", "1"},
        {"\x1e\x04\x01\x01", "key", NULL},
        {"\x1e\x08\x31\x02\x0a\x01\x02\x03", "address", "10.1.2.3"},
        {"\x1e\x08\x31\x02\x0a\x01\x02\x03", "port", NULL},
        {"\x1e\x08\x31\x02\x0a\x01\x02\x03", "hmac", NULL},
        {"\x1e\x08\x31\x02\x0a\x01\x02\x03", "echo", "yes"},
        {"\x1e\x06\x40\x02\x03\x09", NULL, "2,3,9"},
    };
    char text[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
        struct segment s = with_options(t[i].bytes, (uint8_t)t[i].bytes[1], SEG_SYN);
        struct tcp_option_iter it;
        struct tcp_option o;

        tcp_option_begin(&it, &s);
        assert_true(tcp_option_next(&it, &o));
        assert_int_equal(tcp_option_field(&o, t[i].field, text, sizeof(text)),
                         t[i].value ? 0 : -ENOENT);
        if (t[i].value)
            assert_string_equal(text, t[i].value);
    }
}

static void a_field_that_does_not_fit_is_an_error(void **state)
{
    struct segment s = with_options("\x02\x04\x05\xb4", 4, SEG_SYN);
    struct tcp_option_iter it;
    struct tcp_option o;
    char text[8] = "xxxxxxx";

    (void)state;
    tcp_option_begin(&it, &s);
    assert_true(tcp_option_next(&it, &o));
    assert_int_equal(tcp_option_field(&o, NULL, text, 4), -ENOSPC);
    assert_string_equal(text, "146");
    assert_int_equal(text[4], 'x');
    assert_int_equal(tcp_option_print(text, 5, &o), 8);
    assert_string_equal(text, "mss ");
    assert_int_equal(tcp_option_print(NULL, 0, &o), 8);
}

static void the_table_is_whole(void **state)
{
    const char *const *fields;
    const char *name;
    unsigned n;

    (void)state;
    for (n = 0; (name = tcp_option_known(n, &fields)); n++) {
        unsigned common = 0;

        for (unsigned k = 0; k < n; k++)
            assert_string_not_equal(tcp_option_known(k, NULL), name);
        for (unsigned k = 0; fields[k]; k++)
            common += !strcmp(fields[k], "kind") + !strcmp(fields[k], "length") +
                      !strcmp(fields[k], "data");
        assert_int_equal(common, 3);
    }
    assert_int_equal(n, 18 + 16 + 1);
    assert_null(tcp_option_known(n + 5, &fields));
    assert_null(fields);
}

/* --- link and IP layers --- */
static uint8_t pkt[PACKET_MAX];

static size_t build(const char *src, const char *dst, size_t payload)
{
    static const uint8_t opt[] = {2, 4, 5, 0xb4};
    struct packet p = {.src = src,
                       .dst = dst,
                       .sport = 1234,
                       .dport = 80,
                       .seq = 7,
                       .ack = 9,
                       .flags = SEG_SYN | SEG_ACK | SEG_AE,
                       .opt = opt,
                       .opt_len = sizeof(opt),
                       .payload = payload};

    return packet_build(pkt, &p);
}

static void check_segment(int linktype, const uint8_t *data, size_t len, size_t payload)
{
    struct segment s;
    char text[256];

    assert_int_equal(segment_parse(&s, linktype, data, len, len), 0);
    assert_int_equal(s.payload_len, payload);
    segment_print(text, sizeof(text), &s);
    *strstr(text, " len") = '\0';
    assert_string_equal(text, s.family == AF_INET
                                  ? "10.0.0.1:1234 > 10.0.1.2:80 SYN AE ACK seq 7 ack 9 win 64240"
                                  : "[fd00::1]:1234 > [fd00::2]:80 SYN AE ACK seq 7 ack 9 win "
                                    "64240");
    assert_int_equal(s.options_len, 4);
    assert_int_equal(s.options_missing, 0);
}

static void links(void **state)
{
    uint8_t b[PACKET_MAX] = {0};

    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        size_t n = v6 ? build("fd00::1", "fd00::2", 10) : build("10.0.0.1", "10.0.1.2", 10);
        size_t ip = n - 14;
        uint16_t type = v6 ? 0x86dd : 0x0800;

        check_segment(DLT_EN10MB, pkt, n, 10);
        check_segment(DLT_RAW, pkt + 14, ip, 10);
        check_segment(101, pkt + 14, ip, 10);
        for (unsigned tags = 1; tags <= 3; tags++) { /* 802.1Q in 802.1ad */
            memset(b, 0, sizeof(b));
            for (unsigned i = 0; i < tags; i++)
                put16(b + 12 + 4 * i, i ? 0x8100 : 0x88a8);
            put16(b + 12 + 4 * tags, type);
            memcpy(b + 14 + 4 * tags, pkt + 14, ip);
            check_segment(DLT_EN10MB, b, n + 4 * tags, 10);
        }
        put16(b + 14, type);
        memcpy(b + 16, pkt + 14, ip);
        check_segment(DLT_LINUX_SLL, b, 16 + ip, 10);
        put16(b, type);
        memcpy(b + 20, pkt + 14, ip);
        check_segment(DLT_LINUX_SLL2, b, 20 + ip, 10);
        memcpy(b, (uint8_t[]){(uint8_t)(v6 ? 30 : 2), 0, 0, 0}, 4);
        memcpy(b + 4, pkt + 14, ip);
        check_segment(DLT_NULL, b, 4 + ip, 10);
        memcpy(b, (uint8_t[]){0, 0, 0, (uint8_t)(v6 ? 10 : 2)}, 4);
        check_segment(DLT_NULL, b, 4 + ip, 10);
    }
}

static void ip_lengths(void **state)
{
    struct segment s;
    size_t n = build("10.0.0.1", "10.0.1.2", 10);

    (void)state;
    /* padding of a short frame is no payload */
    memset(pkt + n, 0xee, 20);
    check_segment(DLT_EN10MB, pkt, n + 20, 10);
    /* BIG TCP: no length in the header, what was on the wire counts */
    put16(pkt + 16, 0);
    assert_int_equal(segment_parse(&s, DLT_EN10MB, pkt, n, 200014 + 44), 0);
    assert_int_equal(s.payload_len, 200000);
    /* longer than what was on the wire; shorter than its own header */
    put16(pkt + 16, (uint32_t)n);
    assert_int_equal(segment_parse(&s, DLT_EN10MB, pkt, n, n), -EBADMSG);
    put16(pkt + 16, 19);
    assert_int_equal(segment_parse(&s, DLT_EN10MB, pkt, n, n), -EBADMSG);
    put16(pkt + 16, 43); /* TCP's header does not fit */
    assert_int_equal(segment_parse(&s, DLT_EN10MB, pkt, n, n), -EBADMSG);

    n = build("fd00::1", "fd00::2", 10);
    check_segment(DLT_EN10MB, pkt, n, 10);
    put16(pkt + 18, 0);
    assert_int_equal(segment_parse(&s, DLT_EN10MB, pkt, n, 14 + 40 + 24 + 300000), 0);
    assert_int_equal(s.payload_len, 300000);
    put16(pkt + 18, 35);
    assert_int_equal(segment_parse(&s, DLT_EN10MB, pkt, n, n), -EBADMSG);
}

static void ipv4_options_and_fragments(void **state)
{
    size_t n = build("10.0.0.1", "10.0.1.2", 10);
    struct segment s;

    (void)state;
    memmove(pkt + 14 + 28, pkt + 14 + 20, n - 34);
    memset(pkt + 34, 1, 8);
    pkt[14] = 0x47;
    put16(pkt + 16, (uint32_t)(n - 14 + 8));
    check_segment(DLT_EN10MB, pkt, n + 8, 10);
    put16(pkt + 20, 0x2000); /* the first of several fragments has the header */
    check_segment(DLT_EN10MB, pkt, n + 8, 10);
    put16(pkt + 20, 0x2001);
    assert_int_equal(segment_parse(&s, DLT_EN10MB, pkt, n + 8, n + 8), -ENOMSG);
    put16(pkt + 20, 0);
    pkt[14] = 0x44;
    assert_int_equal(segment_parse(&s, DLT_EN10MB, pkt, n + 8, n + 8), -EBADMSG);
    pkt[14] = 0x45;
    pkt[23] = 17;
    assert_int_equal(segment_parse(&s, DLT_EN10MB, pkt, n + 8, n + 8), -ENOMSG);
}

static void ipv6_extension_headers(void **state)
{
    /* hop-by-hop with a jumbo length, destination options (16 bytes), routing, fragment, AH (12) */
    static const struct {
        uint8_t type;
        size_t len;
        uint8_t b[16];
    } h[] = {
        {0, 8, {0, 0, 1, 4, 0, 0, 0, 0}},  {60, 16, {0, 1, 1, 12}}, {43, 8, {0, 0, 4, 0}},
        {44, 8, {0, 0, 0, 1, 0, 0, 0, 9}}, {51, 12, {0, 1}},
    };
    uint8_t b[PACKET_MAX];
    struct segment s;
    size_t n = build("fd00::1", "fd00::2", 10), at = 54;

    (void)state;
    memcpy(b, pkt, 54);
    b[20] = h[0].type;
    for (size_t i = 0; i < ARRAY_SIZE(h); i++) {
        memcpy(b + at, h[i].b, h[i].len);
        b[at] = i + 1 < ARRAY_SIZE(h) ? h[i + 1].type : 6;
        at += h[i].len;
    }
    memcpy(b + at, pkt + 54, n - 54);
    n += at - 54;
    put16(b + 18, (uint32_t)(n - 54));
    check_segment(DLT_EN10MB, b, n, 10);
    b[54 + 8 + 16 + 8 + 3] = 0x08 | 1; /* a later fragment */
    assert_int_equal(segment_parse(&s, DLT_EN10MB, b, n, n), -ENOMSG);
    b[54 + 8 + 16 + 8 + 3] = 1;
    /* a jumbogram: the length is in the hop-by-hop header */
    put16(b + 18, 0);
    memcpy(b + 56, (uint8_t[]){0xc2, 4, 0, 4, 0, 0}, 6);
    assert_int_equal(segment_parse(&s, DLT_EN10MB, b, n, 54 + 0x40000 + 99), 0);
    assert_int_equal(s.payload_len, 0x40000 - (at - 54) - 24);
    /* an extension header that is cut off hides what follows */
    assert_int_equal(segment_parse(&s, DLT_EN10MB, b, 60, 54 + 0x40000), -ENOMSG);
    b[20] = 59; /* no next header */
    put16(b + 18, (uint32_t)(n - 54));
    assert_int_equal(segment_parse(&s, DLT_EN10MB, b, n, n), -ENOMSG);
}

/* Whatever the capture holds of a packet, the lengths are those of the wire or it is an error. */
static void cut_captures(void **state)
{
    struct segment s;

    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        size_t n = v6 ? build("fd00::1", "fd00::2", 100) : build("10.0.0.1", "10.0.1.2", 100);
        size_t tcp = 14 + (v6 ? 40 : 20);
        uint8_t *tight = NULL;

        for (size_t cut = 0; cut <= n; cut++) {
            int rc;

            tight = xrealloc(tight, cut + 1);
            memcpy(tight, pkt, cut);
            rc = segment_parse(&s, DLT_EN10MB, tight, cut, n);
            if (cut >= tcp + 20) {
                assert_int_equal(rc, 0);
                assert_int_equal(s.payload_len, 100);
                assert_int_equal(s.options_len + s.options_missing, 4);
                assert_int_equal(s.options_len, cut - tcp - 20 < 4 ? cut - tcp - 20 : 4);
            } else {
                assert_int_equal(rc, cut < (v6 ? 14 + 7 : 14 + 10) ? -ENOMSG : -EBADMSG);
            }
        }
        free(tight);
    }
}

static void not_tcp(void **state)
{
    size_t n = build("10.0.0.1", "10.0.1.2", 10);
    struct segment s;

    (void)state;
    put16(pkt + 12, 0x0806);
    assert_int_equal(segment_parse(&s, DLT_EN10MB, pkt, n, n), -ENOMSG);
    put16(pkt + 12, 0x0800);
    assert_int_equal(segment_parse(&s, 147, pkt, n, n), -ENOMSG);
    pkt[14 + 20 + 12] = 0x40; /* a TCP header of 16 bytes */
    assert_int_equal(segment_parse(&s, DLT_EN10MB, pkt, n, n), -EBADMSG);
    pkt[14 + 20 + 12] = 0xf0; /* one that is longer than the packet */
    assert_int_equal(segment_parse(&s, DLT_EN10MB, pkt, n, n), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_options_in_words),
        cmocka_unit_test(own_options_in_words),
        cmocka_unit_test(mptcp_in_words),
        cmocka_unit_test(dss_lengths),
        cmocka_unit_test(malformed_is_said),
        cmocka_unit_test(a_cut_capture_is_not_malformed),
        cmocka_unit_test(fields_by_name),
        cmocka_unit_test(a_field_that_does_not_fit_is_an_error),
        cmocka_unit_test(the_table_is_whole),
        cmocka_unit_test(links),
        cmocka_unit_test(ip_lengths),
        cmocka_unit_test(ipv4_options_and_fragments),
        cmocka_unit_test(ipv6_extension_headers),
        cmocka_unit_test(cut_captures),
        cmocka_unit_test(not_tcp),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

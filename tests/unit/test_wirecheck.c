/* SPDX-License-Identifier: BSD-2-Clause */
/* Wire checks over captures that the test writes itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <unistd.h>

#include "../lib/packet.h"
#include "capture.h"
#include "util.h"
#include "wirecheck.h"

#define C      "10.0.0.1"
#define S      "10.0.1.2"
#define SYN    SEG_SYN
#define SYNACK (SEG_SYN | SEG_ACK)
#define ACK    SEG_ACK
#define UTO5   "\x1c\x04\x00\x05"
#define UTO7   "\x1c\x04\x00\x07"

/* Client and server talk; ports 40000 and 80 unless said otherwise. */
struct step {
    char from; /* 'c' or 's' */
    uint16_t flags;
    uint32_t seq;
    size_t payload;
    const char *opt;
    size_t opt_len;
    uint16_t port; /* of the client; 0: 40000 */
};
#define STEP(from, flags, seq, payload, opt)                                                       \
    {                                                                                              \
        from, flags, seq, payload, opt, sizeof(opt) - 1, 0                                         \
    }

static char path[] = "/tmp/extcp-wirecheck.XXXXXX";

static void write_capture(const struct step *s, size_t n)
{
    struct packet_file f;

    packet_file_open(&f, path);
    for (size_t i = 0; i < n; i++) {
        bool c = s[i].from == 'c';
        uint16_t port = s[i].port ? s[i].port : 40000;
        struct packet p = {.src = c ? C : S,
                           .dst = c ? S : C,
                           .sport = c ? port : 80,
                           .dport = c ? 80 : port,
                           .seq = s[i].seq,
                           .flags = s[i].flags,
                           .opt = (const uint8_t *)s[i].opt,
                           .opt_len = s[i].opt_len,
                           .payload = s[i].payload};

        packet_file_add(&f, 1700000000000000000ull + i * 1500000000ull, &p);
    }
    packet_file_close(&f);
}

static struct wire_result run(struct wire_check c)
{
    struct err e = ERR_INIT;
    struct wire_result r;

    c.name = c.name ? c.name : (char *)"a check";
    if (wire_check_run(&c, 1, path, &r, &e))
        fail_msg("%s", e.msg);
    return r;
}

static struct wire_result run_on(enum wire_segments segments, const char *from, const char *option,
                                 const char *value, bool absent)
{
    struct wire_check c = {.from = (char *)from,
                           .segments = segments,
                           .option = (char *)option,
                           .value = (char *)value,
                           .absent = absent};

    return run(c);
}

static const struct step handshake[] = {
    STEP('c', SYN, 100, 0, "\x02\x04\x05\xb4" UTO5),
    STEP('s', SYNACK, 500, 0, "\x02\x04\x05\xb4" UTO7),
    STEP('c', ACK, 101, 0, ""),
    STEP('c', ACK, 101, 10, UTO5),
    STEP('s', ACK, 501, 0, ""),
    STEP('s', ACK, 501, 20, UTO7),
    STEP('c', ACK, 111, 10, ""),
};

static void values_that_hold(void **state)
{
    struct wire_result r;

    (void)state;
    write_capture(handshake, ARRAY_SIZE(handshake));
    r = run_on(WIRE_SYN, C, "uto", "5", false);
    assert_true(r.ok);
    assert_int_equal(r.matched, 1);
    assert_int_equal(r.failed, 0);
    assert_string_equal(r.expected, "uto = 5 on every SYN");
    assert_string_equal(r.found, "5 (1 of 1 segments)");
    assert_string_equal(r.packet, "packet 1 at 0.000000000 s: 10.0.0.1:40000 > 10.0.1.2:80 SYN seq "
                                  "100 win 64240 len 0 <mss 1460, uto 5 s>");
    r = run_on(WIRE_SYNACK, S, "uto", "7", false);
    assert_true(r.ok && r.matched == 1);
    assert_non_null(strstr(r.packet, "packet 2 at 1.500000000 s"));
    assert_true(run_on(WIRE_SYN, NULL, "uto", "2..10", false).ok);
    assert_true(run_on(WIRE_SYN, NULL, "uto", "5..5", false).ok);
    assert_true(run_on(WIRE_SYN, NULL, "uto", "0x5", false).ok);
    assert_true(run_on(WIRE_SYN, NULL, "uto", "!=3", false).ok);
    assert_true(run_on(WIRE_SYN, NULL, "uto", NULL, false).ok);
    assert_true(run_on(WIRE_SYN, NULL, "mptcp", NULL, true).ok);
    assert_true(run_on(WIRE_SYN, NULL, "uto", "6", true).ok);
    assert_true(run_on(WIRE_ANY, S, "uto", "7", false).ok);
}

static void values_that_do_not(void **state)
{
    struct wire_result r;

    (void)state;
    write_capture(handshake, ARRAY_SIZE(handshake));
    r = run_on(WIRE_SYN, C, "uto", "6", false);
    assert_false(r.ok);
    assert_int_equal(r.failed, 1);
    assert_string_equal(r.found, "5 (1 of 1 segments fail)");
    assert_non_null(strstr(r.packet, "uto 5 s"));
    assert_false(run_on(WIRE_SYN, NULL, "uto", "6..10", false).ok);
    assert_false(run_on(WIRE_SYN, NULL, "uto", "!=5", false).ok);
    assert_false(run_on(WIRE_SYN, NULL, "uto", NULL, true).ok);
    assert_false(run_on(WIRE_SYN, NULL, "uto", "5", true).ok);
    r = run_on(WIRE_SYN, NULL, "mptcp", NULL, false);
    assert_false(r.ok);
    assert_string_equal(r.found, "no mptcp (1 of 1 segments fail)");
    /* all: four of seven carry it; the first that does not is the one shown */
    r = run_on(WIRE_ALL, NULL, "uto", NULL, false);
    assert_false(r.ok);
    assert_true(r.matched == 7 && r.failed == 3);
    assert_non_null(strstr(r.packet, "packet 3 at 3.000000000 s"));
    r = run_on(WIRE_ANY, NULL, "uto", "9", false);
    assert_false(r.ok);
    assert_true(r.matched == 7 && r.failed == 7);
}

static void any_shows_the_one_that_matched(void **state)
{
    struct wire_result r;

    (void)state;
    write_capture(handshake, ARRAY_SIZE(handshake));
    r = run_on(WIRE_ANY, NULL, "uto", "7", false);
    assert_true(r.ok);
    assert_int_equal(r.failed, 0);
    assert_string_equal(r.found, "7 (2 of 7 segments)");
    assert_non_null(strstr(r.packet, "packet 2 at"));
}

static void first_data_and_first_ack(void **state)
{
    struct wire_result r;

    (void)state;
    write_capture(handshake, ARRAY_SIZE(handshake));
    r = run_on(WIRE_FIRST_DATA, NULL, "uto", NULL, false);
    assert_true(r.ok && r.matched == 2);
    r = run_on(WIRE_FIRST_DATA, S, "uto", "7", false);
    assert_true(r.ok && r.matched == 1);
    r = run_on(WIRE_FIRST_ACK, NULL, "uto", NULL, true);
    assert_true(r.ok && r.matched == 1);
    assert_non_null(strstr(r.packet, "packet 3 at"));
    /* the server acknowledges, but opened nothing */
    assert_int_equal(run_on(WIRE_FIRST_ACK, S, "uto", NULL, true).matched, 0);
}

static void fast_open_data_does_not_count(void **state)
{
    static const struct step steps[] = {
        STEP('c', SYN, 100, 50, "\x22\x06\x01\x02\x03\x04"),
        STEP('s', SYNACK, 500, 0, ""),
        STEP('c', ACK, 151, 0, ""),
        STEP('c', ACK, 151, 10, UTO5),
    };
    struct wire_result r;

    (void)state;
    write_capture(steps, ARRAY_SIZE(steps));
    r = run_on(WIRE_FIRST_DATA, NULL, "uto", "5", false);
    assert_true(r.ok && r.matched == 1);
    assert_true(run_on(WIRE_SYN, NULL, "tfo", "0x01020304", false).ok);
}

static void connections(void **state)
{
    /* A SYN that is sent again is of the same connection; a new one on the same ports is not. */
    static const struct step steps[] = {
        STEP('c', SYN, 100, 0, UTO5),    STEP('c', SYN, 100, 0, UTO5),
        STEP('s', SYNACK, 500, 0, UTO7), STEP('s', SYNACK, 500, 0, UTO7),
        STEP('c', ACK, 101, 10, UTO5),   STEP('c', SYN, 100, 0, UTO5),
        STEP('c', ACK, 101, 10, ""),     STEP('c', SYN, 9000, 0, UTO5),
        STEP('s', SYNACK, 700, 0, UTO7), STEP('c', ACK, 9001, 10, UTO7),
    };
    struct wire_result r;

    (void)state;
    write_capture(steps, ARRAY_SIZE(steps));
    assert_int_equal(run_on(WIRE_SYN, NULL, "uto", "5", false).matched, 4);
    assert_int_equal(run_on(WIRE_SYNACK, NULL, "uto", "7", false).matched, 3);
    r = run_on(WIRE_FIRST_DATA, NULL, "uto", NULL, false);
    assert_true(r.ok && r.matched == 2);
    assert_int_equal(run_on(WIRE_FIRST_ACK, NULL, "uto", NULL, false).matched, 2);
}

static void one_way_captures_and_old_connections(void **state)
{
    static const struct step answers[] = {
        STEP('s', SYNACK, 500, 0, ""),
        STEP('s', ACK, 501, 20, UTO7),
    };
    static const struct step old[] = {
        STEP('c', ACK, 101, 10, UTO5),
        STEP('s', ACK, 501, 20, UTO7),
    };

    (void)state;
    write_capture(answers, ARRAY_SIZE(answers));
    assert_true(run_on(WIRE_FIRST_DATA, NULL, "uto", "7", false).ok);
    write_capture(old, ARRAY_SIZE(old));
    assert_int_equal(run_on(WIRE_FIRST_DATA, NULL, "uto", NULL, false).matched, 0);
    assert_int_equal(run_on(WIRE_ALL, NULL, "uto", NULL, false).matched, 2);
}

static void many_connections(void **state)
{
    enum { N = 5000 };
    struct step *steps = xcalloc(2 * N, sizeof(*steps));
    struct wire_result r;

    (void)state;
    for (unsigned i = 0; i < N; i++) {
        steps[i] = (struct step){'c', SYN, i, 0, UTO5, 4, (uint16_t)(1000 + i)};
        steps[N + i] = (struct step){'c', ACK, i + 1, 10, UTO5, 4, (uint16_t)(1000 + i)};
    }
    steps[N + N / 2].opt = UTO7;
    write_capture(steps, 2 * N);
    r = run_on(WIRE_FIRST_DATA, NULL, "uto", "5", false);
    assert_true(!r.ok && r.matched == N && r.failed == 1);
    assert_string_equal(r.found, "7 (1 of 5000 segments fail)");
    assert_non_null(strstr(r.packet, "10.0.0.1:3500 >"));
    free(steps);
}

static void who_sends_and_which_port(void **state)
{
    struct wire_check c = {.segments = WIRE_ALL, .option = (char *)"uto", .absent = true};

    (void)state;
    write_capture(handshake, ARRAY_SIZE(handshake));
    c.from = (char *)"fd00::1, " C;
    assert_int_equal(run(c).matched, 4);
    c.from = (char *)(C "," S);
    assert_int_equal(run(c).matched, 7);
    c.from = (char *)"10.0.0.2";
    assert_int_equal(run(c).matched, 0);
    c.from = NULL;
    c.port = 80;
    assert_int_equal(run(c).matched, 7);
    c.port = 40000;
    assert_int_equal(run(c).matched, 7);
    c.port = 81;
    assert_int_equal(run(c).matched, 0);
}

static void nothing_that_matches_is_a_failure(void **state)
{
    struct wire_check c = {.segments = WIRE_SYN, .port = 81, .option = (char *)"uto"};
    struct wire_result r;

    (void)state;
    write_capture(handshake, ARRAY_SIZE(handshake));
    r = run(c);
    assert_false(r.ok);
    assert_string_equal(r.found, "no such segment (the capture has others)");
    assert_string_equal(r.packet, "");
    c.absent = true;
    assert_false(run(c).ok);
    c.segments = WIRE_ANY;
    assert_false(run(c).ok);
    c.may_be_empty = true;
    assert_true(run(c).ok);
    write_capture(NULL, 0);
    c.may_be_empty = false;
    r = run(c);
    assert_false(r.ok);
    assert_string_equal(r.found, "no such segment (the capture has no TCP segment)");
}

static void malformed_options(void **state)
{
    static const struct step steps[] = {STEP('c', SYN, 100, 0, "\x1c\x03\x05\x01")};
    struct wire_check c = {.segments = WIRE_SYN, .option = (char *)"uto", .value = (char *)"5"};
    struct wire_result r;

    (void)state;
    write_capture(steps, 1);
    r = run(c);
    assert_false(r.ok);
    assert_string_equal(r.found, "uto malformed: its length is not 4 (1 of 1 segments fail)");
    /* It is neither "there" nor "not there". */
    assert_false(run_on(WIRE_SYN, NULL, "uto", NULL, false).ok);
    assert_false(run_on(WIRE_SYN, NULL, "uto", NULL, true).ok);
    c.field = (char *)"length";
    c.value = (char *)"3";
    assert_true(run(c).ok);
}

static void two_of_a_kind(void **state)
{
    static const struct step steps[] = {STEP('c', SYN, 100, 0, UTO5 UTO7)};

    (void)state;
    write_capture(steps, 1);
    assert_true(run_on(WIRE_SYN, NULL, "uto", "7", false).ok);
    assert_true(run_on(WIRE_SYN, NULL, "uto", "5", false).ok);
    assert_false(run_on(WIRE_SYN, NULL, "uto", "7", true).ok);
    assert_true(run_on(WIRE_SYN, NULL, "uto", "6", true).ok);
}

static void fields_and_addresses(void **state)
{
    static const struct step steps[] = {
        STEP('c', SYN, 100, 0, "\x1e\x0c\x11\x02\x12\x34\x56\x78\x9a\xbc\xde\xf0\x4d\x03\x07\x00"),
        STEP('c', ACK, 101, 0, "\x1e\x14\x31\x03\xfd\0\0\x09\0\0\0\0\0\0\0\0\0\0\0\x07"),
    };
    struct wire_check c = {.segments = WIRE_SYN, .option = (char *)"mptcp.mp_join"};

    (void)state;
    write_capture(steps, ARRAY_SIZE(steps));
    c.field = (char *)"token";
    assert_true(run(c).ok);
    c.value = (char *)"0x12345678";
    assert_true(run(c).ok);
    c.value = (char *)"305419896";
    assert_true(run(c).ok);
    c.field = (char *)"hmac";
    assert_false(run(c).ok);
    c.field = (char *)"backup";
    c.value = (char *)"yes";
    assert_true(run(c).ok);
    c.option = (char *)"unknown-77";
    c.field = (char *)"data";
    c.value = (char *)"0x07";
    assert_true(run(c).ok);
    c.segments = WIRE_FIRST_ACK;
    c.option = (char *)"mptcp.add_addr";
    c.field = (char *)"address";
    c.value = (char *)"fd00:0009:0::7";
    assert_true(run(c).ok);
    c.value = (char *)"fd00:9::8";
    assert_false(run(c).ok);
}

static void many_checks_in_one_pass(void **state)
{
    struct wire_check c[2] = {
        {.name = (char *)"a", .segments = WIRE_SYN, .option = (char *)"uto", .value = (char *)"5"},
        {.name = (char *)"b",
         .segments = WIRE_SYNACK,
         .option = (char *)"uto",
         .value = (char *)"5"},
    };
    struct err e = ERR_INIT;
    struct wire_result r[2];

    (void)state;
    write_capture(handshake, ARRAY_SIZE(handshake));
    assert_int_equal(wire_check_run(c, 2, path, r, &e), 0);
    assert_true(r[0].ok);
    assert_false(r[1].ok);
    assert_int_equal(wire_check_run(c, 2, "/nonexistent/x.pcap", r, &e), -ENOENT);
    assert_int_equal(e.status, EXIT_USAGE);
}

static void what_cannot_be_run(void **state)
{
    static const struct {
        struct wire_check c;
        const char *message;
    } t[] = {
        {{.option = (char *)"utto"}, "unknown option 'utto'; accepted: eol, nop, mss"},
        {{.option = NULL}, "unknown option ''"},
        {{.option = (char *)"unknown-2"}, "unknown option 'unknown-2'"},
        {{.option = (char *)"unknown-256"}, "unknown option"},
        {{.option = (char *)"uto", .field = (char *)"minutes"},
         "has no field 'minutes'; accepted: seconds, granularity, value"},
        {{.option = (char *)"nop", .value = (char *)"1"}, "has no value of its own"},
        {{.option = (char *)"mptcp", .value = (char *)"1"}, "has no value of its own"},
        {{.option = (char *)"uto", .value = (char *)""}, "value: '' is not understood"},
        {{.option = (char *)"uto", .value = (char *)"!="}, "value: '!=' is not understood"},
        {{.option = (char *)"uto", .value = (char *)"10..2"}, "'10..2' is not understood"},
        {{.option = (char *)"uto", .value = (char *)"a..b"}, "range of numbers (2..10)"},
        {{.option = (char *)"uto", .value = (char *)"1.."}, "'1..' is not understood"},
        {{.option = (char *)"uto", .from = (char *)"host1"}, "'host1' is no IPv4 or IPv6 address"},
        {{.option = (char *)"uto", .from = (char *)"10.0.0.1,10.0.0"}, "'10.0.0' is no IPv4"},
        {{.option = (char *)"uto", .from = (char *)","}, "names no address"},
        {{.option = (char *)"uto", .port = 65536}, "port: 65536; accepted: 1 to 65535"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
        struct wire_check c = t[i].c;
        struct err e = ERR_INIT;

        c.name = (char *)"the check";
        assert_int_equal(wire_check_validate(&c, &e), -EINVAL);
        assert_int_equal(e.status, EXIT_USAGE);
        assert_non_null(strstr(e.msg, "wire check 'the check'"));
        if (!strstr(e.msg, t[i].message))
            fail_msg("'%s' is not in: %s", t[i].message, e.msg);
    }
}

static void names_of_segments(void **state)
{
    enum wire_segments s;

    (void)state;
    for (unsigned i = WIRE_SYN; i <= WIRE_ANY; i++) {
        assert_int_equal(wire_segments_parse(wire_segments_name((enum wire_segments)i), &s), 0);
        assert_int_equal(s, i);
    }
    assert_int_equal(wire_segments_parse("first ack", &s), 0);
    assert_int_equal(wire_segments_parse("syn", &s), -EINVAL);
    assert_int_equal(wire_segments_parse("", &s), -EINVAL);
}

/* --- reading captures --- */
static int stop_at_2(const struct segment *s, uint64_t t_ns, uint64_t index, void *arg)
{
    uint64_t *last = arg;

    (void)s;
    *last = t_ns;
    return index == 2 ? 77 : 0;
}

static int count(const struct segment *s, uint64_t t_ns, uint64_t index, void *arg)
{
    uint64_t *n = arg;

    (void)s, (void)t_ns, (void)index;
    ++*n;
    return 0;
}

static void reading(void **state)
{
    struct err e = ERR_INIT;
    uint64_t t = 0;
    char *data;
    size_t len;

    (void)state;
    write_capture(handshake, ARRAY_SIZE(handshake));
    assert_int_equal(capture_read(path, stop_at_2, &t, &e), 77);
    assert_true(t == 1700000001500000000ull);
    /* in the middle of the last packet */
    assert_int_equal(read_file(path, &data, &len, &e), 0);
    assert_int_equal(truncate(path, (off_t)len - 3), 0);
    free(data);
    assert_int_equal(capture_read(path, count, &t, &e), -EBADMSG);
    assert_int_equal(e.status, EXIT_USAGE);
    assert_non_null(strstr(e.msg, "broken after packet 6"));
    assert_int_equal(write_file_atomic(path, "no capture at all, but long enough", 34, &e), 0);
    assert_int_equal(capture_read(path, count, &t, &e), -EBADMSG);
    assert_non_null(strstr(e.msg, "not a pcap or pcapng capture"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_that_hold),
        cmocka_unit_test(values_that_do_not),
        cmocka_unit_test(any_shows_the_one_that_matched),
        cmocka_unit_test(first_data_and_first_ack),
        cmocka_unit_test(fast_open_data_does_not_count),
        cmocka_unit_test(connections),
        cmocka_unit_test(one_way_captures_and_old_connections),
        cmocka_unit_test(many_connections),
        cmocka_unit_test(who_sends_and_which_port),
        cmocka_unit_test(nothing_that_matches_is_a_failure),
        cmocka_unit_test(malformed_options),
        cmocka_unit_test(two_of_a_kind),
        cmocka_unit_test(fields_and_addresses),
        cmocka_unit_test(many_checks_in_one_pass),
        cmocka_unit_test(what_cannot_be_run),
        cmocka_unit_test(names_of_segments),
        cmocka_unit_test(reading),
    };
    int fd = mkstemp(path), rc;

    if (fd < 0)
        return 1;
    close(fd);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MPTCP connections in captures. The fixtures are of the Linux kernel (a client and a server with
 * two addresses each, in-kernel path managers, all pairs joined); tokens and initial data sequence
 * numbers are what tshark computes for them (mptcp.expected_token, mptcp.expected_idsn).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "capture.h"
#include "cmd.h"
#include "measure.h"
#include "mptcp_key.h"
#include "mptcp_track.h"
#include "util.h"
#include "wirecheck.h"

static char *fixture(const char *name)
{
    return xasprintf("%s/tests/fixtures/%s", extcp_home(), name);
}

static void tokens(void **state)
{
    (void)state;
    assert_true(mptcp_token(234632249525353177ull) == 2864759986u);
    assert_true(mptcp_token(15584170206409612620ull) == 3802293294u);
    assert_true(mptcp_idsn(234632249525353177ull) == 13117839900236431472ull);
    assert_true(mptcp_idsn(15584170206409612620ull) == 3340500956588626884ull);
}

static int on_segment(const struct segment *s, uint64_t t_ns, uint64_t index, void *arg)
{
    mptcp_track_segment(arg, s, t_ns, index);
    return 0;
}

static void read_track(struct mptcp_track *t, const char *path)
{
    struct err e = ERR_INIT;

    mptcp_track_init(t);
    if (capture_read(path, on_segment, t, &e))
        fail_msg("%s", e.msg);
}

static void one_connection(const char *name)
{
    char *path = fixture(name);
    struct mptcp_track t;
    const struct mptcp_connection *c;
    unsigned n = 0;

    read_track(&t, path);
    assert_int_equal(t.n, 1);
    c = t.connections[0];
    assert_true(c->mptcp && c->has_key[0] && c->has_key[1]);
    for (const struct mptcp_subflow *s = c->subflows; s; s = s->next, n++) {
        assert_true(mptcp_subflow_complete(s));
        assert_int_equal(s->join, n > 0);
        assert_int_equal(s->side, 0);
        assert_int_equal(s->synack_hmac, n ? HMAC_VALID : HMAC_NONE);
        assert_int_equal(s->ack_hmac, n ? HMAC_VALID : HMAC_NONE);
    }
    assert_int_equal(n, 4);
    assert_non_null(c->announcements);
    assert_null(c->announcements->next);
    assert_int_equal(c->announcements->side, 1);
    assert_int_equal(c->announcements->hmac, HMAC_VALID);
    assert_true(c->announcements->echo_ns > c->announcements->first_ns);
    assert_true(c->capable_ack_ns && c->established_ns > c->capable_ack_ns);
    assert_true(c->first_join_ns > c->established_ns);
    mptcp_track_free(&t);
    free(path);
}

static void a_mesh_of_subflows(void **state)
{
    (void)state;
    one_connection("mptcp-ipv4.pcap");
    one_connection("mptcp-ipv6.pcap");
}

/* The fixture with one byte of a packet changed, behind the first occurrence of the pattern. */
static char *changed(const char *name, const void *pattern, size_t len, size_t offset)
{
    char *path = fixture(name), *out = xstrdup("/tmp/extcp-test-XXXXXX"), *data, *at;
    struct err e = ERR_INIT;
    size_t size;

    close(mkstemp(out));
    assert_int_equal(read_file(path, &data, &size, &e), 0);
    at = memmem(data, size, pattern, len);
    assert_non_null(at);
    at[offset] ^= 1;
    assert_int_equal(write_file_atomic(out, data, size, &e), 0);
    free(data);
    free(path);
    return out;
}

static struct wire_result check(const char *path, struct wire_check c)
{
    struct wire_result r;
    struct err e = ERR_INIT;

    c.name = (char *)"the check";
    c.point = (char *)"client:any";
    if (wire_check_run(&c, 1, path, &r, &e))
        fail_msg("%s", e.msg);
    return r;
}

static void hmacs(void **state)
{
    /* MP_JOIN's third ACK (kind 30, length 24), SYN-ACK (16), ADD_ADDR of IPv4 (16). */
    static const struct {
        const char *pattern;
        size_t len, offset;
        const char *found;
    } t[] = {
        {"\x1e\x18\x10\x00", 4, 23, "the HMAC of the ACK of"},
        {"\x1e\x10\x10", 3, 4, "the HMAC of the SYN-ACK of"},
        {"\x1e\x10\x30", 3, 15, "the HMAC of ADD_ADDR is invalid"},
        {"\x1e\x10\x30", 3, 7, "the HMAC of ADD_ADDR is invalid"}, /* its address */
    };
    struct wire_check c = {.mptcp = WIRE_HMAC};
    struct wire_result r;
    char *path = fixture("mptcp-ipv4.pcap");

    (void)state;
    r = check(path, c);
    assert_true(r.ok);
    assert_int_equal(r.matched, 7);
    for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
        char *bad = changed("mptcp-ipv4.pcap", t[i].pattern, t[i].len, t[i].offset);
        r = check(bad, c);
        assert_false(r.ok);
        assert_int_equal(r.failed, 1);
        if (!strstr(r.packet, t[i].found))
            fail_msg("'%s' is not in: %s", t[i].found, r.packet);
        unlink(bad);
        free(bad);
    }
    free(path);
}

static void joins(void **state)
{
    struct wire_check c = {.mptcp = WIRE_JOINS,
                           .from = (char *)"10.0.0.1,10.0.1.1",
                           .to = (char *)"10.0.6.2,10.0.7.2"};
    char *path = fixture("mptcp-ipv4.pcap");
    struct wire_result r = check(path, c);

    (void)state;
    assert_true(r.ok);
    assert_int_equal(r.matched, 3);
    c.from = (char *)"10.0.0.1,10.0.1.1,10.0.2.1";
    r = check(path, c);
    assert_false(r.ok);
    assert_int_equal(r.failed, 2);
    assert_non_null(strstr(r.packet, "no MP_JOIN SYN from 10.0.2.1 to 10.0.6.2"));
    c.from = (char *)"10.0.6.2"; /* nobody joins from the server */
    c.to = (char *)"10.0.0.1";
    assert_false(check(path, c).ok);
    c.from = (char *)"10.0.0.1";
    c.to = (char *)"10.0.6.2"; /* that is the first subflow: nothing is left to ask for */
    assert_string_equal(check(path, c).found, "nothing to look at");
    c.to = (char *)"10.0.7.2";
    c.port = 81;
    r = check(path, c);
    assert_false(r.ok);
    assert_string_equal(r.found, "no MPTCP connection in the capture");
    free(path);
}

static void announcements(void **state)
{
    struct wire_check c = {.mptcp = WIRE_ADD_ADDR, .address = (char *)"10.0.7.2", .id = 1};
    char *path = fixture("mptcp-ipv4.pcap"), *path6 = fixture("mptcp-ipv6.pcap"), *silent;
    struct wire_result r;

    (void)state;
    assert_true(check(path, c).ok);
    c.from = (char *)"10.0.6.2";
    assert_true(check(path, c).ok);
    c.id = 2;
    r = check(path, c);
    assert_false(r.ok);
    assert_non_null(strstr(r.packet, "has id 1 and was echoed"));
    c.id = 0;
    c.from = (char *)"10.0.0.1";
    assert_false(check(path, c).ok);
    c.from = NULL;
    c.address = (char *)"10.0.7.3";
    assert_non_null(strstr(check(path, c).packet, "no ADD_ADDR 10.0.7.3"));
    c.address = (char *)"fd00:0:0:7::2";
    assert_true(check(path6, c).ok);
    /* The echo is of another address. */
    c.address = (char *)"10.0.7.2";
    silent = changed("mptcp-ipv4.pcap", "\x1e\x08\x31", 3, 7);
    r = check(silent, c);
    assert_false(r.ok);
    assert_non_null(strstr(r.packet, "not echoed"));
    unlink(silent);
    free(silent);
    free(path);
    free(path6);
}

static void numbers_of_subflows(void **state)
{
    struct wire_check c = {.mptcp = WIRE_SUBFLOWS, .value = (char *)"4"};
    char *path = fixture("mptcp-ipv6.pcap");

    (void)state;
    assert_true(check(path, c).ok);
    c.value = (char *)"2..4";
    assert_true(check(path, c).ok);
    c.value = (char *)"!=4";
    assert_false(check(path, c).ok);
    c.value = (char *)"5..8";
    assert_non_null(strstr(check(path, c).packet, "4 subflows in the connection of fd00::1:"));
    free(path);
}

static void checks_that_cannot_be_run(void **state)
{
    static const struct {
        struct wire_check c;
        const char *message;
    } t[] = {
        {{.mptcp = WIRE_JOINS, .from = (char *)"10.0.0.1"}, "mptcp: joins needs `to:`"},
        {{.mptcp = WIRE_JOINS, .to = (char *)"10.0.0.1"}, "mptcp: joins needs `from:`"},
        {{.mptcp = WIRE_ADD_ADDR}, "mptcp: add_addr needs `address:`"},
        {{.mptcp = WIRE_ADD_ADDR, .address = (char *)"s2"}, "'s2' is no IPv4 or IPv6 address"},
        {{.mptcp = WIRE_SUBFLOWS}, "mptcp: subflows needs `value:`"},
        {{.mptcp = WIRE_SUBFLOWS, .value = (char *)"a..b"}, "'a..b' is not understood"},
        {{.mptcp = WIRE_HMAC, .option = (char *)"uto"}, "`option:` does not go with `mptcp: hmac`"},
        {{.mptcp = WIRE_HMAC, .id = 3}, "`id:` does not go with `mptcp: hmac`"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
        struct wire_check c = t[i].c;
        struct err e = ERR_INIT;

        c.name = (char *)"the check";
        assert_int_equal(wire_check_validate(&c, &e), -EINVAL);
        if (!strstr(e.msg, t[i].message))
            fail_msg("'%s' is not in: %s", t[i].message, e.msg);
    }
}

/* --- measures --- */
struct seen {
    double joined, delay, complete, acked;
    unsigned series;
};

static void on_metric(const char *metric, const char *unit, double value, void *arg)
{
    struct seen *s = arg;

    (void)unit;
    if (!strcmp(metric, "m.joined"))
        s->joined = value;
    if (!strcmp(metric, "m.delay_median"))
        s->delay = value;
    if (!strcmp(metric, "m.complete"))
        s->complete = value;
    if (!strcmp(metric, "m.bytes"))
        s->acked = value;
}

static void on_series(const char *series, double t_s, double value, void *arg)
{
    (void)series, (void)t_s, (void)value;
    ((struct seen *)arg)->series++;
}

static struct seen measured(const char *kind, const char *path)
{
    struct seen s = {0};
    struct measure m = {
        .name = (char *)"m", .kind = measure_kind_find(kind), .point = (char *)"client:any"};
    struct measure_input in = {
        .m = &m, .pcap_path = path, .metric = on_metric, .series = on_series, .arg = &s};
    struct err e = ERR_INIT;

    assert_non_null(m.kind);
    if (measure_run(&in, &e))
        fail_msg("%s", e.msg);
    return s;
}

static void measures(void **state)
{
    char *path = fixture("mptcp-ipv4.pcap");
    struct seen s = measured("mptcp_join", path);

    (void)state;
    assert_true(s.joined == 1 && s.series == 1);
    /* tshark: packet 3 at 0.040564833 s, packet 8 at 0.081086108 s */
    assert_true(s.delay > 0.040521274 && s.delay < 0.040521276);
    s = measured("mptcp_subflows", path);
    assert_true(s.complete == 4);
    assert_true(s.acked == 4000);
    s = measured("gap", path);
    /* From the first data ACK (of 1000 bytes) to the last, with the DATA_FIN. */
    assert_true(s.acked == 3001);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens),
        cmocka_unit_test(a_mesh_of_subflows),
        cmocka_unit_test(hmacs),
        cmocka_unit_test(joins),
        cmocka_unit_test(announcements),
        cmocka_unit_test(numbers_of_subflows),
        cmocka_unit_test(checks_that_cannot_be_run),
        cmocka_unit_test(measures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

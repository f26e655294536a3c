/* SPDX-License-Identifier: BSD-2-Clause */
/* Measures over captures that the test writes itself, and the report of sampled sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <unistd.h>

#include "../lib/packet.h"
#include "measure.h"
#include "sockdiag.h"
#include "util.h"

#define C      "10.0.0.1"
#define S      "10.0.1.2"
#define SYN    SEG_SYN
#define SYNACK (SEG_SYN | SEG_ACK)
#define ACK    SEG_ACK
#define MSS100 "\x02\x04\x00\x64"
#define TS     "\x01\x01\x08\x0a\0\0\0\1\0\0\0\1"
#define T0     1700000000000000000ull

struct step {
    unsigned ms; /* after T0 */
    char from;   /* 'c' or 's' */
    uint16_t flags;
    uint32_t seq, ack;
    size_t payload;
    const char *opt;
    size_t opt_len;
    uint16_t port; /* of the client; 0: 40000 */
};
#define STEP(ms, from, flags, seq, ack, payload)                                                   \
    {                                                                                              \
        ms, from, flags, seq, ack, payload, "", 0, 0                                               \
    }
#define OPT(ms, from, flags, seq, ack, payload, opt)                                               \
    {                                                                                              \
        ms, from, flags, seq, ack, payload, opt, sizeof(opt) - 1, 0                                \
    }

static char path[] = "/tmp/extcp-measure.XXXXXX";

static void write_capture(const struct step *s, size_t n, bool v6)
{
    struct packet_file f;

    packet_file_open(&f, path);
    for (size_t i = 0; i < n; i++) {
        bool c = s[i].from == 'c';
        uint16_t port = s[i].port ? s[i].port : 40000;
        const char *client = v6 ? "fd00::1" : C, *server = v6 ? "fd00::2" : S;
        struct packet p = {.src = c ? client : server,
                           .dst = c ? server : client,
                           .sport = c ? port : 80,
                           .dport = c ? 80 : port,
                           .seq = s[i].seq,
                           .ack = s[i].ack,
                           .flags = s[i].flags,
                           .opt = (const uint8_t *)s[i].opt,
                           .opt_len = s[i].opt_len,
                           .payload = s[i].payload};

        packet_file_add(&f, T0 + s[i].ms * 1000000ull, &p);
    }
    packet_file_close(&f);
}

/* What came out, by name. */
static struct {
    char name[64];
    char unit[16];
    double value;
} metrics[64];
static unsigned n_metrics, n_series;
static double series_t[64], series_v[64];
static char series_name[64][64];

static void on_metric(const char *metric, const char *unit, double value, void *arg)
{
    (void)arg;
    assert_true(n_metrics < ARRAY_SIZE(metrics));
    snprintf(metrics[n_metrics].name, sizeof(metrics[0].name), "%s", metric);
    snprintf(metrics[n_metrics].unit, sizeof(metrics[0].unit), "%s", unit);
    metrics[n_metrics++].value = value;
}

static void on_series(const char *series, double t_s, double value, void *arg)
{
    (void)arg;
    assert_true(n_series < ARRAY_SIZE(series_t));
    snprintf(series_name[n_series], sizeof(series_name[0]), "%s", series);
    series_t[n_series] = t_s;
    series_v[n_series++] = value;
}

static double value(const char *name)
{
    for (unsigned i = 0; i < n_metrics; i++)
        if (!strcmp(metrics[i].name, name))
            return metrics[i].value;
    return NAN;
}

#define assert_value(name, expected)                                                               \
    do {                                                                                           \
        if (!(fabs(value(name) - (expected)) < 1e-9))                                              \
            fail_msg("%s is %g, not %g", name, value(name), (double)(expected));                   \
    } while (0)

static void measure(const char *kind, const char *from, unsigned port)
{
    struct measure m = {
        .name = (char *)"m", .kind = measure_kind_find(kind), .from = (char *)from, .port = port};
    struct measure_input in = {
        .m = &m, .pcap_path = path, .t0_real_ns = T0, .metric = on_metric, .series = on_series};
    struct err e = ERR_INIT;

    n_metrics = n_series = 0;
    assert_non_null(m.kind);
    if (measure_validate(&m, &e) || measure_run(&in, &e))
        fail_msg("%s", e.msg);
}

/* The server sends: two segments, one ACK for both; one that is lost and sent again; one more. The
 * server's sequence numbers wrap. */
static const struct step download[] = {
    OPT(0, 'c', SYN, 100, 0, 0, MSS100),
    OPT(1, 's', SYNACK, 0xffffff9b, 101, 0, MSS100), /* the first byte is number 0xffffff9c */
    STEP(2, 'c', ACK, 101, 0xffffff9c, 0),
    STEP(3, 'c', ACK, 101, 0xffffff9c, 10), /* the request */
    STEP(4, 's', ACK, 0xffffff9c, 111, 100),
    STEP(5, 's', ACK, 0, 111, 100),
    STEP(45, 'c', ACK, 111, 100, 0),   /* both: 40 ms after the newer */
    STEP(50, 's', ACK, 100, 111, 100), /* lost later */
    STEP(52, 's', ACK, 200, 111, 50),
    STEP(95, 'c', ACK, 111, 100, 0),    /* duplicate */
    STEP(100, 's', ACK, 100, 111, 100), /* again */
    STEP(160, 'c', ACK, 111, 250, 0),   /* Karn: no sample, though 200..250 was sent once */
    STEP(170, 's', ACK, 250, 111, 10),
    STEP(230, 'c', ACK, 111, 260, 0), /* 60 ms */
};

static void round_trip_times(void **state)
{
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        write_capture(download, ARRAY_SIZE(download), v6);
        measure("rtt", v6 ? "fd00::2" : S, 80);
        assert_value("m.n", 2);
        assert_value("m.min", 0.040);
        assert_value("m.max", 0.060);
        assert_value("m.median", 0.050);
        assert_value("m.p95", 0.059);
        assert_string_equal(metrics[1].unit, "s");
        assert_int_equal(n_series, 2);
        assert_string_equal(series_name[0], "m");
        assert_true(fabs(series_t[0] - 0.045) < 1e-6 && fabs(series_v[0] - 0.040) < 1e-9);
        assert_true(fabs(series_t[1] - 0.230) < 1e-6 && fabs(series_v[1] - 0.060) < 1e-9);
    }
    measure("rtt", "fd00::1", 0); /* the request is the client's data */
    assert_value("m.n", 1);
    assert_value("m.median", 0.001);
    measure("rtt", "fd00::2", 81); /* no such port */
    assert_value("m.n", 0);
    assert_true(isnan(value("m.median")));
}

static void lost_before_the_capture(void **state)
{
    /* 100 bytes are missing, come 30 ms later, and the ACK then covers what waited for them. */
    static const struct step s[] = {
        OPT(0, 's', SYNACK, 999, 101, 0, MSS100), STEP(1, 's', ACK, 1000, 111, 100),
        STEP(2, 's', ACK, 1200, 111, 100),        STEP(32, 's', ACK, 1100, 111, 100),
        STEP(33, 'c', ACK, 111, 1300, 0),         STEP(40, 's', ACK, 1300, 111, 100),
        STEP(47, 'c', ACK, 111, 1400, 0),
    };

    (void)state;
    write_capture(s, ARRAY_SIZE(s), false);
    measure("rtt", S, 0);
    assert_value("m.n", 1);
    assert_value("m.median", 0.007);
    measure("goodput", S, 0);
    assert_value("m.bytes", 400);
    assert_value("m.repeated", 0);
}

static void acknowledgements(void **state)
{
    (void)state;
    write_capture(download, ARRAY_SIZE(download), false);
    measure("acks", S, 80);
    assert_value("m.data_segments", 6);
    assert_value("m.pure_acks", 4); /* without the handshake's */
    assert_value("m.segments_per_ack", 1.5);
    assert_value("m.acks_per_segment", 4.0 / 6);
}

static void super_segments(void **state)
{
    /* MSS 100 less 12 bytes of timestamps is 88: 352 bytes are 4 segments, 353 are 5. */
    static const struct step s[] = {
        OPT(0, 'c', SYN, 100, 0, 0, "\x02\x04\x05\xb4"),
        OPT(1, 's', SYNACK, 999, 101, 0, MSS100),
        STEP(2, 'c', ACK, 101, 1000, 0),
        OPT(3, 's', ACK, 1000, 101, 352, TS),
        OPT(4, 's', ACK, 1352, 101, 353, TS),
        OPT(5, 's', ACK, 1705, 101, 88, TS),
        OPT(6, 'c', ACK, 101, 1352, 0, TS),
        OPT(7, 's', ACK, 1793, 101, 88, TS),
    };

    (void)state;
    write_capture(s, ARRAY_SIZE(s), false);
    measure("acks", S, 0);
    assert_value("m.data_segments", 11);
    assert_value("m.data_packets", 4);
    measure("initial_window", S, 0);
    assert_value("m.segments_median", 10);
    assert_value("m.bytes_median", 793);
    write_capture(s + 2, ARRAY_SIZE(s) - 2, false); /* the MSS is not known */
    measure("acks", S, 0);
    assert_value("m.data_segments", 4);
}

static void initial_windows(void **state)
{
    static const struct step s[] = {
        /* three segments, then the ACK, then more: a window of 3 */
        OPT(0, 'c', SYN, 100, 0, 0, MSS100),
        OPT(1, 's', SYNACK, 999, 101, 0, MSS100),
        STEP(2, 'c', ACK, 101, 1000, 10),
        STEP(3, 's', ACK, 1000, 111, 100),
        STEP(4, 's', ACK, 1100, 111, 100),
        STEP(5, 's', ACK, 1000, 111, 100), /* again: not new */
        STEP(6, 's', ACK, 1200, 111, 100),
        STEP(40, 'c', ACK, 111, 1100, 0),
        STEP(41, 's', ACK, 1300, 111, 100),
        /* the same ports again: two segments were all there was, then another request */
        OPT(100, 'c', SYN, 7000, 0, 0, MSS100),
        OPT(101, 's', SYNACK, 9999, 7001, 0, MSS100),
        STEP(103, 's', ACK, 10000, 7001, 100),
        STEP(104, 's', ACK, 10100, 7001, 60),
        STEP(140, 'c', ACK, 7001, 10160, 0),
        STEP(150, 'c', ACK, 7001, 10160, 10),
        STEP(151, 's', ACK, 10160, 7011, 100),
        /* and again: what follows the ACK, it did not release (36 ms, half of that is 18) */
        OPT(200, 'c', SYN, 8000, 0, 0, MSS100),
        OPT(201, 's', SYNACK, 19999, 8001, 0, MSS100),
        STEP(204, 's', ACK, 20000, 8001, 100),
        STEP(240, 'c', ACK, 8001, 20100, 0),
        STEP(259, 's', ACK, 20100, 8001, 100),
    };
    /* a round trip of 80 ms, and a queue behind which the ACK comes later than the probe */
    static const struct step probe[] = {
        OPT(0, 'c', SYN, 100, 0, 0, MSS100), OPT(0, 's', SYNACK, 999, 101, 0, MSS100),
        STEP(80, 'c', ACK, 101, 1000, 10),   STEP(81, 's', ACK, 1000, 111, 100),
        STEP(100, 's', ACK, 1100, 111, 100), /* the application was slow */
        STEP(265, 's', ACK, 1200, 111, 100), /* the probe */
        STEP(270, 'c', ACK, 111, 1100, 0),   STEP(271, 's', ACK, 1300, 111, 100),
    };

    (void)state;
    write_capture(s, ARRAY_SIZE(s), false);
    measure("initial_window", S, 80);
    assert_value("m.connections", 1);
    assert_value("m.short", 2);
    assert_value("m.segments_median", 3);
    assert_value("m.segments_min", 3);
    assert_value("m.segments_max", 3);
    assert_value("m.bytes_median", 300);
    assert_value("m.probed", 0);
    write_capture(probe, ARRAY_SIZE(probe), false);
    measure("initial_window", S, 80);
    assert_value("m.connections", 1);
    assert_value("m.probed", 1);
    assert_value("m.segments_median", 2);
    assert_value("m.bytes_median", 200);
    write_capture(s + 2, 7, false); /* its beginning is not known */
    measure("initial_window", S, 80);
    assert_value("m.connections", 0);
    assert_value("m.short", 1);
    assert_true(isnan(value("m.segments_median")));
}

static void goodput(void **state)
{
    static const struct step s[] = {
        OPT(0, 'c', SYN, 100, 0, 0, MSS100), OPT(1, 's', SYNACK, 999, 101, 0, MSS100),
        STEP(10, 's', ACK, 1000, 101, 100),  STEP(20, 's', ACK, 1050, 101, 100), /* 50 new */
        STEP(30, 's', ACK, 1300, 101, 100), /* 1150..1300 is missing */
        STEP(40, 's', ACK, 1200, 101, 50),  /* in the middle of the hole */
        STEP(50, 's', ACK, 1100, 101, 120), /* 1150..1200 new, 1200..1220 not */
        STEP(60, 's', ACK, 1150, 101, 300), /* 1250..1300 and 1400..1450 */
        STEP(260, 's', ACK, 1450, 101, 50),
    };

    (void)state;
    write_capture(s, ARRAY_SIZE(s), false);
    measure("goodput", S, 0);
    assert_value("m.bytes", 500);
    assert_value("m.repeated", 820 - 500);
    assert_value("m.duration", 0.250);
    assert_value("m.goodput", 500 * 8 / 0.250);
    assert_int_equal(n_series, 2); /* two whole bins of 100 ms, and half a one */
    assert_true(fabs(series_t[0] - 0.110) < 1e-6 && fabs(series_v[0] - 450 * 80) < 1e-6);
    assert_true(fabs(series_t[1] - 0.210) < 1e-6 && series_v[1] == 0);
}

static void what_is_refused(void **state)
{
    struct measure m = {.name = (char *)"m", .kind = measure_kind_find("rtt")};
    struct measure_input in = {.m = &m, .pcap_path = path};
    struct err e = ERR_INIT;

    (void)state;
    assert_null(measure_kind_find("nope"));
    for (unsigned i = 0; measure_kind_at(i); i++)
        assert_ptr_equal(measure_kind_find(measure_kind_at(i)->name), measure_kind_at(i));
    assert_int_equal(measure_validate(&m, &e), -EINVAL);
    assert_non_null(strstr(e.msg, "measure 'm': kind rtt needs `from:`"));
    m.from = (char *)"nowhere";
    assert_int_equal(measure_run(&in, &e), -EINVAL);
    assert_non_null(strstr(e.msg, "measure 'm': from: 'nowhere' is no IPv4 or IPv6 address"));
    m.from = (char *)S;
    in.pcap_path = "/nonexistent.pcap";
    assert_int_equal(measure_run(&in, &e), -ENOENT);
    assert_non_null(strstr(e.msg, "measure 'm': /nonexistent.pcap: "));
}

static void sampled_sockets(void **state)
{
    struct socket_log log = {0};
    unsigned a = socket_log_socket(&log, 77), b = socket_log_socket(&log, 78);
    unsigned cubic = socket_log_algorithm(&log, "cubic_0a1b2c00", "0a1b2c00"),
             bbr = socket_log_algorithm(&log, "bbr", "0a1b2c00");
    const struct socket_sample samples[] = {
        {T0, a, cubic, 0, 0, 10, 0, 0, false},
        {T0 + NSEC_PER_SEC, a, cubic, 0.1, 8e6, 40, 2, 1000, false},
        {T0 + NSEC_PER_SEC, b, bbr, 0.3, 4e6, 20, 0, 500, false},
        {T0 + 2 * NSEC_PER_SEC, b, cubic, 0.2, 2e6, 30, 5, 700, false},
    };

    (void)state;
    assert_int_equal(socket_log_socket(&log, 77), a);
    assert_int_equal(socket_log_algorithm(&log, "bbr", NULL), bbr);
    n_metrics = n_series = 0;
    sockdiag_report(&log, "srv", T0, on_metric, on_series, NULL); /* none was ever there */
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
        socket_log_add(&log, &samples[i]);
    n_metrics = n_series = 0;
    sockdiag_report(&log, "srv", T0, on_metric, on_series, NULL);
    assert_value("srv.sockets", 2);
    assert_value("srv.samples", 4);
    assert_value("srv.congestion.cubic", 0.75);
    assert_value("srv.congestion.bbr", 0.25);
    assert_value("srv.cwnd_max", 40);
    assert_value("srv.delivery_rate_max", 8e6);
    assert_value("srv.rtt_median", 0.2);
    assert_value("srv.rtt_max", 0.3);
    assert_value("srv.retransmits", 7);
    assert_value("srv.bytes_acked", 1700);
    assert_int_equal(n_series, 4 * 5 - 1); /* the first has no round-trip time yet */
    assert_string_equal(series_name[0], "srv.cwnd");
    assert_true(series_t[0] == 0 && series_v[0] == 10);
    assert_string_equal(series_name[4], "srv.rtt");
    assert_true(series_t[4] == 1 && series_v[4] == 0.1);
    assert_string_equal(series_name[9], "srv.rtt.2");
    socket_log_free(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip_times), cmocka_unit_test(lost_before_the_capture),
        cmocka_unit_test(acknowledgements), cmocka_unit_test(super_segments),
        cmocka_unit_test(initial_windows),  cmocka_unit_test(goodput),
        cmocka_unit_test(what_is_refused),  cmocka_unit_test(sampled_sockets),
    };
    int fd = mkstemp(path), rc;

    if (fd < 0) {
        perror(path);
        return 4;
    }
    close(fd);
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return rc;
}

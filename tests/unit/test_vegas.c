/* SPDX-License-Identifier: BSD-2-Clause */
/* The arithmetic of Vegas (bpf/cc/vegas.h): its rules one by one, and on a simulated path. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "cc/vegas.h"
#include "util.h"

static const struct vegas_params params = {.alpha = 2, .beta = 4, .gamma = 1};

/* One comparison in congestion avoidance: 100 ms without a queue. */
static enum vegas_step compare(struct vegas_window *w, uint32_t in_flight, uint32_t rtt_us)
{
    struct vegas v;

    vegas_init(&v);
    vegas_rtt(&v, 100000);
    v.round_rtt_us = rtt_us;
    v.in_flight = in_flight;
    return vegas_round(&v, &params, w);
}

static void alpha_and_beta(void **state)
{
    /* queued = window * (RTT - BaseRTT) / RTT, with a window of 40: 2 at 105.26 ms, 4 at 111.11 ms
     */
    static const struct {
        uint32_t rtt_us;
        enum vegas_step step;
        uint32_t cwnd;
    } rows[] = {
        {100000, VEGAS_UP, 41},   {105200, VEGAS_UP, 41},   {105264, VEGAS_HELD, 40},
        {108000, VEGAS_HELD, 40}, {111111, VEGAS_HELD, 40}, {111112, VEGAS_DOWN, 39},
        {500000, VEGAS_DOWN, 39},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct vegas_window w = {.cwnd = 40, .ssthresh = 40, .clamp = UINT32_MAX};
        assert_int_equal(compare(&w, 40, rows[i].rtt_us), rows[i].step);
        assert_int_equal(w.cwnd, rows[i].cwnd);
        assert_true(w.cwnd >= w.ssthresh); /* less is no reason for slow start */
    }
}

static void limits(void **state)
{
    struct vegas_window w = {.cwnd = 40, .ssthresh = 20, .clamp = UINT32_MAX};

    (void)state;
    assert_int_equal(compare(&w, 39, 100000), VEGAS_HELD); /* the application sends no more */
    w.clamp = 40;
    assert_int_equal(compare(&w, 40, 100000), VEGAS_HELD);
    w = (struct vegas_window){.cwnd = 2, .ssthresh = 2, .clamp = UINT32_MAX};
    for (int i = 0; i < 5; i++)
        compare(&w, 200, 900000);
    assert_int_equal(w.cwnd, VEGAS_MIN_CWND);
    assert_int_equal(vegas_ssthresh(50), 25);
    assert_int_equal(vegas_ssthresh(3), VEGAS_MIN_CWND);
    w.cwnd = 40;
    assert_int_equal(compare(&w, 40, 0), VEGAS_NOTHING); /* no sample in this round trip */
}

static void base_rtt(void **state)
{
    struct vegas v;

    (void)state;
    vegas_init(&v);
    vegas_rtt(&v, 50);
    vegas_rtt(&v, 70);
    assert_int_equal(v.base_rtt_us, 50);
    vegas_rtt(&v, 40);
    assert_int_equal(v.base_rtt_us, 40);
    assert_int_equal(v.round_rtt_us, 40);
    vegas_restart(&v); /* what is known of the path stays */
    assert_int_equal(v.base_rtt_us, 40);
    vegas_rtt(&v, 60);
    assert_int_equal(v.round_rtt_us, 60);
    vegas_init(&v);
    vegas_rtt(&v, 0);
    assert_int_equal(v.base_rtt_us, 1); /* 0 would be "none yet" */
}

/*
 * A path: a bottleneck that takes service_us for a segment behind a queue without end, and base_us
 * of propagation. A sender that always has data, an ACK for each segment. Sequence numbers count
 * segments, and wrap.
 */
struct path {
    uint64_t base_us, service_us;
    struct vegas v;
    struct vegas_window w;
    uint64_t now_us, free_us; /* the bottleneck is free from then on */
    struct {
        uint64_t sent_us, acked_us;
    } * segments;
    uint32_t sent, acked, cap;
    uint32_t steps[VEGAS_LEFT_SLOW_START + 1];
    uint32_t rtt_us; /* of the last one */
};
#define FIRST_SEQ 0xffffff00u

static void path_send(struct path *p)
{
    while (p->sent - p->acked < p->w.cwnd) {
        uint64_t start = p->free_us > p->now_us ? p->free_us : p->now_us;
        if (p->sent == p->cap) {
            p->cap = p->cap ? 2 * p->cap : 1024;
            p->segments = xrealloc(p->segments, p->cap * sizeof(*p->segments));
        }
        p->free_us = start + p->service_us;
        p->segments[p->sent].sent_us = p->now_us;
        p->segments[p->sent++].acked_us = p->free_us + p->base_us;
    }
}

static void path_ack(struct path *p)
{
    uint32_t in_flight = p->sent - p->acked;

    p->now_us = p->segments[p->acked].acked_us;
    p->rtt_us = (uint32_t)(p->now_us - p->segments[p->acked].sent_us);
    p->acked++;
    vegas_rtt(&p->v, p->rtt_us);
    p->steps[vegas_ack(&p->v, &params, &p->w, FIRST_SEQ + p->acked, FIRST_SEQ + p->sent, in_flight,
                       1)]++;
    path_send(p);
}

static void path_init(struct path *p, uint64_t base_us, uint64_t service_us)
{
    *p = (struct path){.base_us = base_us, .service_us = service_us};
    p->w = (struct vegas_window){.cwnd = 10, .ssthresh = 0x7fffffff, .clamp = UINT32_MAX};
    vegas_init(&p->v);
    path_send(p);
}

static void slow_start_every_other_round(void **state)
{
    static const uint32_t expected[] = {20, 20, 40, 40, 80, 80, 160};
    struct path p;

    (void)state;
    path_init(&p, 100000, 10); /* so fast that nothing queues */
    for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
        uint64_t end = p.now_us + 105000;
        while (p.segments[p.acked].acked_us < end)
            path_ack(&p);
        if (p.w.cwnd != expected[i])
            fail_msg("after round trip %zu the window is %u, not %u", i + 1, p.w.cwnd, expected[i]);
    }
    assert_int_equal(p.steps[VEGAS_LEFT_SLOW_START], 0);
    free(p.segments);
}

/* 8 Mbit/s and 80 ms: 55 segments fill it. */
static void on_a_bottleneck(void **state)
{
    const uint64_t base = 80000, service = 1514;
    uint32_t worst = 0, late_worst = 0, acked_at_2s = 0;
    struct path p;

    (void)state;
    path_init(&p, base, service);
    while (p.now_us < 11000000) {
        path_ack(&p);
        if (p.rtt_us > worst)
            worst = p.rtt_us;
        if (p.now_us > 2000000) {
            if (!acked_at_2s)
                acked_at_2s = p.acked;
            if (p.rtt_us > late_worst)
                late_worst = p.rtt_us;
        }
    }
    assert_int_equal(p.v.base_rtt_us, base + service);
    assert_int_equal(p.steps[VEGAS_LEFT_SLOW_START], 1);
    /* slow start doubles to 80 at most, and stops at the first look */
    assert_true(worst < base + 90 * service);
    /* and then between alpha and beta in the queue, with the one in service and the step of one */
    assert_in_range(late_worst, base + 2 * service, base + (4 + 2) * service);
    /* the link is used */
    assert_true((p.acked - acked_at_2s) * service > 9000000 * 99 / 100);
    free(p.segments);
}

static void after_a_loss(void **state)
{
    struct path p;
    uint32_t before;

    (void)state;
    path_init(&p, 80000, 1514);
    while (p.now_us < 3000000)
        path_ack(&p);
    before = p.w.cwnd;
    p.v.off = 1; /* as in recovery: no comparison */
    vegas_restart(&p.v);
    memset(p.steps, 0, sizeof(p.steps));
    while (p.now_us < 3500000)
        path_ack(&p);
    assert_int_equal(p.w.cwnd, before);
    assert_int_equal(p.steps[VEGAS_UP] + p.steps[VEGAS_DOWN] + p.steps[VEGAS_HELD], 0);
    p.v.off = 0;
    vegas_restart(&p.v);
    p.w.cwnd = p.w.ssthresh = vegas_ssthresh(before);
    while (p.now_us < 9000000)
        path_ack(&p);
    assert_in_range(p.w.cwnd, before - 3, before + 3); /* one a round trip brings it back */
    free(p.segments);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alpha_and_beta),  cmocka_unit_test(limits),
        cmocka_unit_test(base_rtt),        cmocka_unit_test(slow_start_every_other_round),
        cmocka_unit_test(on_a_bottleneck), cmocka_unit_test(after_a_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What is pure of the path managers' daemon: retries, the queue, delays, messages, address slots.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/genetlink.h>
#include <linux/mptcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "pm_delays.h"
#include "pm_locals.h"
#include "pm_queue.h"
#include "pm_wire.h"
#include "util.h"

static struct pm_addr address(const char *text, unsigned id, unsigned port)
{
    struct pm_addr a = {
        .family = strchr(text, ':') ? AF_INET6 : AF_INET, .id = (__u8)id, .port = (__u16)port};

    assert_int_equal(inet_pton(a.family, text, a.ip), 1);
    return a;
}

static uint64_t total(int error, unsigned *tries)
{
    uint64_t sum = 0, wait;

    for (*tries = 1; (wait = pm_retry_after_ns(error, *tries)); ++*tries)
        sum += wait;
    return sum;
}

static void retries(void **state)
{
    unsigned tries;

    (void)state;
    assert_int_equal(pm_retry_after_ns(-ENOTCONN, 1), 20000);
    assert_int_equal(pm_retry_after_ns(-ENOTCONN, 2), 40000);
    assert_in_range(total(-ENOTCONN, &tries), 2 * NSEC_PER_SEC, 3 * NSEC_PER_SEC);
    assert_int_equal(tries, 21);
    assert_in_range(total(-ENETUNREACH, &tries), 2 * NSEC_PER_SEC, 5 * NSEC_PER_SEC);
    assert_int_equal(tries, 6);
    total(-ENOMEM, &tries);
    assert_int_equal(tries, 6);
    /* for good */
    assert_int_equal(pm_retry_after_ns(-EINVAL, 1), 0);
    assert_int_equal(pm_retry_after_ns(-ESTALE, 1), 0);
    assert_int_equal(pm_retry_after_ns(-ECONNREFUSED, 1), 0);
    assert_int_equal(pm_retry_after_ns(0, 1), 0);
}

static void queue_is_in_order(void **state)
{
    struct pm_queue q = {0};
    struct pm_job job = {0};
    uint64_t last = 0;
    unsigned n = 0;

    (void)state;
    assert_true(pm_queue_next_ns(&q) == UINT64_MAX);
    assert_false(pm_queue_take(&q, UINT64_MAX, &job));
    for (unsigned i = 0; i < 1000; i++) {
        job.due_ns = 1 + i * 7919u % 1000;
        job.command.token = i;
        pm_queue_add(&q, &job);
    }
    assert_int_equal(pm_queue_next_ns(&q), 1);
    assert_false(pm_queue_take(&q, 0, &job));
    for (; pm_queue_take(&q, 500, &job); n++) {
        assert_in_range(job.due_ns, last, 500);
        assert_int_equal(job.due_ns, 1 + job.command.token * 7919u % 1000);
        last = job.due_ns;
    }
    assert_int_equal(n, 500);
    assert_int_equal(pm_queue_next_ns(&q), 501);
    for (; pm_queue_take(&q, UINT64_MAX, &job); n++)
        assert_in_range(job.due_ns, last, 1000);
    assert_int_equal(n, 1000);
    pm_queue_free(&q);
}

static void quantiles(void **state)
{
    struct pm_delays d = {0};

    (void)state;
    assert_int_equal(pm_delays_quantile(&d, 0.5), 0);
    for (uint64_t ns = 1; ns <= 100000; ns++)
        pm_delays_add(&d, ns * 100);
    assert_int_equal(d.n, 100000);
    assert_int_equal(d.max_ns, 10000000);
    assert_in_range(pm_delays_quantile(&d, 0.5), 5000000, 5000000 * 1.07);
    assert_in_range(pm_delays_quantile(&d, 0.99), 9900000, 10000000);
    assert_int_equal(pm_delays_quantile(&d, 1), 10000000);
    /* the ends of the range */
    memset(&d, 0, sizeof(d));
    pm_delays_add(&d, 0);
    assert_int_equal(pm_delays_quantile(&d, 1), 0);
    pm_delays_add(&d, UINT64_MAX);
    assert_true(pm_delays_quantile(&d, 1) > 1ull << 62);
}

/* An attribute of a message of ours, down a path of types. */
static const struct nlattr *attribute(const struct nlmsghdr *h, unsigned type, unsigned nested)
{
    const struct nlattr *a, *b;

    mnl_attr_for_each(a, h, sizeof(struct genlmsghdr))
    {
        if (mnl_attr_get_type(a) != type)
            continue;
        if (!nested)
            return a;
        mnl_attr_for_each_nested(b, a)
        {
            if (mnl_attr_get_type(b) == nested)
                return b;
        }
    }
    return NULL;
}

static void commands(void **state)
{
    _Alignas(8) char buf[PM_WIRE_MAX];
    struct pm_command c = {.op = PM_CREATE, .token = 0xdeadbeef, .on = 1};
    const struct nlattr *a;
    struct nlmsghdr *h;

    (void)state;
    c.local = address("10.0.0.1", 3, 0);
    c.local.ifindex = 7;
    c.remote = address("10.0.1.2", 9, 5201);
    c.remote.ifindex = 8;
    h = pm_wire_command(buf, 30, 77, &c);
    assert_int_equal(h->nlmsg_type, 30);
    assert_int_equal(h->nlmsg_seq, 77);
    assert_int_equal(h->nlmsg_flags, NLM_F_REQUEST | NLM_F_ACK);
    assert_int_equal(((struct genlmsghdr *)mnl_nlmsg_get_payload(h))->cmd,
                     MPTCP_PM_CMD_SUBFLOW_CREATE);
    assert_int_equal(mnl_attr_get_u32(attribute(h, MPTCP_PM_ATTR_TOKEN, 0)), 0xdeadbeef);
    assert_int_equal(mnl_attr_get_u32(attribute(h, MPTCP_PM_ATTR_ADDR, MPTCP_PM_ADDR_ATTR_IF_IDX)),
                     7);
    assert_int_equal(mnl_attr_get_u32(attribute(h, MPTCP_PM_ATTR_ADDR, MPTCP_PM_ADDR_ATTR_FLAGS)),
                     MPTCP_PM_ADDR_FLAG_BACKUP);
    assert_null(attribute(h, MPTCP_PM_ATTR_ADDR, MPTCP_PM_ADDR_ATTR_PORT));
    a = attribute(h, MPTCP_PM_ATTR_ADDR_REMOTE, MPTCP_PM_ADDR_ATTR_ADDR4);
    assert_memory_equal(mnl_attr_get_payload(a), c.remote.ip, 4);
    assert_int_equal(
        mnl_attr_get_u16(attribute(h, MPTCP_PM_ATTR_ADDR_REMOTE, MPTCP_PM_ADDR_ATTR_PORT)), 5201);
    assert_null(attribute(h, MPTCP_PM_ATTR_ADDR_REMOTE, MPTCP_PM_ADDR_ATTR_IF_IDX));

    c = (struct pm_command){.op = PM_ANNOUNCE, .token = 1, .local = address("fd00::5", 4, 80)};
    h = pm_wire_command(buf, 30, 78, &c);
    assert_int_equal(mnl_attr_get_u32(attribute(h, MPTCP_PM_ATTR_ADDR, MPTCP_PM_ADDR_ATTR_FLAGS)),
                     MPTCP_PM_ADDR_FLAG_SIGNAL);
    assert_int_equal(mnl_attr_get_u8(attribute(h, MPTCP_PM_ATTR_ADDR, MPTCP_PM_ADDR_ATTR_ID)), 4);
    a = attribute(h, MPTCP_PM_ATTR_ADDR, MPTCP_PM_ADDR_ATTR_ADDR6);
    assert_memory_equal(mnl_attr_get_payload(a), c.local.ip, 16);
    assert_null(attribute(h, MPTCP_PM_ATTR_ADDR_REMOTE, 0));

    c.op = PM_WITHDRAW;
    h = pm_wire_command(buf, 30, 79, &c);
    assert_int_equal(mnl_attr_get_u8(attribute(h, MPTCP_PM_ATTR_LOC_ID, 0)), 4);
    assert_null(attribute(h, MPTCP_PM_ATTR_ADDR, 0));
}

static struct nlmsghdr *event(void *buf, unsigned cmd)
{
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    struct genlmsghdr *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));

    g->cmd = (__u8)cmd;
    return h;
}

static void events(void **state)
{
    static const __u8 mapped[16] = {[10] = 0xff, [11] = 0xff, 10, 0, 1, 2};
    _Alignas(8) char buf[PM_WIRE_MAX];
    struct nlmsghdr *h = event(buf, MPTCP_EVENT_ANNOUNCED);
    struct pm_input in;

    (void)state;
    assert_false(pm_wire_event(h, h->nlmsg_len, &in)); /* without a token */
    mnl_attr_put_u32(h, MPTCP_ATTR_TOKEN, 42);
    mnl_attr_put_u8(h, MPTCP_ATTR_REM_ID, 200);
    mnl_attr_put_u16(h, MPTCP_ATTR_DPORT, htons(5201));
    mnl_attr_put(h, MPTCP_ATTR_DADDR6, 16, mapped);
    assert_true(pm_wire_event(h, h->nlmsg_len, &in));
    assert_int_equal(in.kind, PM_IN_ANNOUNCED);
    assert_int_equal(in.token, 42);
    assert_int_equal(in.remote.id, 200);
    assert_int_equal(in.remote.port, 5201);
    assert_int_equal(in.remote.family, AF_INET); /* IPv4, however it is said */
    assert_memory_equal(in.remote.ip, mapped + 12, 4);

    h = event(buf, MPTCP_EVENT_SUB_CLOSED);
    mnl_attr_put_u32(h, MPTCP_ATTR_TOKEN, 43);
    mnl_attr_put_u32(h, MPTCP_ATTR_SADDR4, 0x0100000a);
    mnl_attr_put_u8(h, MPTCP_ATTR_ERROR, ECONNRESET);
    mnl_attr_put_u32(h, MPTCP_ATTR_RESET_REASON, 3);
    assert_true(pm_wire_event(h, h->nlmsg_len, &in));
    assert_int_equal(in.error, ECONNRESET);
    assert_int_equal(in.reason, 3);
    assert_int_equal(in.remote.family, 0); /* was not said */

    h = event(buf, MPTCP_EVENT_CREATED);
    mnl_attr_put_u32(h, MPTCP_ATTR_TOKEN, 43);
    assert_false(pm_wire_event(h, h->nlmsg_len, &in));
    /* shorter than it says */
    h = event(buf, MPTCP_EVENT_CLOSED);
    mnl_attr_put_u32(h, MPTCP_ATTR_TOKEN, 43);
    assert_false(pm_wire_event(h, h->nlmsg_len - 1, &in));
    h->nlmsg_len = NLMSG_HDRLEN;
    assert_false(pm_wire_event(h, NLMSG_HDRLEN, &in));
}

static void acknowledgements(void **state)
{
    _Alignas(8) char buf[PM_WIRE_MAX];
    struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
    struct nlmsgerr *err = mnl_nlmsg_put_extra_header(h, sizeof(*err));
    const char *text;

    (void)state;
    h->nlmsg_type = NLMSG_ERROR;
    assert_int_equal(pm_wire_ack(h, h->nlmsg_len, &text), 0);
    err->error = -EINVAL;
    assert_int_equal(pm_wire_ack(h, h->nlmsg_len, &text), -EINVAL);
    assert_null(text);
    h->nlmsg_flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
    mnl_attr_put_strz(h, NLMSGERR_ATTR_MSG, "invalid token");
    assert_int_equal(pm_wire_ack(h, h->nlmsg_len, &text), -EINVAL);
    assert_string_equal(text, "invalid token");
    /* the kernel points at our token */
    mnl_attr_put_u32(h, NLMSGERR_ATTR_OFFS, NLMSG_HDRLEN + GENL_HDRLEN);
    assert_int_equal(pm_wire_ack(h, h->nlmsg_len, &text), -ESTALE);
    assert_int_equal(pm_wire_ack(h, NLMSG_HDRLEN, &text), -EBADMSG);
    h->nlmsg_type = NLMSG_DONE;
    assert_int_equal(pm_wire_ack(h, h->nlmsg_len, &text), -EBADMSG);
}

static char changes[256];

static void note(unsigned slot, bool up, void *arg)
{
    const struct pm_locals *l = arg;

    snprintf(changes + strlen(changes), sizeof(changes) - strlen(changes), "%c%u:%u ",
             up ? '+' : '-', slot, l->slots[slot].id);
}

static unsigned update(struct pm_locals *l, const struct pm_addr *usable, unsigned n)
{
    changes[0] = '\0';
    return pm_locals_update(l, usable, n, note, l);
}

static void address_slots(void **state)
{
    struct pm_addr a = address("10.0.0.1", 0, 0), b = address("10.0.1.1", 0, 0),
                   c = address("fd00::1", 0, 0), both[] = {a, b}, other[] = {a, c};
    struct pm_locals l = {0};

    (void)state;
    assert_int_equal(update(&l, both, 2), 0);
    assert_string_equal(changes, "+0:1 +1:2 ");
    assert_int_equal(update(&l, both, 2), 0);
    assert_string_equal(changes, "");
    update(&l, &a, 1);
    assert_string_equal(changes, "-1:2 ");
    /* back: the same slot and id */
    update(&l, both, 2);
    assert_string_equal(changes, "+1:2 ");
    /* another one leaves the slot and id of the one that is gone alone, while there is room */
    update(&l, other, 2);
    assert_string_equal(changes, "-1:2 +2:3 ");
    /* moved to another interface while nobody looked */
    other[1].ifindex = 7;
    update(&l, other, 2);
    assert_string_equal(changes, "-2:3 +2:3 ");
    assert_int_equal(l.slots[2].ifindex, 7);
    update(&l, NULL, 0);
    assert_string_equal(changes, "-0:1 -2:3 ");
}

static void more_addresses_than_slots(void **state)
{
    struct pm_addr many[PM_LOCALS + 3];
    struct pm_locals l = {0};
    char text[32];

    (void)state;
    for (unsigned i = 0; i < ARRAY_SIZE(many); i++) {
        snprintf(text, sizeof(text), "10.0.%u.1", i);
        many[i] = address(text, 0, 0);
    }
    assert_int_equal(update(&l, many, ARRAY_SIZE(many)), 3);
    /* what goes makes room, under a new id */
    assert_int_equal(update(&l, many + 3, PM_LOCALS), 0);
    assert_non_null(strstr(changes, "-0:1 -1:2 -2:3 "));
    assert_non_null(strstr(changes, "+0:17 +1:18 +2:19 "));
}

static void ids_of_an_earlier_daemon(void **state)
{
    struct pm_addr a = address("10.0.0.1", 5, 0), b = address("10.0.1.1", 0, 0),
                   conflict = address("10.0.2.1", 5, 0), both[] = {a, b};
    struct pm_locals l = {0};

    (void)state;
    pm_locals_learn(&l, &a);
    pm_locals_learn(&l, &a);
    pm_locals_learn(&l, &conflict);
    l.next_id = 4; /* the next new one would be 5 */
    update(&l, both, 2);
    assert_string_equal(changes, "+0:5 +1:6 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retries),
        cmocka_unit_test(queue_is_in_order),
        cmocka_unit_test(quantiles),
        cmocka_unit_test(commands),
        cmocka_unit_test(events),
        cmocka_unit_test(acknowledgements),
        cmocka_unit_test(address_slots),
        cmocka_unit_test(more_addresses_than_slots),
        cmocka_unit_test(ids_of_an_earlier_daemon),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

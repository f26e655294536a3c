/* SPDX-License-Identifier: BSD-2-Clause */
/* `mptcp:` in an experiment: what becomes of it, and what is said of a bad one. */
#include <arpa/inet.h>
#include <linux/mptcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "experiment.h"
#include "util.h"

static const char good[] =
    "name: good\n"                                                                      /* 1 */
    "title: \"a title\"\n"                                                              /* 2 */
    "topology: mesh-2x2\n"                                                              /* 3 */
    "parameters:\n"                                                                     /* 4 */
    "  - {name: n, value: 3}\n"                                                         /* 5 */
    "mptcp:\n"                                                                          /* 6 */
    "  - {host: server, manager: kernel, endpoints: [{link: s2, flags: [signal]}]}\n"   /* 7 */
    "  - {host: client, manager: \"ebpf:fullmesh\", set: [\"subflows=${n}\"]}\n"        /* 8 */
    "captures:\n"                                                                       /* 9 */
    "  - {point: \"client:any\"}\n"                                                     /* 10 */
    "workloads:\n"                                                                      /* 11 */
    "  - {name: app, kind: stream, from: client, to: server, seconds: 1, mptcp: yes}\n" /* 12 */
    "variants:\n"                                                                       /* 13 */
    "  - {name: a}\n"                                                                   /* 14 */
    "  - name: b\n"                                                                     /* 15 */
    "    family: 6\n"                                                                   /* 16 */
    "    mptcp:\n"                                                                      /* 17 */
    "      - {host: client, manager: kernel, subflows: 8, add_addr_accepted: 7,\n"      /* 18 */
    "         endpoints: [{link: c1, flags: [subflow, fullmesh]},\n"                    /* 19 */
    "                     {link: c2, family: 4, id: 9, flags: [subflow, backup]}]}\n"   /* 20 */
    "  - {name: c, mptcp: [{host: client, manager: mptcpd}]}\n"                         /* 21 */
    "  - {name: d, mptcp: [{host: client, manager: none}]}\n";                          /* 22 */

static int load(const char *was, const char *is, struct experiment **x, struct err *e)
{
    const struct experiment_options none = {0};
    const char *at = was ? strstr(good, was) : NULL;
    char path[] = "/tmp/extcp-test-XXXXXX.yaml", *text;
    int fd = mkstemps(path, 5), rc;

    assert_true(fd >= 0);
    close(fd);
    if (was && !at)
        fail_msg("'%s' is not in the good file", was);
    text = at ? xasprintf("%.*s%s%s", (int)(at - good), good, is, at + strlen(was)) : xstrdup(good);
    assert_int_equal(write_file_atomic(path, text, strlen(text), e), 0);
    rc = experiment_load(x, path, &none, e);
    unlink(path);
    free(text);
    return rc;
}

static const struct manager_use *manager_of(const struct variant *v, const char *node)
{
    for (unsigned i = 0; i < v->n_managers; i++)
        if (!strcmp(v->topology->nodes[v->managers[i].node].name, node))
            return &v->managers[i];
    fail_msg("%s has no manager in %s", node, v->name);
    return NULL;
}

static void address_is(const struct pm_endpoint *p, const char *expected)
{
    char text[INET6_ADDRSTRLEN];

    inet_ntop(p->family, &p->v6, text, sizeof(text));
    assert_string_equal(text, expected);
}

static void what_it_says(void **state)
{
    struct experiment *x = NULL;
    struct err e = ERR_INIT;
    const struct manager_use *m;

    (void)state;
    if (load(NULL, NULL, &x, &e))
        fail_msg("%s", e.msg);
    m = manager_of(&x->variants[0], "client");
    assert_int_equal(m->kind, MANAGER_EBPF);
    assert_string_equal(m->policy, "fullmesh");
    assert_int_equal(m->n_set, 1);
    assert_string_equal(m->set[0], "subflows=3");
    m = manager_of(&x->variants[0], "server");
    assert_int_equal(m->kind, MANAGER_KERNEL);
    assert_int_equal(m->limits.subflows, 0);
    address_is(&m->endpoints[0], "10.0.7.2");
    assert_int_equal(m->endpoints[0].flags, MPTCP_PM_ADDR_FLAG_SIGNAL);
    assert_int_equal(x->variants[0].captures[0].link, CAPTURE_ANY);
    experiment_free(x);
}

static void a_variant_replaces_a_hosts_manager(void **state)
{
    struct experiment *x = NULL;
    struct err e = ERR_INIT;
    const struct manager_use *m;

    (void)state;
    if (load(NULL, NULL, &x, &e))
        fail_msg("%s", e.msg);
    assert_int_equal(x->variants[1].n_managers, 2);
    m = manager_of(&x->variants[1], "client");
    assert_int_equal(m->kind, MANAGER_KERNEL);
    assert_true(m->limits.subflows == 8 && m->limits.add_addr_accepted == 7);
    assert_int_equal(m->n_endpoints, 2);
    address_is(&m->endpoints[0], "fd00::1"); /* the variant's family */
    assert_int_equal(m->endpoints[0].flags,
                     MPTCP_PM_ADDR_FLAG_SUBFLOW | MPTCP_PM_ADDR_FLAG_FULLMESH);
    assert_int_equal(m->endpoints[0].id, 0);
    address_is(&m->endpoints[1], "10.0.1.1"); /* its own */
    assert_int_equal(m->endpoints[1].flags, MPTCP_PM_ADDR_FLAG_SUBFLOW | MPTCP_PM_ADDR_FLAG_BACKUP);
    assert_int_equal(m->endpoints[1].id, 9);
    address_is(&manager_of(&x->variants[1], "server")->endpoints[0], "fd00:0:0:7::2");
    m = manager_of(&x->variants[2], "client");
    assert_int_equal(m->kind, MANAGER_MPTCPD);
    assert_string_equal(m->policy, "fullmesh");
    assert_int_equal(manager_of(&x->variants[3], "client")->kind, MANAGER_NONE);
    experiment_free(x);
}

static void what_is_said_of_bad_ones(void **state)
{
    static const struct {
        const char *was, *is, *message;
    } t[] = {
        {"{host: server, manager: kernel", "{host: serve, manager: kernel",
         ":7: mptcp[0].host: there is no node 'serve' in topology mesh-2x2; accepted: client"},
        {"{host: client, manager: none}",
         "{host: client, manager: none}, {host: client, manager: none}",
         "mptcp[1].host: 'client' has a path manager already"},
        {"manager: \"ebpf:fullmesh\"", "manager: ebpf",
         ":8: mptcp[1].manager: bad value 'ebpf'; accepted: none, kernel, ebpf:POLICY, mptcpd"},
        {"ebpf:fullmesh", "ebpf:halfmesh", ":8: mptcp[1].manager: ebpf: "},
        {"set: [\"subflows=${n}\"]", "family: 5",
         "mptcp[1].family: bad value '5'; accepted: 4, 6, both"},
        {"manager: mptcpd", "manager: mptcpd, family: 4", "family: is only for ebpf:POLICY"},
        {"manager: mptcpd", "manager: \"mptcpd:sspi\"",
         "mptcpd has no plugin 'sspi'; accepted: fullmesh, ndiffports, addr_adv"},
        {"manager: mptcpd", "manager: \"mptcpd:ndiffports\", set: [subflows=9]",
         "'subflows=9'; accepted: subflows=1..8"},
        {"manager: mptcpd", "manager: mptcpd, subflows: 3", "is a limit of the in-kernel manager"},
        {"manager: none", "manager: none, set: [a=1]", "is only for ebpf:POLICY and mptcpd"},
        {"manager: none", "manager: none, endpoints: [{link: c1}]",
         "is only for `manager: kernel`"},
        {"link: c1, flags", "link: s1, flags", "'s1': client has no IPv6 address there"},
        {"link: c1, flags", "link: c9, flags",
         ":19: variants[1].mptcp[0].endpoints[0].link: there is no link 'c9'"},
        {"[subflow, fullmesh]", "[subflow, mesh]",
         "unknown flag 'mesh'; accepted: signal, subflow, backup, fullmesh"},
        {"[subflow, fullmesh]", "[signal, fullmesh]", "either signal or fullmesh"},
        {"link: c2, family: 4", "link: c2, port: 5001, family: 4", "with the flag signal"},
        {"family: 4, id: 9", "family: 5, id: 9", "bad value '5'; accepted: 4, 6"},
        {"family: 4, id: 9", "family: 4, id: 256", "accepted: a whole number from 1 to 255"},
        {"subflows: 8,", "subflows: 9,", "accepted: a whole number from 0 to 8"},
        {"variants:\n", "events:\n  - {at: 1, host: client, reset: s1}\nvariants:\n",
         "events[0].reset: 's1': client has no address of this family there"},
        {"variants:\n", "events:\n  - {at: 1, reset: c1}\nvariants:\n", "`reset:` needs `host:`"},
        {"kind: stream, from", "kind: requests, from", "`connections:` is missing"},
        {"kind: stream, from", "kind: stream, hold: 1, from", "'hold' is only for requests"},
        {"\"client:any\"", "\"client:some\"", "there is no link 'some'"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(t); i++) {
        struct experiment *x = NULL;
        struct err e = ERR_INIT;

        assert_int_not_equal(load(t[i].was, t[i].is, &x, &e), 0);
        assert_int_equal(e.status, EXIT_USAGE);
        if (!strstr(e.msg, t[i].message))
            fail_msg("'%s' is not in: %s", t[i].message, e.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_says),
        cmocka_unit_test(a_variant_replaces_a_hosts_manager),
        cmocka_unit_test(what_is_said_of_bad_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

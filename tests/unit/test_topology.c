/* SPDX-License-Identifier: BSD-2-Clause */
/* Topologies: every shipped file, planned routes walked hop by hop, and what is said of bad files.
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

#include "topology.h"
#include "topology_plan.h"
#include "util.h"

static const char *const shipped[] = {"direct",   "routed",   "dual-server", "two-path", "ecmp",
                                      "mesh-2x2", "mesh-3x3", "half-duplex", "star"};

static struct topology *load(const char *name, char *const *set, unsigned n)
{
    struct topology *t = NULL;
    struct err e = ERR_INIT;

    if (topology_load(&t, name, set, n, &e))
        fail_msg("%s: %s", name, e.msg);
    return t;
}

/* Every host reaches every address of every other one by the planned routes, each next hop of a
 * multipath route too. */
static void reach(const struct topology *t, unsigned node, const struct topo_addr *to,
                  unsigned hops)
{
    const struct topo_route *r;

    assert_true(hops <= t->n_nodes); /* no loop */
    if (node == to->node)
        return;
    for (unsigned i = 0; i < t->n_addrs; i++) {
        const struct topo_addr *a = &t->addrs[i];
        if (a->node == node && a->family == to->family && a->link == to->link)
            return; /* on the same link */
    }
    assert_true(hops == 0 || t->nodes[node].kind == NODE_ROUTER); /* hosts do not forward */
    r = topology_lookup(t, node, to->family, TABLE_MAIN, &to->v6);
    assert_non_null(r);
    assert_true(r->n_nexthops > 0);
    for (unsigned i = 0; i < r->n_nexthops; i++) {
        const struct topo_addr *via = topology_owner(t, to->family, &r->nexthop[i].via);
        assert_non_null(via);
        assert_int_equal(via->link, r->nexthop[i].link);
        reach(t, via->node, to, hops + 1);
    }
}

static void shipped_files(void **state)
{
    (void)state;
    for (size_t f = 0; f < ARRAY_SIZE(shipped); f++) {
        struct topology *t = load(shipped[f], NULL, 0);
        assert_string_equal(t->name, shipped[f]);
        for (unsigned n = 0; n < t->n_nodes; n++)
            for (unsigned a = 0; t->nodes[n].kind == NODE_HOST && a < t->n_addrs; a++)
                reach(t, n, &t->addrs[a], 0);
        for (unsigned l = 0; l < t->n_links; l++)
            assert_true(t->links[l].dir[0].queue_packets >= 20);
        topology_free(t);
    }
}

static void source_routing(void **state)
{
    struct topology *t = load("mesh-2x2", NULL, 0);
    unsigned client = (unsigned)topology_node(t, "client"), rules = 0;

    (void)state;
    for (unsigned i = 0; i < t->n_rules; i++) {
        const struct topo_rule *r = &t->rules[i];
        const struct topo_addr *from = topology_owner(t, r->family, &r->src), *via;
        uint8_t somewhere[16] = {0xfd, 0xff};
        const struct topo_route *d = topology_lookup(t, r->node, r->family, r->table, somewhere);
        assert_non_null(from);
        assert_non_null(d);
        via = topology_owner(t, r->family, &d->nexthop[0].via);
        assert_non_null(via);
        assert_int_equal(d->nexthop[0].link, from->link); /* leaves by the interface it is from */
        rules += r->node == client;
    }
    assert_int_equal(rules, 4); /* two interfaces, two families */
    topology_free(t);
}

static void paths_and_queues(void **state)
{
    char *set[] = {(char *)"r1-server1.delay=100ms"};
    struct topology *t = load("dual-server", set, 1);
    uint64_t delay, rate;

    (void)state;
    assert_int_equal(topology_path(t, 0, 1, AF_INET, &delay, &rate), 0);
    assert_int_equal(delay, 100000);
    assert_int_equal(rate, 8000000);
    assert_int_equal(topology_path(t, 0, 2, AF_INET6, &delay, &rate), 0);
    assert_int_equal(delay, 5000);
    /* 8 Mbit/s for the longest round trip, server1 to server2: 2 * 105 ms = 210000 bytes = 140
     * packets of 1500 */
    assert_int_equal(t->links[0].dir[0].queue_packets, 140);
    topology_free(t);
}

static void equal_cost(void **state)
{
    struct topology *t = load("ecmp", NULL, 0);
    int r1 = topology_node(t, "r1"), server = topology_node(t, "server");
    const struct topo_addr *a = topology_addr(t, (unsigned)server, -1, AF_INET);
    const struct topo_route *r = topology_lookup(t, (unsigned)r1, AF_INET, TABLE_MAIN, &a->v4);

    (void)state;
    assert_int_equal(r->n_nexthops, 4);
    assert_int_equal(t->nodes[r1].hash_policy, HASH_L4);
    topology_free(t);
}

static void large_star(void **state)
{
    char *set[] = {(char *)"h.count=500"};
    struct topology *t = load("star", set, 1);

    (void)state;
    assert_int_equal(t->n_nodes, 501);
    assert_int_equal(t->n_links, 500);
    assert_int_equal(t->n_routes, 1000); /* a default route for each host and family */
    topology_free(t);
}

static void directions(void **state)
{
    char *set[] = {(char *)"client-r1.forward.rate=3mbit", (char *)"client-r1.backward.loss=2%",
                   (char *)"r1-server.mtu=9000"};
    struct topology *t = load("routed", set, 3);
    int l = topology_link(t, "client-r1");

    (void)state;
    assert_int_equal(t->links[l].dir[DIR_AB].rate_bps, 3000000);
    assert_int_equal(t->links[l].dir[DIR_BA].rate_bps, 20000000);
    assert_true(t->links[l].dir[DIR_AB].loss == 0);
    assert_true(t->links[l].dir[DIR_BA].loss == 0.02);
    assert_int_equal(t->links[topology_link(t, "r1-server")].mtu, 9000);
    topology_free(t);
}

#define GOOD "hosts: [{name: a}, {name: b}]\nrouters: [{name: r}]\n"

static void bad_files(void **state)
{
    static const struct {
        const char *text, *part; /* what the message must have, line and all */
    } rows[] = {
        {"", ":1: the file is empty"},
        {"name: x\nlinks: [\n", "not YAML"},
        {"name: x\nlinks: []\nspeed: 3\n", ":3: unknown key 'speed'; accepted: name, description"},
        {"name: x\nname: y\nlinks: []\n", ":2: key 'name' is there twice"},
        {"links: []\n", ":1: key 'name' is missing"},
        {"name: x\nlinks: 7\n", ":2: links: bad value '7'; accepted: a list"},
        {"name: x\n" GOOD "links:\n  - {between: [a, r], rate: fast}\n",
         ":5: links[0].rate: rate: bad value 'fast'; accepted: a rate"},
        {"name: x\n" GOOD "links:\n  - {between: [a, r], delay: 10}\n",
         ":5: links[0].delay: delay: bad value '10'; accepted: a time with its unit"},
        {"name: x\n" GOOD "links:\n  - {between: [a, r], loss: 101%}\n",
         "links[0].loss: loss: bad value '101%'"},
        {"name: x\n" GOOD "links:\n  - {between: [a, c]}\n",
         ":5: links[0].between: there is no node 'c'; accepted: a, b, r"},
        {"name: x\n" GOOD "links:\n  - {between: [a]}\n", "has 1 nodes; accepted: [A, B]"},
        {"name: x\n" GOOD "links:\n  - {between: [a, b], delay: 1ms}\n",
         "a link between two hosts cannot have rate, delay or loss"},
        {"name: x\n" GOOD "links:\n  - {between: [a, r], duplex: half}\n",
         "needs a rate for its shared medium"},
        {"name: x\n" GOOD "links:\n  - {between: [a, r], delay: 1ms, jitter: 2ms}\n", "jitter"},
        {"name: x\n" GOOD "links:\n  - {between: [a, r]}\n  - {between: [a, r]}\n",
         ":6: links[1].name: there is a link 'a-r' already"},
        {"name: x\n" GOOD "links:\n  - {between: [a, r], mtu: 70000}\n",
         "links[0].mtu: bad value '70000'; accepted: a whole number from 1280 to 65535"},
        {"name: x\nhosts: [{name: a}, {name: a}]\nlinks: []\n",
         ":2: hosts[1].name: there are two nodes named 'a'"},
        {"name: x\nhosts: [{name: 'a b'}]\nlinks: []\n", "hosts[0].name: bad value 'a b'"},
        {"name: x\nhosts: [{name: a, sysctls: [kernel.panic=1]}]\nlinks: []\n",
         "bad value 'kernel.panic=1'; accepted: net."},
        {"name: x\naddressing: sometimes\n" GOOD "links: []\n",
         ":2: addressing: bad value 'sometimes'; accepted: auto, manual"},
        {"name: x\n" GOOD "links:\n  - {between: [a, r], name: a-name-that-is-too-long}\n",
         "longer than an interface's name can be (15)"},
    };
    char path[] = "/tmp/extcp-unit-XXXXXX.yaml";
    int fd = mkstemps(path, 5);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct topology *t = NULL;
        struct err e = ERR_INIT;
        assert_int_equal(write_file_atomic(path, rows[i].text, strlen(rows[i].text), &e), 0);
        assert_true(topology_load(&t, path, NULL, 0, &e) < 0);
        assert_null(t);
        assert_int_equal(e.status, EXIT_USAGE);
        if (!strstr(e.msg, rows[i].part) || strncmp(e.msg, path, strlen(path)))
            fail_msg("row %zu: expected '%s' in '%s'", i, rows[i].part, e.msg);
    }
    unlink(path);
}

static void bad_overrides(void **state)
{
    static const struct {
        const char *set, *part;
    } rows[] = {{"nope.delay=1ms",
                 "no link or node 'nope'; accepted: client-r1, r1-server, client, server, r1"},
                {"client-r1.speed=1", "a link has no 'speed'"},
                {"client.speed=1", "a node has no 'speed'; accepted: count, hash"},
                {"client-r1", "accepted: LINK.KEY=VALUE"},
                {"client-r1.delay=abc", "bad value 'abc'"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char *set[] = {(char *)rows[i].set};
        struct topology *t = NULL;
        struct err e = ERR_INIT;
        assert_true(topology_load(&t, "routed", set, 1, &e) < 0);
        if (!strstr(e.msg, rows[i].part))
            fail_msg("%s: expected '%s' in '%s'", rows[i].set, rows[i].part, e.msg);
    }
}

static void manual(void **state)
{
    static const char text[] = "name: m\naddressing: manual\nrouting: manual\n" GOOD
                               "links:\n  - {between: [a, r]}\n  - {between: [r, b]}\n"
                               "addresses:\n  - {node: a, link: a-r, address: 192.0.2.1/28}\n  - "
                               "{node: r, link: a-r, address: 192.0.2.2/28}\n"
                               "  - {node: r, link: r-b, address: 2001:db8::1/64}\n"
                               "routes:\n  - {node: a, to: default, via: [192.0.2.2], metric: 5}\n"
                               "  - {node: a, to: default, via: [192.0.2.2], table: 43, "
                               "quickack: yes}\n"
                               "rules:\n  - {node: a, from: 192.0.2.1, table: 42}\n"
                               "  - {node: a, mark: 172, table: 43}\n";
    char path[] = "/tmp/extcp-unit-XXXXXX.yaml";
    struct err e = ERR_INIT;

    (void)state;
    close(mkstemps(path, 5));
    assert_int_equal(write_file_atomic(path, text, strlen(text), &e), 0);
    struct topology *t = load(path, NULL, 0);
    assert_int_equal(t->n_addrs, 3);
    assert_int_equal(t->addrs[0].prefix_len, 28);
    assert_int_equal(t->addrs[2].family, AF_INET6);
    assert_int_equal(t->n_routes, 2);
    assert_int_equal(t->routes[0].metric, 5);
    assert_false(t->routes[0].quickack);
    assert_true(t->routes[1].quickack);
    assert_int_equal(t->rules[0].table, 42);
    assert_int_equal(t->n_rules, 3); /* a mark is for both families */
    for (unsigned i = 1; i < 3; i++) {
        assert_int_equal(t->rules[i].mark, 172);
        assert_int_equal(t->rules[i].src_len, 0);
        assert_int_equal(t->rules[i].table, 43);
        assert_true(t->rules[i].priority < t->rules[0].priority);
    }
    assert_int_equal(t->rules[1].family, AF_INET);
    assert_int_equal(t->rules[2].family, AF_INET6);
    topology_free(t);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_files),    cmocka_unit_test(source_routing),
        cmocka_unit_test(paths_and_queues), cmocka_unit_test(equal_cost),
        cmocka_unit_test(large_star),       cmocka_unit_test(directions),
        cmocka_unit_test(bad_files),        cmocka_unit_test(bad_overrides),
        cmocka_unit_test(manual),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

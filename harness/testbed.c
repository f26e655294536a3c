/* SPDX-License-Identifier: BSD-2-Clause */
#include "testbed.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "log.h"
#include "netns.h"
#include "offload.h"
#include "rtnl.h"
#include "statedir.h"
#include "testbed_routes.h"
#include "util.h"

#define NETNS_ROOT      "/run/netns"
#define LOOPBACK        1    /* its ifindex in every namespace */
#define FIRST_IFINDEX   1000 /* of link 0: above whatever a new namespace has */
#define CARRIER_TIMEOUT (5 * NSEC_PER_SEC)

struct tb_node {
    char *ns_name, *cgroup_path;
    int ns_fd, cgroup_fd;
    struct rtnl *nl; /* while building and for changes */
};

struct testbed {
    const struct topology *t;
    struct statedir *state;
    struct tb_node *nodes;
    char *cgroup_root;
    struct linkemu *emu;
};

int testbed_ifindex(unsigned link)
{
    return FIRST_IFINDEX + (int)link;
}

void testbed_tag(const struct testbed *tb, unsigned node, char tag[TESTBED_TAG_SIZE])
{
    snprintf(tag, TESTBED_TAG_SIZE, "%s%02x", testbed_id(tb), node);
}

const char *testbed_id(const struct testbed *tb)
{
    return statedir_id(tb->state);
}

struct statedir *testbed_state(const struct testbed *tb)
{
    return tb->state;
}

const struct topology *testbed_topology(const struct testbed *tb)
{
    return tb->t;
}

int testbed_ns_fd(const struct testbed *tb, unsigned node)
{
    return tb->nodes[node].ns_fd;
}

int testbed_cgroup_fd(const struct testbed *tb, unsigned node)
{
    return tb->nodes[node].cgroup_fd;
}

const char *testbed_cgroup_path(const struct testbed *tb, unsigned node)
{
    return tb->nodes[node].cgroup_path;
}

const char *testbed_ns_name(const struct testbed *tb, unsigned node)
{
    return tb->nodes[node].ns_name;
}

struct linkemu *testbed_linkemu(struct testbed *tb)
{
    return tb->emu;
}

/* ---- namespaces and cgroups ---- */

/* What every new namespace gets, before it has interfaces: `default` is what they start from. */
static const struct {
    const char *name, *value;
    bool routers_only;
} sysctls[] = {
    {"net/ipv4/conf/all/rp_filter", "0", false},
    {"net/ipv4/conf/default/rp_filter", "0", false},
    {"net/ipv6/conf/default/accept_dad", "0", false},
    {"net/ipv6/conf/default/accept_ra", "0", false},
    {"net/ipv6/conf/default/addr_gen_mode", "1", false},
    {"net/ipv6/conf/all/keep_addr_on_down", "1", false},
    {"net/ipv6/conf/default/keep_addr_on_down", "1", false},
    {"net/ipv4/tcp_no_metrics_save", "1", false},
    {"net/ipv4/ip_forward", "1", true},
    {"net/ipv6/conf/all/forwarding", "1", true},
    {"net/ipv4/conf/all/send_redirects", "0", true},
    {"net/ipv4/conf/default/send_redirects", "0", true},
};

static int set_sysctls(struct testbed *tb, unsigned i, struct err *e)
{
    const struct topo_node *n = &tb->t->nodes[i];
    int fd = tb->nodes[i].ns_fd, rc = 0;

    for (unsigned k = 0; !rc && k < ARRAY_SIZE(sysctls); k++)
        if (!sysctls[k].routers_only || n->kind == NODE_ROUTER)
            rc = netns_sysctl(fd, sysctls[k].name, sysctls[k].value, e);
    if (!rc && n->hash_policy != HASH_L3) {
        char v[4];
        snprintf(v, sizeof(v), "%d", (int)n->hash_policy);
        rc = netns_sysctl(fd, "net/ipv4/fib_multipath_hash_policy", v, e);
        if (!rc)
            rc = netns_sysctl(fd, "net/ipv6/fib_multipath_hash_policy", v, e);
    }
    for (unsigned k = 0; !rc && k < n->n_sysctls; k++) {
        char *name = xstrdup(n->sysctls[k]), *eq = strchr(name, '=');
        *eq = '\0';
        for (char *p = name; *p; p++)
            *p = *p == '.' ? '/' : *p;
        rc = netns_sysctl(fd, name, eq + 1, e);
        free(name);
    }
    return rc ? err_prefix(e, "%s", n->name) : 0;
}

/* A new namespace, bound to NETNS_ROOT/name as `ip netns add` does, and a descriptor of it. */
static int new_namespace(const char *name, int *fd, struct err *e)
{
    char *path = xasprintf("%s/%s", NETNS_ROOT, name);
    int saved = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), rc = 0, file;

    *fd = -1;
    file = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0444);
    if (saved < 0 || file < 0) {
        rc = err_broke(e, -errno, "%s: %s", path, strerror(errno));
    } else if (unshare(CLONE_NEWNET)) {
        rc = errno == EPERM ? err_lacks(e, -EPERM, "network namespaces need root")
                            : err_broke(e, -errno, "unshare: %s", strerror(errno));
    } else {
        *fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
        if (*fd < 0 || mount("/proc/thread-self/ns/net", path, "none", MS_BIND, NULL))
            rc = err_broke(e, -errno, "%s: cannot bind the namespace: %s", path, strerror(errno));
        netns_leave(saved);
        saved = -1;
    }
    if (saved >= 0)
        close(saved);
    if (file >= 0)
        close(file);
    free(path);
    return rc;
}

static int make_nodes(struct testbed *tb, struct err *e)
{
    char mount_point[256];
    int rc = cgroup_mount(mount_point, sizeof(mount_point), e);

    if (!rc && (rc = mkdir_p(NETNS_ROOT)))
        rc = err_broke(e, rc, "%s: %s", NETNS_ROOT, strerror(-rc));
    if (rc)
        return rc;
    tb->cgroup_root = xasprintf("%s/extcp-%s", mount_point, testbed_id(tb));
    rc = statedir_note(tb->state, STATE_CGROUP, tb->cgroup_root, e);
    for (unsigned i = 0; !rc && i < tb->t->n_nodes; i++) {
        struct tb_node *n = &tb->nodes[i];
        n->ns_name = xasprintf("extcp-%s-%s", testbed_id(tb), tb->t->nodes[i].name);
        n->cgroup_path = xasprintf("%s/%s", tb->cgroup_root, tb->t->nodes[i].name);
        rc = statedir_note(tb->state, STATE_NETNS, n->ns_name, e);
    }
    if (!rc) {
        int fd = cgroup_create(tb->cgroup_root, e);
        rc = fd < 0 ? fd : 0;
        if (fd >= 0)
            close(fd);
    }
    for (unsigned i = 0; !rc && i < tb->t->n_nodes; i++) {
        struct tb_node *n = &tb->nodes[i];
        rc = new_namespace(n->ns_name, &n->ns_fd, e);
        if (!rc)
            rc = rtnl_open(&n->nl, n->ns_fd, tb->t->nodes[i].name, e);
        if (!rc)
            rc = set_sysctls(tb, i, e);
        if (!rc && tb->t->nodes[i].kind == NODE_HOST) {
            n->cgroup_fd = cgroup_create(n->cgroup_path, e);
            rc = n->cgroup_fd < 0 ? n->cgroup_fd : 0;
        }
    }
    return rc;
}

/* ---- links, addresses, routes ---- */

static int flush_all(struct testbed *tb, struct err *e)
{
    for (unsigned i = 0; i < tb->t->n_nodes; i++) {
        int rc = rtnl_flush(tb->nodes[i].nl, e);
        if (rc)
            return rc;
    }
    return 0;
}

/* Veth pairs are created from their b end (the hub of a star: few sockets, full batches). */
static int make_links(struct testbed *tb, struct err *e)
{
    int rc;

    for (unsigned l = 0; l < tb->t->n_links; l++) {
        const struct topo_link *k = &tb->t->links[l];
        rtnl_veth(tb->nodes[k->node[1]].nl, k->name, testbed_ifindex(l), k->mtu,
                  tb->nodes[k->node[0]].ns_fd);
    }
    rc = flush_all(tb, e);
    for (unsigned i = 0; !rc && i < tb->t->n_nodes; i++) {
        const struct topo_loopback *lo = &tb->t->nodes[i].loopback;
        rtnl_link_limits(tb->nodes[i].nl, "lo", LOOPBACK, lo->mtu, lo->gso_max_segs);
        rtnl_link_up(tb->nodes[i].nl, "lo", LOOPBACK, true);
    }
    for (unsigned l = 0; !rc && l < tb->t->n_links; l++) {
        const struct topo_link *k = &tb->t->links[l];
        for (unsigned end = 0; end < 2; end++) {
            struct rtnl *nl = tb->nodes[k->node[end]].nl;
            rtnl_link_limits(nl, k->name, testbed_ifindex(l), 0, k->gso_max_segs);
            rtnl_link_up(nl, k->name, testbed_ifindex(l), true);
        }
    }
    return rc ? rc : flush_all(tb, e);
}

static int set_offloads(struct testbed *tb, unsigned node, const unsigned *links, unsigned n,
                        struct err *e)
{
    const struct topo_loopback *lo = &tb->t->nodes[node].loopback;
    const char **names = xcalloc(n + 1, sizeof(*names));
    bool *on = xcalloc(n + 1, sizeof(*on));
    int saved, rc;

    for (unsigned i = 0; i < n; i++) {
        names[i] = tb->t->links[links[i]].name;
        on[i] = tb->t->links[links[i]].offloads;
    }
    if (lo->given) {
        names[n] = "lo";
        on[n++] = lo->offloads;
    }
    saved = netns_enter(tb->nodes[node].ns_fd);
    if (saved < 0) {
        rc = err_broke(e, saved, "cannot enter the namespace: %s", strerror(-saved));
    } else {
        rc = offload_set(names, on, n, e);
        netns_leave(saved);
    }
    free(names);
    free(on);
    return rc ? err_prefix(e, "%s", tb->t->nodes[node].name) : 0;
}

static int make_offloads(struct testbed *tb, struct err *e)
{
    unsigned *links = xcalloc(tb->t->n_links, sizeof(*links));
    unsigned *start = xcalloc(tb->t->n_nodes + 1, sizeof(*start)),
             *of = xcalloc(2 * (size_t)tb->t->n_links, sizeof(*of));
    int rc = 0;

    for (unsigned l = 0; l < tb->t->n_links; l++)
        for (unsigned end = 0; end < 2; end++)
            start[tb->t->links[l].node[end] + 1]++;
    for (unsigned i = 0; i < tb->t->n_nodes; i++)
        start[i + 1] += start[i];
    for (unsigned l = 0; l < tb->t->n_links; l++)
        for (unsigned end = 0; end < 2; end++)
            of[start[tb->t->links[l].node[end]]++] = l;
    for (unsigned i = 0; !rc && i < tb->t->n_nodes; i++) {
        unsigned from = i ? start[i - 1] : 0;
        rc = set_offloads(tb, i, of + from, start[i] - from, e);
    }
    free(links);
    free(start);
    free(of);
    return rc;
}

static void queue_addresses(struct testbed *tb, int only_link)
{
    for (unsigned i = 0; i < tb->t->n_addrs; i++) {
        const struct topo_addr *a = &tb->t->addrs[i];
        const struct topo_link *k = &tb->t->links[a->link];
        unsigned end = k->node[0] == a->node ? 0 : 1;
        uint8_t mac[6];

        if (only_link >= 0 && a->link != (unsigned)only_link)
            continue;
        rtnl_addr(tb->nodes[a->node].nl, testbed_ifindex(a->link), a->family, &a->v6,
                  a->prefix_len);
        /* The other end knows our MAC: no ARP or neighbour discovery in the middle of a
         * measurement. End b created the pair. */
        rtnl_mac(mac, testbed_ifindex(a->link), end == 1 ? 0 : 1);
        rtnl_neighbour(tb->nodes[k->node[!end]].nl, testbed_ifindex(a->link), a->family, &a->v6,
                       mac);
    }
}

static void queue_routes(struct testbed *tb, int only_link)
{
    for (unsigned i = 0; i < tb->t->n_routes; i++) {
        const struct topo_route *r = &tb->t->routes[i];
        bool uses = only_link < 0;
        for (unsigned k = 0; !uses && k < r->n_nexthops; k++)
            uses = r->nexthop[k].link == (unsigned)only_link;
        if (uses)
            testbed_queue_route(tb->nodes[r->node].nl, r);
    }
}

static int make_routing(struct testbed *tb, struct err *e)
{
    int rc;

    queue_addresses(tb, -1);
    rc = flush_all(tb, e);
    if (rc)
        return rc;
    queue_routes(tb, -1);
    for (unsigned i = 0; i < tb->t->n_rules; i++)
        testbed_queue_rule(tb->nodes[tb->t->rules[i].node].nl, &tb->t->rules[i]);
    return flush_all(tb, e);
}

/* ---- the whole ---- */

static int start_emulation(struct testbed *tb, const struct testbed_options *o, struct err *e)
{
    char *cgroup = xasprintf("%s/harness", tb->cgroup_root),
         *procs = xasprintf("%s/cgroup.procs", cgroup);
    int *ns = xcalloc(tb->t->n_nodes, sizeof(*ns)), fd = cgroup_create(cgroup, e),
        rc = fd < 0 ? fd : 0;
    struct linkemu_options lo = {
        .backend = o->backend, .changes = o->changes, .cgroup_procs = procs, .seed = o->seed};

    if (fd >= 0)
        close(fd);
    for (unsigned i = 0; i < tb->t->n_nodes; i++)
        ns[i] = tb->nodes[i].ns_fd;
    if (!rc)
        rc = linkemu_start(&tb->emu, tb->t, ns, &lo, e);
    free(ns);
    free(cgroup);
    free(procs);
    return rc;
}

/* Three descriptors for each node; a shell's soft limit may be 1024. */
static void raise_file_limit(void)
{
    struct rlimit rl;

    if (!getrlimit(RLIMIT_NOFILE, &rl) && rl.rlim_cur < rl.rlim_max) {
        rl.rlim_cur = rl.rlim_max;
        setrlimit(RLIMIT_NOFILE, &rl);
    }
}

int testbed_build(struct testbed **out, const struct topology *t, const struct testbed_options *o,
                  struct err *e)
{
    struct testbed *tb = xcalloc(1, sizeof(*tb));
    int rc;

    *out = NULL;
    raise_file_limit();
    tb->t = t;
    tb->nodes = xcalloc(t->n_nodes, sizeof(*tb->nodes));
    for (unsigned i = 0; i < t->n_nodes; i++)
        tb->nodes[i].ns_fd = tb->nodes[i].cgroup_fd = -1;
    rc = statedir_create(&tb->state, e);
    if (!rc)
        rc = make_nodes(tb, e);
    if (!rc)
        rc = make_links(tb, e);
    if (!rc)
        rc = make_offloads(tb, e);
    if (!rc)
        rc = make_routing(tb, e);
    for (unsigned i = 0; !rc && i < t->n_nodes; i++)
        rc = testbed_verify_node(t, i, tb->nodes[i].nl, e);
    if (!rc)
        rc = start_emulation(tb, o, e);
    if (rc) {
        testbed_destroy(tb);
        return rc;
    }
    *out = tb;
    return 0;
}

void testbed_destroy(struct testbed *tb)
{
    if (!tb)
        return;
    linkemu_stop(tb->emu);
    for (unsigned i = 0; i < tb->t->n_nodes; i++) {
        struct tb_node *n = &tb->nodes[i];
        rtnl_close(n->nl);
        if (n->cgroup_fd >= 0)
            close(n->cgroup_fd);
        if (n->ns_fd >= 0)
            close(n->ns_fd);
        free(n->ns_name);
        free(n->cgroup_path);
    }
    statedir_remove(tb->state);
    free(tb->nodes);
    free(tb->cgroup_root);
    free(tb);
}

static int running(struct nlmsghdr *h, void *arg)
{
    const struct ifinfomsg *ifi = nlmsg_data(h);
    int *want = arg; /* ifindex; 0 once it runs */

    if (ifi->ifi_index == *want && ifi->ifi_flags & IFF_RUNNING)
        *want = 0;
    return 0;
}

static int wait_carrier(struct testbed *tb, unsigned link, struct err *e)
{
    uint64_t deadline = now_mono_ns() + CARRIER_TIMEOUT;

    for (unsigned end = 0; end < 2; end++) {
        for (;;) {
            struct ifinfomsg ifi = {0};
            int want = testbed_ifindex(link);
            int rc = rtnl_dump(tb->nodes[tb->t->links[link].node[end]].nl, RTM_GETLINK, &ifi,
                               sizeof(ifi), running, &want, e);
            if (rc)
                return rc;
            if (!want)
                break;
            if (now_mono_ns() > deadline)
                return err_broke(e, -ETIMEDOUT, "link %s has no carrier after it was set up",
                                 tb->t->links[link].name);
            poll(NULL, 0, 1);
        }
    }
    return 0;
}

int testbed_link_up(struct testbed *tb, unsigned link, bool up, struct err *e)
{
    const struct topo_link *k = &tb->t->links[link];
    int rc = 0;

    for (unsigned end = 0; end < 2 && !rc; end++) {
        rtnl_link_up(tb->nodes[k->node[end]].nl, k->name, testbed_ifindex(link), up);
        rc = rtnl_flush(tb->nodes[k->node[end]].nl, e);
    }
    if (rc || !up)
        return rc;
    rc = wait_carrier(tb, link, e);
    if (rc)
        return rc;
    queue_addresses(tb, (int)link); /* the kernel forgets routes, neighbours and IPv6 addresses of
                                       an interface that goes down */
    rc = flush_all(tb, e);
    if (rc)
        return rc;
    queue_routes(tb, (int)link);
    return flush_all(tb, e);
}

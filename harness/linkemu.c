/* SPDX-License-Identifier: BSD-2-Clause */
#include "linkemu.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "netns.h"
#include "nfqemu.h"
#include "tcqd.h"
#include "testbed_routes.h"
#include "util.h"

#define FIRST_IFB  500000 /* ifindex of the ifb of link 0; see testbed_ifindex */
#define QUEUE_BASE 1000   /* number of the nfqueue of link 0, direction 0 */
#define NO_QUEUE   UINT32_MAX
#define PRIORITY   10

enum place {
    NOWHERE, /* between two hosts */
    EGRESS,  /* root qdisc of the router's own interface of this link */
    IFB,     /* an ifb in front of the router's other interfaces */
};

struct direction {
    enum place place;
    unsigned router; /* node */
    int shaper;      /* ifindex with the tbf (and netem); 0: none */
    bool netem;
    uint32_t queue; /* index in nfqemu, NO_QUEUE */
};

struct linkemu {
    const struct topology *t;
    int *ns;
    struct rtnl **nl;       /* by node; routers only */
    struct direction *dirs; /* [2 * link + dir] */
    struct nfqemu *emu;
    const char *backend;
};

static struct direction *dir_of(struct linkemu *l, unsigned link, unsigned d)
{
    return &l->dirs[2 * link + d];
}

static bool is_router(const struct topology *t, unsigned node)
{
    return t->nodes[node].kind == NODE_ROUTER;
}

static int ifb_of(const struct topo_link *k, unsigned link, unsigned d)
{
    return FIRST_IFB + 2 * (int)link + (k->half_duplex ? 0 : (int)d);
}

/* Where each direction is shaped, and by what. */
static void place_directions(struct linkemu *l, const struct linkemu_options *o, bool netem)
{
    for (unsigned i = 0; i < l->t->n_links; i++) {
        const struct topo_link *k = &l->t->links[i];
        bool changes = o->changes && o->changes[i];
        for (unsigned d = 0; d < 2; d++) {
            struct direction *x = dir_of(l, i, d);
            unsigned from = k->node[d], to = k->node[!d];
            bool emulated = changes || impairment_needs_emulation(&k->dir[d]);

            x->queue = NO_QUEUE;
            x->place = is_router(l->t, from) ? EGRESS : is_router(l->t, to) ? IFB : NOWHERE;
            x->router = is_router(l->t, from) ? from : to;
            if (k->half_duplex && x->place != NOWHERE)
                x->place = IFB;
            if (x->place == NOWHERE)
                continue;
            x->netem = netem && emulated;
            if (changes || k->dir[d].rate_bps || k->half_duplex || k->overhead_bytes || x->netem)
                x->shaper = x->place == EGRESS ? testbed_ifindex(i) : ifb_of(k, i, d);
            if (!netem && emulated)
                x->queue = 0; /* numbered when the queues are made */
        }
    }
}

static void queue_shaper(struct linkemu *l, unsigned link, unsigned d, const struct impairment *imp)
{
    const struct topo_link *k = &l->t->links[link];
    struct direction *x = dir_of(l, link, d);
    struct rtnl *nl = l->nl[x->router];

    if (!x->shaper)
        return;
    if (x->netem)
        tcqd_netem(nl, x->shaper, imp);
    tcqd_tbf(nl, x->shaper, x->netem ? TCQD_NETEM_CHILD : TCQD_ROOT, imp->rate_bps, k->mtu,
             k->overhead_bytes, imp->queue_packets);
}

static const char *ifb_name(const struct topo_link *k, unsigned link, unsigned d, char name[16])
{
    snprintf(name, 16, "ifb%u-%u", link, k->half_duplex ? 0 : d);
    return name;
}

/*
 * The redirects of one link to its ifb, on one other interface of the router. What comes back from
 * an ifb has a mark that makes the kernel skip the next action, so that it is not redirected again
 * (tc_skip_classify, taken off by tcf_action_exec). But it no longer has the `indev` it came in on,
 * and would carry the mark along to the next host, whose packet sockets skip such a packet as well:
 * captures there would not see it. So there is a second filter, for what comes from the ifb, whose
 * only effect is that the mark is taken off.
 */
static void queue_redirect(struct linkemu *l, unsigned link, unsigned d, int on_ifindex)
{
    struct direction *x = dir_of(l, link, d);
    char name[16];

    /* A priority of its own for each link: filters with the same one and different protocols would
     * be refused. */
    tcqd_redirect(l->nl[x->router], on_ifindex, PRIORITY + link, l->t->links[link].name, x->shaper);
    tcqd_redirect(l->nl[x->router], on_ifindex, PRIORITY + link,
                  ifb_name(&l->t->links[link], link, d, name), x->shaper);
}

static bool ends_at(const struct topo_link *k, unsigned node)
{
    return k->node[0] == node || k->node[1] == node;
}

static int make_shapers(struct linkemu *l, struct err *e)
{
    const struct topology *t = l->t;
    bool *clsact = xcalloc(t->n_links, 2 * sizeof(*clsact)); /* [2 * link + end] */
    int rc = 0;

    for (unsigned i = 0; i < t->n_links; i++) {
        for (unsigned d = 0; d < 2; d++) {
            struct direction *x = dir_of(l, i, d);
            char name[16];
            if (!x->shaper || x->place != IFB || (t->links[i].half_duplex && d))
                continue;
            tcqd_ifb(l->nl[x->router], ifb_name(&t->links[i], i, d, name), x->shaper,
                     t->links[i].mtu);
        }
    }
    for (unsigned i = 0; i < t->n_links; i++)
        for (unsigned d = 0; d < 2; d++)
            if (!(t->links[i].half_duplex && d))
                queue_shaper(l, i, d, &t->links[i].dir[d]);
    for (unsigned i = 0; i < t->n_links; i++) {
        for (unsigned d = 0; d < 2; d++) {
            struct direction *x = dir_of(l, i, d);
            bool out = t->links[i].half_duplex && t->links[i].node[d] == x->router;
            if (!x->shaper || x->place != IFB)
                continue;
            for (unsigned j = 0; j < t->n_links; j++) {
                unsigned end = t->links[j].node[0] == x->router ? 0 : 1;
                if (!ends_at(&t->links[j], x->router) || (out ? j != i : j == i))
                    continue;
                if (!clsact[2 * j + end])
                    tcqd_clsact(l->nl[x->router], testbed_ifindex(j));
                clsact[2 * j + end] = true;
                if (out)
                    tcqd_redirect(l->nl[x->router], testbed_ifindex(j), PRIORITY + i, NULL,
                                  x->shaper);
                else
                    queue_redirect(l, i, d, testbed_ifindex(j));
            }
        }
    }
    for (unsigned n = 0; !rc && n < t->n_nodes; n++)
        if (l->nl[n])
            rc = rtnl_flush(l->nl[n], e);
    free(clsact);
    return rc;
}

/* The kernel has each rate as we set it. */
static int verify_shapers(struct linkemu *l, struct err *e)
{
    for (unsigned i = 0; i < l->t->n_links; i++) {
        for (unsigned d = 0; d < 2; d++) {
            struct direction *x = dir_of(l, i, d);
            uint64_t want = l->t->links[i].dir[l->t->links[i].half_duplex ? 0 : d].rate_bps / 8 * 8,
                     is = 0;
            int rc;
            if (!x->shaper)
                continue;
            rc = tcqd_tbf_stats(l->nl[x->router], x->shaper, NULL, &is, e);
            if (rc)
                return err_prefix(e, "link %s", l->t->links[i].name);
            if (want && is != want)
                return err_broke(e, -EIO, "link %s: set a rate of %llu bit/s, read back %llu",
                                 l->t->links[i].name, (unsigned long long)want,
                                 (unsigned long long)is);
        }
    }
    return 0;
}

/* ---- the nfqueue back end ---- */

/* Runs an iptables-restore in the namespace with `rules` on its standard input. 0, -ENOENT (no such
 * command), -EIO with its words. */
static int restore(int ns_fd, const char *command, const char *rules, struct err *e)
{
    int in[2], out[2], status;
    char words[512] = "";
    pid_t pid;
    ssize_t n;

    if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC))
        return err_broke(e, -errno, "pipe: %s", strerror(errno));
    fflush(NULL);
    pid = fork();
    if (!pid) {
        if (netns_enter(ns_fd) < 0 || dup2(in[0], 0) < 0 || dup2(out[1], 1) < 0 ||
            dup2(out[1], 2) < 0)
            _exit(126);
        execlp(command, command, "--noflush", "-w", "10", (char *)NULL);
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    if (pid > 0 && write(in[1], rules, strlen(rules)) < 0)
        log_line("%s: %s", command, strerror(errno));
    close(in[1]);
    n = pid > 0 ? read(out[0], words, sizeof(words) - 1) : -1;
    close(out[0]);
    words[n > 0 ? n : 0] = '\0';
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return err_broke(e, -errno, "%s: %s", command, strerror(errno));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return err_lacks(e, -ENOENT, "%s is missing; apt-get install iptables", command);
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return err_lacks(e, -EIO, "%s refused our NFQUEUE rules: %s", command, words);
    return 0;
}

static int restore_any(int ns_fd, bool v6, const char *rules, struct err *e)
{
    int rc = restore(ns_fd, v6 ? "ip6tables-legacy-restore" : "iptables-legacy-restore", rules, e);

    return rc == -ENOENT || rc == -EIO
               ? restore(ns_fd, v6 ? "ip6tables-restore" : "iptables-restore", rules, e)
               : rc;
}

/* With --queue-bypass a packet passes when nobody listens: a dead emulator never blocks traffic. */
static char *rules_of(struct linkemu *l, unsigned router)
{
    char *rules = xstrdup("*mangle\n");

    for (unsigned i = 0; i < l->t->n_links; i++) {
        for (unsigned d = 0; d < 2; d++) {
            struct direction *x = dir_of(l, i, d);
            bool out = l->t->links[i].node[d] == router;
            if (x->queue == NO_QUEUE || x->router != router)
                continue;
            char *next = xasprintf(
                "%s-A %s %s %s -m mark ! --mark 0x%x -j NFQUEUE --queue-num %u --queue-bypass\n",
                rules, out ? "POSTROUTING" : "FORWARD", out ? "-o" : "-i", l->t->links[i].name,
                NFQEMU_MARK, QUEUE_BASE + 2 * i + d);
            free(rules);
            rules = next;
        }
    }
    char *all = xasprintf("%sCOMMIT\n", rules);
    free(rules);
    return all;
}

static int start_nfqueue(struct linkemu *l, const struct linkemu_options *o, struct err *e)
{
    struct nfqemu_queue *queues = xcalloc(2 * (size_t)l->t->n_links, sizeof(*queues));
    bool *routers = xcalloc(l->t->n_nodes, sizeof(*routers));
    unsigned n = 0;
    int rc = 0;

    for (unsigned i = 0; i < l->t->n_links; i++) {
        for (unsigned d = 0; d < 2; d++) {
            struct direction *x = dir_of(l, i, d);
            if (x->queue == NO_QUEUE)
                continue;
            x->queue = n;
            routers[x->router] = true;
            queues[n++] = (struct nfqemu_queue){
                l->ns[x->router], (uint16_t)(QUEUE_BASE + 2 * i + d), l->t->links[i].dir[d]};
        }
    }
    if (n) {
        l->backend = "nfqueue";
        rc = nfqemu_start(&l->emu, queues, n, o->seed, o->cgroup_procs, e);
    }
    for (unsigned r = 0; !rc && r < l->t->n_nodes; r++) {
        if (!routers[r])
            continue;
        char *rules = rules_of(l, r);
        rc = restore_any(l->ns[r], false, rules, e);
        if (!rc)
            rc = restore_any(l->ns[r], true, rules, e);
        free(rules);
        if (rc)
            err_prefix(e, "%s", l->t->nodes[r].name);
    }
    free(queues);
    free(routers);
    return rc;
}

/* ---- probing ---- */

/* Runs fn in a forked process with a new network namespace; 0 where it returned 0. */
static int in_new_namespace(int (*fn)(void))
{
    int status = -1;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (!pid)
        _exit(unshare(CLONE_NEWNET) ? 1 : fn() ? 2 : 0);
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return -errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int try_netem(void)
{
    const struct impairment imp = {.delay_us = 1000};
    int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), rc;
    struct rtnl *nl;

    if (fd < 0 || rtnl_open(&nl, fd, "probe", NULL))
        return 1;
    tcqd_netem(nl, 1 /* lo */, &imp);
    rc = rtnl_flush(nl, NULL);
    rtnl_close(nl);
    close(fd);
    return rc;
}

static int try_nfqueue(void)
{
    int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    const struct nfqemu_queue q = {.ns_fd = fd, .number = QUEUE_BASE};
    struct nfqemu *emu = NULL;
    struct err e = ERR_INIT;
    int rc = restore_any(fd, false,
                         "*mangle\n-A FORWARD -m mark ! --mark 0x1 -j NFQUEUE --queue-num 1000 "
                         "--queue-bypass\nCOMMIT\n",
                         &e);

    if (!rc)
        rc = nfqemu_start(&emu, &q, 1, 1, NULL, &e);
    if (rc)
        fprintf(stderr, "%s\n", e.msg);
    nfqemu_stop(emu);
    return rc;
}

bool linkemu_have_netem(void)
{
    return in_new_namespace(try_netem) == 0;
}

int linkemu_have_nfqueue(struct err *e)
{
    int rc = in_new_namespace(try_nfqueue);

    return rc ? err_lacks(e, -ENOTSUP, "the NFQUEUE target or nfnetlink_queue does not work here")
              : 0;
}

/* ---- the whole ---- */

static bool anything_emulated(const struct topology *t, const struct linkemu_options *o)
{
    for (unsigned i = 0; i < t->n_links; i++)
        if ((o->changes && o->changes[i]) || impairment_needs_emulation(&t->links[i].dir[0]) ||
            impairment_needs_emulation(&t->links[i].dir[1]))
            return true;
    return false;
}

int linkemu_start(struct linkemu **out, const struct topology *t, const int *node_ns,
                  const struct linkemu_options *o, struct err *e)
{
    struct linkemu *l = xcalloc(1, sizeof(*l));
    bool netem = false;
    int rc = 0;

    *out = l; /* also on an error: the caller stops what there is */
    l->t = t;
    l->backend = "none";
    l->ns = xcalloc(t->n_nodes, sizeof(*l->ns));
    l->nl = xcalloc(t->n_nodes, sizeof(*l->nl));
    l->dirs = xcalloc(2 * (size_t)t->n_links, sizeof(*l->dirs));
    memcpy(l->ns, node_ns, t->n_nodes * sizeof(*l->ns));
    if (anything_emulated(t, o) && o->backend != BACKEND_NFQUEUE) {
        netem = linkemu_have_netem();
        if (!netem && o->backend == BACKEND_NETEM)
            return err_lacks(e, -ENOTSUP,
                             "this kernel has no netem; use --backend nfqueue (or auto)");
        if (netem)
            l->backend = "netem";
    }
    for (unsigned i = 0; !rc && i < t->n_nodes; i++)
        if (is_router(t, i))
            rc = rtnl_open(&l->nl[i], node_ns[i], t->nodes[i].name, e);
    if (rc)
        return rc;
    place_directions(l, o, netem);
    rc = make_shapers(l, e);
    if (!rc)
        rc = verify_shapers(l, e);
    if (!rc && !netem)
        rc = start_nfqueue(l, o, e);
    return rc;
}

const char *linkemu_backend(const struct linkemu *l)
{
    return l->backend;
}

bool linkemu_realtime(const struct linkemu *l)
{
    return l->emu && nfqemu_realtime(l->emu);
}

int linkemu_fd(const struct linkemu *l)
{
    return l->emu ? nfqemu_fd(l->emu) : -1;
}

int linkemu_check(struct linkemu *l, struct err *e)
{
    return l->emu ? nfqemu_check(l->emu, e) : 0;
}

int linkemu_change(struct linkemu *l, unsigned link, enum link_dir dir,
                   const struct impairment *imp, struct err *e)
{
    struct direction *x = dir_of(l, link, dir);

    if (x->place == NOWHERE)
        return err_usage(e, -EINVAL, "link %s is between two hosts and cannot change",
                         l->t->links[link].name);
    if (!x->shaper || (x->queue == NO_QUEUE && !x->netem && impairment_needs_emulation(imp)))
        return err_usage(e, -EINVAL, "link %s was not built to change", l->t->links[link].name);
    if (imp->jitter_us > imp->delay_us)
        return err_usage(e, -EINVAL,
                         "link %s: the jitter (%u us) is larger than the delay (%u us); accepted: "
                         "jitter <= delay",
                         l->t->links[link].name, imp->jitter_us, imp->delay_us);
    if (x->queue != NO_QUEUE)
        nfqemu_change(l->emu, x->queue, imp);
    if (l->t->links[link].half_duplex && dir == DIR_BA)
        return 0; /* one medium, one rate: the forward direction's */
    queue_shaper(l, link, dir, imp);
    return rtnl_flush(l->nl[x->router], e);
}

/* Packets that the kernel itself dropped in front of an nfqueue: queue_dropped and user_dropped in
 * nfnetlink_queue. */
static uint64_t kernel_drops(int ns_fd, unsigned number)
{
    uint64_t drops = 0;
    char *text = NULL, *save = NULL;
    int saved = netns_enter(ns_fd);

    if (saved < 0)
        return 0;
    if (!read_file("/proc/net/netfilter/nfnetlink_queue", &text, NULL, NULL)) {
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
            unsigned q;
            unsigned long long queue_dropped, user_dropped;
            if (sscanf(line, "%u %*u %*u %*u %*u %llu %llu", &q, &queue_dropped, &user_dropped) ==
                    3 &&
                q == number)
                drops = queue_dropped + user_dropped;
        }
    }
    netns_leave(saved);
    free(text);
    return drops;
}

int linkemu_counters(struct linkemu *l, unsigned link, enum link_dir dir,
                     struct linkemu_counters *out, struct err *e)
{
    struct direction *x = dir_of(l, link, dir);

    memset(out, 0, sizeof(*out));
    if (x->queue != NO_QUEUE) {
        struct nfqemu_counters c;
        nfqemu_counters(l->emu, x->queue, &c);
        out->packets = c.packets;
        out->bytes = c.bytes;
        out->lost = c.lost;
        out->reordered = c.reordered;
        out->duplicated = c.duplicated;
        out->overflow = c.overflow + kernel_drops(l->ns[x->router], QUEUE_BASE + 2 * link + dir);
        out->late_max_us = c.late_max_ns / 1000;
    }
    return x->shaper ? tcqd_tbf_stats(l->nl[x->router], x->shaper, &out->shaper_drops, NULL, e) : 0;
}

int linkemu_add_interface(struct linkemu *l, unsigned router, int ifindex, struct err *e)
{
    bool clsact = false;

    for (unsigned i = 0; i < l->t->n_links; i++) {
        for (unsigned d = 0; d < 2; d++) {
            struct direction *x = dir_of(l, i, d);
            if (!x->shaper || x->place != IFB || x->router != router ||
                l->t->links[i].node[d] == router)
                continue;
            if (!clsact)
                tcqd_clsact(l->nl[router], ifindex);
            clsact = true;
            queue_redirect(l, i, d, ifindex);
        }
    }
    return rtnl_flush(l->nl[router], e);
}

void linkemu_stop(struct linkemu *l)
{
    if (!l)
        return;
    nfqemu_stop(l->emu);
    for (unsigned i = 0; i < l->t->n_nodes; i++)
        rtnl_close(l->nl[i]);
    free(l->nl);
    free(l->ns);
    free(l->dirs);
    free(l);
}

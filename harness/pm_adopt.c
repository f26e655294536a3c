/* SPDX-License-Identifier: BSD-2-Clause */
#include "pm_adopt.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "pm_internal.h"
#include "pm_netlink.h"
#include "sockdiag.h"
#include "util.h"

int pm_cgroup_level(const char *path, unsigned *level, struct err *e)
{
    char root[PATH_MAX], *real = realpath(path, NULL);
    int rc = real ? cgroup_mount(root, sizeof(root), e) : 0;
    size_t n = real && !rc ? strlen(root) : 0;

    if (!real)
        return err_usage(e, -errno, "cgroup %s: %s", path, strerror(errno));
    if (!rc && (strncmp(real, root, n) || (real[n] && real[n] != '/')))
        rc = err_usage(e, -EINVAL, "cgroup %s: accepted: a directory of cgroup v2, below %s", path,
                       root);
    *level = 0;
    for (const char *s = real + n; !rc && *s; s++)
        *level += *s == '/' && s[1] && s[1] != '/';
    free(real);
    return rc;
}

struct list {
    struct pm_seen *seen;
    size_t n;
};

/* Reads the iterator to its end: one entry for each subflow that is there. */
static int iterate(struct pm *p, struct list *l, struct err *e)
{
    int link, fd, rc = 0;
    ssize_t got = 0;

    link = bpf_link_create(bpf_program__fd(p->adopt), 0, BPF_TRACE_ITER, NULL);
    fd = link < 0 ? link : bpf_iter_create(link);
    if (fd < 0) {
        rc = err_broke(e, fd, "cannot look at the connections that are there: %s", strerror(-fd));
        if (link >= 0)
            close(link);
        return rc;
    }
    *l = (struct list){0};
    do {
        l->seen = xrealloc(l->seen, (l->n + 1024) * sizeof(*l->seen));
        got = read(fd, l->seen + l->n, 1024 * sizeof(*l->seen));
        if (got > 0)
            l->n += (size_t)got / sizeof(*l->seen);
    } while (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
    if (got < 0)
        rc = err_broke(e, -errno, "reading the connections that are there: %s", strerror(errno));
    close(fd);
    close(link);
    return rc;
}

static int by_token(const void *a, const void *b)
{
    const struct pm_seen *x = a, *y = b;

    return x->token != y->token ? (x->token > y->token) - (x->token < y->token)
                                : y->fresh - x->fresh;
}

/* One entry for each connection; the one that says it is fresh, where there is one. */
static void connections_only(struct list *l)
{
    size_t n = 0;

    qsort(l->seen, l->n, sizeof(*l->seen), by_token);
    for (size_t i = 0; i < l->n; i++)
        if (!n || l->seen[n - 1].token != l->seen[i].token)
            l->seen[n++] = l->seen[i];
    l->n = n;
}

static void learn(__u32 token, const struct pm_addr *a, int announced, void *arg)
{
    struct pm *p = arg;

    (void)token;
    (void)announced;
    pm_locals_learn(&p->locals, a);
}

static void tell_announced(__u32 token, const struct pm_addr *a, int announced, void *arg)
{
    const struct pm_input in = {.kind = PM_IN_OURS, .token = token, .local = *a};

    if (announced)
        pm_feed(arg, &in);
}

int pm_learn_ids(struct pm *p, struct err *e)
{
    struct list l;
    int rc;

    p->shared->list_only = 1;
    rc = iterate(p, &l, e);
    p->shared->list_only = 0;
    if (rc)
        return rc;
    connections_only(&l);
    /* A connection that ended meanwhile has nothing to tell. */
    for (size_t i = 0; i < l.n; i++)
        pm_netlink_addresses(p->netlink, l.seen[i].token, learn, p);
    free(l.seen);
    return 0;
}

static void tell_alive(uint32_t token, void *arg)
{
    const struct pm_input in = {.kind = PM_IN_ALIVE, .token = token};

    pm_feed(arg, &in);
}

/* Forgets what was there before `since_ns`, and is not now. A connection can be without subflows,
 * so it is not by these that it is known to be there. */
static void forget_gone(struct pm *p, uint64_t since_ns)
{
    const struct pm_input forget = {.kind = PM_IN_SWEEP, .value = since_ns};
    int rc = sockdiag_mptcp(tell_alive, p);

    if (rc)
        pm_warn(p,
                "the kernel does not list its MPTCP connections (%s): those without subflows are "
                "no longer managed",
                strerror(-rc));
    pm_feed(p, &forget);
}

int pm_adopt(struct pm *p, bool sweep, struct err *e)
{
    uint64_t began_ns = now_mono_ns();
    struct list l;
    int rc = iterate(p, &l, e);

    if (rc)
        return rc;
    connections_only(&l);
    for (size_t i = 0; i < l.n; i++) {
        const struct pm_input in = {.kind = PM_IN_ADOPT, .token = l.seen[i].token};
        if (!l.seen[i].fresh)
            continue;
        pm_netlink_addresses(p->netlink, in.token, tell_announced, p);
        if (l.seen[i].fully_established)
            pm_feed(p, &in);
    }
    free(l.seen);
    if (sweep)
        forget_gone(p, began_ns);
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* `mptcp:` in an experiment: the path manager of each host. */
#include <errno.h>
#include <linux/mptcp.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "experiment_resolve.h"
#include "program.h"
#include "util.h"

#define MANAGERS "none, kernel, ebpf:POLICY, mptcpd[:PLUGIN]"
/* Ours (peers/mptcpd_extcp.c) and the one of Debian's package that tells the in-kernel manager. */
#define PLUGINS "fullmesh, ndiffports, addr_adv"

static bool known_plugin(const char *name)
{
    return !strcmp(name, "fullmesh") || !strcmp(name, "ndiffports") || !strcmp(name, "addr_adv");
}

/* Is it a path manager that this build has? */
static int check_policy(struct resolve *r, const char *where, const char *policy)
{
    struct program_decl *d = NULL;
    struct err inner = ERR_INIT;

    if (program_declares(policy, &d, &inner))
        return field_error(r, where, "manager", "ebpf: %s", inner.msg);
    program_decl_free(d);
    return 0;
}

static int manager_kind(struct resolve *r, const char *where, const char *text,
                        struct manager_use *m)
{
    const char *colon = strchr(text, ':');

    if (!strcmp(text, "none") || !strcmp(text, "kernel")) {
        m->kind = *text == 'n' ? MANAGER_NONE : MANAGER_KERNEL;
    } else if (!strncmp(text, "ebpf:", 5) && text[5]) {
        m->kind = MANAGER_EBPF;
        /* An object file's path: the manager runs in another directory. */
        char *file = strchr(text, '/') ? realpath(text + 5, NULL) : NULL;
        m->policy = file ? file : xstrdup(text + 5);
        return check_policy(r, where, m->policy);
    } else if (!strcmp(text, "mptcpd") || (!strncmp(text, "mptcpd:", 7) && text[7])) {
        m->kind = MANAGER_MPTCPD;
        m->policy = xstrdup(colon ? colon + 1 : "fullmesh");
        if (!known_plugin(m->policy))
            return field_error(r, where, "manager", "mptcpd has no plugin '%s'; accepted: " PLUGINS,
                               m->policy);
    } else {
        return field_error(r, where, "manager", "bad value '%s'; accepted: " MANAGERS, text);
    }
    return 0;
}

/* The variant's, unless it says otherwise. */
static int manager_family(struct resolve *r, const char *where, const char *raw,
                          const struct variant *v, struct manager_use *m)
{
    char *text = NULL;
    int rc = field_text(r, where, "family", raw, &text);

    m->family = v->family;
    if (!rc && text && m->kind != MANAGER_EBPF)
        rc = field_error(r, where, "family", "is only for ebpf:POLICY");
    else if (!rc && text && !strcmp(text, "both"))
        m->family = AF_UNSPEC;
    else if (!rc && text && (!strcmp(text, "4") || !strcmp(text, "6")))
        m->family = *text == '4' ? AF_INET : AF_INET6;
    else if (!rc && text)
        rc = field_error(r, where, "family", "bad value '%s'; accepted: 4, 6, both", text);
    free(text);
    return rc;
}

static int endpoint_flags(struct resolve *r, const char *where, const struct x_endpoint *x,
                          struct pm_endpoint *p)
{
    char **flags;
    unsigned n;

    if (field_list(r, where, "flags", x->flags, x->flags_count, &flags, &n))
        return r->e->code;
    for (unsigned i = 0; i < n; i++) {
        uint32_t flag = endpoint_flag(flags[i]);
        if (!flag)
            field_error(r, where, "flags",
                        "unknown flag '%s'; accepted: signal, subflow, backup, fullmesh", flags[i]);
        p->flags |= flag;
    }
    list_free(flags, n);
    if (r->e->code)
        return r->e->code;
    if (x->port && !(p->flags & MPTCP_PM_ADDR_FLAG_SIGNAL))
        return field_error(r, where, "port", "is only for an endpoint with the flag signal");
    if (p->flags & MPTCP_PM_ADDR_FLAG_SIGNAL && p->flags & MPTCP_PM_ADDR_FLAG_FULLMESH)
        return field_error(r, where, "flags",
                           "the kernel takes either signal or fullmesh for an endpoint, not both");
    return 0;
}

static int add_endpoint(struct resolve *r, const char *where, const struct x_endpoint *x,
                        const struct variant *v, struct manager_use *m)
{
    struct pm_endpoint *p = &m->endpoints[m->n_endpoints];
    uint64_t family = v->family == AF_INET ? 4 : 6, id = 0, port = 0;
    const struct topo_addr *a;
    char *link = NULL;
    unsigned l = 0;
    int rc;

    if (field_unsigned(r, where, "family", x->family, 4, 6, &family) ||
        field_unsigned(r, where, "id", x->id, 1, 255, &id) ||
        field_unsigned(r, where, "port", x->port, 1, 65535, &port) ||
        field_text(r, where, "link", x->link, &link))
        return r->e->code;
    rc = family == 5 ? field_error(r, where, "family", "bad value '5'; accepted: 4, 6")
                     : field_link(r, v->topology, where, "link", link, &l);
    if (!rc)
        rc = endpoint_flags(r, where, x, p);
    if (!rc) {
        p->family = family == 4 ? AF_INET : AF_INET6;
        p->id = (uint8_t)id;
        p->port = (uint16_t)port;
        a = topology_addr(v->topology, m->node, (int)l, p->family);
        if (!a)
            rc = field_error(r, where, "link", "'%s': %s has no IPv%u address there", link,
                             v->topology->nodes[m->node].name, (unsigned)family);
        else
            memcpy(&p->v6, &a->v6, p->family == AF_INET ? 4 : 16);
    }
    free(link);
    m->n_endpoints++;
    return rc;
}

/* What does not go with this kind of manager. */
static int manager_keys(struct resolve *r, const char *where, const struct x_mptcp *x,
                        const struct manager_use *m)
{
    bool in_kernel =
        m->kind == MANAGER_KERNEL || (m->kind == MANAGER_MPTCPD && !strcmp(m->policy, "addr_adv"));

    if (x->endpoints_count && m->kind != MANAGER_KERNEL)
        return field_error(r, where, "endpoints", "is only for `manager: kernel`");
    if ((x->subflows || x->add_addr_accepted) && !in_kernel)
        return field_error(r, where, x->subflows ? "subflows" : "add_addr_accepted",
                           "is a limit of the in-kernel manager; accepted with kernel and "
                           "mptcpd:addr_adv (a policy has parameters: `set:`)");
    if (x->set_count && m->kind != MANAGER_EBPF && m->kind != MANAGER_MPTCPD)
        return field_error(r, where, "set", "is only for ebpf:POLICY and mptcpd");
    if (x->endpoints_count > ENDPOINTS_MAX)
        return field_error(r, where, "endpoints", "%u of them; the kernel takes at most %d",
                           x->endpoints_count, ENDPOINTS_MAX);
    for (unsigned i = 0; m->kind == MANAGER_MPTCPD && i < m->n_set; i++) {
        const char *value = m->set[i] + strcspn(m->set[i], "=");
        uint64_t n = 0;
        if (strcmp(m->policy, "ndiffports") || strncmp(m->set[i], "subflows=", 9) ||
            parse_u64(value + 1, &n) || n < 1 || n > 8)
            return field_error(r, where, "set",
                               "'%s'; accepted: subflows=1..8, with mptcpd:ndiffports", m->set[i]);
    }
    return 0;
}

static int add_manager(struct resolve *r, const char *where, const struct x_mptcp *x,
                       struct variant *v)
{
    struct manager_use *m;
    uint64_t subflows = 0, accepted = 0;
    char *host = NULL, *manager = NULL;
    int rc;

    v->managers = xrealloc(v->managers, (v->n_managers + 1) * sizeof(*v->managers));
    m = &v->managers[v->n_managers++];
    memset(m, 0, sizeof(*m));
    if (field_text(r, where, "host", x->host, &host))
        return r->e->code;
    rc = field_node(r, v->topology, where, "host", host, &m->node);
    for (unsigned i = 0; !rc && i + 1 < v->n_managers; i++)
        if (v->managers[i].node == m->node)
            rc = field_error(r, where, "host", "'%s' has a path manager already", host);
    free(host);
    if (rc || field_text(r, where, "manager", x->manager, &manager))
        return r->e->code;
    rc = manager_kind(r, where, manager, m);
    free(manager);
    if (rc || manager_family(r, where, x->family, v, m) ||
        field_list(r, where, "set", x->set, x->set_count, &m->set, &m->n_set) ||
        field_unsigned(r, where, "subflows", x->subflows, 0, ENDPOINTS_MAX, &subflows) ||
        field_unsigned(r, where, "add_addr_accepted", x->add_addr_accepted, 0, ENDPOINTS_MAX,
                       &accepted) ||
        manager_keys(r, where, x, m))
        return r->e->code;
    m->limits = (struct pm_limits){(unsigned)subflows, (unsigned)accepted};
    for (unsigned i = 0; i < x->endpoints_count; i++) {
        char item[128];
        snprintf(item, sizeof(item), "%s.endpoints[%u]", where, i);
        if (add_endpoint(r, item, &x->endpoints[i], v, m))
            return r->e->code;
    }
    return 0;
}

/* Does the variant name the host of this one of the file's? */
static bool replaced(struct resolve *r, const struct x_variant *xv, const char *raw_host)
{
    for (unsigned k = 0; k < xv->mptcp_count; k++) {
        char *a = NULL, *b = NULL;
        bool same;
        if (field_text(r, "", "host", xv->mptcp[k].host, &a) ||
            field_text(r, "", "host", raw_host, &b)) {
            free(a);
            return false;
        }
        same = !strcmp(a, b);
        free(a);
        free(b);
        if (same)
            return true;
    }
    return false;
}

int resolve_managers(struct resolve *r, const char *path, const struct x_variant *xv,
                     struct variant *v)
{
    char where[96];

    for (unsigned i = 0; i < r->x->mptcp_count; i++) {
        snprintf(where, sizeof(where), "mptcp[%u]", i);
        bool skip = replaced(r, xv, r->x->mptcp[i].host);
        if (r->e->code || (!skip && add_manager(r, where, &r->x->mptcp[i], v)))
            return r->e->code;
    }
    for (unsigned i = 0; i < xv->mptcp_count; i++) {
        snprintf(where, sizeof(where), "%smptcp[%u]", path, i);
        if (add_manager(r, where, &xv->mptcp[i], v))
            return r->e->code;
    }
    return 0;
}

void managers_free(struct manager_use *m, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        free(m[i].policy);
        list_free(m[i].set, m[i].n_set);
    }
    free(m);
}

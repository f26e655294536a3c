/* SPDX-License-Identifier: BSD-2-Clause */
#include "experiment_resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "capture.h"
#include "program.h"
#include "util.h"

#define DEFAULT_SNAPLEN 256 /* Ethernet, IPv6 and the longest TCP header, and some payload */

int field_node(struct resolve *r, const struct topology *t, const char *path, const char *key,
               const char *name, unsigned *node)
{
    char names[512] = "";
    int n = topology_node(t, name);

    if (n >= 0) {
        *node = (unsigned)n;
        return 0;
    }
    for (unsigned i = 0; i < t->n_nodes && strlen(names) < sizeof(names) - 40; i++)
        snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i ? ", " : "",
                 t->nodes[i].name);
    return field_error(r, path, key, "there is no node '%s' in topology %s; accepted: %s", name,
                       t->name, names);
}

int field_link(struct resolve *r, const struct topology *t, const char *path, const char *key,
               const char *name, unsigned *link)
{
    char names[512] = "";
    int l = topology_link(t, name);

    if (l >= 0) {
        *link = (unsigned)l;
        return 0;
    }
    for (unsigned i = 0; i < t->n_links && strlen(names) < sizeof(names) - 40; i++)
        snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i ? ", " : "",
                 t->links[i].name);
    return field_error(r, path, key, "there is no link '%s' in topology %s; accepted: %s", name,
                       t->name, names);
}

static int load_topology(struct resolve *r, const struct x_variant *xv, const char *path,
                         struct variant *v)
{
    char **all = NULL;
    unsigned n = 0, cap = r->x->set_count + xv->topology_count + r->o->n_settings;
    char *name = NULL;
    int rc = field_text(r, "", "topology", r->x->topology, &name);

    all = xcalloc(cap, sizeof(*all));
    for (unsigned i = 0; !rc && i < r->x->set_count; i++) {
        char item[32];
        snprintf(item, sizeof(item), "set[%u]", i);
        rc = field_text(r, "", item, r->x->set[i], &all[n]);
        n += !rc;
    }
    for (unsigned i = 0; !rc && i < xv->topology_count; i++) {
        char item[32];
        snprintf(item, sizeof(item), "topology[%u]", i);
        rc = field_text(r, path, item, xv->topology[i], &all[n]);
        n += !rc;
    }
    for (unsigned i = 0; !rc && i < r->o->n_settings; i++) {
        const char *s = r->o->settings[i], *dot = strchr(s, '.'), *eq = strchr(s, '=');
        if (dot && eq && dot < eq)
            all[n++] = xstrdup(s);
    }
    if (!rc)
        rc = topology_load(&v->topology, name, all, n, r->e);
    list_free(all, n);
    free(name);
    return rc;
}

static int add_programs(struct resolve *r, const char *path, const struct x_program *xp, unsigned n,
                        struct variant *v)
{
    for (unsigned i = 0; i < n; i++) {
        struct program_use *u;
        struct err inner = ERR_INIT;
        char where[96];
        char *host = NULL;

        v->programs = xrealloc(v->programs, (v->n_programs + 1) * sizeof(*v->programs));
        u = &v->programs[v->n_programs++];
        memset(u, 0, sizeof(*u));
        snprintf(where, sizeof(where), "%sprograms[%u]", path, i);
        if (field_text(r, where, "host", xp[i].host, &host))
            return r->e->code;
        int rc = field_node(r, v->topology, where, "host", host, &u->node);
        free(host);
        if (rc || field_text(r, where, "program", xp[i].program, &u->program) ||
            field_list(r, where, "set", xp[i].set, xp[i].set_count, &u->set, &u->n_set))
            return r->e->code;
        struct program_decl *d;
        if (program_declares(u->program, &d, &inner))
            return field_error(r, where, "program", "%s", inner.msg);
        bool path_manager = d->path_manager;
        u->name = xstrdup(d->name);
        program_decl_free(d);
        if (path_manager)
            return field_error(r, where, "program",
                               "'%s' is a path manager: it needs `extcp pm` beside it and is not "
                               "attached as an option is; accepted: the programs of ./run.sh list",
                               u->program);
        for (unsigned k = 0; k + 1 < v->n_programs; k++)
            if (v->programs[k].node == u->node && !strcmp(v->programs[k].name, u->name))
                return field_error(r, where, "program", "%s is there twice on %s", u->name,
                                   v->topology->nodes[u->node].name);
        for (unsigned k = 0; k < u->n_set; k++)
            if (program_check_setting(u->program, u->set[k], &inner))
                return field_error(r, where, "set", "%s", inner.msg);
    }
    return 0;
}

static void workload_free(struct workload *w)
{
    free(w->name);
    free(w->from);
    free(w->to);
    free(w->congestion);
    free(w->command);
}

static int workload_kind(struct resolve *r, const char *path, const char *raw,
                         enum workload_kind *kind)
{
    static const char *const names[] = {[WORK_IPERF3] = "iperf3",
                                        [WORK_STREAM] = "stream",
                                        [WORK_COMMAND] = "command",
                                        [WORK_REQUESTS] = "requests"};

    for (unsigned i = 0; raw && i < ARRAY_SIZE(names); i++) {
        if (!strcmp(raw, names[i])) {
            *kind = i;
            return 0;
        }
    }
    return field_error(r, path, "kind",
                       "bad value '%s'; accepted: iperf3, stream, requests, command",
                       raw ? raw : "");
}

static int workload_numbers(struct resolve *r, const char *path, const struct x_workload *x,
                            struct workload *w)
{
    uint64_t port = 0, parallel = 0, chunk = 0, cpu = UINT64_MAX, connections = 0;
    char *rate = NULL;

    if (field_double(r, path, "at", x->at, 0, 86400, &w->at_s) ||
        field_double(r, path, "seconds", x->seconds, 0, 86400, &w->seconds) ||
        field_double(r, path, "time_limit", x->time_limit, 0, 86400, &w->time_limit_s) ||
        field_double(r, path, "user_timeout", x->user_timeout, 0, 86400, &w->user_timeout_s) ||
        field_double(r, path, "app_timeout", x->app_timeout, 0, 86400, &w->app_timeout_s) ||
        field_unsigned(r, path, "port", x->port, 1, 65535, &port) ||
        field_unsigned(r, path, "bytes", x->bytes, 1, UINT64_MAX / 2, &w->bytes) ||
        field_unsigned(r, path, "parallel", x->parallel, 1, 128, &parallel) ||
        field_unsigned(r, path, "chunk", x->chunk, 1, 1 << 20, &chunk) ||
        field_unsigned(r, path, "connections", x->connections, 1, 100000, &connections) ||
        field_double(r, path, "hold", x->hold, 0, 3600, &w->hold_s) ||
        field_bool(r, path, "reverse", x->reverse, &w->reverse) ||
        field_bool(r, path, "echo", x->echo, &w->echo) ||
        field_bool(r, path, "ping", x->ping, &w->ping) ||
        field_bool(r, path, "batch", x->batch, &w->batch) ||
        field_unsigned(r, path, "cpu", x->cpu, 0, CPU_SETSIZE - 1, &cpu) ||
        field_bool(r, path, "fast_open", x->fast_open, &w->fast_open) ||
        field_bool(r, path, "mptcp", x->mptcp, &w->mptcp) ||
        field_bool(r, path, "server", x->server, &w->server) ||
        field_bool(r, path, "may_fail", x->may_fail, &w->may_fail) ||
        field_text(r, path, "rate", x->rate, &rate))
        return r->e->code;
    w->port = (unsigned)port;
    w->cpu = (unsigned)(cpu + 1); /* where it is not given, UINT64_MAX becomes 0 */
    w->parallel = (unsigned)parallel;
    w->chunk = (unsigned)chunk;
    w->connections = (unsigned)connections;
    if (rate && parse_rate(rate, &w->rate_bps)) {
        int rc = field_error(r, path, "rate",
                             "bad value '%s'; accepted: a rate such as 8mbit, 500kbit", rate);
        free(rate);
        return rc;
    }
    free(rate);
    return 0;
}

static int add_workload(struct resolve *r, const char *path, const struct x_workload *x,
                        struct variant *v)
{
    struct workload *w;
    struct err inner = ERR_INIT;
    char *kind = NULL;
    unsigned node;
    int rc;

    v->workloads = xrealloc(v->workloads, (v->n_workloads + 1) * sizeof(*v->workloads));
    w = &v->workloads[v->n_workloads++];
    memset(w, 0, sizeof(*w));
    if (field_text(r, path, "name", x->name, &w->name) ||
        field_text(r, path, "kind", x->kind, &kind))
        return r->e->code;
    rc = workload_kind(r, path, kind, &w->kind);
    free(kind);
    if (rc || field_text(r, path, "from", x->from, &w->from) ||
        field_text(r, path, "to", x->to, &w->to) ||
        field_text(r, path, "congestion", x->congestion, &w->congestion) ||
        field_text(r, path, "command", x->command, &w->command) || workload_numbers(r, path, x, w))
        return r->e->code;
    if (!w->from)
        return field_error(r, path, "from", "is missing; accepted: the node where it runs");
    if (field_node(r, v->topology, path, "from", w->from, &node) ||
        (w->to && field_node(r, v->topology, path, "to", w->to, &node)))
        return r->e->code;
    if (workload_validate(w, &inner))
        return field_error(r, path, "", "%s", inner.msg);
    if (!w->server && v->length_s < w->at_s + w->seconds)
        v->length_s = w->at_s + w->seconds;
    return 0;
}

/* The base's workloads, each with the variant's keys of the same name laid over it; then the
 * variant's own. */
static int add_workloads(struct resolve *r, const char *path, const struct x_variant *xv,
                         struct variant *v)
{
    const unsigned members = sizeof(struct x_workload) / sizeof(char *); /* it is all char * */
    bool *used = xcalloc(xv->workloads_count, sizeof(*used));
    char where[96];
    int rc = 0;

    for (unsigned i = 0; !rc && i < r->x->workloads_count; i++) {
        struct x_workload merged = r->x->workloads[i];
        snprintf(where, sizeof(where), "workloads[%u]", i);
        for (unsigned k = 0; k < xv->workloads_count; k++) {
            if (strcmp(xv->workloads[k].name, merged.name))
                continue;
            used[k] = true;
            snprintf(where, sizeof(where), "%sworkloads[%u]", path, k);
            for (unsigned m = 0; m < members; m++)
                if (((char *const *)&xv->workloads[k])[m])
                    ((char **)&merged)[m] = ((char *const *)&xv->workloads[k])[m];
        }
        rc = add_workload(r, where, &merged, v);
    }
    for (unsigned k = 0; !rc && k < xv->workloads_count; k++) {
        snprintf(where, sizeof(where), "%sworkloads[%u]", path, k);
        if (!used[k])
            rc = add_workload(r, where, &xv->workloads[k], v);
    }
    free(used);
    return rc;
}

static int event_link(struct resolve *r, const char *where, const struct x_event *x,
                      struct variant *v, struct event *ev)
{
    char *link = NULL, *dir = NULL, *state = NULL;
    struct impairment scratch;
    int rc = field_text(r, where, "link", x->link, &link);

    if (!rc)
        rc = field_text(r, where, "direction", x->direction, &dir);
    if (!rc)
        rc = field_text(r, where, "state", x->state, &state);
    if (!rc)
        rc = field_link(r, v->topology, where, "link", link, &ev->link);
    if (rc)
        goto out;
    ev->dir[DIR_AB] = !dir || !strcmp(dir, "forward") || !strcmp(dir, "both");
    ev->dir[DIR_BA] = !dir || !strcmp(dir, "backward") || !strcmp(dir, "both");
    if (!ev->dir[DIR_AB] && !ev->dir[DIR_BA])
        rc = field_error(r, where, "direction", "bad value '%s'; accepted: forward, backward, both",
                         dir);
    else if (!state == !x->set_count)
        rc = field_error(r, where, "",
                         "a link's event needs either `state:` (up, down) or `set:` (KEY=VALUE)");
    else if (state && strcmp(state, "up") && strcmp(state, "down"))
        rc = field_error(r, where, "state", "bad value '%s'; accepted: up, down", state);
    if (rc)
        goto out;
    ev->kind = state ? EVENT_LINK_STATE : EVENT_LINK_SET;
    ev->up = state && !strcmp(state, "up");
    scratch = v->topology->links[ev->link].dir[0];
    for (unsigned k = 0; !rc && k < ev->n_set; k++) {
        struct err inner = ERR_INIT;
        char *eq = strchr(ev->set[k], '='), *key = xstrdup(ev->set[k]);
        key[eq ? eq - ev->set[k] : 0] = '\0';
        if (impairment_set(&scratch, key, eq ? eq + 1 : "", &inner))
            rc = field_error(r, where, "set", "%s", inner.msg);
        else if (v->topology->links[ev->link].half_duplex && ev->dir[DIR_AB] != ev->dir[DIR_BA] &&
                 (!strcmp(key, "rate") || !strcmp(key, "queue")))
            rc =
                field_error(r, where, "direction",
                            "bad value '%s'; link %s is half duplex and has one %s: accepted: both",
                            dir, link, key);
        free(key);
    }
    if (!state)
        v->changes[ev->link] = true;
out:
    free(link);
    free(dir);
    free(state);
    return rc;
}

static int event_program(struct resolve *r, const char *where, const struct x_event *x,
                         struct variant *v, struct event *ev)
{
    char *host = NULL, *program = NULL;
    unsigned node = 0;
    int rc = field_text(r, where, "host", x->host, &host);

    if (!rc)
        rc = field_text(r, where, "program", x->program, &program);
    if (!rc && (!host || !program || !ev->n_set))
        rc = field_error(r, where, "", "an event needs `link:`, or `host:`, `program:` and `set:`");
    if (!rc)
        rc = field_node(r, v->topology, where, "host", host, &node);
    ev->kind = EVENT_PROGRAM_SET;
    ev->program = v->n_programs;
    for (unsigned i = 0; !rc && i < v->n_programs; i++)
        if (v->programs[i].node == node &&
            (!strcmp(v->programs[i].program, program) || !strcmp(v->programs[i].name, program)))
            ev->program = i;
    if (!rc && ev->program == v->n_programs)
        rc = field_error(r, where, "program", "no program '%s' is attached on '%s' in variant %s",
                         program, host, v->name);
    for (unsigned k = 0; !rc && k < ev->n_set; k++) {
        struct err inner = ERR_INIT;
        if (program_check_setting(v->programs[ev->program].program, ev->set[k], &inner))
            rc = field_error(r, where, "set", "%s", inner.msg);
    }
    free(host);
    free(program);
    return rc;
}

/* {host, reset: LINK}: the host's connections that leave by that link. */
static int event_reset(struct resolve *r, const char *where, const struct x_event *x,
                       const struct variant *v, struct event *ev)
{
    char *host = NULL, *link = NULL;
    int rc = field_text(r, where, "host", x->host, &host);

    ev->kind = EVENT_RESET;
    if (!rc)
        rc = field_text(r, where, "reset", x->reset, &link);
    if (!rc && (!host || x->link || x->program || ev->n_set))
        rc = field_error(r, where, "", "`reset:` needs `host:`, and nothing else but `at`, `name`");
    if (!rc)
        rc = field_node(r, v->topology, where, "host", host, &ev->node);
    if (!rc)
        rc = field_link(r, v->topology, where, "reset", link, &ev->link);
    if (!rc && !topology_addr(v->topology, ev->node, (int)ev->link, v->family))
        rc = field_error(r, where, "reset", "'%s': %s has no address of this family there", link,
                         host);
    free(host);
    free(link);
    return rc;
}

static int add_events(struct resolve *r, const char *path, const struct x_event *xe, unsigned n,
                      struct variant *v)
{
    for (unsigned i = 0; i < n; i++) {
        struct event *ev;
        char where[96];
        int rc;

        v->events = xrealloc(v->events, (v->n_events + 1) * sizeof(*v->events));
        ev = &v->events[v->n_events++];
        memset(ev, 0, sizeof(*ev));
        snprintf(where, sizeof(where), "%sevents[%u]", path, i);
        if (field_text(r, where, "name", xe[i].name, &ev->name) ||
            field_double(r, where, "at", xe[i].at, 0, 86400, &ev->at_s) ||
            field_list(r, where, "set", xe[i].set, xe[i].set_count, &ev->set, &ev->n_set))
            return r->e->code;
        rc = xe[i].reset  ? event_reset(r, where, &xe[i], v, ev)
             : xe[i].link ? event_link(r, where, &xe[i], v, ev)
                          : event_program(r, where, &xe[i], v, ev);
        if (rc)
            return rc;
        if (v->length_s < ev->at_s)
            v->length_s = ev->at_s;
    }
    return 0;
}

static int add_captures(struct resolve *r, struct variant *v)
{
    for (unsigned i = 0; i < r->x->captures_count; i++) {
        const struct x_capture *x = &r->x->captures[i];
        struct capture_point *c;
        struct err inner = ERR_INIT;
        char where[64], *colon, *node;
        uint64_t snaplen = DEFAULT_SNAPLEN;

        if (!variant_listed(x->variants, x->variants_count, v->name))
            continue;
        v->captures = xrealloc(v->captures, (v->n_captures + 1) * sizeof(*v->captures));
        c = &v->captures[v->n_captures++];
        memset(c, 0, sizeof(*c));
        snprintf(where, sizeof(where), "captures[%u]", i);
        if (field_text(r, where, "point", x->point, &c->point) ||
            field_text(r, where, "filter", x->filter, &c->filter) ||
            field_unsigned(r, where, "snaplen", x->snaplen, 64, 262144, &snaplen))
            return r->e->code;
        c->snaplen = (unsigned)snaplen;
        if (c->filter && capture_filter_check(c->filter, &inner))
            return field_error(r, where, "filter", "%s", inner.msg);
        colon = strchr(c->point, ':');
        if (!colon)
            return field_error(r, where, "point",
                               "bad value '%s'; accepted: NODE:LINK, NODE:lo, NODE:any", c->point);
        node = xstrdup(c->point);
        node[colon - c->point] = '\0';
        int rc = field_node(r, v->topology, where, "point", node, &c->node);
        free(node);
        c->link = CAPTURE_ANY;
        if (rc)
            return rc;
        if (!strcmp(colon + 1, "any"))
            continue;
        c->link = CAPTURE_LOOPBACK;
        if (!strcmp(colon + 1, "lo"))
            continue;
        if (field_link(r, v->topology, where, "point", colon + 1, &c->link))
            return r->e->code;
        const struct topo_link *l = &v->topology->links[c->link];
        if (l->node[0] != c->node && l->node[1] != c->node)
            return field_error(r, where, "point", "'%s': link %s does not end at that node",
                               c->point, l->name);
    }
    return 0;
}

bool variant_listed(char *const *names, unsigned n, const char *name)
{
    for (unsigned i = 0; i < n; i++)
        if (!strcmp(names[i], name))
            return true;
    return n == 0;
}

char *field_addresses(const struct topology *t, unsigned node, int family)
{
    char text[INET6_ADDRSTRLEN], *all = xstrdup("");

    for (unsigned i = 0; i < t->n_addrs; i++) {
        const struct topo_addr *a = &t->addrs[i];
        if (a->node != node || a->family != family)
            continue;
        inet_ntop(family, &a->v6, text, sizeof(text));
        char *next = xasprintf("%s%s%s", all, *all ? "," : "", text);
        free(all);
        all = next;
    }
    return all;
}

int field_point(struct resolve *r, const char *where, const struct variant *v, const char *point)
{
    for (unsigned k = 0; k < v->n_captures; k++)
        if (!strcmp(v->captures[k].point, point))
            return 0;
    return field_error(r, where, "point",
                       "'%s' is not captured; accepted: one of the points under `captures:`",
                       point);
}

static int add_metrics(struct resolve *r, struct variant *v)
{
    for (unsigned i = 0; i < r->x->metrics_count; i++) {
        const struct x_metric *x = &r->x->metrics[i];
        struct derived_metric *m;
        char where[64];

        if (!variant_listed(x->variants, x->variants_count, v->name))
            continue;
        v->metrics = xrealloc(v->metrics, (v->n_metrics + 1) * sizeof(*v->metrics));
        m = &v->metrics[v->n_metrics++];
        memset(m, 0, sizeof(*m));
        snprintf(where, sizeof(where), "metrics[%u]", i);
        if (field_text(r, where, "name", x->name, &m->name) ||
            field_text(r, where, "unit", x->unit, &m->unit) ||
            field_text(r, where, "value", x->value, &m->value))
            return r->e->code;
    }
    return 0;
}

static int variant_family(struct resolve *r, const char *path, const struct x_variant *xv,
                          struct variant *v)
{
    uint64_t family = 4;

    if (field_unsigned(r, "", "family", r->x->family, 4, 6, &family))
        return r->e->code;
    if (r->o->family)
        family = (uint64_t)r->o->family;
    if (field_unsigned(r, path, "family", xv->family, 4, 6, &family))
        return r->e->code;
    if (family == 5)
        return field_error(r, path, "family", "bad value '5'; accepted: 4, 6");
    v->family = family == 6 ? AF_INET6 : AF_INET;
    return 0;
}

int variant_resolve(struct resolve *r, unsigned i, struct variant *v)
{
    const struct x_variant *xv = &r->x->variants[i];
    char path[64], prefix[68];
    int rc;

    memset(v, 0, sizeof(*v));
    snprintf(path, sizeof(path), "variants[%u]", i);
    snprintf(prefix, sizeof(prefix), "%s.", path);
    v->name = xstrdup(xv->name);
    rc = resolve_params(r, i, xv, &v->params);
    if (rc)
        return rc;
    v->n_params = r->x->parameters_count;
    r->params = v->params;
    r->n_params = v->n_params;
    rc = field_text(r, path, "about", xv->about, &v->about);
    if (!rc)
        rc = field_bool(r, "", "bpf_stats", r->x->bpf_stats, &v->bpf_stats);
    if (!rc)
        rc = field_bool(r, path, "bpf_stats", xv->bpf_stats, &v->bpf_stats);
    if (!rc)
        rc = variant_family(r, path, xv, v);
    if (!rc)
        rc = load_topology(r, xv, path, v);
    if (rc)
        return rc;
    v->changes = xcalloc(v->topology->n_links, sizeof(*v->changes));
    rc = add_programs(r, "", r->x->programs, r->x->programs_count, v);
    if (!rc)
        rc = add_programs(r, prefix, xv->programs, xv->programs_count, v);
    if (!rc)
        rc = resolve_managers(r, prefix, xv, v);
    if (!rc)
        rc = add_workloads(r, prefix, xv, v);
    if (!rc)
        rc = add_events(r, "", r->x->events, r->x->events_count, v);
    if (!rc)
        rc = add_events(r, prefix, xv->events, xv->events_count, v);
    if (!rc)
        rc = add_captures(r, v);
    if (!rc)
        rc = resolve_checks(r, v);
    if (!rc)
        rc = resolve_measures(r, v);
    if (!rc)
        rc = resolve_sockets(r, v);
    if (!rc)
        rc = add_metrics(r, v);
    if (!rc && !v->n_workloads)
        rc = field_error(r, path, "workloads", "there is no workload, here or for all variants");
    return rc;
}

void variant_free(struct variant *v)
{
    for (unsigned i = 0; i < v->n_programs; i++) {
        free(v->programs[i].program);
        free(v->programs[i].name);
        list_free(v->programs[i].set, v->programs[i].n_set);
    }
    managers_free(v->managers, v->n_managers);
    for (unsigned i = 0; i < v->n_workloads; i++)
        workload_free(&v->workloads[i]);
    for (unsigned i = 0; i < v->n_events; i++) {
        free(v->events[i].name);
        list_free(v->events[i].set, v->events[i].n_set);
    }
    for (unsigned i = 0; i < v->n_captures; i++) {
        free(v->captures[i].point);
        free(v->captures[i].filter);
    }
    checks_free(v);
    measures_free(v);
    for (unsigned i = 0; i < v->n_metrics; i++) {
        free(v->metrics[i].name);
        free(v->metrics[i].unit);
        free(v->metrics[i].value);
    }
    resolve_params_free(v->params, v->n_params);
    topology_free(v->topology);
    free(v->name);
    free(v->about);
    free(v->programs);
    free(v->workloads);
    free(v->events);
    free(v->captures);
    free(v->metrics);
    free(v->changes);
}

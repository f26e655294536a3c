/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp status: what is attached, what it counted, and what it decided for each connection. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cgroup.h"
#include "cmd.h"
#include "program_live.h"
#include "util.h"

static const char *const usage =
    "usage: extcp status [--cgroup PATH] [--json]\n"
    "The programs that are attached on this machine (or to this one cgroup), by whom and for\n"
    "how long; their settings; what they counted (without what is zero); and their live\n"
    "connections: who asked for what, what was granted or refused, and why.\n";

struct printer {
    const struct live_program *p;
    json_t *connections; /* NULL: for people */
    unsigned n;
};

/* "4 s", "3 min 20 s", "5 h 2 min", "12 d 3 h" */
static void duration(uint64_t ns, char *buf, size_t size)
{
    uint64_t s = ns / NSEC_PER_SEC;

    if (s < 60)
        snprintf(buf, size, "%" PRIu64 " s", s);
    else if (s < 3600)
        snprintf(buf, size, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
    else if (s < 86400)
        snprintf(buf, size, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s % 3600 / 60);
    else
        snprintf(buf, size, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s % 86400 / 3600);
}

static void value_text(const struct live_program *p, int64_t value, char *buf, size_t size)
{
    if (p->decl)
        program_value_text(p->decl, value, buf, size);
    else
        snprintf(buf, size, "%" PRId64, value);
}

/* "the peer asked for 300 s: granted (as asked)", "we asked for vegas: …" */
static void print_decision(const struct extcp_record *r, const char *asked, const char *granted)
{
    if (r->why == decided_none) {
        printf("nothing asked");
    } else if (r->why == decided_asked) {
        printf("we asked for %s: %s", asked, decision_reason(r->why));
    } else {
        if (r->why == decided_malformed)
            printf("the peer's request is %s", decision_outcome(r->why));
        else
            printf("the peer asked for %s: %s", asked, decision_outcome(r->why));
        if (r->asked != r->granted && r->why != decided_malformed)
            printf(", %s %s", *decision_outcome(r->why) == 'g' ? "in effect is" : "it stays",
                   granted);
        printf(" (%s)", decision_reason(r->why));
    }
}

static void print_connection(const struct extcp_connection *c, void *arg)
{
    struct printer *pr = arg;
    char local[64], remote[64], age[32], asked[64], granted[64];
    uint64_t age_ns = c->record.started_ns ? now_mono_ns() - c->record.started_ns : 0;

    if (!c->record.started_ns) /* not established yet */
        return;
    endpoint_text(c->local, c->family, c->local_port, local, sizeof(local));
    endpoint_text(c->remote, c->family, c->remote_port, remote, sizeof(remote));
    value_text(pr->p, c->record.asked, asked, sizeof(asked));
    value_text(pr->p, c->record.granted, granted, sizeof(granted));
    pr->n++;
    if (pr->connections) {
        json_array_append_new(
            pr->connections,
            json_pack(
                "{s:I, s:s, s:s, s:s, s:s, s:f, s:I, s:s, s:I, s:s, s:s, s:s, s:s, s:I}", "cookie",
                (json_int_t)c->record.cookie, "local", local, "remote", remote, "state",
                tcp_state_name(c->state), "opened_by", c->record.active ? "us" : "peer", "age_s",
                (double)age_ns / 1e9, "asked", (json_int_t)c->record.asked, "asked_text", asked,
                "granted", (json_int_t)c->record.granted, "granted_text", granted, "decision",
                decision_name(c->record.why), "outcome", decision_outcome(c->record.why), "reason",
                decision_reason(c->record.why), "changes", (json_int_t)c->record.changes));
        return;
    }
    if (pr->n == 1)
        printf("  connections\n");
    duration(age_ns, age, sizeof(age));
    printf("    %s %s %s  %s  %s  ", local, c->record.active ? "->" : "<-", remote,
           tcp_state_name(c->state), age);
    print_decision(&c->record, asked, granted);
    putchar('\n');
}

static void print_settings(const struct live_program *p)
{
    const struct program_decl *d = p->decl;

    for (unsigned i = 0; i < d->n_params; i++) {
        const struct param_decl *pd = &d->params[i];
        char text[PARAM_TEXT_SIZE];
        printf("%s%s=%s%s%s", i ? ", " : "  settings     ", pd->name,
               param_text(pd, pd->def, text, sizeof(text)), *pd->unit ? " " : "", pd->unit);
    }
    if (d->n_params)
        putchar('\n');
}

static void print_counters(const struct live_program *p)
{
    unsigned n = 0;

    printf("  counters     ");
    for (unsigned i = 0; i < p->decl->n_counters; i++)
        if (p->counters[i])
            printf("%s%s %" PRIu64, n++ ? ", " : "", p->decl->counters[i], p->counters[i]);
    printf("%s\n", n ? "" : "all are zero");
}

static int print_one(const struct live_program *p, bool first, struct err *e)
{
    struct printer pr = {.p = p};
    char since[32];
    int rc;

    duration(p->since_ns, since, sizeof(since));
    printf("%s%s on %s\n", first ? "" : "\n", p->name,
           p->cgroup      ? p->cgroup
           : p->cgroup_id ? "a cgroup that cannot be seen from here"
                          : "a cgroup that is gone ('extcp clean' removes the rest)");
    if (p->pin)
        printf("  attached     %s ago, by extcp attach (%s)\n", since, p->pin);
    else
        printf("  attached     %s ago, by process %u, and goes with it\n", since, p->pid);
    if (!p->decl) {
        printf("  settings     cannot be read: %s\n", p->why);
    } else {
        print_settings(p);
        if (p->decl->n_counters)
            print_counters(p);
    }
    rc = live_connections(p, print_connection, &pr, e);
    if (rc)
        printf("  connections  cannot be read: %s\n", e->msg);
    else if (!pr.n && p->connections >= 0)
        printf("  connections  none\n");
    return rc;
}

static int one_json(const struct live_program *p, json_t *all, struct err *e)
{
    struct printer pr = {.p = p, .connections = json_array()};
    json_t *settings = json_object(), *counters = json_object();
    int rc = live_connections(p, print_connection, &pr, e);

    for (unsigned i = 0; p->decl && i < p->decl->n_params; i++) {
        const struct param_decl *pd = &p->decl->params[i];
        char text[PARAM_TEXT_SIZE];
        json_object_set_new(settings, pd->name,
                            pd->names ? json_string(param_text(pd, pd->def, text, sizeof(text)))
                                      : json_integer(pd->def));
    }
    for (unsigned i = 0; p->decl && i < p->decl->n_counters; i++)
        json_object_set_new(counters, p->decl->counters[i],
                            json_integer((json_int_t)p->counters[i]));
    json_array_append_new(all, json_pack("{s:s, s:s*, s:b, s:s*, s:i, s:f, s:o, s:o, s:o, s:s*}",
                                         "program", p->name, "cgroup", p->cgroup, "pinned",
                                         p->pin != NULL, "pin", p->pin, "pid", (int)p->pid,
                                         "attached_s", (double)p->since_ns / 1e9, "settings",
                                         settings, "counters", counters, "connections",
                                         pr.connections, "unreadable", p->decl ? NULL : p->why));
    return rc;
}

static int status(const char *cgroup, bool json, struct err *e)
{
    struct live_program *all = NULL;
    json_t *out = json ? json_array() : NULL;
    unsigned n = 0, shown = 0, elsewhere = 0;
    uint64_t id = 0;
    bool partly = false;
    int rc = 0;

    if (cgroup) {
        int fd = cgroup_open(cgroup, &id, e);
        rc = fd < 0 ? fd : 0;
        if (fd >= 0)
            close(fd);
    }
    if (!rc)
        rc = live_read(&all, &n, e);
    /* One that cannot be read whole does not hide the others. */
    for (unsigned i = 0; !rc && i < n; i++) {
        if (cgroup && all[i].cgroup_id != id)
            continue;
        if (!all[i].pin && !all[i].cgroup && all[i].cgroup_id) {
            elsewhere++;
            continue;
        }
        partly = (out ? one_json(&all[i], out, e) : print_one(&all[i], !shown, e)) || partly;
        shown++;
    }
    if (!rc && out) {
        json_dumpf(out, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (!rc && !shown) {
        printf("nothing is attached%s%s\n", cgroup ? " to " : "", cgroup ? cgroup : "");
    }
    if (!rc && !out && elsewhere)
        printf("(and %u on cgroups that cannot be seen from here)\n", elsewhere);
    json_decref(out);
    live_free(all, n);
    return rc ? rc : partly ? e->code : 0;
}

int cmd_status(int argc, char **argv)
{
    static const struct option options[] = {{"cgroup", required_argument, NULL, 'c'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    const char *cgroup = NULL;
    struct err e = ERR_INIT;
    bool json = false;
    int c;

    opterr = 0;
    while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(usage, stdout);
            return EXIT_OK;
        }
        if (c == 'c') {
            cgroup = optarg;
        } else if (c == 'j') {
            json = true;
        } else {
            err_usage(&e, -EINVAL, "unknown or incomplete option '%s'; see extcp status --help",
                      argv[optind - 1]);
            return cmd_fail("status", &e);
        }
    }
    if (optind < argc)
        err_usage(&e, -EINVAL, "unexpected argument '%s'; see extcp status --help", argv[optind]);
    else if (geteuid() != 0)
        err_lacks(&e, -EPERM, "only root can; sudo ./run.sh status");
    else
        status(cgroup, json, &e);
    return e.code ? cmd_fail("status", &e) : EXIT_OK;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "managers.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "cmd.h"
#include "endpoints.h"
#include "log.h"
#include "netns.h"
#include "readout.h"
#include "testbed.h"
#include "util.h"

#define READY_TIMEOUT_NS (15 * NSEC_PER_SEC)
#define STOP_GRACE_MS    3000
#define SYSCTL_DIR       "/proc/sys/net/mptcp"

struct manager {
    struct child *child; /* NULL: there is no daemon */
    char *name, *out, *errors;
};

static const char *kind_name(const struct manager_use *u)
{
    static char text[96];
    static const char *const names[] = {[MANAGER_NONE] = "none",
                                        [MANAGER_KERNEL] = "kernel",
                                        [MANAGER_EBPF] = "ebpf",
                                        [MANAGER_MPTCPD] = "mptcpd"};

    snprintf(text, sizeof(text), "%s%s%s", names[u->kind], u->policy ? ":" : "",
             u->policy ? u->policy : "");
    return text;
}

static bool uses_kernel_manager(const struct manager_use *u)
{
    return u->kind != MANAGER_EBPF &&
           !(u->kind == MANAGER_MPTCPD && strcmp(u->policy, "addr_adv") != 0);
}

/* Every sysctl of MPTCP as the namespace has it. NULL where it has none. */
static json_t *mptcp_sysctls(int ns_fd)
{
    int saved = netns_enter(ns_fd);
    struct dirent *d;
    json_t *j = NULL;
    DIR *dir;

    if (saved < 0)
        return NULL;
    dir = opendir(SYSCTL_DIR);
    for (j = dir ? json_object() : NULL; dir && (d = readdir(dir));) {
        char *path = xasprintf(SYSCTL_DIR "/%s", d->d_name), *text = NULL;
        if (d->d_name[0] != '.' && !read_file(path, &text, NULL, NULL)) {
            text[strcspn(text, "\n")] = '\0';
            json_object_set_new(j, d->d_name, json_string(text));
        }
        free(text);
        free(path);
    }
    if (dir)
        closedir(dir);
    netns_leave(saved);
    return j;
}

static int require_mptcp(const char *node, const json_t *sysctls, struct err *e)
{
    const char *enabled = json_string_value(json_object_get(sysctls, "enabled"));

    if (!enabled)
        return err_lacks(e, -EPROTONOSUPPORT,
                         "%s: it has no MPTCP: a kernel with CONFIG_MPTCP is needed", node);
    if (strcmp(enabled, "1"))
        return err_lacks(e, -EPROTONOSUPPORT,
                         "%s: MPTCP is switched off there: net.mptcp.enabled is %s (a node's "
                         "`sysctls:` may set it)",
                         node, enabled);
    if (!json_object_get(sysctls, "pm_type"))
        return err_lacks(e, -EPROTONOSUPPORT,
                         "%s: no net.mptcp.pm_type: a kernel from 5.19 is needed to choose the "
                         "path manager",
                         node);
    return 0;
}

/* ---- what is run ---- */

struct argv {
    char **v;
    unsigned n;
};

static void add(struct argv *a, char *text)
{
    a->v = xrealloc(a->v, (a->n + 2) * sizeof(*a->v));
    a->v[a->n++] = text;
    a->v[a->n] = NULL;
}

static char *own_path(const char *beside)
{
    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    self[n > 0 ? n : 0] = '\0';
    if (!beside)
        return xstrdup(self);
    char *slash = strrchr(self, '/');
    return xasprintf("%.*s/%s", slash ? (int)(slash - self) : 0, self, beside);
}

static void ebpf_argv(const struct rep *r, const struct manager_use *u, struct argv *a)
{
    add(a, own_path(NULL));
    add(a, xstrdup("pm"));
    add(a, xstrdup("--policy"));
    add(a, xstrdup(u->policy));
    for (unsigned i = 0; i < u->n_set; i++) {
        add(a, xstrdup("--set"));
        add(a, xstrdup(u->set[i]));
    }
    if (u->family) {
        add(a, xstrdup("--family"));
        add(a, xstrdup(u->family == AF_INET ? "4" : "6"));
    }
    add(a, xstrdup("--cgroup"));
    add(a, xstrdup(testbed_cgroup_path(r->tb, u->node)));
}

/* The first of these files that is there; the caller frees. */
static char *first_file(const char *const *patterns)
{
    for (; *patterns; patterns++) {
        glob_t g;
        char *found = NULL;
        if (!glob(*patterns, 0, NULL, &g) && g.gl_pathc)
            found = xstrdup(g.gl_pathv[0]);
        globfree(&g);
        if (found)
            return found;
    }
    return NULL;
}

/*
 * mptcpd takes its configuration from /etc/mptcpd/mptcpd.conf and from its options, which win: each
 * thing that the file can say is said here, so that the host's file does not matter.
 */
static int mptcpd_argv(const char *node, const struct manager_use *u, struct argv *a, struct err *e)
{
    static const char *const binaries[] = {"/usr/libexec/mptcpd", "/usr/sbin/mptcpd",
                                           "/usr/lib/mptcpd/mptcpd", NULL};
    static const char *const stock[] = {"/usr/lib/*/mptcpd/addr_adv.so",
                                        "/usr/lib/mptcpd/addr_adv.so", NULL};
    bool own = strcmp(u->policy, "addr_adv") != 0;
    char *binary = first_file(binaries), *dir = own ? own_path("mptcpd") : first_file(stock);
    const char *plugin = own ? "extcp" : "addr_adv";

    if (!binary || !dir) {
        free(binary);
        free(dir);
        return err_lacks(e, -ENOENT,
                         "%s: mptcpd is not installed: apt-get install mptcpd "
                         "mptcpd-plugins",
                         node);
    }
    if (!own)
        *strrchr(dir, '/') = '\0';
    add(a, binary);
    add(a, xstrdup("--log=stderr"));
    add(a, xasprintf("--plugin-dir=%s", dir));
    add(a, xasprintf("--path-manager=%s", plugin));
    add(a, xasprintf("--load-plugins=%s", plugin));
    add(a, xstrdup("--addr-flags=subflow,fullmesh"));
    add(a, xstrdup("--notify-flags=existing,skip_link_local,skip_loopback"));
    free(dir);
    return 0;
}

static bool is_ready(const struct rep *r, const struct manager_use *u, const struct manager *m)
{
    const char *node = r->job->v->topology->nodes[u->node].name;
    bool ready = false;

    if (uses_kernel_manager(u)) { /* addr_adv manages once it has told the kernel an endpoint */
        struct pm_endpoint p[ENDPOINTS_MAX];
        struct pm_limits limits;
        unsigned n = 0;
        return !endpoints_get(testbed_ns_fd(r->tb, u->node), node, p, ENDPOINTS_MAX, &n, &limits,
                              NULL) &&
               n > 0;
    }
    char *text = NULL;
    if (read_file(m->out, &text, NULL, NULL))
        return false;
    ready = !strncmp(text, "ready\n", 6) || strstr(text, "\nready\n");
    free(text);
    return ready;
}

static int daemon_failed(const struct manager *m, const char *what, struct err *e)
{
    char *words = child_last_words(m->child);
    int rc = err_broke(e, -ECHILD, "%s %s%s%s", m->name, what, words && *words ? ":\n" : "",
                       words ? words : "");

    free(words);
    return rc;
}

static int wait_ready(const struct rep *r, const struct manager_use *u, const struct manager *m,
                      struct err *e)
{
    uint64_t deadline = now_mono_ns() + READY_TIMEOUT_NS;

    while (!is_ready(r, u, m)) {
        struct pollfd p = {.fd = child_fd(m->child), .events = POLLIN};
        if (child_poll(m->child) != CHILD_RUNNING)
            return daemon_failed(m, "ended before it managed anything", e);
        if (repetition_stopped())
            return err_broke(e, -EINTR, "stopped by a signal");
        if (now_mono_ns() > deadline)
            return daemon_failed(m, "was not ready within 15 s", e);
        poll(&p, 1, 2);
    }
    return 0;
}

static int start_daemon(struct rep *r, const struct manager_use *u, struct manager *m,
                        struct err *e)
{
    const char *node = r->job->v->topology->nodes[u->node].name;
    char *env[3] = {0};
    struct child_spec spec = {0};
    struct argv a = {0};
    int rc = 0;

    if (u->kind == MANAGER_EBPF) {
        ebpf_argv(r, u, &a);
    } else {
        rc = mptcpd_argv(node, u, &a, e);
        env[0] = xasprintf("EXTCP_POLICY=%s", u->policy);
        env[1] = u->n_set ? xasprintf("EXTCP_SUBFLOWS=%s", strchr(u->set[0], '=') + 1) : NULL;
    }
    m->name = xasprintf("%s: path manager %s", node, kind_name(u));
    m->out = xasprintf("%s/pm-%s.out", r->work_dir, node);
    m->errors = xasprintf("%s/pm-%s.err", r->work_dir, node);
    spec.name = m->name;
    spec.argv = a.v;
    spec.env = env;
    spec.ns_fd = testbed_ns_fd(r->tb, u->node);
    spec.cgroup_fd = testbed_cgroup_fd(r->tb, u->node);
    spec.stdout_path = m->out;
    spec.stderr_path = m->errors;
    spec.cwd = r->work_dir;
    if (!rc)
        rc = child_start(&m->child, &spec, e);
    if (!rc)
        rc = wait_ready(r, u, m, e);
    if (!rc)
        log_line("%s: ready", m->name);
    argv_free(a.v);
    free(env[0]);
    free(env[1]);
    return rc;
}

/* ---- what run.json says of them ---- */

static json_t *endpoints_json(const struct rep *r, const struct manager_use *u,
                              struct pm_limits *limits)
{
    struct pm_endpoint p[ENDPOINTS_MAX];
    json_t *all = json_array();
    unsigned n = 0;

    if (endpoints_get(testbed_ns_fd(r->tb, u->node), "", p, ENDPOINTS_MAX, &n, limits, NULL))
        return all;
    for (unsigned i = 0; i < n && i < ENDPOINTS_MAX; i++) {
        char address[INET6_ADDRSTRLEN], flags[64];
        inet_ntop(p[i].family, &p[i].v6, address, sizeof(address));
        json_array_append_new(all,
                              json_pack("{s:s, s:i, s:i, s:s}", "address", address, "port",
                                        (int)p[i].port, "id", (int)p[i].id, "flags",
                                        endpoint_flags_print(p[i].flags, flags, sizeof(flags))));
    }
    return all;
}

static void describe(struct rep *r, const struct manager_use *u, json_t *all)
{
    json_t *j = json_pack("{s:s, s:s}", "host", r->job->v->topology->nodes[u->node].name, "manager",
                          kind_name(u));
    json_t *set = json_array(), *sysctls = mptcp_sysctls(testbed_ns_fd(r->tb, u->node));

    for (unsigned i = 0; i < u->n_set; i++)
        json_array_append_new(set, json_string(u->set[i]));
    json_object_set_new(j, "set", set);
    if (uses_kernel_manager(u)) {
        struct pm_limits limits = {0};
        json_object_set_new(j, "endpoints", endpoints_json(r, u, &limits));
        json_object_set_new(j, "subflows", json_integer(limits.subflows));
        json_object_set_new(j, "add_addr_accepted", json_integer(limits.add_addr_accepted));
    }
    json_object_set_new(j, "sysctls", sysctls ? sysctls : json_null());
    json_array_append_new(all, j);
}

static int start_one(struct rep *r, const struct manager_use *u, struct manager *m, struct err *e)
{
    const char *node = r->job->v->topology->nodes[u->node].name;
    int ns_fd = testbed_ns_fd(r->tb, u->node);
    json_t *sysctls = mptcp_sysctls(ns_fd);
    int rc = require_mptcp(node, sysctls, e);

    json_decref(sysctls);
    if (!rc && netns_sysctl(ns_fd, "net/mptcp/pm_type", uses_kernel_manager(u) ? "0" : "1", e))
        rc = err_prefix(e, "%s", node);
    if (!rc && uses_kernel_manager(u))
        rc = endpoints_set(ns_fd, node, u->endpoints, u->n_endpoints, &u->limits, e);
    if (!rc && (u->kind == MANAGER_EBPF || u->kind == MANAGER_MPTCPD))
        rc = start_daemon(r, u, m, e);
    return rc;
}

int managers_start(struct rep *r, struct err *e)
{
    const struct variant *v = r->job->v;
    json_t *all = json_array();
    int rc = 0;

    json_object_set_new(r->out, "managers", all);
    r->managers = xcalloc(v->n_managers, sizeof(*r->managers));
    for (unsigned i = 0; !rc && i < v->n_managers; i++) {
        rc = start_one(r, &v->managers[i], &r->managers[i], e);
        if (!rc)
            describe(r, &v->managers[i], all);
    }
    return rc;
}

int managers_check(struct rep *r, struct err *e)
{
    for (unsigned i = 0; r->managers && i < r->job->v->n_managers; i++)
        if (r->managers[i].child && child_poll(r->managers[i].child) != CHILD_RUNNING)
            return daemon_failed(&r->managers[i], "ended in the middle of the run", e);
    return 0;
}

/* Its `extcp-metric` lines, as a workload of kind command has them, and its CPU time. */
static int read_daemon(struct rep *r, const struct manager_use *u, const struct manager *m,
                       struct err *e)
{
    char *prefix = xasprintf("%s.pm", r->job->v->topology->nodes[u->node].name);
    char *cpu = xasprintf("%s.cpu_s", prefix);
    const struct workload w = {.name = prefix, .kind = WORK_COMMAND};
    int rc =
        workload_metrics(&w, m->out, NULL, r->t0_real_ns, readout_metric, readout_series, r, e);

    readout_metric(cpu, "s", (double)child_cpu_us(m->child) / 1e6, r);
    free(prefix);
    free(cpu);
    return rc;
}

int managers_stop(struct rep *r, struct err *e)
{
    int rc = 0;

    for (unsigned i = 0; r->managers && i < r->job->v->n_managers; i++) {
        struct manager *m = &r->managers[i];
        if (!m->child)
            continue;
        if (child_poll(m->child) == CHILD_RUNNING)
            child_stop(m->child, STOP_GRACE_MS);
        if (!e || rc)
            continue;
        if (child_exit_status(m->child)) {
            char what[64];
            snprintf(what, sizeof(what), "ended with status %d", child_exit_status(m->child));
            rc = daemon_failed(m, what, e);
        } else {
            rc = read_daemon(r, &r->job->v->managers[i], m, e);
        }
    }
    return rc;
}

void managers_end(struct rep *r)
{
    for (unsigned i = 0; r->managers && i < r->job->v->n_managers; i++) {
        child_free(r->managers[i].child);
        free(r->managers[i].name);
        free(r->managers[i].out);
        free(r->managers[i].errors);
    }
    free(r->managers);
    r->managers = NULL;
}

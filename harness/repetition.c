/* SPDX-License-Identifier: BSD-2-Clause */
#include "repetition.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "calibrate.h"
#include "capture.h"
#include "child.h"
#include "log.h"
#include "managers.h"
#include "program.h"
#include "readout.h"
#include "rep.h"
#include "testbed.h"
#include "util.h"
#include "watch.h"

#define READY_TIMEOUT_NS     (15 * NSEC_PER_SEC)
#define CALIBRATION_ATTEMPTS 3
#define STOP_GRACE_MS        3000

static volatile sig_atomic_t stop_signal;

static void on_signal(int sig)
{
    stop_signal = sig;
}

void repetition_catch_signals(void)
{
    struct sigaction sa = {.sa_handler = on_signal};

    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGHUP, &sa, NULL);
}

bool repetition_stopped(void)
{
    return stop_signal != 0;
}

char *repetition_stem(const struct repetition_job *job)
{
    return xasprintf("%s-%u", job->v->name, job->repetition);
}

static int interrupted(struct err *e)
{
    return err_broke(e, -EINTR, "stopped by signal %d (%s)", (int)stop_signal,
                     strsignal(stop_signal));
}

/* Repetitions of a run that are under way at once are built and calibrated one after the other:
 * what builds one would disturb the measurement of another. */
static int set_up_lock(struct rep *r, struct err *e)
{
    char *path = xasprintf("%s/parts/set-up.lock", r->job->dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), rc = fd < 0 ? -errno : fd;

    free(path);
    while (fd >= 0 && flock(fd, LOCK_EX) && rc >= 0) {
        if (errno == EINTR && !stop_signal)
            continue;
        rc = errno == EINTR ? -EINTR : -errno;
        close(fd);
    }
    if (rc == -EINTR)
        return interrupted(e);
    return rc < 0 ? err_broke(e, rc, "set-up lock: %s", strerror(-rc)) : fd;
}

static int calibrate(struct rep *r, struct err *e)
{
    const struct calibration_tolerance tol = {.delay_ms = r->job->x->tolerance_delay_ms,
                                              .rate_share = r->job->x->tolerance_rate,
                                              .loss_alpha = 0.01};
    char why[512] = "";
    int rc = 0;
    bool ok = false;

    /* A busy machine can spoil one measurement; three in a row are a link that cannot be trusted.
     * Every attempt is in the results. */
    for (unsigned attempt = 1; attempt <= CALIBRATION_ATTEMPTS && !ok && !rc; attempt++) {
        struct calibration *c = NULL;
        unsigned n = 0;

        rc = stop_signal ? interrupted(e)
                         : calibrate_links(r->tb, &tol, r->job->x->calibrate_ms, &c, &n, e);
        ok = !rc;
        for (unsigned i = 0; !rc && i < n; i++) {
            json_array_append_new(r->calibrations,
                                  readout_calibration(testbed_topology(r->tb), &c[i], attempt));
            if (!c[i].ok) {
                snprintf(why, sizeof(why), "link %s: %s",
                         testbed_topology(r->tb)->links[c[i].link].name, c[i].why);
                log_line("calibration attempt %u: %s", attempt, why);
                ok = false;
            }
        }
        free(c);
    }
    if (!rc && !ok)
        rc = err_broke(e, -EIO,
                       "the emulated network is not what was asked for, %u times in a row: %s",
                       CALIBRATION_ATTEMPTS, why);
    return rc;
}

static int attach_programs(struct rep *r, struct err *e)
{
    const struct variant *v = r->job->v;

    r->programs = xcalloc(v->n_programs, sizeof(*r->programs));
    for (unsigned i = 0; i < v->n_programs; i++) {
        const struct program_use *u = &v->programs[i];
        char tag[TESTBED_TAG_SIZE];
        const struct program_place place = {.cgroup_fd = testbed_cgroup_fd(r->tb, u->node),
                                            .tag = tag,
                                            .state = testbed_state(r->tb)};
        testbed_tag(r->tb, u->node, tag);
        int rc = program_attach(&r->programs[i], u->program, u->set, u->n_set, &place, e);
        if (!rc)
            rc = program_carry(r->programs[i], testbed_ns_fd(r->tb, u->node), e);
        if (rc)
            return err_prefix(e, "%s", v->topology->nodes[u->node].name);
        log_line("%s: program %s attached", v->topology->nodes[u->node].name, u->name);
    }
    return 0;
}

static int start_captures(struct rep *r, struct err *e)
{
    const struct variant *v = r->job->v;

    r->captures = xcalloc(v->n_captures, sizeof(*r->captures));
    r->capture_paths = xcalloc(v->n_captures, sizeof(*r->capture_paths));
    for (unsigned i = 0; i < v->n_captures; i++) {
        const struct capture_point *c = &v->captures[i];
        const char *iface = c->link == CAPTURE_ANY        ? CAPTURE_ANY_IFACE
                            : c->link == CAPTURE_LOOPBACK ? "lo"
                                                          : v->topology->links[c->link].name;
        r->capture_paths[i] = xasprintf("%s/captures/%s-%s-%s.pcap", r->job->dir, r->stem,
                                        v->topology->nodes[c->node].name, iface);
        int rc = capture_start(&r->captures[i], testbed_ns_fd(r->tb, c->node), iface, c->filter,
                               c->snaplen, r->capture_paths[i], e);
        if (rc)
            return err_prefix(e, "capture at %s", c->point);
    }
    return 0;
}

static int node_address(const struct rep *r, const char *node, char *buf, size_t size,
                        struct err *e)
{
    const struct topology *t = testbed_topology(r->tb);
    const struct topo_addr *a =
        topology_addr(t, (unsigned)topology_node(t, node), -1, r->job->v->family);

    if (!a)
        return err_usage(e, -EADDRNOTAVAIL, "node %s has no IPv%d address", node,
                         r->job->v->family == AF_INET ? 4 : 6);
    inet_ntop(a->family, &a->v6, buf, size);
    return 0;
}

struct expand_arg {
    const struct rep *r;
    char text[512];
};

/* {client}, {server:path2}, {home}, {extcp}, {work}, {family} in a command. */
static const char *lookup_address(const char *what, void *arg)
{
    struct expand_arg *x = arg;
    const struct topology *t = testbed_topology(x->r->tb);
    const char *colon = strchr(what, ':');
    const struct topo_addr *a;
    char node[128];
    int n, l = -1;

    if (!strcmp(what, "home"))
        return extcp_home();
    if (!strcmp(what, "extcp"))
        return extcp_executable();
    if (!strcmp(what, "work"))
        return x->r->work_dir;
    if (!strcmp(what, "family"))
        return x->r->job->v->family == AF_INET ? "4" : "6";
    snprintf(node, sizeof(node), "%.*s", (int)(colon ? colon - what : (ptrdiff_t)strlen(what)),
             what);
    n = topology_node(t, node);
    if (colon)
        l = topology_link(t, colon + 1);
    if (n < 0 || (colon && l < 0))
        return NULL;
    a = topology_addr(t, (unsigned)n, l, x->r->job->v->family);
    if (!a)
        return NULL;
    inet_ntop(a->family, &a->v6, x->text, sizeof(x->text));
    return x->text;
}

/* Starts argv on a node as `work`'s client or server. Takes argv. */
static int start_child(struct rep *r, const struct workload *w, const char *node, bool server,
                       char **argv, struct err *e)
{
    const struct topology *t = testbed_topology(r->tb);
    unsigned n = (unsigned)topology_node(t, node);
    struct rep_child *rc = &r->children[r->n_children];
    char t0[64];
    char *env[] = {t0, NULL};
    struct child_spec spec = {0};
    double seconds = w->time_limit_s > 0 ? w->time_limit_s : w->seconds + 15;
    int err;

    if (w->cpu > (unsigned)sysconf(_SC_NPROCESSORS_ONLN)) {
        argv_free(argv);
        return err_lacks(e, -ENODEV, "workload %s: there is no CPU %u, this machine has %ld",
                         w->name, w->cpu - 1, sysconf(_SC_NPROCESSORS_ONLN));
    }
    snprintf(t0, sizeof(t0), "EXTCP_T0_NS=%llu", (unsigned long long)r->t0_real_ns);
    rc->w = w;
    rc->server = server;
    rc->name = xasprintf("%s: %s %s", node, w->name, server ? "server" : "client");
    rc->out = xasprintf("%s/%s.%s.out", r->work_dir, w->name, server ? "server" : "client");
    rc->errors = xasprintf("%s/%s.%s.err", r->work_dir, w->name, server ? "server" : "client");
    spec.name = rc->name;
    spec.argv = argv;
    spec.env = env;
    spec.ns_fd = testbed_ns_fd(r->tb, n);
    spec.cgroup_fd = testbed_cgroup_fd(r->tb, n);
    spec.stdout_path = rc->out;
    spec.stderr_path = rc->errors;
    spec.cwd = r->work_dir;
    spec.cpu = w->cpu;
    spec.batch = w->batch;
    spec.time_limit_ms = server ? 0 : (uint64_t)(seconds * 1000);
    err = child_start(&rc->child, &spec, e);
    r->n_children++;
    log_line("%s: started%s", rc->name, err ? ": failed" : "");
    argv_free(argv);
    return err;
}

static char **shell_argv(const struct rep *r, const struct workload *w, struct err *e)
{
    struct expand_arg x = {.r = r};
    char *command = workload_expand(w->command, lookup_address, &x, e), **argv;
    unsigned n = 0;

    if (!command)
        return NULL;
    argv = xcalloc(6, sizeof(*argv));
    /* mptcpize sets LD_PRELOAD: everything that the command starts is under it as well. */
    if (w->mptcp) {
        argv[n++] = xstrdup("mptcpize");
        argv[n++] = xstrdup("run");
    }
    argv[n++] = xstrdup("sh");
    argv[n++] = xstrdup("-c");
    argv[n] = command;
    return argv;
}

/* What a workload printed goes to a file; that it could not be written, only the disk can tell. */
static void blame_disk(const struct rep *r, struct err *e)
{
    if (no_space_left(r->work_dir))
        err_prefix(e, "%s: %s", r->work_dir, strerror(ENOSPC));
}

static int child_failed(const struct rep *r, struct rep_child *c, const char *what, struct err *e)
{
    char *words = child_last_words(c->child);
    int rc = err_broke(e, -ECHILD, "%s %s%s%s", c->name, what, words && *words ? ":\n" : "",
                       words ? words : "");

    free(words);
    blame_disk(r, e);
    return rc;
}

static int wait_listening(struct rep *r, struct rep_child *c, const char *node, unsigned port,
                          struct err *e)
{
    uint64_t deadline = now_mono_ns() + READY_TIMEOUT_NS;
    int ns = testbed_ns_fd(r->tb, (unsigned)topology_node(testbed_topology(r->tb), node));

    for (;;) {
        int up = port_is_listening(ns, port);
        struct pollfd p = {.fd = child_fd(c->child), .events = POLLIN};

        if (up < 0)
            return err_broke(e, up, "%s: cannot ask whether port %u is listening: %s", node, port,
                             strerror(-up));
        if (up)
            return 0;
        if (child_poll(c->child) != CHILD_RUNNING)
            return child_failed(r, c, "ended before it listened", e);
        if (stop_signal)
            return interrupted(e);
        if (now_mono_ns() > deadline)
            return child_failed(r, c, "did not listen within 15 s", e);
        poll(&p, 1, 2);
    }
}

static int start_servers(struct rep *r, struct err *e)
{
    const struct variant *v = r->job->v;

    r->children = xcalloc(2 * v->n_workloads, sizeof(*r->children));
    for (unsigned i = 0; i < v->n_workloads; i++) {
        const struct workload *w = &v->workloads[i];
        const char *node = w->kind == WORK_COMMAND ? w->from : w->to;
        char addr[INET6_ADDRSTRLEN], **argv = NULL;
        int rc;

        if (w->kind == WORK_COMMAND && w->server) {
            argv = shell_argv(r, w, e);
            if (!argv)
                return e->code;
        } else if (w->kind != WORK_COMMAND) {
            rc = node_address(r, w->to, addr, sizeof(addr), e);
            if (rc)
                return rc;
            /* A subflow may come to any address of the server. */
            if (w->mptcp)
                snprintf(addr, sizeof(addr), "%s", v->family == AF_INET ? "0.0.0.0" : "::");
            argv = workload_server_argv(w, addr);
        }
        if (!argv)
            continue;
        rc = start_child(r, w, node, true, argv, e);
        if (!rc && workload_port(w))
            rc = wait_listening(r, &r->children[r->n_children - 1], node, workload_port(w), e);
        if (rc)
            return rc;
    }
    return 0;
}

static int start_client(struct rep *r, const struct workload *w, struct err *e)
{
    char addr[INET6_ADDRSTRLEN], **argv;
    int rc;

    if (w->kind == WORK_COMMAND) {
        argv = shell_argv(r, w, e);
        return argv ? start_child(r, w, w->from, false, argv, e) : e->code;
    }
    rc = node_address(r, w->to, addr, sizeof(addr), e);
    return rc ? rc : start_child(r, w, w->from, false, workload_client_argv(w, addr), e);
}

static void on_program_event(const struct program_event *pe, void *arg)
{
    struct rep *r = arg;
    const struct program_use *u = &r->job->v->programs[r->event_program];
    char name[160];

    log_line("%s: %s: %s %s", r->job->v->topology->nodes[u->node].name, u->name, pe->type,
             pe->text);
    snprintf(name, sizeof(name), "%s.%s.%s", r->job->v->topology->nodes[u->node].name, u->name,
             pe->type);
    readout_series(name, ((double)pe->t_mono_ns - (double)r->t0_mono_ns) / 1e9, (double)pe->value,
                   r);
    json_object_set_new(r->last_events, name, json_real((double)pe->value));
}

static void poll_programs(struct rep *r)
{
    for (unsigned i = 0; r->programs && i < r->job->v->n_programs; i++) {
        r->event_program = i;
        if (r->programs[i])
            program_poll(r->programs[i], on_program_event, r);
    }
}

/* What is due next on the timeline: client starts and events. Returns its time, UINT64_MAX when
 * nothing is left. */
static uint64_t next_due(const struct rep *r, int *event, int *client)
{
    const struct variant *v = r->job->v;
    double best = INFINITY;

    *event = *client = -1;
    for (unsigned i = 0; i < v->n_workloads; i++) {
        if (!v->workloads[i].server && !r->client_started[i] && v->workloads[i].at_s < best) {
            best = v->workloads[i].at_s;
            *client = (int)i;
        }
    }
    for (unsigned i = 0; i < v->n_events; i++) {
        if (!r->event_done[i] && v->events[i].at_s < best) {
            best = v->events[i].at_s;
            *event = (int)i;
            *client = -1;
        }
    }
    return isinf(best) ? UINT64_MAX : r->t0_mono_ns + (uint64_t)(best * 1e9);
}

/* Looks at every child; *running counts the clients that still run. */
static int check_children(struct rep *r, unsigned *running, struct err *e)
{
    *running = 0;
    for (unsigned i = 0; i < r->n_children; i++) {
        struct rep_child *c = &r->children[i];
        enum child_state s = child_poll(c->child);

        if (s == CHILD_RUNNING) {
            *running += !c->server;
            continue;
        }
        if (c->server) {
            if (c->w->kind == WORK_COMMAND)
                return child_failed(r, c, "ended in the middle of the run", e);
            continue; /* one-off servers end with their client */
        }
        if (s == CHILD_TIMED_OUT)
            return child_failed(r, c, "was still running at its time limit", e);
        if (child_exit_status(c->child) && !c->w->may_fail) {
            char what[64];
            snprintf(what, sizeof(what), "ended with status %d", child_exit_status(c->child));
            return child_failed(r, c, what, e);
        }
    }
    return 0;
}

/* Sleeps until a child, a program or the emulator has something, or until the deadline. */
static void wait_for_something(struct rep *r, uint64_t deadline)
{
    struct pollfd p[128];
    nfds_t n = 0;
    uint64_t now = now_mono_ns();
    struct timespec ts;

    for (unsigned i = 0; i < r->n_children && n < ARRAY_SIZE(p) - 40; i++) {
        if (child_poll(r->children[i].child) != CHILD_RUNNING)
            continue;
        p[n++] = (struct pollfd){.fd = child_fd(r->children[i].child), .events = POLLIN};
        if (child_deadline_ns(r->children[i].child) < deadline)
            deadline = child_deadline_ns(r->children[i].child);
    }
    for (unsigned i = 0; i < r->job->v->n_programs && n < ARRAY_SIZE(p) - 2; i++)
        p[n++] = (struct pollfd){.fd = program_events_fd(r->programs[i]), .events = POLLIN};
    p[n++] = (struct pollfd){.fd = linkemu_fd(testbed_linkemu(r->tb)), .events = POLLIN};
    if (deadline > now + NSEC_PER_SEC)
        deadline =
            now + NSEC_PER_SEC; /* a second at most, so that nothing missed can hold us for long */
    if (deadline <= now)
        return;
    ts = (struct timespec){.tv_sec = (time_t)((deadline - now) / NSEC_PER_SEC),
                           .tv_nsec = (long)((deadline - now) % NSEC_PER_SEC)};
    ppoll(p, n, &ts, NULL);
}

static int drive(struct rep *r, struct err *e)
{
    const struct variant *v = r->job->v;
    uint64_t limit = now_mono_ns() + (uint64_t)(r->job->x->time_limit_s * 1e9);
    unsigned running;
    int rc = 0;

    r->t0_mono_ns = now_mono_ns();
    r->t0_real_ns = now_real_ns();
    while (!rc) {
        int event, client;
        uint64_t due = next_due(r, &event, &client);

        if (stop_signal)
            return interrupted(e);
        if (now_mono_ns() > limit)
            return err_broke(e, -ETIMEDOUT, "the repetition took longer than its limit of %g s",
                             r->job->x->time_limit_s);
        if (due <= now_mono_ns()) {
            if (event >= 0) {
                r->event_done[event] = true;
                rc = rep_event(r, &v->events[event], e);
            } else {
                r->client_started[client] = true;
                rc = start_client(r, &v->workloads[client], e);
            }
            continue;
        }
        poll_programs(r);
        rc = linkemu_check(testbed_linkemu(r->tb), e);
        if (!rc)
            rc = managers_check(r, e);
        if (!rc)
            rc = check_children(r, &running, e);
        if (rc)
            break;
        /* Events after the last client's end change nothing any more. */
        bool clients_left = false;
        for (unsigned i = 0; i < v->n_workloads; i++)
            clients_left |= !v->workloads[i].server && !r->client_started[i];
        if (!running && !clients_left)
            return 0;
        wait_for_something(r, due);
    }
    return rc;
}

static int stop_captures(struct rep *r, struct err *e)
{
    int rc = 0;

    for (unsigned i = 0; r->captures && i < r->job->v->n_captures; i++) {
        struct capture_stats st = {0};
        struct err one = ERR_INIT;
        if (!r->captures[i])
            continue;
        if (capture_stop(r->captures[i], &st, &one) && !rc) {
            rc = one.code;
            if (e)
                *e = one;
        }
        r->captures[i] = NULL;
        if (one.code)
            continue; /* its file is not there, or not whole */
        json_array_append_new(
            r->capture_info,
            json_pack("{s:s, s:s, s:I, s:I, s:I}", "point", r->job->v->captures[i].point, "file",
                      r->capture_paths[i] + strlen(r->job->dir) + 1, "packets",
                      (json_int_t)st.packets, "dropped_kernel", (json_int_t)st.dropped_kernel,
                      "dropped_interface", (json_int_t)st.dropped_iface));
        if (st.dropped_kernel || st.dropped_iface)
            log_line("capture at %s: %llu packets dropped", r->job->v->captures[i].point,
                     (unsigned long long)(st.dropped_kernel + st.dropped_iface));
    }
    return rc;
}

static void stop_children(struct rep *r)
{
    for (unsigned i = 0; i < r->n_children; i++)
        if (r->children[i].child && child_poll(r->children[i].child) == CHILD_RUNNING)
            child_stop(r->children[i].child, STOP_GRACE_MS);
}

/* The network, and the proof that it is what was asked for. */
static int set_up(struct rep *r, struct err *e)
{
    const struct testbed_options o = {
        .backend = r->job->backend, .changes = r->job->v->changes, .seed = r->job->seed};
    int lock = set_up_lock(r, e), rc;

    if (lock < 0)
        return lock;
    rc = testbed_build(&r->tb, r->job->v->topology, &o, e);
    if (!rc) {
        log_line("testbed %s is up", testbed_id(r->tb));
        json_object_set_new(r->out, "testbed", json_string(testbed_id(r->tb)));
        json_object_set_new(r->out, "link_backend",
                            json_string(linkemu_backend(testbed_linkemu(r->tb))));
        json_object_set_new(r->out, "link_realtime",
                            json_boolean(linkemu_realtime(testbed_linkemu(r->tb))));
        readout_sysctls(r);
        rc = calibrate(r, e);
    }
    close(lock);
    return rc;
}

static int measure(struct rep *r, struct err *e)
{
    const struct variant *v = r->job->v;
    int stats = -1, rc = set_up(r, e);

    if (!r->tb)
        return rc;
    if (!rc)
        rc = attach_programs(r, e);
    if (!rc)
        rc = managers_start(r, e);
    if (!rc)
        rc = start_captures(r, e);
    if (!rc)
        rc = start_servers(r, e);
    if (!rc)
        rc = watches_start(r, e);
    if (!rc && v->bpf_stats) {
        stats = program_stats_enable(e);
        rc = stats < 0 ? stats : 0;
    }
    if (!rc)
        rc = drive(r, e);
    int watched = watches_stop(r, !rc, rc ? NULL : e);
    if (!rc)
        rc = watched;
    stop_children(r);
    if (stats >= 0)
        close(stats);
    int managed = managers_stop(r, rc ? NULL : e);
    if (!rc)
        rc = managed;
    int stopped = stop_captures(r, rc ? NULL : e);
    if (!rc)
        rc = stopped;
    if (!rc)
        rc = linkemu_check(testbed_linkemu(r->tb), e);
    poll_programs(r);
    if (!rc)
        rc = readout_counters(r, e);
    return rc;
}

static void wait_for_user(struct rep *r)
{
    const struct topology *t = testbed_topology(r->tb);

    fprintf(stderr, "kept: the network of %s stays up until Ctrl-C; look into it with\n", r->stem);
    for (unsigned i = 0; i < t->n_nodes; i++)
        fprintf(stderr, "  ip netns exec %s sh\n", testbed_ns_name(r->tb, i));
    while (!stop_signal)
        pause();
}

static void rep_free(struct rep *r)
{
    for (unsigned i = 0; r->programs && i < r->job->v->n_programs; i++)
        program_detach(r->programs[i]);
    managers_end(r);
    for (unsigned i = 0; r->children && i < r->n_children; i++) {
        child_free(r->children[i].child);
        free(r->children[i].name);
        free(r->children[i].out);
        free(r->children[i].errors);
    }
    for (unsigned i = 0; r->capture_paths && i < r->job->v->n_captures; i++)
        free(r->capture_paths[i]);
    remove_tree(r->work_dir);
    json_decref(r->last_events);
    free(r->programs);
    free(r->children);
    free(r->captures);
    free(r->capture_paths);
    free(r->event_done);
    free(r->client_started);
    free(r->current);
    free(r->work_dir);
    free(r->series_path);
    free(r->stem);
}

int repetition_run(const struct repetition_job *job, json_t **out, struct err *e)
{
    const struct topology *t = job->v->topology;
    struct rep r = {.job = job, .out = json_object()};
    int rc = 0, closed;

    *out = r.out;
    r.stem = repetition_stem(job);
    r.work_dir = xasprintf("%s/parts/%s.work", job->dir, r.stem);
    r.series_path = xasprintf("%s/parts/%s.series.csv", job->dir, r.stem);
    r.event_done = xcalloc(job->v->n_events, sizeof(bool));
    r.client_started = xcalloc(job->v->n_workloads, sizeof(bool));
    r.current = xcalloc(2 * t->n_links, sizeof(*r.current));
    for (unsigned i = 0; i < t->n_links; i++)
        memcpy(&r.current[2 * i], t->links[i].dir, sizeof(t->links[i].dir));
    readout_begin(&r);
    rc = mkdir_p(r.work_dir);
    if (rc)
        err_broke(e, rc, "%s: cannot create: %s", r.work_dir, strerror(-rc));
    else
        rc = csv_open(&r.series, r.series_path, NULL, e);
    if (!rc)
        rc = measure(&r, e);
    if (!rc && (rc = readout_workloads(&r, e)))
        blame_disk(&r, e);
    if (!rc && job->keep)
        wait_for_user(&r);
    for (unsigned i = 0; r.programs && i < job->v->n_programs; i++) {
        program_detach(r.programs[i]);
        r.programs[i] = NULL;
    }
    testbed_destroy(r.tb);
    r.tb = NULL;
    if (!rc)
        rc = readout_measures(&r, e);
    if (!rc)
        rc = readout_checks(&r, e);
    if (!rc)
        rc = readout_derived(&r, e);
    closed = csv_close(r.series, rc ? NULL : e);
    rep_free(&r);
    return rc ? rc : closed;
}

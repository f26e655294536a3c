/* SPDX-License-Identifier: BSD-2-Clause */
#include "pm.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/pm.h"
#include "pm_adopt.h"
#include "pm_host.h"
#include "pm_internal.h"
#include "pm_locals.h"
#include "pm_netlink.h"
#include "pm_queue.h"
#include "util.h"

#define EVENTS_AT_ONCE 64 /* datagrams of events, before commands are looked at again */
#define SHOW_EVENTS_MS 50 /* events are shown this late at most; they wake nobody */

static void warn(struct pm *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void warn(struct pm *p, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (p->o.on_warning)
        p->o.on_warning(text, p->o.arg);
}

void pm_feed(struct pm *p, const struct pm_input *in)
{
    DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .ctx_in = in, .ctx_size_in = sizeof(*in));
    int rc = bpf_prog_test_run_opts(p->feed_fd, &opts);

    if (rc)
        warn(p, "the program pm_feed cannot be run: %s", strerror(-rc));
}

static void feed_event(const struct pm_input *in, void *arg)
{
    pm_feed(arg, in);
}

static void later(struct pm *p, const struct pm_command *c, unsigned tries, uint64_t due_ns)
{
    const struct pm_job job = {.due_ns = due_ns, .tries = tries, .command = *c};

    pm_queue_add(&p->queue, &job);
}

static void describe(const struct pm_command *c, char *out, size_t size)
{
    static const char *const names[PM_OPS] = {
        [PM_CREATE] = "create a subflow", [PM_CLOSE] = "close a subflow",
        [PM_ANNOUNCE] = "announce",       [PM_WITHDRAW] = "withdraw",
        [PM_BACKUP] = "set backup",
    };
    char local[INET6_ADDRSTRLEN] = "?", remote[INET6_ADDRSTRLEN] = "?";

    inet_ntop(c->local.family, c->local.ip, local, sizeof(local));
    inet_ntop(c->remote.family, c->remote.ip, remote, sizeof(remote));
    snprintf(out, size, "connection %08x: %s, from %s port %u id %u to %s port %u", c->token,
             names[c->op], local, c->local.port, c->local.id, remote, c->remote.port);
}

/* Executes a command now, tells what became of it, or has it tried again. */
static void execute(struct pm *p, const struct pm_command *c, unsigned tries)
{
    struct pm_input in = {.kind = PM_IN_RESULT, .token = c->token};
    uint64_t begin = now_mono_ns(), wait;
    const char *words;
    char what[192];

    p->shared->syn_ns = 0;
    in.error = pm_netlink_execute(p->netlink, c, &words);
    p->report.executed++;
    wait = pm_retry_after_ns(in.error, tries + 1);
    if (wait) {
        p->report.retried++;
        later(p, c, tries + 1, now_mono_ns() + wait);
        return;
    }
    if (!in.error && c->op == PM_CREATE && !tries && !c->delay_ms) {
        pm_delays_add(&p->report.wake, begin - c->asked_ns);
        if (p->shared->syn_ns > begin)
            pm_delays_add(&p->report.syn, p->shared->syn_ns - c->asked_ns);
        pm_delays_add(&p->report.done, now_mono_ns() - c->asked_ns);
    }
    if (in.error && in.error != -ESTALE) {
        describe(c, what, sizeof(what));
        warn(p, "%s: %s%s%s%s", what, strerror(-in.error), words ? " (" : "", words ? words : "",
             words ? ")" : "");
    }
    in.command = *c;
    pm_feed(p, &in);
}

static int on_command(void *arg, void *record, size_t size)
{
    const struct pm_command *c = record;
    struct pm *p = arg;

    if (size < sizeof(*c) || !c->op || c->op >= PM_OPS)
        return 0;
    if (c->delay_ms)
        later(p, c, 0, c->asked_ns + c->delay_ms * 1000000ull);
    else
        execute(p, c, 0);
    return 0;
}

static void on_local(unsigned slot, bool up, void *arg)
{
    struct pm *p = arg;
    struct pm_input in = {.kind = up ? PM_IN_LOCAL_UP : PM_IN_LOCAL_DOWN,
                          .slot = slot,
                          .local = p->locals.slots[slot]};

    pm_feed(p, &in);
}

static int update_locals(struct pm *p, struct err *e)
{
    struct pm_addr usable[4 * PM_LOCALS];
    int n = pm_locals_read(usable, ARRAY_SIZE(usable), &p->o.addresses, e);
    unsigned without;

    if (n < 0)
        return n;
    without = pm_locals_update(&p->locals, usable, (unsigned)n, on_local, p);
    if (without && without != p->without_slot)
        warn(p, "%u addresses of this host are not used: a path manager has room for %d", without,
             PM_LOCALS);
    p->without_slot = without;
    return 0;
}

static int read_events(struct pm *p, struct err *e)
{
    int rc = 1;

    for (unsigned i = 0; i < EVENTS_AT_ONCE && rc == 1; i++) {
        rc = pm_netlink_events(p->netlink, feed_event, p);
        ring_buffer__consume(p->commands); /* they do not wait for events */
    }
    if (rc == -ENOBUFS) {
        p->report.overruns++;
        warn(p, "events of the kernel were lost; reading anew which connections there are");
        return pm_adopt(p, true, e);
    }
    return rc < 0 ? err_broke(e, rc, "events of mptcp_pm: %s", strerror(-rc)) : 0;
}

static void run_queue(struct pm *p)
{
    struct pm_job job;

    while (pm_queue_take(&p->queue, now_mono_ns(), &job)) {
        execute(p, &job.command, job.tries);
        ring_buffer__consume(p->commands);
    }
}

static void arm_timer(struct pm *p)
{
    uint64_t next = pm_queue_next_ns(&p->queue);
    struct itimerspec t = {0};

    if (next == p->armed_ns)
        return;
    p->armed_ns = next;
    if (next != UINT64_MAX) {
        t.it_value.tv_sec = (time_t)(next / NSEC_PER_SEC);
        t.it_value.tv_nsec = (long)(next % NSEC_PER_SEC);
    }
    timerfd_settime(p->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

static void show_events(struct pm *p)
{
    if (p->o.on_event)
        program_poll(p->program, p->o.on_event, p->o.arg);
}

/* Looks for more commands a while before sleeping. */
static void busy_poll(struct pm *p)
{
    uint64_t end = now_mono_ns() + p->o.busy_poll_us * 1000ull;

    do {
        if (ring_buffer__consume(p->commands) > 0)
            end = now_mono_ns() + p->o.busy_poll_us * 1000ull;
    } while (now_mono_ns() < end);
}

int pm_run(struct pm *p, struct err *e)
{
    struct epoll_event ready[8];
    int rc = 0;

    for (;;) {
        int n;

        ring_buffer__consume(p->commands);
        run_queue(p);
        arm_timer(p);
        n = epoll_wait(p->epoll, ready, ARRAY_SIZE(ready), SHOW_EVENTS_MS);
        if (n < 0 && errno != EINTR)
            return err_broke(e, -errno, "epoll: %s", strerror(errno));
        if (ring_buffer__consume(p->commands) > 0 && p->o.busy_poll_us)
            busy_poll(p);
        for (int i = 0; i < n && !rc; i++) {
            int fd = ready[i].data.fd;
            uint64_t expired;
            if (fd == p->o.stop_fd) {
                show_events(p);
                return 0;
            }
            if (fd == pm_netlink_events_fd(p->netlink))
                rc = read_events(p, e);
            if (fd == p->watch) {
                pm_locals_drain(p->watch);
                rc = update_locals(p, e);
            }
            if (fd == p->timer && read(p->timer, &expired, sizeof(expired)) > 0)
                p->armed_ns = 0;
        }
        show_events(p);
        if (rc)
            return rc;
    }
}

static int add(struct pm *p, int fd, struct err *e)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

    if (fd >= 0 && !epoll_ctl(p->epoll, EPOLL_CTL_ADD, fd, &ev))
        return 0;
    return err_broke(e, -errno, "epoll: %s", strerror(errno));
}

/* Which sockets are ours. */
static int say_place(struct pm *p, struct err *e)
{
    uint64_t cookie, handle_bytes[1 + sizeof(struct file_handle) / sizeof(uint64_t) + 1] = {0};
    struct file_handle *h = (struct file_handle *)handle_bytes;
    int mount, rc = pm_host_cookie(&cookie, e);

    if (rc)
        return rc;
    /* The id that eBPF sees is the handle of the directory. */
    h->handle_bytes = sizeof(uint64_t);
    if (name_to_handle_at(AT_FDCWD, p->o.cgroup, h, &mount, 0))
        return err_broke(e, -errno, "cgroup %s: %s", p->o.cgroup, strerror(errno));
    memcpy(&p->shared->cgroup_id, h->f_handle, sizeof(uint64_t));
    p->shared->cgroup_level = p->cgroup_level;
    p->shared->netns_cookie = cookie;
    return 0;
}

static int find_parts(struct pm *p, struct err *e)
{
    struct bpf_object *obj = program_object(p->program);
    struct bpf_map *commands = bpf_object__find_map_by_name(obj, "commands"),
                   *shared = bpf_object__find_map_by_name(obj, "shared");
    struct bpf_program *feed = bpf_object__find_program_by_name(obj, "pm_feed");

    p->adopt = bpf_object__find_program_by_name(obj, "pm_adopt");
    if (!commands || !shared || !feed || !p->adopt)
        return err_broke(e, -EINVAL, "%s does not end with #include \"pm_main.bpf.h\"",
                         p->o.policy);
    p->feed_fd = bpf_program__fd(feed);
    p->shared = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
                     bpf_map__fd(shared), 0);
    if (p->shared == MAP_FAILED) {
        p->shared = NULL;
        return err_broke(e, -errno, "%s: its shared memory: %s", p->o.policy, strerror(errno));
    }
    p->commands = ring_buffer__new(bpf_map__fd(commands), on_command, p, NULL);
    return p->commands ? 0
                       : err_broke(e, -errno, "%s: ring buffer: %s", p->o.policy, strerror(errno));
}

/* A command waits for no other process where we may ask for that. */
static void hurry(struct pm *p)
{
    const struct sched_param fifo = {.sched_priority = 1};

    if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &fifo) &&
        setpriority(PRIO_PROCESS, 0, -20))
        warn(p, "no real-time or raised priority: subflows can be late under load");
    mlockall(MCL_CURRENT);
}

static int open_all(struct pm *p, struct err *e)
{
    int rc = pm_netlink_open(&p->netlink, e);

    if (!rc)
        rc = pm_host_take(&p->host, e);
    if (!rc) {
        int cgroup = open(p->o.cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const struct program_place place = {.cgroup_fd = cgroup};
        if (cgroup < 0)
            rc = err_usage(e, -errno, "cgroup %s: %s", p->o.cgroup, strerror(errno));
        else
            rc =
                program_attach(&p->program, p->o.policy, p->o.settings, p->o.n_settings, &place, e);
        if (cgroup >= 0)
            close(cgroup);
    }
    if (!rc)
        rc = find_parts(p, e);
    if (!rc)
        rc = say_place(p, e);
    if (!rc)
        rc = pm_locals_watch(&p->watch, e);
    if (rc)
        return rc;
    p->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    rc = add(p, ring_buffer__epoll_fd(p->commands), e);
    if (!rc)
        rc = add(p, pm_netlink_events_fd(p->netlink), e);
    if (!rc)
        rc = add(p, p->watch, e);
    if (!rc)
        rc = add(p, p->timer, e);
    if (!rc)
        rc = add(p, p->o.stop_fd, e);
    return rc;
}

static void cpu_used(double *user_s, double *system_s)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    *user_s = (double)u.ru_utime.tv_sec + (double)u.ru_utime.tv_usec / 1e6;
    *system_s = (double)u.ru_stime.tv_sec + (double)u.ru_stime.tv_usec / 1e6;
}

int pm_start(struct pm **out, const struct pm_options *o, struct err *e)
{
    struct pm *p = xcalloc(1, sizeof(*p));
    int rc;

    p->o = *o;
    p->watch = p->timer = p->epoll = p->host.lock = -1;
    p->started_ns = now_mono_ns();
    rc = pm_cgroup_level(o->cgroup, &p->cgroup_level, e);
    if (!rc)
        rc = open_all(p, e);
    if (!rc)
        rc = pm_learn_ids(p, e);
    if (!rc)
        rc = update_locals(p, e);
    if (!rc)
        rc = pm_adopt(p, false, e);
    if (rc) {
        pm_stop(p, NULL);
        return rc;
    }
    hurry(p);
    cpu_used(&p->user_before_s, &p->system_before_s);
    if (o->on_ready)
        o->on_ready(o->arg);
    *out = p;
    return 0;
}

static uint64_t entries(struct pm *p, const char *name)
{
    struct bpf_map *m = bpf_object__find_map_by_name(program_object(p->program), name);
    char key[2][64] = {{0}};
    uint64_t n = 0;

    while (!bpf_map_get_next_key(bpf_map__fd(m), n ? key[(n - 1) % 2] : NULL, key[n % 2]))
        n++;
    return n;
}

int pm_report(struct pm *p, struct pm_report *r, struct err *e)
{
    *r = p->report;
    cpu_used(&r->cpu_user_s, &r->cpu_system_s);
    r->cpu_user_s -= p->user_before_s;
    r->cpu_system_s -= p->system_before_s;
    r->seconds = (double)(now_mono_ns() - p->started_ns) / 1e9;
    r->left_connections = entries(p, "connections");
    r->left_subflows = entries(p, "subflows");
    r->declaration = program_declaration(p->program);
    return program_counters(p->program, r->counters, ARRAY_SIZE(r->counters), e);
}

int pm_stop(struct pm *p, struct err *e)
{
    int rc;

    if (!p)
        return 0;
    rc = pm_host_release(&p->host, e);
    ring_buffer__free(p->commands);
    if (p->shared)
        munmap(p->shared, (size_t)sysconf(_SC_PAGESIZE));
    program_detach(p->program);
    pm_netlink_close(p->netlink);
    if (p->watch >= 0)
        close(p->watch);
    if (p->timer >= 0)
        close(p->timer);
    if (p->epoll >= 0)
        close(p->epoll);
    pm_queue_free(&p->queue);
    free(p);
    return rc;
}

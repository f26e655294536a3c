/* SPDX-License-Identifier: BSD-2-Clause */
#include "pm.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/pm.h"
#include "pm_adopt.h"
#include "pm_host.h"
#include "pm_internal.h"
#include "pm_locals.h"
#include "pm_netlink.h"
#include "util.h"

#define SHOW_EVENTS_MS 50 /* events are shown this late at most; they wake nobody */
#define LOOK_AGAIN_S   1  /* pause between two looks for what a full map had no room for */

void pm_warn(struct pm *p, const char *fmt, ...)
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
        pm_warn(p, "the program pm_feed cannot be run: %s", strerror(-rc));
}

static void feed_event(const struct pm_input *in, void *arg)
{
    pm_feed(arg, in);
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
        pm_warn(p, "%u addresses of this host are not used: a path manager has room for %d",
                without, PM_LOCALS);
    p->without_slot = without;
    return 0;
}

static int read_events(struct pm *p, struct err *e)
{
    bool lost = false;
    int rc = 1;

    /* After an overrun the kernel drops, without a word, whatever comes until the last event was
     * read; so what there is now is looked at only then. */
    while (rc == 1 || rc == -ENOBUFS) {
        rc = pm_netlink_events(p->netlink, feed_event, p);
        lost |= rc == -ENOBUFS;
    }
    if (!rc && lost) {
        p->overruns++;
        pm_warn(p, "events of the kernel were lost; reading anew which connections there are");
        return pm_adopt(p, true, e);
    }
    return rc < 0 ? err_broke(e, rc, "events of mptcp_pm: %s", strerror(-rc)) : 0;
}

/* What a full map had no room for finds some when others have ended. */
static int look_again(struct pm *p, struct err *e)
{
    uint32_t missed = __atomic_load_n(&p->shared->missed, __ATOMIC_RELAXED);
    uint64_t now = now_mono_ns();

    if (missed == p->missed || now < p->looked_ns + LOOK_AGAIN_S * NSEC_PER_SEC)
        return 0;
    if (!p->missed)
        pm_warn(p, "more connections than there is room for (%u): the others wait until some end",
                p->o.connections);
    p->missed = missed;
    p->looked_ns = now;
    return pm_adopt(p, false, e);
}

static void show_events(struct pm *p)
{
    if (p->o.on_event)
        program_poll(p->program, p->o.on_event, p->o.arg);
}

int pm_run(struct pm *p, struct err *e)
{
    struct epoll_event ready[8];
    int rc = 0;

    while (!rc) {
        int n = epoll_wait(p->epoll, ready, ARRAY_SIZE(ready),
                           p->o.on_event ? SHOW_EVENTS_MS : LOOK_AGAIN_S * 1000);
        if (n < 0 && errno != EINTR)
            return err_broke(e, -errno, "epoll: %s", strerror(errno));
        for (int i = 0; i < n && !rc; i++) {
            int fd = ready[i].data.fd;
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
        }
        if (!rc)
            rc = look_again(p, e);
        show_events(p);
    }
    return rc;
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
    struct bpf_map *shared = bpf_object__find_map_by_name(obj, "shared");
    struct bpf_map *overflow = bpf_object__find_map_by_name(obj, "overflow");
    struct bpf_program *feed = bpf_object__find_program_by_name(obj, "pm_feed");

    p->adopt = bpf_object__find_program_by_name(obj, "pm_adopt");
    if (!shared || !overflow || !feed || !p->adopt)
        return err_broke(e, -EINVAL, "%s does not end with #include \"pm_main.bpf.h\"",
                         p->o.policy);
    p->feed_fd = bpf_program__fd(feed);
    p->overflow_fd = bpf_map__fd(overflow);
    p->shared = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
                     bpf_map__fd(shared), 0);
    if (p->shared == MAP_FAILED) {
        p->shared = NULL;
        return err_broke(e, -errno, "%s: its shared memory: %s", p->o.policy, strerror(errno));
    }
    return 0;
}

static int open_all(struct pm *p, struct err *e)
{
    int rc = pm_netlink_open(&p->netlink, p->o.events_bytes, e);

    if (!rc)
        rc = pm_host_take(&p->host, e);
    if (!rc) {
        int cgroup = open(p->o.cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const struct program_place place = {
            .cgroup_fd = cgroup, .resize_map = "connections", .map_entries = p->o.connections};
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
        rc = pm_workers_start(p, e);
    if (!rc)
        rc = say_place(p, e);
    if (!rc)
        rc = pm_locals_watch(&p->watch, p->o.events_bytes, e);
    if (rc)
        return rc;
    p->epoll = epoll_create1(EPOLL_CLOEXEC);
    rc = add(p, pm_netlink_events_fd(p->netlink), e);
    if (!rc)
        rc = add(p, p->watch, e);
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
    p->watch = p->epoll = p->host.lock = -1;
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
    mlockall(MCL_CURRENT);
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
    memset(r, 0, sizeof(*r));
    pm_workers_stop(p);
    pm_workers_stats(p, &r->commands);
    r->overruns = p->overruns;
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
    pm_workers_stop(p);
    pm_workers_free(p);
    if (p->shared)
        munmap(p->shared, (size_t)sysconf(_SC_PAGESIZE));
    program_detach(p->program);
    pm_netlink_close(p->netlink);
    if (p->watch >= 0)
        close(p->watch);
    if (p->epoll >= 0)
        close(p->epoll);
    free(p);
    return rc;
}

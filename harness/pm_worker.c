/* SPDX-License-Identifier: BSD-2-Clause */
#include "pm_worker.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/pm.h"
#include "pm_internal.h"
#include "pm_netlink.h"
#include "pm_queue.h"
#include "util.h"

struct pm_worker {
    struct pm *p;
    unsigned cpu;
    pthread_t thread;
    bool running;
    int ring_fd, timer, stop, epoll;
    struct ring_buffer *ring;
    struct pm_netlink *netlink;
    struct pm_queue queue;
    uint64_t armed_ns; /* what the timer is set to */
    uint64_t ended_ns; /* the last command */
    struct pm_worker_stats stats;
};

static void later(struct pm_worker *w, const struct pm_command *c, unsigned tries, uint64_t due_ns)
{
    const struct pm_job job = {.due_ns = due_ns, .tries = tries, .command = *c};

    pm_queue_add(&w->queue, &job);
}

static void complain(struct pm_worker *w, const struct pm_command *c, int error, const char *words)
{
    static const char *const names[PM_OPS] = {
        [PM_CREATE] = "create a subflow", [PM_CLOSE] = "close a subflow",
        [PM_ANNOUNCE] = "announce",       [PM_WITHDRAW] = "withdraw",
        [PM_BACKUP] = "set backup",
    };
    char local[INET6_ADDRSTRLEN] = "?", remote[INET6_ADDRSTRLEN] = "?";

    inet_ntop(c->local.family, c->local.ip, local, sizeof(local));
    inet_ntop(c->remote.family, c->remote.ip, remote, sizeof(remote));
    pm_warn(w->p, "connection %08x: %s, from %s port %u id %u to %s port %u: %s%s%s%s", c->token,
            names[c->op], local, c->local.port, c->local.id, remote, c->remote.port,
            strerror(-error), words ? " (" : "", words ? words : "", words ? ")" : "");
}

/* Executes a command now, tells what became of it, or has it tried again. */
static void execute(struct pm_worker *w, const struct pm_command *c, unsigned tries)
{
    struct pm_input in = {.kind = PM_IN_RESULT, .token = c->token, .command = *c};
    volatile __u64 *syn_ns = &w->p->shared->syn_ns[w->cpu];
    uint64_t begin = now_mono_ns(), wait;
    const char *words;

    *syn_ns = 0;
    in.error = pm_netlink_execute(w->netlink, c, &words);
    w->stats.executed++;
    wait = pm_retry_after_ns(in.error, tries + 1);
    in.connected = *syn_ns != 0;
    if (wait && !in.connected) {
        w->stats.retried++;
        later(w, c, tries + 1, now_mono_ns() + wait);
        return;
    }
    /* One that had to wait for another says nothing about waking. */
    if (!in.error && c->op == PM_CREATE && !tries && !c->delay_ms && c->asked_ns > w->ended_ns) {
        pm_delays_add(&w->stats.wake, begin - c->asked_ns);
        if (in.connected)
            pm_delays_add(&w->stats.syn, *syn_ns - c->asked_ns);
        pm_delays_add(&w->stats.done, now_mono_ns() - c->asked_ns);
    }
    pm_feed(w->p, &in);
    w->ended_ns = now_mono_ns();
    if (in.error && in.error != -ESTALE)
        complain(w, c, in.error, words);
}

static int on_command(void *arg, void *record, size_t size)
{
    const struct pm_command *c = record;
    struct pm_worker *w = arg;

    if (size < sizeof(*c) || !c->op || c->op >= PM_OPS)
        return 0;
    if (c->delay_ms)
        later(w, c, 0, c->asked_ns + c->delay_ms * 1000000ull);
    else
        execute(w, c, 0);
    return 0;
}

/* Commands that had no room in a ring, in the order in which they were asked for. */
static void take_overflow(struct pm_worker *w)
{
    struct pm_command c;
    __s32 *n = &w->p->shared->overflowed;

    while (__atomic_load_n(n, __ATOMIC_SEQ_CST) > 0 &&
           !bpf_map_lookup_and_delete_elem(w->p->overflow_fd, NULL, &c)) {
        __atomic_fetch_sub(n, 1, __ATOMIC_SEQ_CST);
        on_command(w, &c, sizeof(c));
    }
}

static void arm_timer(struct pm_worker *w)
{
    uint64_t next = pm_queue_next_ns(&w->queue);
    struct itimerspec t = {0};

    if (next == w->armed_ns)
        return;
    w->armed_ns = next;
    if (next != UINT64_MAX) {
        t.it_value.tv_sec = (time_t)(next / NSEC_PER_SEC);
        t.it_value.tv_nsec = (long)(next % NSEC_PER_SEC);
    }
    timerfd_settime(w->timer, TFD_TIMER_ABSTIME, &t, NULL);
}

/* A command waits for no other process where we may ask for that: the priority of threaded
 * interrupts, for work that is as short. */
static void hurry(struct pm_worker *w)
{
    const struct sched_param fifo = {.sched_priority = 50};
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(w->cpu, &set);
    sched_setaffinity(0, sizeof(set), &set);
    if (sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &fifo) &&
        setpriority(PRIO_PROCESS, 0, -20) && !w->cpu)
        pm_warn(w->p, "no real-time or raised priority: subflows can be late under load");
}

static void *work(void *arg)
{
    struct pm_worker *w = arg;
    struct pm_job job;

    hurry(w);
    for (;;) {
        struct epoll_event ready[4];
        int n;

        ring_buffer__consume(w->ring);
        take_overflow(w);
        while (pm_queue_take(&w->queue, now_mono_ns(), &job)) {
            execute(w, &job.command, job.tries);
            ring_buffer__consume(w->ring);
        }
        arm_timer(w);
        n = epoll_wait(w->epoll, ready, ARRAY_SIZE(ready), -1);
        for (int i = 0; i < n; i++) {
            uint64_t expired;
            if (ready[i].data.fd == w->stop)
                return NULL;
            if (ready[i].data.fd == w->timer && read(w->timer, &expired, sizeof(expired)) > 0)
                w->armed_ns = 0;
        }
    }
}

static int watch(struct pm_worker *w, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

    return fd < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int start_one(struct pm *p, unsigned cpu, struct err *e)
{
    struct pm_worker *w = xcalloc(1, sizeof(*w));
    int rc;

    p->workers = xrealloc(p->workers, (p->n_workers + 1) * sizeof(struct pm_worker *));
    p->workers[p->n_workers++] = w;
    w->p = p;
    w->cpu = cpu;
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    w->stop = eventfd(0, EFD_CLOEXEC);
    w->ring_fd = bpf_map_create(BPF_MAP_TYPE_RINGBUF, NULL, 0, 0, p->o.ring_bytes, NULL);
    w->ring = w->ring_fd < 0 ? NULL : ring_buffer__new(w->ring_fd, on_command, w, NULL);
    if (!w->ring)
        return err_broke(e, -errno, "%s: ring buffer: %s", p->o.policy, strerror(errno));
    rc = pm_netlink_open(&w->netlink, 0, e);
    if (rc)
        return rc;
    rc = watch(w, ring_buffer__epoll_fd(w->ring));
    if (!rc)
        rc = watch(w, w->timer);
    if (!rc)
        rc = watch(w, w->stop);
    if (!rc)
        rc = -pthread_create(&w->thread, NULL, work, w);
    w->running = !rc;
    return rc ? err_broke(e, rc, "a thread of the path manager: %s", strerror(-rc)) : 0;
}

int pm_workers_start(struct pm *p, struct err *e)
{
    struct bpf_map *commands = bpf_object__find_map_by_name(program_object(p->program), "commands");
    int n_cpus = libbpf_num_possible_cpus(), rc = 0;
    cpu_set_t ours;

    if (sched_getaffinity(0, sizeof(ours), &ours))
        return err_broke(e, -errno, "sched_getaffinity: %s", strerror(errno));
    for (unsigned cpu = 0; !rc && cpu < PM_MAX_CPUS; cpu++)
        if (CPU_ISSET(cpu, &ours))
            rc = start_one(p, cpu, e);
    for (__u32 cpu = 0; !rc && cpu < (__u32)n_cpus && cpu < PM_MAX_CPUS; cpu++) {
        struct pm_worker *own = p->workers[cpu % p->n_workers];
        for (unsigned i = 0; i < p->n_workers; i++)
            if (p->workers[i]->cpu == cpu)
                own = p->workers[i];
        if (bpf_map_update_elem(bpf_map__fd(commands), &cpu, &own->ring_fd, 0))
            rc = err_broke(e, -errno, "%s: ring buffers: %s", p->o.policy, strerror(errno));
    }
    return rc;
}

static void add_delays(struct pm_delays *sum, const struct pm_delays *d)
{
    sum->n += d->n;
    if (d->max_ns > sum->max_ns)
        sum->max_ns = d->max_ns;
    for (unsigned i = 0; i < ARRAY_SIZE(sum->count); i++)
        sum->count[i] += d->count[i];
}

void pm_workers_stats(const struct pm *p, struct pm_worker_stats *sum)
{
    for (unsigned i = 0; i < p->n_workers; i++) {
        const struct pm_worker_stats *s = &p->workers[i]->stats;
        add_delays(&sum->wake, &s->wake);
        add_delays(&sum->syn, &s->syn);
        add_delays(&sum->done, &s->done);
        sum->executed += s->executed;
        sum->retried += s->retried;
    }
}

void pm_workers_stop(struct pm *p)
{
    for (unsigned i = 0; i < p->n_workers; i++) {
        struct pm_worker *w = p->workers[i];
        if (w->running) {
            eventfd_write(w->stop, 1);
            pthread_join(w->thread, NULL);
            w->running = false;
        }
    }
}

void pm_workers_free(struct pm *p)
{
    for (unsigned i = 0; i < p->n_workers; i++) {
        struct pm_worker *w = p->workers[i];
        ring_buffer__free(w->ring);
        pm_netlink_close(w->netlink);
        pm_queue_free(&w->queue);
        for (unsigned k = 0; k < 4; k++) {
            int fd = (const int[]){w->ring_fd, w->timer, w->stop, w->epoll}[k];
            if (fd >= 0)
                close(fd);
        }
        free(w);
    }
    free(p->workers);
    p->workers = NULL;
    p->n_workers = 0;
}

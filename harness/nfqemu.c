/* SPDX-License-Identifier: BSD-2-Clause */
#include "nfqemu.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_queue/libnetfilter_queue.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "netns.h"
#include "stats.h"
#include "util.h"

#define MAX_HELD      200000 /* packets in all */
#define KERNEL_QUEUE  100000 /* packets in one kernel queue */
#define SOCKET_BUFFER (8 << 20)
#define COPY_HEAD     40 /* bytes of a packet that we look at: its length field */
#define COPY_ALL      0xffff
#define VERDICT_BYTES 16384
#define RECEIVE_BYTES (1 << 17)
#define RT_PRIORITY   20
#define READY         "ready" /* what the process says when it holds its queues */
#define READY_RT      "ready, in real time"

struct shared_queue {
    atomic_uint version; /* odd while it is written */
    struct impairment imp;
    struct nfqemu_counters counters; /* written by the emulator only */
};

struct nfqemu {
    pid_t pid;
    int pidfd;
    bool realtime;
    unsigned n;
    struct shared_queue *shared;
};

/* ---- the process ---- */

struct held {
    uint64_t due_ns, order;
    uint32_t id;
    unsigned queue;
};

struct queue_state {
    uint16_t number;
    unsigned socket;
    uint64_t last_due_ns; /* jitter keeps the order */
    bool bad;             /* Gilbert model */
    bool copy_all;        /* whole packets are copied to us, for duplicates */
};

struct emu_socket {
    struct mnl_socket *nl;
    unsigned portid;
    int raw4, raw6; /* for duplicates; -1 until needed */
    int ns_fd;
    uint8_t verdicts[VERDICT_BYTES];
    size_t verdict_len;
};

struct emu {
    struct shared_queue *shared;
    struct queue_state *queues;
    unsigned n_queues;
    struct emu_socket *sockets;
    unsigned n_sockets;
    struct held *heap;
    unsigned n_held;
    uint64_t order;
    struct rng rng;
};

static volatile sig_atomic_t ending;

static void on_end(int sig)
{
    (void)sig;
    ending = 1;
}

static bool before(const struct held *a, const struct held *b)
{
    return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void heap_push(struct emu *m, struct held h)
{
    unsigned i = m->n_held++;

    while (i && before(&h, &m->heap[(i - 1) / 2])) {
        m->heap[i] = m->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    m->heap[i] = h;
}

static struct held heap_pop(struct emu *m)
{
    struct held top = m->heap[0], last = m->heap[--m->n_held];
    unsigned i = 0;

    for (;;) {
        unsigned c = 2 * i + 1;
        if (c >= m->n_held)
            break;
        if (c + 1 < m->n_held && before(&m->heap[c + 1], &m->heap[c]))
            c++;
        if (!before(&m->heap[c], &last))
            break;
        m->heap[i] = m->heap[c];
        i = c;
    }
    m->heap[i] = last;
    return top;
}

static void send_verdicts(struct emu_socket *s)
{
    if (!s->verdict_len)
        return;
    /* A verdict that cannot be sent would hold its packet for ever: try until it can. */
    while (mnl_socket_sendto(s->nl, s->verdicts, s->verdict_len) < 0 &&
           (errno == EINTR || errno == ENOBUFS || errno == EAGAIN))
        ;
    s->verdict_len = 0;
}

static void verdict(struct emu *m, unsigned queue, uint32_t id, uint32_t what)
{
    struct emu_socket *s = &m->sockets[m->queues[queue].socket];
    struct nlmsghdr *h;

    if (s->verdict_len + 128 > sizeof(s->verdicts))
        send_verdicts(s);
    h = nfq_nlmsg_put((char *)s->verdicts + s->verdict_len, NFQNL_MSG_VERDICT,
                      m->queues[queue].number);
    nfq_nlmsg_verdict_put(h, (int)id, (int)what);
    s->verdict_len += MNL_ALIGN(h->nlmsg_len);
}

static void load_impairment(struct shared_queue *q, struct impairment *imp)
{
    unsigned v;

    do {
        v = atomic_load(&q->version);
        memcpy(imp, &q->imp, sizeof(*imp));
        atomic_thread_fence(memory_order_acquire);
    } while ((v & 1) || v != atomic_load(&q->version));
}

static bool is_lost(struct emu *m, struct queue_state *q, const struct impairment *imp)
{
    double leave;

    if (imp->loss <= 0)
        return false;
    if (imp->loss >= 1)
        return true;
    if (!(imp->loss_burst > 1))
        return rng_unit(&m->rng) < imp->loss;
    leave = 1 / imp->loss_burst;
    if (q->bad)
        q->bad = !(rng_unit(&m->rng) < leave);
    else
        q->bad = rng_unit(&m->rng) < imp->loss * leave / (1 - imp->loss);
    return q->bad;
}

/* A second copy goes out by a raw socket of the router, marked so that no rule queues it again. */
static bool send_duplicate(struct emu_socket *s, const uint8_t *data, size_t len)
{
    bool v6 = len && data[0] >> 4 == 6;
    int *fd = v6 ? &s->raw6 : &s->raw4, one = 1;
    uint32_t mark = NFQEMU_MARK;
    struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
    struct sockaddr_in to4 = {.sin_family = AF_INET};

    if (len < (v6 ? 40u : 20u))
        return false;
    if (*fd < 0) {
        int saved = netns_enter(s->ns_fd);
        if (saved < 0)
            return false;
        *fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
        netns_leave(saved);
        if (*fd < 0)
            return false;
        setsockopt(*fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark));
        setsockopt(*fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? 36 /* IPV6_HDRINCL */ : IP_HDRINCL,
                   &one, sizeof(one));
    }
    memcpy(&to6.sin6_addr, data + 24, v6 ? 16 : 0);
    memcpy(&to4.sin_addr, data + 16, v6 ? 0 : 4);
    return sendto(*fd, data, len, MSG_DONTWAIT,
                  v6 ? (struct sockaddr *)&to6 : (struct sockaddr *)&to4,
                  v6 ? sizeof(to6) : sizeof(to4)) == (ssize_t)len;
}

static int queue_by_number(const struct emu *m, unsigned socket, uint16_t number)
{
    for (unsigned i = 0; i < m->n_queues; i++)
        if (m->queues[i].socket == socket && m->queues[i].number == number)
            return (int)i;
    return -1;
}

static void configure_copy(struct emu *m, unsigned i, bool all)
{
    char buf[256];
    struct nlmsghdr *h = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, m->queues[i].number);

    nfq_nlmsg_cfg_put_params(h, NFQNL_COPY_PACKET, all ? COPY_ALL : COPY_HEAD);
    mnl_socket_sendto(m->sockets[m->queues[i].socket].nl, h, h->nlmsg_len);
    m->queues[i].copy_all = all;
}

static void on_packet(struct emu *m, unsigned queue, uint32_t id, const uint8_t *data, size_t len,
                      size_t whole)
{
    struct shared_queue *sq = &m->shared[queue];
    struct queue_state *q = &m->queues[queue];
    struct impairment imp;
    uint64_t now = now_mono_ns();
    int64_t delay;

    load_impairment(sq, &imp);
    sq->counters.packets++;
    sq->counters.bytes += whole;
    if ((imp.duplicate > 0) != q->copy_all)
        configure_copy(m, queue, imp.duplicate > 0);
    if (is_lost(m, q, &imp)) {
        sq->counters.lost++;
        verdict(m, queue, id, NF_DROP);
        return;
    }
    if (m->n_held == MAX_HELD) {
        sq->counters.overflow++;
        verdict(m, queue, id, NF_DROP);
        return;
    }
    if (imp.duplicate > 0 && rng_unit(&m->rng) < imp.duplicate && len == whole &&
        send_duplicate(&m->sockets[q->socket], data, len))
        sq->counters.duplicated++;
    if (imp.reorder > 0 && imp.delay_us && rng_unit(&m->rng) < imp.reorder) {
        sq->counters.reordered++;
        verdict(m, queue, id, NF_ACCEPT);
        return;
    }
    delay = (int64_t)imp.delay_us * 1000;
    if (imp.jitter_us)
        delay += (int64_t)((2 * rng_unit(&m->rng) - 1) * imp.jitter_us * 1000);
    if (delay <= 0) {
        verdict(m, queue, id, NF_ACCEPT);
        return;
    }
    struct held h = {
        .due_ns = now + (uint64_t)delay, .order = m->order++, .id = id, .queue = queue};
    if (imp.jitter_us && h.due_ns < q->last_due_ns)
        h.due_ns = q->last_due_ns;
    q->last_due_ns = h.due_ns;
    heap_push(m, h);
}

/* Bytes of the packet from its own header; 0 where it does not say (a GSO packet over 64 KB). */
static size_t ip_length(const uint8_t *d, size_t len)
{
    if (len >= 20 && d[0] >> 4 == 4)
        return (size_t)d[2] << 8 | d[3];
    if (len >= 40 && d[0] >> 4 == 6)
        return 40 + ((size_t)d[4] << 8 | d[5]);
    return 0;
}

struct parse_arg {
    struct emu *m;
    unsigned socket;
};

static int on_message(const struct nlmsghdr *h, void *arg)
{
    struct parse_arg *p = arg;
    struct nlattr *attr[NFQA_MAX + 1] = {0};
    const struct nfgenmsg *nfg;
    struct nfqnl_msg_packet_hdr *ph;
    int queue;

    if (NFNL_MSG_TYPE(h->nlmsg_type) != NFQNL_MSG_PACKET || nfq_nlmsg_parse(h, attr) < 0 ||
        !attr[NFQA_PACKET_HDR])
        return MNL_CB_OK;
    nfg = mnl_nlmsg_get_payload(h);
    ph = mnl_attr_get_payload(attr[NFQA_PACKET_HDR]);
    queue = queue_by_number(p->m, p->socket, ntohs(nfg->res_id));
    if (queue < 0)
        return MNL_CB_OK;
    const uint8_t *data = attr[NFQA_PAYLOAD] ? mnl_attr_get_payload(attr[NFQA_PAYLOAD]) : NULL;
    size_t len = attr[NFQA_PAYLOAD] ? mnl_attr_get_payload_len(attr[NFQA_PAYLOAD]) : 0;
    size_t whole = attr[NFQA_CAP_LEN] ? ntohl(mnl_attr_get_u32(attr[NFQA_CAP_LEN])) : len;
    if (data && whole == len && ip_length(data, len) > len)
        whole = ip_length(data, len);
    on_packet(p->m, (unsigned)queue, ntohl(ph->packet_id), data, len, whole);
    return MNL_CB_OK;
}

static void receive(struct emu *m, unsigned socket)
{
    static uint8_t buf[RECEIVE_BYTES];
    struct parse_arg arg = {m, socket};

    for (;;) {
        ssize_t n = recv(mnl_socket_get_fd(m->sockets[socket].nl), buf, sizeof(buf), MSG_DONTWAIT);
        if (n <= 0)
            return; /* EAGAIN; ENOBUFS is counted by the kernel (user_dropped) */
        mnl_cb_run(buf, (size_t)n, 0, m->sockets[socket].portid, on_message, &arg);
    }
}

static void release_due(struct emu *m, bool all)
{
    uint64_t now = now_mono_ns();

    while (m->n_held && (all || m->heap[0].due_ns <= now)) {
        struct held h = heap_pop(m);
        struct nfqemu_counters *c = &m->shared[h.queue].counters;
        verdict(m, h.queue, h.id, NF_ACCEPT);
        if (!all && now - h.due_ns > c->late_max_ns)
            c->late_max_ns = now - h.due_ns;
    }
    for (unsigned i = 0; i < m->n_sockets; i++)
        send_verdicts(&m->sockets[i]);
}

static void loop(struct emu *m)
{
    struct pollfd *p = xcalloc(m->n_sockets, sizeof(*p));

    for (unsigned i = 0; i < m->n_sockets; i++)
        p[i] = (struct pollfd){.fd = mnl_socket_get_fd(m->sockets[i].nl), .events = POLLIN};
    while (!ending) {
        struct timespec ts, *timeout = NULL;
        if (m->n_held) {
            uint64_t now = now_mono_ns(),
                     left = m->heap[0].due_ns > now ? m->heap[0].due_ns - now : 0;
            ts = (struct timespec){(time_t)(left / NSEC_PER_SEC), (long)(left % NSEC_PER_SEC)};
            timeout = &ts;
        }
        ppoll(p, m->n_sockets, timeout, NULL);
        release_due(m, false);
        for (unsigned i = 0; i < m->n_sockets; i++)
            if (p[i].revents)
                receive(m, i);
        release_due(m, false);
    }
    release_due(m, true);
    free(p);
}

static int configure(struct emu_socket *s, uint16_t number, char *why, size_t size)
{
    char buf[512];
    struct nlmsghdr *h = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, number);
    uint8_t answer[1024];

    nfq_nlmsg_cfg_put_cmd(h, AF_UNSPEC, NFQNL_CFG_CMD_BIND);
    h->nlmsg_flags |= NLM_F_ACK;
    for (int step = 0; step < 2; step++) {
        if (step) {
            h = nfq_nlmsg_put(buf, NFQNL_MSG_CONFIG, number);
            nfq_nlmsg_cfg_put_params(h, NFQNL_COPY_PACKET, COPY_HEAD);
            nfq_nlmsg_cfg_put_qmaxlen(h, KERNEL_QUEUE);
            mnl_attr_put_u32(h, NFQA_CFG_FLAGS, htonl(NFQA_CFG_F_GSO));
            mnl_attr_put_u32(h, NFQA_CFG_MASK, htonl(NFQA_CFG_F_GSO));
            h->nlmsg_flags |= NLM_F_ACK;
        }
        if (mnl_socket_sendto(s->nl, h, h->nlmsg_len) < 0)
            goto failed;
        ssize_t n = mnl_socket_recvfrom(s->nl, answer, sizeof(answer));
        if (n < 0 || mnl_cb_run(answer, (size_t)n, 0, s->portid, NULL, NULL) < 0)
            goto failed;
    }
    return 0;
failed:
    snprintf(why, size, "queue %u: %s", number, strerror(errno));
    return -errno;
}

static int open_socket(struct emu_socket *s, int ns_fd, char *why, size_t size)
{
    int saved = netns_enter(ns_fd), fd, buffer = SOCKET_BUFFER, one = 1;

    if (saved < 0) {
        snprintf(why, size, "cannot enter a namespace: %s", strerror(-saved));
        return saved;
    }
    s->nl = mnl_socket_open(NETLINK_NETFILTER);
    netns_leave(saved);
    s->ns_fd = ns_fd;
    s->raw4 = s->raw6 = -1;
    if (!s->nl || mnl_socket_bind(s->nl, 0, MNL_SOCKET_AUTOPID) < 0) {
        snprintf(why, size, "netfilter netlink socket: %s", strerror(errno));
        return -errno;
    }
    s->portid = mnl_socket_get_portid(s->nl);
    fd = mnl_socket_get_fd(s->nl);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
    setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &one, sizeof(one));
    return 0;
}

static int prepare(struct emu *m, const struct nfqemu_queue *queues, char *why, size_t size)
{
    m->queues = xcalloc(m->n_queues, sizeof(*m->queues));
    m->sockets = xcalloc(m->n_queues, sizeof(*m->sockets));
    m->heap = xcalloc(MAX_HELD, sizeof(*m->heap));
    for (unsigned i = 0; i < m->n_queues; i++) {
        unsigned s = 0;
        int rc;
        while (s < m->n_sockets && m->sockets[s].ns_fd != queues[i].ns_fd)
            s++;
        if (s == m->n_sockets) {
            rc = open_socket(&m->sockets[s], queues[i].ns_fd, why, size);
            if (rc)
                return rc;
            m->n_sockets++;
        }
        m->queues[i].number = queues[i].number;
        m->queues[i].socket = s;
        rc = configure(&m->sockets[s], queues[i].number, why, size);
        if (rc)
            return rc;
    }
    return 0;
}

static void close_others(const struct nfqemu_queue *queues, unsigned n, int ready)
{
    for (int fd = 3; fd < 4096; fd++) {
        bool keep = fd == ready;
        for (unsigned i = 0; i < n && !keep; i++)
            keep = queues[i].ns_fd == fd;
        if (!keep)
            close(fd);
    }
    close_range(4096, ~0u, 0);
}

static void join_cgroup(const char *procs)
{
    int fd = procs ? open(procs, O_WRONLY | O_CLOEXEC) : -1;

    if (fd >= 0) {
        if (write(fd, "0", 1) < 0)
            perror("extcp: the emulator cannot join its cgroup");
        close(fd);
    }
}

static void __attribute__((noreturn))
process(struct shared_queue *shared, const struct nfqemu_queue *queues, unsigned n, uint64_t seed,
        const char *cgroup_procs, int ready, pid_t parent)
{
    struct emu m = {.shared = shared, .n_queues = n};
    struct sched_param rt = {.sched_priority = RT_PRIORITY};
    struct sigaction sa = {.sa_handler = on_end};
    char why[256] = "";

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "extcp-linkemu");
    prctl(PR_SET_TIMERSLACK, 1);
    if (getppid() != parent)
        _exit(1);
    /* Ctrl-C goes to the whole terminal; this process ends when its run tells it to. */
    sigaction(SIGTERM, &sa, NULL);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    join_cgroup(cgroup_procs);
    close_others(queues, n, ready);
    rng_seed(&m.rng, seed);
    if (!prepare(&m, queues, why, sizeof(why)))
        snprintf(why, sizeof(why), "%s", sched_setscheduler(0, SCHED_FIFO, &rt) ? READY : READY_RT);
    (void)!mlockall(MCL_CURRENT | MCL_FUTURE);
    if (write(ready, why, strlen(why)) < 0 || strncmp(why, READY, strlen(READY)))
        _exit(1);
    close(ready);
    loop(&m);
    _exit(0);
}

/* ---- the caller's side ---- */

int nfqemu_start(struct nfqemu **out, const struct nfqemu_queue *queues, unsigned n, uint64_t seed,
                 const char *cgroup_procs, struct err *e)
{
    struct nfqemu *q = xcalloc(1, sizeof(*q));
    char why[256] = "";
    int ready[2];
    ssize_t got;
    pid_t parent = getpid();

    q->pid = -1;
    q->pidfd = -1;
    q->n = n;
    q->shared = mmap(NULL, n * sizeof(*q->shared), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (q->shared == MAP_FAILED || pipe2(ready, O_CLOEXEC)) {
        int rc = err_broke(e, -errno, "link emulator: %s", strerror(errno));
        free(q);
        return rc;
    }
    for (unsigned i = 0; i < n; i++)
        q->shared[i].imp = queues[i].imp;
    fflush(NULL);
    q->pid = fork();
    if (!q->pid)
        process(q->shared, queues, n, seed, cgroup_procs, ready[1], parent);
    close(ready[1]);
    if (q->pid > 0)
        q->pidfd = (int)syscall(SYS_pidfd_open, q->pid, 0);
    do {
        got = q->pidfd < 0 ? -1 : read(ready[0], why, sizeof(why) - 1);
    } while (got < 0 && errno == EINTR);
    close(ready[0]);
    q->realtime = !strcmp(why, READY_RT);
    if (got < 0 || (strcmp(why, READY) && !q->realtime)) {
        nfqemu_stop(q);
        return err_broke(e, -EIO, "the link emulator did not start: %s", *why ? why : "it died");
    }
    *out = q;
    return 0;
}

int nfqemu_fd(const struct nfqemu *q)
{
    return q->pidfd;
}

pid_t nfqemu_pid(const struct nfqemu *q)
{
    return q->pid;
}

bool nfqemu_realtime(const struct nfqemu *q)
{
    return q->realtime;
}

int nfqemu_check(struct nfqemu *q, struct err *e)
{
    siginfo_t si = {0};

    if (waitid(P_PIDFD, (id_t)q->pidfd, &si, WEXITED | WNOHANG | WNOWAIT) < 0)
        return err_broke(e, -errno, "the link emulator: %s", strerror(errno));
    if (!si.si_pid)
        return 0;
    return err_broke(e, -EPIPE,
                     "the link emulator died (%s %d): the links have no delay and no loss any more",
                     si.si_code == CLD_EXITED ? "status" : "signal", si.si_status);
}

void nfqemu_change(struct nfqemu *q, unsigned queue, const struct impairment *imp)
{
    struct shared_queue *s = &q->shared[queue];

    atomic_fetch_add(&s->version, 1);
    memcpy(&s->imp, imp, sizeof(*imp));
    atomic_fetch_add(&s->version, 1);
}

void nfqemu_counters(const struct nfqemu *q, unsigned queue, struct nfqemu_counters *out)
{
    *out = q->shared[queue].counters;
}

void nfqemu_stop(struct nfqemu *q)
{
    if (!q)
        return;
    if (q->pid > 0) {
        struct pollfd p = {.fd = q->pidfd, .events = POLLIN};
        kill(q->pid, SIGTERM);
        if (q->pidfd < 0 || poll(&p, 1, 2000) != 1)
            kill(q->pid, SIGKILL);
        while (waitpid(q->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (q->pidfd >= 0)
        close(q->pidfd);
    munmap(q->shared, q->n * sizeof(*q->shared));
    free(q);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stats.h"
#include "stats.h"
#include "util.h"

#define POLL_NS        (20 * 1000000ull)   /* how often progress is looked at */
#define DRAIN_NS       (15 * NSEC_PER_SEC) /* after the last write: for what is still on its way */
#define MAX_PENDING_NS 1000000000ull
#define LATENCY_NS     (10 * 1000000ull) /* of the writes that were echoed in it the worst is told */

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

struct record { /* a write: where it ends in the stream, and when it was made */
    uint64_t end, mono_ns;
};

struct client {
    const struct stream_options *o;
    int fd;
    uint8_t *chunk;
    struct record *records; /* from `first` on not yet acknowledged */
    size_t n_records, first_record, cap_records;
    size_t first_echo; /* the first record that was not echoed (with echo) */
    double *latency_s; /* of each write that was echoed */
    size_t n_latency, cap_latency, half_latency; /* half: those of the first half of the time */
    uint64_t worst_ns, worst_at_ns, told_ns; /* latency in the current LATENCY_NS; when it began */
    uint64_t written, acked, echoed;
    uint64_t start_ns, connected_ns, last_acked_ns, ended_ns, error_ns; /* CLOCK_MONOTONIC */
    uint64_t next_sample_ns;
    struct record
        steady[2]; /* acknowledged after the first fifth, and when the last write is made */
    int error;
    bool gave_up, survived, blocked, shut, eof;
    bool mptcp;          /* the socket is one of MPTCP (by mptcpize) */
    double *round_trips; /* ns, with --ping */
    size_t n_round_trips;
};

static int64_t mono_to_real; /* what to add */

static void say(const char *event, json_t *more)
{
    json_t *j = json_pack("{s:s, s:I}", "event", event, "real_ns",
                          (json_int_t)((int64_t)now_mono_ns() + mono_to_real));

    if (more) {
        json_object_update(j, more);
        json_decref(more);
    }
    json_dumpf(j, stdout, JSON_COMPACT);
    putchar('\n');
    fflush(stdout);
    json_decref(j);
}

int stream_address(const char *address, unsigned port, struct sockaddr_storage *ss, unsigned *len)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ss;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ss;

    memset(ss, 0, sizeof(*ss));
    if (inet_pton(AF_INET, address, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        *len = sizeof(*v4);
        return 0;
    }
    if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        *len = sizeof(*v6);
        return 0;
    }
    return -EINVAL;
}

static void broke(struct client *c, int error, const char *call)
{
    c->error = error;
    c->error_ns = now_mono_ns();
    say("error",
        json_pack("{s:i, s:s, s:s}", "errno", error, "text", strerror(error), "call", call));
}

static int option(int fd, int level, int name, const void *value, socklen_t len, const char *what,
                  struct err *e)
{
    if (!setsockopt(fd, level, name, value, len))
        return 0;
    return err_broke(e, -errno, "%s: %s", what, strerror(errno));
}

static int open_socket(struct client *c, int family, struct err *e)
{
    const struct stream_options *o = c->o;
    int one = 1, rc;

    c->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (c->fd < 0)
        return err_broke(e, -errno, "socket: %s", strerror(errno));
    rc = option(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one), "TCP_NODELAY", e);
    if (!rc && o->user_timeout_ms)
        rc = option(c->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &o->user_timeout_ms,
                    sizeof(o->user_timeout_ms), "TCP_USER_TIMEOUT", e);
    if (!rc && o->congestion)
        rc = option(c->fd, IPPROTO_TCP, TCP_CONGESTION, o->congestion,
                    (socklen_t)strlen(o->congestion), o->congestion, e);
    if (!rc && o->fast_open)
        rc = option(c->fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one),
                    "TCP_FASTOPEN_CONNECT", e);
    return rc;
}

static void note_write(struct client *c, size_t n)
{
    if (c->n_records == c->cap_records) {
        size_t done =
            c->o->echo && c->first_echo < c->first_record ? c->first_echo : c->first_record;
        if (done)
            memmove(c->records, c->records + done, (c->n_records - done) * sizeof(*c->records));
        c->n_records -= done;
        c->first_record -= done;
        c->first_echo -= c->o->echo ? done : 0;
        if (c->n_records * 2 > c->cap_records || !c->cap_records) {
            c->cap_records = c->cap_records ? 2 * c->cap_records : 4096;
            c->records = xrealloc(c->records, c->cap_records * sizeof(*c->records));
        }
    }
    c->written += n;
    c->records[c->n_records++] = (struct record){c->written, now_mono_ns()};
}

/* What the peer has acknowledged. TCP_INFO of an MPTCP socket is that of its first subflow, so
 * there it is what was written less what is not acknowledged (SIOCOUTQ), where the DATA_FIN is a
 * byte. */
static uint64_t bytes_acked(const struct client *c, const struct tcp_info *ti)
{
    int unacked = 0;

    if (!c->mptcp) /* the SYN counts as one byte (tcp_snd_una_update) */
        return ti->tcpi_bytes_acked ? ti->tcpi_bytes_acked - 1 : 0;
    if (ioctl(c->fd, SIOCOUTQ, &unacked) || (uint64_t)unacked > c->written + c->shut)
        return c->acked;
    return c->written + c->shut - (uint64_t)unacked;
}

/* Looks at what was acknowledged; also samples. */
static void look(struct client *c)
{
    struct tcp_info ti;
    socklen_t len = sizeof(ti);
    uint64_t now = now_mono_ns(), acked;

    if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &ti, &len))
        return;
    acked = bytes_acked(c, &ti);
    if (acked > c->written)
        acked = c->written; /* and so does the FIN */
    if (acked > c->acked) {
        c->acked = acked;
        c->last_acked_ns = now;
        while (c->first_record < c->n_records && c->records[c->first_record].end <= acked)
            c->first_record++;
    }
    if (c->o->samples_ms && now >= c->next_sample_ns) {
        json_t *j = json_pack("{s:I, s:i, s:i, s:i}", "bytes_acked", (json_int_t)acked, "rtt_us",
                              (int)ti.tcpi_rtt, "cwnd", (int)ti.tcpi_snd_cwnd, "unacked",
                              (int)ti.tcpi_unacked);
        c->next_sample_ns = now + c->o->samples_ms * 1000000ull;
        say("sample", j);
    }
}

/* The oldest byte that was never acknowledged: when it was written. 0: none. */
static uint64_t oldest_unacked(const struct client *c)
{
    return c->first_record < c->n_records ? c->records[c->first_record].mono_ns : 0;
}

static void write_some(struct client *c, uint64_t *next_write)
{
    uint64_t gap = c->o->rate_bps ? (uint64_t)c->o->chunk * 8 * NSEC_PER_SEC / c->o->rate_bps : 0;

    while (now_mono_ns() >= *next_write) {
        ssize_t n = send(c->fd, c->chunk, c->o->chunk, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            if (!c->blocked)
                say("blocked", NULL);
            c->blocked = true;
            /* What could not be written is not made up for later: the stream has a rate, not a
             * volume. */
            *next_write = now_mono_ns();
            return;
        }
        if (n < 0) {
            broke(c, errno, "send");
            return;
        }
        if (c->blocked)
            say("unblocked", NULL);
        c->blocked = false;
        note_write(c, (size_t)n);
        *next_write = gap ? *next_write + gap : now_mono_ns();
        if (!gap && c->n_records - c->first_record > 64)
            return; /* look at the rest of the world now and then */
    }
}

/* Tells the worst latency of the last LATENCY_NS: a fast stream would otherwise say more than it
 * sends. */
static void tell_latency(struct client *c, uint64_t now)
{
    if (!c->worst_ns || now < c->told_ns + LATENCY_NS)
        return;
    say("latency", json_pack("{s:I, s:I}", "us", (json_int_t)(c->worst_ns / 1000), "written_ns",
                             (json_int_t)((int64_t)c->worst_at_ns + mono_to_real)));
    c->told_ns = now;
    c->worst_ns = 0;
}

/* The writes whose last byte has come back. */
static void note_echo(struct client *c)
{
    uint64_t now = now_mono_ns();

    for (; c->first_echo < c->n_records && c->records[c->first_echo].end <= c->echoed;
         c->first_echo++) {
        uint64_t took = now - c->records[c->first_echo].mono_ns;
        if (c->n_latency == c->cap_latency) {
            c->cap_latency = c->cap_latency ? 2 * c->cap_latency : 4096;
            c->latency_s = xrealloc(c->latency_s, c->cap_latency * sizeof(*c->latency_s));
        }
        c->latency_s[c->n_latency++] = (double)took / 1e9;
        if (c->records[c->first_echo].mono_ns < c->start_ns + (uint64_t)(c->o->seconds * 5e8))
            c->half_latency = c->n_latency;
        if (took > c->worst_ns) {
            c->worst_ns = took;
            c->worst_at_ns = c->records[c->first_echo].mono_ns;
        }
        tell_latency(c, now);
    }
}

static void read_some(struct client *c)
{
    static uint8_t buf[65536];

    for (;;) {
        ssize_t n = recv(c->fd, buf, sizeof(buf), 0);
        if (n > 0) {
            c->echoed += (uint64_t)n;
            if (c->o->echo)
                note_echo(c);
            continue;
        }
        if (n == 0)
            c->eof = true;
        else if (errno != EAGAIN)
            broke(c, errno, "recv");
        return;
    }
}

static bool wait_connected(struct client *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLOUT};
    int error = 0, protocol = 0;
    socklen_t len = sizeof(error);

    while (poll(&p, 1, -1) < 0)
        ;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
    if (error) {
        broke(c, error, "connect");
        return false;
    }
    len = sizeof(protocol);
    c->mptcp =
        !getsockopt(c->fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len) && protocol == IPPROTO_MPTCP;
    c->connected_ns = now_mono_ns();
    c->last_acked_ns = c->connected_ns;
    say("connected", json_pack("{s:b}", "mptcp", (int)c->mptcp));
    return true;
}

static void wait_until(struct client *c, uint64_t when)
{
    struct pollfd p = {.fd = c->fd, .events = (short)(c->eof ? 0 : POLLIN)};
    uint64_t now = now_mono_ns();
    struct timespec ts = {0};

    if (c->blocked)
        p.events |= POLLOUT;
    if (when > now)
        ts = (struct timespec){(time_t)((when - now) / NSEC_PER_SEC),
                               (long)((when - now) % NSEC_PER_SEC)};
    if (ppoll(&p, 1, &ts, NULL) > 0 && p.revents & (POLLIN | POLLERR | POLLHUP) && !c->eof)
        read_some(c);
}

/* Without slow start, and without what is still under way at the end. */
static void note_steady(struct client *c, uint64_t now, uint64_t end)
{
    uint64_t from = c->start_ns + (end - c->start_ns) / 5;

    if (now >= from && !c->steady[0].mono_ns)
        c->steady[0] = (struct record){c->acked, now};
    if (now >= end && !c->steady[1].mono_ns)
        c->steady[1] = (struct record){c->acked, now};
}

static void run(struct client *c)
{
    uint64_t end = c->start_ns + (uint64_t)(c->o->seconds * 1e9), next_write = now_mono_ns();

    while (!c->error && !c->gave_up) {
        uint64_t now = now_mono_ns(), next = now + POLL_NS;

        if (now < end && !c->eof) {
            write_some(c, &next_write);
            if (!c->blocked && next_write < next)
                next = next_write;
        } else if (!c->shut) {
            c->shut = true;
            if (shutdown(c->fd, SHUT_WR) && !c->error)
                broke(c, errno, "shutdown");
        }
        look(c);
        note_steady(c, now, end);
        if (c->shut && (c->eof || now > end + DRAIN_NS))
            break;
        if (c->eof && !c->shut) {
            say("closed by the peer", NULL);
            break;
        }
        if (c->o->app_timeout_s > 0 && oldest_unacked(c) &&
            now > c->last_acked_ns + (uint64_t)(c->o->app_timeout_s * 1e9) &&
            now > oldest_unacked(c) + (uint64_t)(c->o->app_timeout_s * 1e9)) {
            c->gave_up = true;
            say("gave up", NULL);
            break;
        }
        if (!c->error)
            wait_until(c, next < now + MAX_PENDING_NS ? next : now + MAX_PENDING_NS);
    }
    look(c);
    c->ended_ns = now_mono_ns();
    c->survived = !c->error && !c->gave_up && c->shut && c->eof && c->acked == c->written;
}

/* Until the time is over; what is left is for run to end. */
static void ping(struct client *c)
{
    int error =
        stream_ping(c->fd, c->chunk, c->o->chunk, c->start_ns + (uint64_t)(c->o->seconds * 1e9),
                    &c->round_trips, &c->n_round_trips);

    c->written = c->echoed = (uint64_t)c->n_round_trips * c->o->chunk;
    if (error)
        broke(c, error, "ping");
}

static json_int_t real_time(uint64_t mono_ns)
{
    return (json_int_t)((int64_t)mono_ns + mono_to_real);
}

static void summary(struct client *c)
{
    json_t *s =
        json_pack("{s:I, s:I, s:I, s:b, s:b, s:I}", "bytes_written", (json_int_t)c->written,
                  "bytes_acked", (json_int_t)c->acked, "bytes_echoed", (json_int_t)c->echoed,
                  "survived", (int)c->survived, "gave_up", (int)c->gave_up, "ended_ns",
                  real_time(c->ended_ns ? c->ended_ns : now_mono_ns()));

    if (c->connected_ns) {
        json_object_set_new(s, "connected_ns", json_integer(real_time(c->connected_ns)));
        json_object_set_new(s, "last_acked_ns", json_integer(real_time(c->last_acked_ns)));
        if (c->last_acked_ns > c->connected_ns)
            json_object_set_new(
                s, "goodput_bps",
                json_real((double)c->acked * 8e9 / (double)(c->last_acked_ns - c->connected_ns)));
    }
    if (c->error) {
        json_object_set_new(s, "errno", json_integer(c->error));
        json_object_set_new(s, "error_ns", json_integer(real_time(c->error_ns)));
    }
    if ((c->error || c->gave_up) && oldest_unacked(c)) {
        uint64_t at = c->error ? c->error_ns : c->ended_ns;
        json_object_set_new(s, "abort_after_ns",
                            json_integer((json_int_t)(at - oldest_unacked(c))));
    }
    if (c->n_round_trips) {
        static const struct {
            const char *key;
            double quantile;
        } q[] = {{"ping_min_ns", 0}, {"ping_median_ns", 0.5}, {"ping_p99_ns", 0.99}};
        json_object_set_new(s, "exchanges", json_integer((json_int_t)c->n_round_trips));
        for (unsigned i = 0; i < ARRAY_SIZE(q); i++)
            json_object_set_new(
                s, q[i].key,
                json_real(stats_quantile(c->round_trips, c->n_round_trips, q[i].quantile)));
    }
    if (c->steady[1].mono_ns > c->steady[0].mono_ns && c->steady[0].mono_ns)
        json_object_set_new(s, "steady_bps",
                            json_real((double)(c->steady[1].end - c->steady[0].end) * 8e9 /
                                      (double)(c->steady[1].mono_ns - c->steady[0].mono_ns)));
    if (c->n_latency) {
        json_object_set_new(s, "latency_median_s",
                            json_real(stats_median(c->latency_s, c->n_latency)));
        json_object_set_new(s, "latency_p99_s",
                            json_real(stats_quantile(c->latency_s, c->n_latency, 0.99)));
        json_object_set_new(s, "latency_max_s",
                            json_real(stats_quantile(c->latency_s, c->n_latency, 1)));
    }
    if (c->n_latency > c->half_latency) {
        const double *late = c->latency_s + c->half_latency;
        size_t n = c->n_latency - c->half_latency;
        json_object_set_new(s, "late_latency_median_s", json_real(stats_median(late, n)));
        json_object_set_new(s, "late_latency_p99_s", json_real(stats_quantile(late, n, 0.99)));
    }
    say("summary", s);
}

int stream_client(const struct stream_options *o, struct err *e)
{
    struct client c = {.o = o, .fd = -1};
    struct sockaddr_storage ss;
    unsigned len;
    int rc;

    mono_to_real = (int64_t)now_real_ns() - (int64_t)now_mono_ns();
    if (stream_address(o->address, o->port, &ss, &len))
        return err_usage(e, -EINVAL, "--to '%s': accepted: an IPv4 or IPv6 address", o->address);
    rc = open_socket(&c, ss.ss_family, e);
    if (!rc) {
        c.chunk = xcalloc(1, o->chunk);
        c.start_ns = now_mono_ns();
        say("connecting", NULL);
        if (connect(c.fd, (struct sockaddr *)&ss, len) && errno != EINPROGRESS)
            broke(&c, errno, "connect");
        if (!c.error && (o->fast_open || wait_connected(&c))) {
            if (o->fast_open)
                c.connected_ns = c.last_acked_ns =
                    now_mono_ns(); /* as far as the application can tell */
            if (o->ping)
                ping(&c);
            run(&c);
        }
        summary(&c);
    }
    if (c.fd >= 0)
        close(c.fd);
    free(c.chunk);
    free(c.round_trips);
    free(c.records);
    free(c.latency_s);
    return rc;
}

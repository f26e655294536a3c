/* SPDX-License-Identifier: BSD-2-Clause */
/* From samples of sockets to metrics and series. Pure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sockdiag.h"
#include "stats.h"
#include "util.h"

unsigned socket_log_socket(struct socket_log *log, uint64_t cookie)
{
    for (unsigned i = log->n_sockets; i > 0; i--) /* the newest first: they are those that live */
        if (log->sockets[i - 1].cookie == cookie)
            return i - 1;
    log->sockets = xrealloc(log->sockets, (log->n_sockets + 1) * sizeof(*log->sockets));
    log->sockets[log->n_sockets] = (struct socket_seen){.cookie = cookie};
    return log->n_sockets++;
}

void socket_log_subflow(struct socket_log *log, unsigned socket, uint32_t token, const char *path)
{
    log->sockets[socket].token = token;
    snprintf(log->sockets[socket].path, sizeof(log->sockets[socket].path), "%s", path);
}

unsigned socket_log_algorithm(struct socket_log *log, const char *name, const char *tag)
{
    char base[SOCKDIAG_ALGORITHM_MAX];
    char *last;

    snprintf(base, sizeof(base), "%s", name);
    last = strrchr(base, '_');
    if (last && tag && *tag && !strcmp(last + 1, tag))
        *last = '\0';
    for (unsigned i = 0; i < log->n_algorithms; i++)
        if (!strcmp(log->algorithms[i], base))
            return i;
    log->algorithms = xrealloc(log->algorithms, (log->n_algorithms + 1) * sizeof(*log->algorithms));
    snprintf(log->algorithms[log->n_algorithms], sizeof(*log->algorithms), "%s", base);
    return log->n_algorithms++;
}

void socket_log_add(struct socket_log *log, const struct socket_sample *s)
{
    if (log->n == log->cap) {
        log->cap = log->cap ? 2 * log->cap : 256;
        log->samples = xrealloc(log->samples, log->cap * sizeof(*log->samples));
    }
    log->samples[log->n++] = *s;
}

void socket_log_free(struct socket_log *log)
{
    free(log->sockets);
    free(log->algorithms);
    free(log->samples);
    *log = (struct socket_log){0};
}

struct out {
    const char *name;
    metric_fn metric;
    series_fn series;
    void *arg;
    char **suffix; /* of the series of each socket that is a subflow, else NULL */
};

static void metric(const struct out *o, const char *what, const char *unit, double value)
{
    char name[256];

    snprintf(name, sizeof(name), "%s.%s", o->name, what);
    o->metric(name, unit, value, o->arg);
}

/* How many sockets before this one have the same path. */
static unsigned same_path(const struct socket_log *log, unsigned socket)
{
    unsigned n = 0;

    for (unsigned i = 0; i < socket; i++)
        n += log->sockets[i].token && !strcmp(log->sockets[i].path, log->sockets[socket].path);
    return n;
}

static void series(const struct out *o, const char *what, unsigned socket, double t_s, double value)
{
    char name[256];

    if (o->suffix[socket])
        snprintf(name, sizeof(name), "%s.%s.%s", o->name, what, o->suffix[socket]);
    else if (socket)
        snprintf(name, sizeof(name), "%s.%s.%u", o->name, what, socket + 1);
    else
        snprintf(name, sizeof(name), "%s.%s", o->name, what);
    o->series(name, t_s, value, o->arg);
}

static void all_series(const struct socket_log *log, const struct out *o, uint64_t t0_mono_ns)
{
    for (size_t i = 0; i < log->n; i++) {
        const struct socket_sample *s = &log->samples[i];
        double t = (double)(int64_t)(s->t_mono_ns - t0_mono_ns) / 1e9;

        if (s->rtt_s > 0)
            series(o, "rtt", s->socket, t, s->rtt_s);
        series(o, "cwnd", s->socket, t, s->cwnd);
        series(o, "retransmits", s->socket, t, s->retransmits);
        series(o, "bytes_acked", s->socket, t, (double)s->bytes_acked);
        series(o, "delivery_rate", s->socket, t, s->delivery_rate_bps);
        if (log->sockets[s->socket].token)
            series(o, "backup", s->socket, t, s->backup);
    }
}

/* What only grows is summed over the sockets from the last sample of each. */
static void totals(const struct socket_log *log, const struct out *o)
{
    const struct socket_sample **last = xcalloc(log->n_sockets, sizeof(*last));
    double retransmits = 0, bytes = 0;

    for (size_t i = 0; i < log->n; i++)
        last[log->samples[i].socket] = &log->samples[i];
    for (unsigned i = 0; i < log->n_sockets; i++) {
        retransmits += last[i]->retransmits;
        bytes += (double)last[i]->bytes_acked;
    }
    free(last);
    metric(o, "retransmits", "count", retransmits);
    metric(o, "bytes_acked", "byte", bytes);
}

static void round_trips(const struct socket_log *log, const struct out *o)
{
    double *rtt = xcalloc(log->n, sizeof(*rtt));
    size_t n = 0;

    for (size_t i = 0; i < log->n; i++)
        if (log->samples[i].rtt_s > 0)
            rtt[n++] = log->samples[i].rtt_s;
    if (n) {
        metric(o, "rtt_median", "s", stats_median(rtt, n));
        metric(o, "rtt_max", "s", stats_quantile(rtt, n, 1));
    }
    free(rtt);
}

/* Of MPTCP: connections, the most subflows that one had at a time, and each path's share of the
 * bytes that were acknowledged. */
static void subflow_metrics(const struct socket_log *log, const struct out *o)
{
    double *bytes = xcalloc(log->n_sockets, sizeof(*bytes)), sum = 0;
    unsigned connections = 0, most = 0;
    size_t now = 0;

    for (size_t i = 0; i < log->n; i++) {
        const struct socket_sample *s = &log->samples[i], *before = i ? s - 1 : s;
        uint32_t token = log->sockets[s->socket].token;
        if (!token)
            continue;
        bytes[s->socket] = (double)s->bytes_acked;
        if (before->t_mono_ns != s->t_mono_ns || !i)
            now = i; /* the first sample of this moment */
        unsigned n = 0;
        for (size_t k = now; k <= i; k++)
            n += log->sockets[log->samples[k].socket].token == token;
        most = n > most ? n : most;
    }
    for (unsigned i = 0; i < log->n_sockets; i++) {
        bool first = log->sockets[i].token != 0;
        for (unsigned k = 0; k < i; k++)
            first &= log->sockets[k].token != log->sockets[i].token;
        connections += first;
        sum += bytes[i];
    }
    if (connections) {
        metric(o, "connections", "count", connections);
        metric(o, "subflows", "count", most);
    }
    for (unsigned i = 0; sum > 0 && i < log->n_sockets; i++) {
        double here = bytes[i];
        char what[128];
        if (!log->sockets[i].token || same_path(log, i))
            continue;
        for (unsigned k = i + 1; k < log->n_sockets; k++)
            if (!strcmp(log->sockets[k].path, log->sockets[i].path))
                here += bytes[k];
        snprintf(what, sizeof(what), "share.%s", log->sockets[i].path);
        metric(o, what, "1", here / sum);
    }
    free(bytes);
}

static char **suffixes(const struct socket_log *log)
{
    char **all = xcalloc(log->n_sockets + 1, sizeof(*all));

    for (unsigned i = 0; i < log->n_sockets; i++) {
        unsigned before = same_path(log, i);
        if (log->sockets[i].token)
            all[i] = before ? xasprintf("%s#%u", log->sockets[i].path, before + 1)
                            : xstrdup(log->sockets[i].path);
    }
    return all;
}

void sockdiag_report(const struct socket_log *log, const char *name, uint64_t t0_mono_ns,
                     metric_fn metric_out, series_fn series_out, void *arg)
{
    struct out o = {name, metric_out, series_out, arg, suffixes(log)};
    size_t *used = xcalloc(log->n_algorithms, sizeof(*used));
    double cwnd = 0, rate = 0;

    metric(&o, "sockets", "count", log->n_sockets);
    metric(&o, "samples", "count", (double)log->n);
    for (size_t i = 0; i < log->n; i++) {
        const struct socket_sample *s = &log->samples[i];
        used[s->algorithm]++;
        cwnd = s->cwnd > cwnd ? s->cwnd : cwnd;
        rate = s->delivery_rate_bps > rate ? s->delivery_rate_bps : rate;
    }
    for (unsigned i = 0; log->n && i < log->n_algorithms; i++) {
        char what[64];
        snprintf(what, sizeof(what), "congestion.%s", log->algorithms[i]);
        metric(&o, what, "1", (double)used[i] / (double)log->n);
    }
    free(used);
    if (log->n) {
        metric(&o, "cwnd_max", "count", cwnd);
        metric(&o, "delivery_rate_max", "bit/s", rate);
        round_trips(log, &o);
        totals(log, &o);
    }
    subflow_metrics(log, &o);
    all_series(log, &o, t0_mono_ns);
    for (unsigned i = 0; i < log->n_sockets; i++)
        free(o.suffix[i]);
    free(o.suffix);
}

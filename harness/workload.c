/* SPDX-License-Identifier: BSD-2-Clause */
#include "workload.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "util.h"
#include "workload_output.h"

#define IPERF3_PORT 5201
#define STREAM_PORT 5000

unsigned workload_port(const struct workload *w)
{
    if (w->port || w->kind == WORK_COMMAND)
        return w->port;
    return w->kind == WORK_IPERF3 ? IPERF3_PORT : STREAM_PORT;
}

static int only_for(const struct workload *w, bool given, const char *key, const char *kinds,
                    struct err *e)
{
    return given ? err_usage(e, -EINVAL, "workload %s: '%s' is only for %s", w->name, key, kinds)
                 : 0;
}

int workload_validate(const struct workload *w, struct err *e)
{
    bool iperf3 = w->kind == WORK_IPERF3, stream = w->kind == WORK_STREAM,
         command = w->kind == WORK_COMMAND, requests = w->kind == WORK_REQUESTS;

    for (const char *p = w->name; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '_')
            return err_usage(e, -EINVAL, "workload name '%s'; accepted: letters, digits and '_'",
                             w->name);
    if (command && !w->command)
        return err_usage(e, -EINVAL, "workload %s: `command:` is missing", w->name);
    if (!command && !w->to)
        return err_usage(
            e, -EINVAL, "workload %s: `to:` is missing; accepted: the node of its server", w->name);
    if (!w->seconds && !(iperf3 && w->bytes) && !w->server)
        return err_usage(e, -EINVAL, "workload %s: `seconds:` is missing: how long it sends%s",
                         w->name, iperf3 ? ", or `bytes:`" : "");
    if (iperf3 && (w->seconds != (unsigned)w->seconds))
        return err_usage(e, -EINVAL, "workload %s: seconds '%g': iperf3 takes whole seconds",
                         w->name, w->seconds);
    if (iperf3 && w->bytes && w->seconds)
        return err_usage(e, -EINVAL, "workload %s: accepted: either `seconds:` or `bytes:`",
                         w->name);
    if (only_for(w, !iperf3 && w->bytes, "bytes", "iperf3", e) ||
        only_for(w, !iperf3 && w->reverse, "reverse", "iperf3", e) ||
        only_for(w, !iperf3 && w->parallel, "parallel", "iperf3", e) ||
        only_for(w, (command || requests) && w->congestion, "congestion", "iperf3 and stream", e) ||
        only_for(w, (command || requests) && w->rate_bps, "rate", "iperf3 and stream", e) ||
        only_for(w, command && w->chunk, "chunk", "iperf3, stream and requests", e) ||
        only_for(w, !stream && w->echo, "echo", "stream", e) ||
        only_for(w, !stream && w->ping, "ping", "stream", e) ||
        only_for(w, !stream && w->user_timeout_s > 0, "user_timeout", "stream", e) ||
        only_for(w, !stream && w->app_timeout_s > 0, "app_timeout", "stream", e) ||
        only_for(w, !stream && w->fast_open, "fast_open", "stream", e) ||
        only_for(w, !requests && w->connections, "connections", "requests", e) ||
        only_for(w, !requests && w->hold_s > 0, "hold", "requests", e) ||
        only_for(w, !command && w->command, "command", "command", e) ||
        only_for(w, !command && w->server, "server", "command", e))
        return e ? e->code : -EINVAL;
    if (requests && !w->connections)
        return err_usage(e, -EINVAL, "workload %s: `connections:` is missing: how many", w->name);
    if (w->ping && (!w->echo || w->rate_bps))
        return err_usage(e, -EINVAL,
                         "workload %s: 'ping' needs `echo: yes` and has no rate: each chunk waits "
                         "for the one before it",
                         w->name);
    return 0;
}

struct argv {
    char **v;
    unsigned n;
};

static void add(struct argv *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct argv *a, const char *fmt, ...)
{
    va_list ap;

    a->v = xrealloc(a->v, (a->n + 2) * sizeof(*a->v));
    va_start(ap, fmt);
    if (vasprintf(&a->v[a->n], fmt, ap) < 0)
        abort();
    va_end(ap);
    a->v[++a->n] = NULL;
}

void argv_free(char **argv)
{
    for (char **p = argv; p && *p; p++)
        free(*p);
    free(argv);
}

static void begin(struct argv *a, const struct workload *w, bool server)
{
    if (w->mptcp) {
        add(a, "mptcpize");
        add(a, "run");
    }
    if (w->kind == WORK_IPERF3) {
        add(a, "iperf3");
        return;
    }
    add(a, "%s", extcp_executable());
    add(a, w->kind == WORK_REQUESTS && !server ? "requests" : "stream");
}

char **workload_server_argv(const struct workload *w, const char *bind_addr)
{
    struct argv a = {0};

    if (w->kind == WORK_COMMAND)
        return NULL;
    begin(&a, w, true);
    if (w->kind == WORK_IPERF3) {
        add(&a, "--server");
        add(&a, "--one-off");
        add(&a, "--json");
    } else {
        add(&a, "server");
        if (w->echo || w->kind == WORK_REQUESTS)
            add(&a, "--echo");
        if (w->fast_open)
            add(&a, "--fast-open");
        if (w->kind == WORK_STREAM && w->congestion)
            add(&a, "--congestion=%s", w->congestion);
    }
    add(&a, "--bind=%s", bind_addr);
    add(&a, "--port=%u", workload_port(w));
    return a.v;
}

static void iperf3_client(struct argv *a, const struct workload *w, const char *to)
{
    add(a, "--client=%s", to);
    add(a, "--port=%u", workload_port(w));
    add(a, "--json");
    add(a, "--interval=0.1");
    add(a, "--connect-timeout=10000");
    if (w->bytes)
        add(a, "--bytes=%llu", (unsigned long long)w->bytes);
    else
        add(a, "--time=%.0f", w->seconds);
    if (w->chunk)
        add(a, "--length=%u", w->chunk);
    if (w->reverse)
        add(a, "--reverse");
    if (w->parallel > 1)
        add(a, "--parallel=%u", w->parallel);
    if (w->congestion)
        add(a, "--congestion=%s", w->congestion);
    if (w->rate_bps)
        add(a, "--bitrate=%llu", (unsigned long long)w->rate_bps);
}

static void stream_client(struct argv *a, const struct workload *w, const char *to)
{
    add(a, "client");
    add(a, "--to=%s", to);
    add(a, "--port=%u", workload_port(w));
    add(a, "--seconds=%g", w->seconds);
    if (w->rate_bps)
        add(a, "--rate=%llu", (unsigned long long)w->rate_bps);
    if (w->chunk)
        add(a, "--chunk=%u", w->chunk);
    if (w->user_timeout_s > 0)
        add(a, "--user-timeout=%.0f", w->user_timeout_s * 1000);
    if (w->app_timeout_s > 0)
        add(a, "--app-timeout=%g", w->app_timeout_s);
    if (w->congestion)
        add(a, "--congestion=%s", w->congestion);
    if (w->echo)
        add(a, "--echo");
    if (w->ping)
        add(a, "--ping");
    if (w->fast_open)
        add(a, "--fast-open");
}

static void requests_argv(struct argv *a, const struct workload *w, const char *to)
{
    add(a, "--to=%s", to);
    add(a, "--port=%u", workload_port(w));
    add(a, "--connections=%u", w->connections);
    add(a, "--seconds=%g", w->seconds);
    if (w->chunk)
        add(a, "--chunk=%u", w->chunk);
    if (w->hold_s > 0)
        add(a, "--hold=%g", w->hold_s);
}

char **workload_client_argv(const struct workload *w, const char *to_addr)
{
    struct argv a = {0};

    if (w->kind == WORK_COMMAND)
        return NULL;
    begin(&a, w, false);
    if (w->kind == WORK_IPERF3)
        iperf3_client(&a, w, to_addr);
    else if (w->kind == WORK_REQUESTS)
        requests_argv(&a, w, to_addr);
    else
        stream_client(&a, w, to_addr);
    return a.v;
}

char *workload_expand(const char *command, const char *(*lookup)(const char *name, void *arg),
                      void *arg, struct err *e)
{
    char *res = xstrdup("");

    for (const char *p = command;;) {
        const char *open = strchr(p, '{'), *close = open ? strchr(open, '}') : NULL, *text;
        char name[128], *next;

        if (!open || !close) {
            next = xasprintf("%s%s", res, p);
            free(res);
            return next;
        }
        snprintf(name, sizeof(name), "%.*s", (int)(close - open - 1), open + 1);
        text = (size_t)(close - open - 1) < sizeof(name) ? lookup(name, arg) : NULL;
        if (!text) {
            free(res);
            err_usage(e, -EINVAL,
                      "command '%s': {%s} is unknown; accepted: {NODE}, {NODE:LINK} with a node "
                      "that has an address of this "
                      "family, {home}, {extcp}, {work}, {family}",
                      command, name);
            return NULL;
        }
        next = xasprintf("%s%.*s%s", res, (int)(open - p), p, text);
        free(res);
        res = next;
        p = close + 1;
    }
}

int workload_metrics(const struct workload *w, const char *client_out, const char *server_out,
                     uint64_t t0_real_ns, metric_fn metric, series_fn series, void *arg,
                     struct err *e)
{
    struct output o = {w, t0_real_ns, metric, series, arg};

    switch (w->kind) {
    case WORK_IPERF3:
        return output_iperf3(&o, client_out, e);
    case WORK_STREAM:
        return output_stream(&o, client_out, server_out, e);
    default:
        return output_command(&o, client_out, e);
    }
}

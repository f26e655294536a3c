/* SPDX-License-Identifier: BSD-2-Clause */
#include "workload_output.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static void metric(const struct output *o, const char *name, const char *unit, double value)
{
    char full[160];

    snprintf(full, sizeof(full), "%s.%s", o->w->name, name);
    o->metric(full, unit, value, o->arg);
}

static void series(const struct output *o, const char *name, double t_s, double value)
{
    char full[160];

    snprintf(full, sizeof(full), "%s.%s", o->w->name, name);
    o->series(full, t_s, value, o->arg);
}

static int bad(const struct output *o, const char *path, const char *why, struct err *e)
{
    return err_broke(e, -EIO, "workload %s: its output (%s) %s", o->w->name, path, why);
}

static double real_of(const json_t *j, const char *key)
{
    return json_number_value(json_object_get(j, key));
}

/* ---- iperf3 ---- */

static void iperf3_intervals(const struct output *o, const json_t *j, double start_s)
{
    json_t *all = json_object_get(j, "intervals"), *i;
    size_t n = json_array_size(all), k;

    json_array_foreach (all, k, i) {
        json_t *sum = json_object_get(i, "sum"), *streams = json_object_get(i, "streams"), *s;
        double t = start_s + real_of(sum, "end");
        size_t m;

        if (k + 1 == n && n > 1 && real_of(sum, "seconds") < 0.05)
            break; /* what is left over after the last whole interval */
        series(o, "goodput", t, real_of(sum, "bits_per_second"));
        json_array_foreach (streams, m, s) {
            if (!json_object_get(s, "rtt"))
                continue;
            series(o, "rtt", t, real_of(s, "rtt") / 1e6);
            series(o, "cwnd", t, real_of(s, "snd_cwnd"));
            series(o, "retransmits", t, real_of(s, "retransmits"));
        }
    }
}

int output_iperf3(const struct output *o, const char *client_out, struct err *e)
{
    json_error_t je;
    json_t *j = json_load_file(client_out, 0, &je), *end, *cpu, *rtt;
    const char *used;
    int rc = 0;

    if (!j)
        return bad(o, client_out, je.text, e);
    end = json_object_get(j, "end");
    used = json_string_value(json_object_get(end, "sender_tcp_congestion"));
    if (json_object_get(j, "error")) {
        rc = err_broke(e, -EIO, "workload %s: iperf3: %s", o->w->name,
                       json_string_value(json_object_get(j, "error")));
    } else if (!json_object_get(json_object_get(end, "sum_received"), "bits_per_second")) {
        rc = bad(o, client_out, "has no sum_received", e);
    } else if (o->w->congestion && used && strcmp(used, o->w->congestion)) {
        rc = err_broke(e, -EIO, "workload %s: asked for %s, but iperf3's sender used %s",
                       o->w->name, o->w->congestion, used);
    } else {
        metric(o, "goodput", "bit/s",
               real_of(json_object_get(end, "sum_received"), "bits_per_second"));
        metric(o, "bytes", "byte", real_of(json_object_get(end, "sum_received"), "bytes"));
        metric(o, "duration_s", "s", real_of(json_object_get(end, "sum_received"), "seconds"));
        metric(o, "retransmits", "count", real_of(json_object_get(end, "sum_sent"), "retransmits"));
        cpu = json_object_get(end, "cpu_utilization_percent");
        metric(o, "cpu_client", "percent", real_of(cpu, "host_total"));
        metric(o, "cpu_server", "percent", real_of(cpu, "remote_total"));
        rtt = json_object_get(
            json_object_get(json_array_get(json_object_get(end, "streams"), 0), "sender"),
            "mean_rtt");
        if (rtt && json_number_value(rtt) > 0)
            metric(o, "rtt", "s", json_number_value(rtt) / 1e6);
        iperf3_intervals(o, j, o->w->at_s);
    }
    json_decref(j);
    return rc;
}

/* ---- stream ---- */

/* Calls fn for each line, which must be a JSON object. A last line without its end is an error: the
 * writer died. */
static int each_line(const struct output *o, const char *path,
                     void (*fn)(const struct output *o, const json_t *j, void *arg), void *arg,
                     struct err *e)
{
    char *text = NULL, *save = NULL;
    size_t len;
    int rc = read_file(path, &text, &len, e);

    if (!rc && len && text[len - 1] != '\n')
        rc = bad(o, path, "ends in the middle of a line", e);
    for (char *line = rc ? NULL : strtok_r(text, "\n", &save); line;
         line = strtok_r(NULL, "\n", &save)) {
        json_error_t je;
        json_t *j = json_loads(line, 0, &je);
        if (!j) {
            rc = bad(o, path, je.text, e);
            break;
        }
        fn(o, j, arg);
        json_decref(j);
    }
    free(text);
    return rc;
}

static double since_t0(const struct output *o, const json_t *j, const char *key)
{
    return (double)(json_integer_value(json_object_get(j, key)) - (json_int_t)o->t0_real_ns) / 1e9;
}

static void stream_line(const struct output *o, const json_t *j, void *summary)
{
    const char *event = json_string_value(json_object_get(j, "event"));

    if (!strcmp(event, "sample")) {
        double t = since_t0(o, j, "real_ns");
        series(o, "rtt", t, real_of(j, "rtt_us") / 1e6);
        series(o, "bytes_acked", t, real_of(j, "bytes_acked"));
        series(o, "cwnd", t, real_of(j, "cwnd"));
    } else if (!strcmp(event, "latency")) {
        series(o, "latency", since_t0(o, j, "written_ns"), real_of(j, "us") / 1e6);
    } else if (!strcmp(event, "summary")) {
        *(json_t **)summary = json_deep_copy(j);
    }
}

/* A time of the summary becomes a metric where it is there. */
static void stream_time(const struct output *o, const json_t *s, const char *key, const char *name)
{
    if (json_object_get(s, key))
        metric(o, name, "s", since_t0(o, s, key));
}

int output_stream(const struct output *o, const char *client_out, const char *server_out,
                  struct err *e)
{
    json_t *s = NULL;
    int rc = each_line(o, client_out, stream_line, &s, e);

    (void)server_out;
    if (!rc && !s)
        rc = bad(o, client_out, "has no summary", e);
    if (rc) {
        json_decref(s);
        return rc;
    }
    stream_time(o, s, "connected_ns", "connected_s");
    stream_time(o, s, "last_acked_ns", "last_acked_s");
    stream_time(o, s, "ended_ns", "ended_s");
    stream_time(o, s, "error_ns", "error_s");
    metric(o, "bytes_written", "byte", real_of(s, "bytes_written"));
    metric(o, "bytes_acked", "byte", real_of(s, "bytes_acked"));
    if (json_object_get(s, "steady_bps"))
        metric(o, "steady_goodput", "bit/s", real_of(s, "steady_bps"));
    if (json_object_get(s, "latency_median_s")) {
        metric(o, "latency_median", "s", real_of(s, "latency_median_s"));
        metric(o, "latency_p99", "s", real_of(s, "latency_p99_s"));
        metric(o, "latency_max", "s", real_of(s, "latency_max_s"));
    }
    if (json_object_get(s, "late_latency_median_s")) {
        metric(o, "late_latency_median", "s", real_of(s, "late_latency_median_s"));
        metric(o, "late_latency_p99", "s", real_of(s, "late_latency_p99_s"));
    }
    metric(o, "survived", "1", json_is_true(json_object_get(s, "survived")));
    metric(o, "gave_up", "1", json_is_true(json_object_get(s, "gave_up")));
    if (json_object_get(s, "errno"))
        metric(o, "errno", "code", real_of(s, "errno"));
    if (json_object_get(s, "abort_after_ns"))
        metric(o, "abort_after_s", "s", real_of(s, "abort_after_ns") / 1e9);
    if (json_object_get(s, "goodput_bps"))
        metric(o, "goodput", "bit/s", real_of(s, "goodput_bps"));
    if (json_object_get(s, "exchanges")) {
        metric(o, "exchanges", "count", real_of(s, "exchanges"));
        metric(o, "ping_min", "s", real_of(s, "ping_min_ns") / 1e9);
        metric(o, "ping_median", "s", real_of(s, "ping_median_ns") / 1e9);
        metric(o, "ping_p99", "s", real_of(s, "ping_p99_ns") / 1e9);
    }
    json_decref(s);
    return 0;
}

/* ---- command ---- */

/* "extcp-metric NAME UNIT VALUE" */
static int command_line(const struct output *o, char *line, struct err *e)
{
    char *save = NULL, *name, *unit, *value, *more;
    double v;

    strtok_r(line, " \t", &save);
    name = strtok_r(NULL, " \t", &save);
    unit = strtok_r(NULL, " \t", &save);
    value = strtok_r(NULL, " \t", &save);
    more = strtok_r(NULL, " \t", &save);
    if (!value || more || parse_double(value, &v))
        return err_broke(e, -EIO,
                         "workload %s: it printed 'extcp-metric %s %s %s'; accepted: extcp-metric "
                         "NAME UNIT NUMBER",
                         o->w->name, name ? name : "", unit ? unit : "", value ? value : "");
    metric(o, name, unit, v);
    return 0;
}

int output_command(const struct output *o, const char *client_out, struct err *e)
{
    char *text = NULL, *save = NULL;
    int rc = read_file(client_out, &text, NULL, e);

    for (char *line = rc ? NULL : strtok_r(text, "\n", &save); line && !rc;
         line = strtok_r(NULL, "\n", &save))
        if (!strncmp(line, "extcp-metric ", 13))
            rc = command_line(o, line, e);
    free(text);
    return rc;
}

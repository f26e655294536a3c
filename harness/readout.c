/* SPDX-License-Identifier: BSD-2-Clause */
#include "readout.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "child.h"
#include "expr.h"
#include "log.h"
#include "metadata.h"
#include "program.h"
#include "results.h"
#include "testbed.h"
#include "util.h"

void readout_begin(struct rep *r)
{
    const struct repetition_job *job = r->job;

    r->metrics = json_array();
    r->calibrations = json_array();
    r->capture_info = json_array();
    r->last_events = json_object();
    json_object_set_new(r->out, "variant", json_string(job->v->name));
    json_object_set_new(r->out, "repetition", json_integer(job->repetition));
    json_object_set_new(r->out, "family", json_integer(job->v->family == AF_INET ? 4 : 6));
    json_object_set_new(r->out, "seed", json_integer((json_int_t)job->seed));
    json_object_set_new(r->out, "started_unix_s", json_real((double)now_real_ns() / 1e9));
    json_object_set_new(r->out, "calibration", r->calibrations);
    json_object_set_new(r->out, "metrics", r->metrics);
    json_object_set_new(r->out, "captures", r->capture_info);
}

void readout_metric(const char *metric, const char *unit, double value, void *rep)
{
    struct rep *r = rep;

    if (isfinite(value))
        json_array_append_new(r->metrics, json_pack("[s, s, f]", metric, unit, value));
    else
        log_line("%s: %s is not a number and is left out", r->stem, metric);
}

void readout_series(const char *series, double t_s, double value, void *rep)
{
    struct rep *r = rep;
    char a[256], b[256], c[256];

    if (isfinite(t_s) && isfinite(value))
        csv_row(r->series, "%s,%s,%u,%s,%.6f,%.10g", csv_quote(a, sizeof(a), r->job->x->name),
                csv_quote(b, sizeof(b), r->job->v->name), r->job->repetition,
                csv_quote(c, sizeof(c), series), t_s, value);
}

static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

json_t *readout_calibration(const struct topology *t, const struct calibration *c, unsigned attempt)
{
    json_t *j = json_object();

    json_object_set_new(j, "link", json_string(t->links[c->link].name));
    json_object_set_new(j, "attempt", json_integer(attempt));
    for (int d = 0; d < 2; d++) {
        const struct calibration_direction *x = &c->dir[d];
        json_t *k = json_object();
        json_object_set_new(k, "delay_configured_ms", number(x->delay_configured_ms));
        json_object_set_new(k, "delay_min_ms", number(x->delay_min_ms));
        json_object_set_new(k, "delay_median_ms", number(x->delay_median_ms));
        json_object_set_new(k, "delay_p99_ms", number(x->delay_p99_ms));
        json_object_set_new(k, "delay_received", json_integer(x->delay_received));
        json_object_set_new(k, "rate_configured_bps", number(x->rate_configured_bps));
        json_object_set_new(k, "rate_measured_bps", number(x->rate_measured_bps));
        json_object_set_new(k, "loss_configured", number(x->loss_configured));
        json_object_set_new(k, "loss_measured", number(x->loss_measured));
        json_object_set_new(k, "loss_sent", json_integer((json_int_t)x->loss_sent));
        json_object_set_new(k, "loss_lost", json_integer((json_int_t)x->loss_lost));
        json_object_set_new(j, d == DIR_AB ? "forward" : "backward", k);
    }
    json_object_set_new(j, "ok", json_boolean(c->ok));
    if (!c->ok)
        json_object_set_new(j, "why", json_string(c->why));
    return j;
}

void readout_sysctls(struct rep *r)
{
    const struct topology *t = testbed_topology(r->tb);
    json_t *machine = metadata_sysctls(-1), *all = json_object(), *value;
    const char *name;

    for (unsigned i = 0; i < t->n_nodes; i++) {
        json_t *here, *others;
        if (t->nodes[i].kind != NODE_HOST)
            continue;
        here = metadata_sysctls(testbed_ns_fd(r->tb, i));
        others = json_object();
        json_object_foreach (here, name, value)
            if (!json_equal(value, json_object_get(machine, name)) && !json_is_null(value))
                json_object_set(others, name, value);
        json_object_set_new(all, t->nodes[i].name, others);
        json_decref(here);
    }
    json_decref(machine);
    json_object_set_new(r->out, "sysctls", all);
}

/* A metric of this repetition, or a parameter of its variant. */
static int value_of(const char *name, double *value, void *arg)
{
    const struct rep *r = arg;
    json_t *m;
    size_t i;

    json_array_foreach (r->metrics, i, m) {
        if (!strcmp(json_string_value(json_array_get(m, 0)), name)) {
            *value = json_number_value(json_array_get(m, 2));
            return 0;
        }
    }
    for (i = 0; i < r->job->v->n_params; i++)
        if (!strcmp(r->job->v->params[i].name, name))
            return parse_double(r->job->v->params[i].value, value);
    return -ENOENT;
}

/* BPF run-time statistics, where the variant asked for them. */
static int read_run_stats(struct rep *r, const struct program *p, const char *node,
                          const char *program, struct err *e)
{
    char metric[256];
    uint64_t ns, count;
    int rc;

    if (!r->job->v->bpf_stats)
        return 0;
    rc = program_run_stats(p, &ns, &count, e);
    if (rc)
        return rc;
    snprintf(metric, sizeof(metric), "%s.%s.run_ns", node, program);
    readout_metric(metric, "ns", (double)ns, r);
    snprintf(metric, sizeof(metric), "%s.%s.run_count", node, program);
    readout_metric(metric, "count", (double)count, r);
    return 0;
}

static int read_programs(struct rep *r, struct err *e)
{
    json_t *all = json_array();

    json_object_set_new(r->out, "programs", all);
    for (unsigned i = 0; i < r->job->v->n_programs; i++) {
        const struct program_use *u = &r->job->v->programs[i];
        const struct program_decl *d = program_declaration(r->programs[i]);
        const char *node = r->job->v->topology->nodes[u->node].name;
        uint64_t *values = xcalloc(d->n_counters, sizeof(*values));
        json_t *counters = json_object(), *set = json_array();
        int rc = program_counters(r->programs[i], values, d->n_counters, e);

        for (unsigned k = 0; k < u->n_set; k++)
            json_array_append_new(set, json_string(u->set[k]));
        for (unsigned k = 0; !rc && k < d->n_counters; k++) {
            char metric[256];
            snprintf(metric, sizeof(metric), "%s.%s.%s", node, u->name, d->counters[k]);
            json_object_set_new(counters, d->counters[k], json_integer((json_int_t)values[k]));
            readout_metric(metric, "count", (double)values[k], r);
        }
        json_array_append_new(all, json_pack("{s:s, s:s, s:s, s:o, s:o}", "host", node, "program",
                                             u->name, "source", d->source, "set", set, "counters",
                                             counters));
        free(values);
        if (!rc)
            rc = read_run_stats(r, r->programs[i], node, u->program, e);
        if (rc)
            return rc;
    }
    return 0;
}

/* The CPU time of each host: of its cgroup, which has nothing but the workloads in it. */
static int read_cpu(struct rep *r, struct err *e)
{
    const struct topology *t = r->job->v->topology;

    for (unsigned i = 0; i < t->n_nodes; i++) {
        char metric[128];
        uint64_t us;
        int rc;

        if (t->nodes[i].kind != NODE_HOST)
            continue;
        rc = cgroup_cpu_us(testbed_cgroup_path(r->tb, i), &us);
        if (rc)
            return err_broke(e, rc, "%s: cannot read cpu.stat of its cgroup: %s", t->nodes[i].name,
                             strerror(-rc));
        snprintf(metric, sizeof(metric), "%s.cpu_s", t->nodes[i].name);
        readout_metric(metric, "s", (double)us / 1e6, r);
    }
    return 0;
}

static int read_links(struct rep *r, struct err *e)
{
    const struct topology *t = r->job->v->topology;
    json_t *all = json_array();

    json_object_set_new(r->out, "links", all);
    for (unsigned i = 0; i < t->n_links; i++) {
        for (int d = 0; d < 2; d++) {
            struct linkemu_counters c = {0};
            int rc = linkemu_counters(testbed_linkemu(r->tb), i, d, &c, e);
            if (rc)
                return rc;
            json_array_append_new(
                all, json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "link",
                               t->links[i].name, "direction", d == DIR_AB ? "forward" : "backward",
                               "packets", (json_int_t)c.packets, "bytes", (json_int_t)c.bytes,
                               "lost", (json_int_t)c.lost, "reordered", (json_int_t)c.reordered,
                               "duplicated", (json_int_t)c.duplicated, "overflow",
                               (json_int_t)c.overflow, "shaper_drops", (json_int_t)c.shaper_drops,
                               "late_max_us", (json_int_t)c.late_max_us));
        }
    }
    return 0;
}

/* The last value of each kind of event. A counter of the same name has been there first and stays.
 */
static void read_events(struct rep *r)
{
    const char *name;
    json_t *value;
    double known;

    json_object_foreach (r->last_events, name, value)
        if (value_of(name, &known, r) == -ENOENT)
            readout_metric(name, "value", json_real_value(value), r);
}

int readout_counters(struct rep *r, struct err *e)
{
    int rc = read_programs(r, e);

    if (!rc)
        rc = read_cpu(r, e);
    read_events(r);
    return rc ? rc : read_links(r, e);
}

static const char *output_of(const struct rep *r, const struct workload *w, bool server)
{
    for (unsigned i = 0; i < r->n_children; i++)
        if (r->children[i].w == w && r->children[i].server == server)
            return r->children[i].out;
    return NULL;
}

int readout_workloads(struct rep *r, struct err *e)
{
    for (unsigned i = 0; i < r->job->v->n_workloads; i++) {
        const struct workload *w = &r->job->v->workloads[i];
        int rc = 0;

        if (!w->server)
            rc = workload_metrics(w, output_of(r, w, false), output_of(r, w, true), r->t0_real_ns,
                                  readout_metric, readout_series, r, e);
        if (rc)
            return rc;
    }
    for (unsigned i = 0; i < r->n_children; i++) {
        const struct rep_child *c = &r->children[i];
        char metric[160];
        snprintf(metric, sizeof(metric), "%s.%s_cpu_s", c->w->name,
                 c->server ? "server" : "client");
        readout_metric(metric, "s", (double)child_cpu_us(c->child) / 1e6, r);
    }
    return 0;
}

int readout_measures(struct rep *r, struct err *e)
{
    const struct variant *v = r->job->v;
    int rc = 0;

    for (unsigned i = 0; !rc && i < v->n_measures; i++) {
        struct measure_input in = {.m = &v->measures[i],
                                   .t0_real_ns = r->t0_real_ns,
                                   .metric = readout_metric,
                                   .series = readout_series,
                                   .arg = r};
        for (unsigned p = 0; p < v->n_captures; p++)
            if (!strcmp(v->captures[p].point, in.m->point))
                in.pcap_path = r->capture_paths[p];
        rc = measure_run(&in, e);
    }
    return rc;
}

int readout_checks(struct rep *r, struct err *e)
{
    const struct variant *v = r->job->v;
    json_t *all = json_array();

    json_object_set_new(r->out, "checks", all);
    for (unsigned p = 0; p < v->n_captures; p++) {
        struct wire_check *checks = xcalloc(v->n_checks, sizeof(*checks));
        struct wire_result *results = xcalloc(v->n_checks, sizeof(*results));
        unsigned n = 0;
        int rc = 0;

        for (unsigned i = 0; i < v->n_checks; i++)
            if (!strcmp(v->checks[i].point, v->captures[p].point))
                checks[n++] = v->checks[i];
        if (n)
            rc = wire_check_run(checks, n, r->capture_paths[p], results, e);
        for (unsigned i = 0; !rc && i < n; i++)
            json_array_append_new(
                all, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:I}", "name", checks[i].name,
                               "point", checks[i].point, "expected", results[i].expected, "found",
                               results[i].found, "packet", results[i].packet, "ok",
                               (int)results[i].ok, "matched", (json_int_t)results[i].matched,
                               "failed", (json_int_t)results[i].failed));
        free(checks);
        free(results);
        if (rc)
            return rc;
    }
    return 0;
}

int readout_derived(struct rep *r, struct err *e)
{
    for (unsigned i = 0; i < r->job->v->n_metrics; i++) {
        const struct derived_metric *m = &r->job->v->metrics[i];
        struct err inner = ERR_INIT;
        double value;
        int rc = expr_eval(m->value, value_of, r, &value, &inner);

        if (rc ==
            -ENOENT) { /* the run did not yield what it is made of: a claim about it will say so */
            log_line("%s: metric %s has no value: %s", r->stem, m->name, inner.msg);
            continue;
        }
        if (rc)
            return err_broke(e, rc, "metric %s: %s", m->name, inner.msg);
        readout_metric(m->name, m->unit, value, r);
    }
    return 0;
}

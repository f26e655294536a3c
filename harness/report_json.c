/* SPDX-License-Identifier: BSD-2-Clause */
#include "report_json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "claims.h"
#include "cmd.h"
#include "metadata.h"
#include "util.h"

static json_t *utc(uint64_t real_ns)
{
    time_t t = (time_t)(real_ns / NSEC_PER_SEC);
    char buf[32];
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", &tm);
    return json_string(buf);
}

static const char *status_word(const struct run *run, int status)
{
    if (run->interrupted)
        return "interrupted";
    if (run->error.code)
        return "broke";
    return status == EXIT_OK ? "pass" : "fail";
}

static json_t *impairment_json(const struct impairment *i)
{
    return json_pack("{s:I, s:i, s:i, s:f, s:f, s:f, s:f, s:i}", "rate_bps",
                     (json_int_t)i->rate_bps, "delay_us", (int)i->delay_us, "jitter_us",
                     (int)i->jitter_us, "loss", i->loss, "loss_burst", i->loss_burst, "reorder",
                     i->reorder, "duplicate", i->duplicate, "queue_packets", (int)i->queue_packets);
}

static json_t *topology_json(const struct topology *t)
{
    json_t *links = json_array();

    for (unsigned i = 0; i < t->n_links; i++) {
        const struct topo_link *l = &t->links[i];
        json_array_append_new(
            links, json_pack("{s:s, s:s, s:s, s:o, s:o, s:b, s:i, s:i, s:b, s:i}", "name", l->name,
                             "a", t->nodes[l->node[0]].name, "b", t->nodes[l->node[1]].name,
                             "forward", impairment_json(&l->dir[DIR_AB]), "backward",
                             impairment_json(&l->dir[DIR_BA]), "half_duplex", (int)l->half_duplex,
                             "overhead_bytes", (int)l->overhead_bytes, "mtu", (int)l->mtu,
                             "offloads", (int)l->offloads, "gso_max_segs", (int)l->gso_max_segs));
    }
    return json_pack("{s:s, s:o}", "name", t->name, "links", links);
}

static json_t *variants_json(const struct experiment *x)
{
    json_t *all = json_array();

    for (unsigned i = 0; i < x->n_variants; i++) {
        const struct variant *v = &x->variants[i];
        json_t *params = json_object();
        for (unsigned k = 0; k < v->n_params; k++)
            json_object_set_new(params, v->params[k].name, json_string(v->params[k].value));
        json_array_append_new(all, json_pack("{s:s, s:s*, s:i, s:o, s:o}", "name", v->name, "about",
                                             v->about, "family", v->family == AF_INET ? 4 : 6,
                                             "parameters", params, "topology",
                                             topology_json(v->topology)));
    }
    return all;
}

static json_t *claims_json(const struct run *run)
{
    json_t *all = json_array();

    for (unsigned i = 0; run->o->n_shards && i < run->x->n_claims; i++)
        json_array_append_new(all, json_pack("{s:s, s:n, s:s}", "name", run->x->claims[i].name,
                                             "held", "why", "only a part of the plan was run"));
    for (unsigned i = 0; run->claims && i < run->x->n_claims; i++)
        json_array_append_new(all,
                              json_pack("{s:s, s:b, s:s, s:s}", "name", run->x->claims[i].name,
                                        "held", (int)run->claims[i].held, "expected",
                                        run->claims[i].expected, "found", run->claims[i].found));
    for (unsigned i = 0; i < run->x->n_claims_left_out; i++)
        json_array_append_new(all, json_pack("{s:s, s:n, s:s}", "name", run->x->claims_left_out[i],
                                             "held", "why", "its variants were not run"));
    return all;
}

static json_t *table_json(const struct experiment *x)
{
    json_t *all = json_array();

    for (unsigned i = 0; i < x->n_table; i++)
        json_array_append_new(all, json_string(x->table[i]));
    return all;
}

static json_t *figures_json(const struct experiment *x)
{
    json_t *all = json_array();

    for (unsigned i = 0; i < x->n_figures; i++)
        json_array_append_new(all, json_pack("{s:s, s:s*}", "name", x->figures[i].name, "title",
                                             x->figures[i].title));
    return all;
}

json_t *report_checks(const json_t *repetitions)
{
    json_t *all = json_array(), *seen = json_object(), *rep, *c;
    size_t i, k;

    json_array_foreach (repetitions, i, rep) {
        json_array_foreach (json_object_get(rep, "checks"), k, c) {
            const char *variant = json_string_value(json_object_get(rep, "variant"));
            const char *name = json_string_value(json_object_get(c, "name"));
            bool ok = json_is_true(json_object_get(c, "ok"));
            char *key = xasprintf("%s: %s", variant, name);
            json_t *s = json_object_get(seen, key);

            if (!s) {
                s = json_pack("{s:s, s:s, s:i, s:i, s:O}", "variant", variant, "name", name, "n", 0,
                              "passed", 0, "example", c);
                json_object_set(seen, key, s);
                json_array_append_new(all, s);
            }
            json_object_set_new(s, "n",
                                json_integer(json_integer_value(json_object_get(s, "n")) + 1));
            json_object_set_new(
                s, "passed", json_integer(json_integer_value(json_object_get(s, "passed")) + ok));
            /* what failed tells more than what passed */
            if (!ok)
                json_object_set(s, "example", c);
            free(key);
        }
    }
    json_decref(seen);
    return all;
}

/* Is it one of experiments/, which its name finds? */
static bool is_shipped(const struct experiment *x)
{
    char *path = xasprintf("%s/experiments/%s.yaml", extcp_home(), x->name);
    bool same = !strcmp(path, x->file);

    free(path);
    return same;
}

/* What x was loaded with: enough to load it so again. */
static json_t *options_json(const struct run *run)
{
    const struct experiment_options *o = run->o->experiment;
    json_t *variants = json_array(), *settings = json_array();

    for (unsigned i = 0; i < o->n_variants; i++)
        json_array_append_new(variants, json_string(o->variants[i]));
    for (unsigned i = 0; i < o->n_settings; i++)
        json_array_append_new(settings, json_string(o->settings[i]));
    return json_pack("{s:i, s:o, s:o, s:i}", "repetitions", (int)o->reps, "variants", variants,
                     "settings", settings, "family", o->family);
}

json_t *report_json(const struct run *run, int status)
{
    json_t *j = json_object(), *order = json_array();

    json_object_set_new(j, "schema_version", json_integer(RESULTS_SCHEMA_VERSION));
    json_object_set_new(j, "experiment", json_string(run->x->name));
    if (!is_shipped(run->x))
        json_object_set_new(j, "file", json_string(run->x->file));
    json_object_set_new(j, "title", json_string(run->x->title));
    json_object_set_new(j, "about", json_string(run->x->about));
    if (run->x->paper)
        json_object_set_new(j, "paper", json_string(run->x->paper));
    json_object_set_new(j, "status", json_string(status_word(run, status)));
    json_object_set_new(j, "exit_status", json_integer(status));
    if (run->error.code)
        json_object_set_new(j, "error", json_string(run->error.msg));
    json_object_set_new(j, "command", metadata_command(run->o->argc, run->o->argv));
    json_object_set_new(j, "quick", json_boolean(run->o->quick));
    json_object_set_new(j, "options", options_json(run));
    if (run->o->n_shards)
        json_object_set_new(j, "shard",
                            json_pack("[i, i]", (int)run->o->shard, (int)run->o->n_shards));
    if (run->o->merged)
        json_object_set(j, "merged", run->o->merged);
    json_object_set_new(j, "started", utc(run->started_real_ns));
    json_object_set_new(j, "ended", utc(now_real_ns()));
    json_object_set_new(j, "seconds",
                        json_real((double)(now_mono_ns() - run->started_mono_ns) / 1e9));
    json_object_set_new(j, "seed", json_integer((json_int_t)run->o->seed));
    for (unsigned i = 0; i < run->plan.n; i++)
        json_array_append_new(order,
                              json_pack("[s, i]", run->x->variants[run->plan.items[i].variant].name,
                                        (int)run->plan.items[i].repetition));
    json_object_set_new(j, "order", order);
    json_object_set_new(j, "machine", metadata_collect());
    json_object_set_new(j, "sysctls", metadata_sysctls(-1));
    json_object_set_new(j, "variants", variants_json(run->x));
    json_object_set_new(j, "table", table_json(run->x));
    json_object_set_new(j, "figures", figures_json(run->x));
    json_object_set_new(j, "summary", results_summary_json(&run->results));
    json_object_set_new(j, "claims", claims_json(run));
    json_object_set_new(j, "wire_checks",
                        json_pack("{s:i, s:i}", "run", (int)run->totals.checks, "failed",
                                  (int)run->totals.checks_failed));
    json_object_set(j, "repetitions", run->repetitions);
    return j;
}

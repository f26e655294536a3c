/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp list: what an experiment file can name. */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "decode.h"
#include "experiment.h"
#include "program.h"
#include "topology.h"
#include "util.h"

struct list {
    json_t *out; /* NULL: print for people */
};

static void one_experiment(const char *name, const char *title, const struct err *e, void *arg)
{
    struct list *l = arg;

    if (l->out)
        json_array_append_new(json_object_get(l->out, "experiments"),
                              json_pack("{s:s, s:s*, s:s*}", "name", name, "title", title, "error",
                                        e ? e->msg : NULL));
    else
        printf("  %-14s %s%s\n", name, title ? title : "does not load: ", title ? "" : e->msg);
}

static int topologies(struct list *l, struct err *e)
{
    char *dir = xasprintf("%s/topologies", extcp_home());
    struct dirent **files = NULL;
    int n = scandir(dir, &files, NULL, alphasort);

    if (n < 0) {
        int rc = err_usage(e, -errno, "%s: %s", dir, strerror(errno));
        free(dir);
        return rc;
    }
    for (int i = 0; i < n; i++) {
        char *dot = strrchr(files[i]->d_name, '.');
        if (dot && dot != files[i]->d_name && !strcmp(dot, ".yaml")) {
            struct topology *t = NULL;
            struct err one = ERR_INIT;
            *dot = '\0';
            topology_load(&t, files[i]->d_name, NULL, 0, &one);
            if (l->out)
                json_array_append_new(json_object_get(l->out, "topologies"),
                                      json_pack("{s:s, s:s*, s:s*}", "name", files[i]->d_name,
                                                "description", t ? t->description : NULL, "error",
                                                t ? NULL : one.msg));
            else
                printf("  %-14s %s%s\n", files[i]->d_name, t ? "" : "does not load: ",
                       t ? (t->description ? t->description : "") : one.msg);
            topology_free(t);
        }
        free(files[i]);
    }
    free(files);
    free(dir);
    return 0;
}

static json_t *param_json(const struct param_decl *p)
{
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:b}", "name", p->name, "type", p->type,
                     "min", (json_int_t)p->min, "max", (json_int_t)p->max, "default",
                     (json_int_t)p->def, "unit", p->unit, "help", p->help, "live", (int)p->live);
}

static int programs(struct list *l, struct err *e)
{
    for (unsigned i = 0; program_name(i); i++) {
        struct program_decl *d = NULL;
        int rc = program_declares(program_name(i), &d, e);
        json_t *params = json_array();

        if (rc) {
            json_decref(params);
            return rc;
        }
        if (!l->out)
            printf("  %-14s %s\n", d->name, d->help);
        for (unsigned k = 0; k < d->n_params; k++) {
            const struct param_decl *p = &d->params[k];
            if (l->out)
                json_array_append_new(params, param_json(p));
            else
                printf("    %-20s %s (%lld to %lld%s%s, default %lld%s)\n", p->name, p->help,
                       (long long)p->min, (long long)p->max, *p->unit ? " " : "", p->unit,
                       (long long)p->def, p->live ? ", can change while it runs" : "");
        }
        if (l->out)
            json_array_append_new(json_object_get(l->out, "programs"),
                                  json_pack("{s:s, s:s, s:s, s:O}", "name", d->name, "source",
                                            d->source, "help", d->help, "parameters", params));
        json_decref(params);
        program_decl_free(d);
    }
    return 0;
}

static void options(struct list *l)
{
    const char *const *fields;
    const char *name;

    for (unsigned i = 0; (name = tcp_option_known(i, &fields)); i++) {
        json_t *all = json_array();
        if (!l->out)
            printf("  %-22s", name);
        for (unsigned k = 0; fields && fields[k]; k++) {
            if (l->out)
                json_array_append_new(all, json_string(fields[k]));
            else
                printf("%s%s", k ? ", " : "", fields[k]);
        }
        if (l->out)
            json_array_append_new(json_object_get(l->out, "options"),
                                  json_pack("{s:s, s:O}", "name", name, "fields", all));
        else
            printf("\n");
        json_decref(all);
    }
}

int cmd_list(int argc, char **argv)
{
    struct list l = {0};
    struct err e = ERR_INIT;
    int rc;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--json") && !l.out) {
            l.out = json_pack("{s:[], s:[], s:[], s:[]}", "experiments", "topologies", "programs",
                              "options");
        } else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            printf("usage: extcp list [--json]\nThe experiments, topologies, eBPF programs with "
                   "their parameters, and the options "
                   "that a wire check can name.\n");
            json_decref(l.out);
            return EXIT_OK;
        } else {
            err_usage(&e, -EINVAL, "unknown argument '%s'; accepted: --json, --help", argv[i]);
            json_decref(l.out);
            return cmd_fail("list", &e);
        }
    }
    if (!l.out)
        printf("experiments (experiments/)\n");
    rc = experiment_each(one_experiment, &l, &e);
    if (!l.out && !rc)
        printf("\ntopologies (topologies/)\n");
    if (!rc)
        rc = topologies(&l, &e);
    if (!l.out && !rc)
        printf("\nprograms (bpf/), with their parameters\n");
    if (!rc)
        rc = programs(&l, &e);
    if (!l.out && !rc)
        printf("\noptions for wire checks, with their fields (the first is the default)\n");
    if (!rc) {
        options(&l);
        if (l.out) {
            json_dumpf(l.out, stdout, JSON_INDENT(2));
            putchar('\n');
        }
    }
    json_decref(l.out);
    return rc ? cmd_fail("list", &e) : EXIT_OK;
}

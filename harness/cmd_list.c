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
    bool json; /* one object a line, with its kind; else for people */
};

static void one_experiment(const char *name, const char *title, const struct err *e, void *arg)
{
    struct list *l = arg;

    if (l->json)
        print_json_line(json_pack("{s:s, s:s, s:s*, s:s*}", "kind", "experiment", "name", name,
                                  "title", title, "error", e ? e->msg : NULL));
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
            if (l->json)
                print_json_line(json_pack("{s:s, s:s, s:s*, s:s*}", "kind", "topology", "name",
                                          files[i]->d_name, "description",
                                          t ? t->description : NULL, "error", t ? NULL : one.msg));
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

static void print_param(const struct param_decl *p)
{
    char accepted[PARAM_TEXT_SIZE], def[PARAM_TEXT_SIZE];

    printf("    %-20s %s (%s; default %s%s)\n", p->name, p->help,
           param_accepted(p, accepted, sizeof(accepted)), param_text(p, p->def, def, sizeof(def)),
           p->live ? "; can change while it runs" : "");
}

static json_t *names_json(char *const *names, unsigned n)
{
    json_t *all = json_array();

    for (unsigned i = 0; i < n; i++)
        json_array_append_new(all, json_string(names[i]));
    return all;
}

static json_t *param_json(const struct param_decl *p)
{
    json_t *j =
        json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:b}", "name", p->name, "type", p->type,
                  "min", (json_int_t)p->min, "max", (json_int_t)p->max, "default",
                  (json_int_t)p->def, "unit", p->unit, "help", p->help, "live", (int)p->live);
    char text[PARAM_TEXT_SIZE];

    if (p->names) {
        json_object_set_new(j, "accepted", json_string(param_accepted(p, text, sizeof(text))));
        json_object_set_new(j, "default_name",
                            json_string(param_text(p, p->def, text, sizeof(text))));
    }
    return j;
}

/* The eBPF programs that an experiment attaches, or the path managers. */
static int programs(struct list *l, bool path_managers, struct err *e)
{
    for (unsigned i = 0; program_name(i); i++) {
        struct program_decl *d = NULL;
        int rc = program_declares(program_name(i), &d, e);
        json_t *params;

        if (rc)
            return rc;
        if (d->path_manager != path_managers) {
            program_decl_free(d);
            continue;
        }
        params = json_array();
        if (!l->json)
            printf("  %-14s %s\n", d->name, d->help);
        for (unsigned k = 0; k < d->n_params; k++) {
            const struct param_decl *p = &d->params[k];
            if (l->json)
                json_array_append_new(params, param_json(p));
            else
                print_param(p);
        }
        if (l->json)
            print_json_line(json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "kind",
                                      path_managers ? "path manager" : "program", "name", d->name,
                                      "source", d->source, "help", d->help, "parameters", params,
                                      "counters", names_json(d->counters, d->n_counters)));
        else
            json_decref(params);
        program_decl_free(d);
    }
    return 0;
}

static void measures(struct list *l)
{
    const struct measure_kind *k;

    for (unsigned i = 0; (k = measure_kind_at(i)); i++) {
        if (l->json)
            print_json_line(json_pack("{s:s, s:s, s:s}", "kind", "measure", "name", k->name,
                                      "about", k->about));
        else
            printf("  %-22s %s\n", k->name, k->about);
    }
}

static void options(struct list *l)
{
    const char *const *fields;
    const char *name;

    for (unsigned i = 0; (name = tcp_option_known(i, &fields)); i++) {
        unsigned n = 0;
        while (fields && fields[n])
            n++;
        if (l->json) {
            print_json_line(json_pack("{s:s, s:s, s:o}", "kind", "option", "name", name, "fields",
                                      names_json((char *const *)fields, n)));
            continue;
        }
        printf("  %-22s", name);
        for (unsigned k = 0; k < n; k++)
            printf("%s%s", k ? ", " : "", fields[k]);
        printf("\n");
    }
}

static void head(const struct list *l, const char *text)
{
    if (!l->json)
        puts(text);
}

int cmd_list(int argc, char **argv)
{
    struct list l = {0};
    struct err e = ERR_INIT;
    int rc;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--json")) {
            l.json = true;
        } else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            printf("usage: extcp list [--json]\nThe experiments, topologies, eBPF programs with "
                   "their parameters, kinds of measures, and the options "
                   "that a wire check can name.\n");
            return EXIT_OK;
        } else {
            err_usage(&e, -EINVAL, "unknown argument '%s'; accepted: --json, --help", argv[i]);
            return cmd_fail("list", &e);
        }
    }
    head(&l, "experiments (experiments/)");
    rc = experiment_each(one_experiment, &l, &e);
    if (!rc) {
        head(&l, "\ntopologies (topologies/)");
        rc = topologies(&l, &e);
    }
    if (!rc) {
        head(&l, "\nprograms (bpf/), with their parameters");
        rc = programs(&l, false, &e);
    }
    if (!rc) {
        head(&l, "\npath managers (bpf/pm/) for `extcp pm`, with their parameters");
        rc = programs(&l, true, &e);
    }
    if (!rc) {
        head(&l, "\nkinds of measures from captures");
        measures(&l);
        head(&l, "\noptions for wire checks, with their fields (the first is the default)");
        options(&l);
    }
    return rc ? cmd_fail("list", &e) : EXIT_OK;
}

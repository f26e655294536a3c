/* SPDX-License-Identifier: BSD-2-Clause */
#include "place_args.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

static int add_setting(struct place_args *a, char *text, struct err *e)
{
    if (a->n_settings == MAX_SETTINGS)
        return err_usage(e, -E2BIG, "more than %d settings", MAX_SETTINGS);
    a->settings[a->n_settings++] = text;
    return 0;
}

static int positional(struct place_args *a, int argc, char **argv, unsigned accepts, struct err *e)
{
    int rc = 0;

    for (int i = optind; !rc && i < argc; i++) {
        if (!a->program)
            a->program = argv[i];
        else if (accepts & ACCEPT_SETTINGS)
            rc = add_setting(a, argv[i], e);
        else
            rc = err_usage(e, -EINVAL, "unexpected argument '%s'; see extcp %s --help", argv[i],
                           argv[0]);
    }
    return rc;
}

int place_parse(struct place_args *a, int argc, char **argv, unsigned accepts, const char *usage,
                struct err *e)
{
    static const struct option options[] = {{"cgroup", required_argument, NULL, 'c'},
                                            {"set", required_argument, NULL, 's'},
                                            {"all", no_argument, NULL, 'a'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    int c, rc = 0;

    opterr = 0;
    while (!rc && (c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
        if (c == 'h') {
            fputs(usage, stdout);
            return 1;
        }
        if (c == 'c')
            a->cgroup = optarg;
        else if (c == 's' && accepts & ACCEPT_SET)
            rc = add_setting(a, optarg, e);
        else if (c == 'a' && accepts & ACCEPT_ALL)
            a->all = true;
        else
            rc = err_usage(e, -EINVAL, "%s '%s'; see extcp %s --help",
                           c == ':' ? "a value is missing after" : "unknown option",
                           argv[optind - 1], argv[0]);
    }
    if (!rc)
        rc = positional(a, argc, argv, accepts, e);
    if (!rc && a->all && a->program)
        rc = err_usage(e, -EINVAL, "both a program and --all; accepted: one of them");
    if (!rc && !a->all && (!a->program || !a->cgroup))
        rc = err_usage(e, -EINVAL,
                       "%s is missing; accepted: PROGRAM --cgroup PATH, see extcp %s --help",
                       a->program ? "--cgroup PATH" : "PROGRAM", argv[0]);
    if (!rc && geteuid() != 0)
        rc = err_lacks(e, -EPERM, "only root can; sudo ./run.sh %s …", argv[0]);
    return rc;
}

void place_block_signals(void)
{
    sigset_t s;

    sigemptyset(&s);
    sigaddset(&s, SIGINT);
    sigaddset(&s, SIGTERM);
    sigaddset(&s, SIGHUP);
    sigprocmask(SIG_BLOCK, &s, NULL);
}

char *place_program_name(const char *program)
{
    const char *base = strrchr(program, '/') ? strrchr(program, '/') + 1 : program,
               *end = strstr(base, ".bpf.o");

    return xasprintf("%.*s", (int)(end && !end[6] ? (size_t)(end - base) : strlen(base)), base);
}

int place_not_attached(const struct live_program *all, unsigned n, uint64_t id, const char *name,
                       const char *cgroup, struct err *e)
{
    for (unsigned i = 0; i < n; i++)
        if (all[i].cgroup_id == id && !strcmp(all[i].name, name))
            return err_usage(e, -EBUSY,
                             "program %s on %s is not one of 'extcp attach': process %u holds it, "
                             "and it goes when that ends",
                             name, cgroup, all[i].pid);
    return err_usage(e, -ENOENT, "program %s is not attached to %s; 'extcp status' lists what is",
                     name, cgroup);
}

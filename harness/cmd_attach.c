/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp attach, detach, set: programs on the cgroups of this machine, outside of any testbed. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "carrier.h"
#include "cgroup.h"
#include "cmd.h"
#include "pins.h"
#include "program.h"
#include "program_live.h"
#include "util.h"

#define MAX_SET 64

static const char *const usage_attach =
    "usage: extcp attach PROGRAM --cgroup PATH [--set KEY=VALUE]...\n"
    "Attaches an eBPF program to a cgroup (v2): from now on it acts on the connections of the\n"
    "processes in it and below it, until 'extcp detach'. Connections that are there already are "
    "left\n"
    "alone, and so is a socket that listens already: start a server after attaching.\n"
    "\n"
    "  PROGRAM            a name of 'extcp list', or the path of an object file, ./mine.bpf.o\n"
    "  --cgroup PATH      the directory of the cgroup; for a service, below the mount point of "
    "cgroup\n"
    "                     v2: $(systemctl show -P ControlGroup nginx)\n"
    "  --set KEY=VALUE    a parameter of the program ('extcp list' says which there are)\n"
    "\n"
    "It is kept in bpffs, usually /sys/fs/bpf/extcp, and lives until it is detached, the cgroup "
    "is\n"
    "removed, or the machine restarts.\n";

static const char *const usage_detach =
    "usage: extcp detach PROGRAM --cgroup PATH\n"
    "       extcp detach --all [--cgroup PATH]\n"
    "Removes what 'extcp attach' attached, and only that. Connections go on without the program.\n";

static const char *const usage_carry =
    "usage: extcp carry PROGRAM --cgroup PATH\n"
    "Sends the late ACKs of a program that was attached with 'extcp attach' and holds ACKs back\n"
    "(ack-rate, tarr), in the network namespace where it is started, until SIGINT or SIGTERM. "
    "Without\n"
    "it such a program holds nothing back. Let it run as a service.\n";

static const char *const usage_set =
    "usage: extcp set PROGRAM --cgroup PATH KEY=VALUE...\n"
    "Changes parameters while the program is attached: those that 'extcp list' shows with \"can "
    "change\n"
    "while it runs\". All values are checked before the first is changed.\n";

struct arguments {
    const char *verb, *usage;
    const char *program, *cgroup;
    char *settings[MAX_SET];
    unsigned n_settings;
    bool all, help;
};

static int add_setting(struct arguments *a, char *text, struct err *e)
{
    if (a->n_settings == MAX_SET)
        return err_usage(e, -E2BIG, "more than %d settings", MAX_SET);
    a->settings[a->n_settings++] = text;
    return 0;
}

/* The first positional argument is the program; more are settings, where the verb takes them so. */
static int parse(int argc, char **argv, bool set_option, bool set_positional, struct arguments *a,
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
        if (c == 'h')
            a->help = true;
        else if (c == 'c')
            a->cgroup = optarg;
        else if (c == 's' && set_option)
            rc = add_setting(a, optarg, e);
        else if (c == 'a' && !set_option && !set_positional)
            a->all = true;
        else
            rc = err_usage(e, -EINVAL, "%s '%s'; see extcp %s --help",
                           c == ':' ? "a value is missing after" : "unknown option",
                           argv[optind - 1], a->verb);
    }
    if (rc || a->help)
        return rc;
    for (int i = optind; !rc && i < argc; i++) {
        if (!a->program)
            a->program = argv[i];
        else if (set_positional)
            rc = add_setting(a, argv[i], e);
        else
            rc = err_usage(e, -EINVAL, "unexpected argument '%s'; see extcp %s --help", argv[i],
                           a->verb);
    }
    if (!rc && a->all && a->program)
        rc = err_usage(e, -EINVAL, "both a program and --all; accepted: one of them");
    if (!rc && !a->all && (!a->program || !a->cgroup))
        rc = err_usage(e, -EINVAL, "%s is missing; accepted: %s",
                       a->program ? "--cgroup PATH" : "PROGRAM",
                       "PROGRAM --cgroup PATH, see --help");
    if (!rc && geteuid() != 0)
        rc = err_lacks(e, -EPERM, "only root can; sudo ./run.sh %s …", a->verb);
    return rc;
}

/* Nothing may interrupt us in the middle; only SIGKILL can, and `extcp clean` knows that. */
static void block_signals(void)
{
    sigset_t s;

    sigemptyset(&s);
    sigaddset(&s, SIGINT);
    sigaddset(&s, SIGTERM);
    sigaddset(&s, SIGHUP);
    sigprocmask(SIG_BLOCK, &s, NULL);
}

static int attach(const struct arguments *a, int cgroup_fd, uint64_t id, struct err *e)
{
    struct program_place place = {.cgroup_fd = cgroup_fd};
    struct program_decl *d = NULL;
    struct program *p = NULL;
    struct pin_dir *dir = NULL;
    char *name = NULL;
    bool wants_carrier = false;
    int rc = program_declares(a->program, &d, e);

    if (!rc && d->path_manager)
        rc = err_usage(e, -EINVAL, "%s is a path manager; 'extcp pm' runs it", d->name);
    if (!rc && !(name = pin_name(id, d->name, e)))
        rc = -ENOENT;
    if (!rc && !access(name, F_OK))
        rc = err_usage(e, -EEXIST,
                       "program %s is there already on %s; 'extcp set' changes what it may change "
                       "while it runs, 'extcp detach %s --cgroup %s' removes it",
                       d->name, a->cgroup, d->name, a->cgroup);
    if (!rc) {
        rc = pins_clean_gone(NULL, e); /* a service that is started again and again leaves some */
        rc = rc < 0 ? rc : pin_begin(&dir, e);
    }
    if (!rc) {
        place.pin_dir = pin_path(dir);
        rc = program_attach(&p, a->program, a->settings, a->n_settings, &place, e);
    }
    if (!rc) {
        wants_carrier = program_wants_carrier(p);
        rc = pin_commit(dir, id, d->name, e);
        dir = NULL;
    }
    program_detach(p);
    pin_abort(dir);
    if (!rc)
        printf("%s is attached to %s; 'extcp status' shows what it does, 'extcp detach %s --cgroup "
               "%s' removes it\n",
               d->name, a->cgroup, d->name, a->cgroup);
    if (!rc && wants_carrier)
        fprintf(stderr,
                "extcp attach: note: %s holds no ACK back until 'extcp carry %s --cgroup %s' runs "
                "to send the late ones\n",
                d->name, d->name, a->cgroup);
    free(name);
    program_decl_free(d);
    return rc;
}

int cmd_attach(int argc, char **argv)
{
    struct arguments a = {.verb = "attach", .usage = usage_attach};
    struct err e = ERR_INIT;
    uint64_t id;
    int fd, rc = parse(argc, argv, true, false, &a, &e);

    if (!rc && a.help) {
        fputs(a.usage, stdout);
        return EXIT_OK;
    }
    for (unsigned i = 0; !rc && i < a.n_settings; i++)
        rc = program_check_setting(a.program, a.settings[i], &e);
    if (!rc) {
        fd = cgroup_open(a.cgroup, &id, &e);
        rc = fd < 0 ? fd : 0;
    }
    if (rc)
        return cmd_fail(a.verb, &e);
    block_signals();
    rc = attach(&a, fd, id, &e);
    close(fd);
    return rc ? cmd_fail(a.verb, &e) : EXIT_OK;
}

/* "./mine.bpf.o" was attached as mine. The caller frees. */
static char *short_name(const char *program)
{
    const char *base = strrchr(program, '/') ? strrchr(program, '/') + 1 : program,
               *end = strstr(base, ".bpf.o");

    return xasprintf("%.*s", (int)(end && !end[6] ? (size_t)(end - base) : strlen(base)), base);
}

static int carry(const struct arguments *a, uint64_t id, struct err *e)
{
    char *name = short_name(a->program), *dir = pin_name(id, name, e);
    struct carrier *c = NULL;
    sigset_t end;
    int signal, rc = dir ? 0 : -ENOENT;

    if (!rc && access(dir, F_OK))
        rc = err_usage(e, -ENOENT,
                       "program %s is not attached to %s; 'extcp attach %s --cgroup %s' does it",
                       name, a->cgroup, name, a->cgroup);
    if (!rc)
        rc = carrier_start_pinned(&c, dir, -1, e);
    if (!rc) {
        printf("late ACKs of %s on %s are sent until SIGINT or SIGTERM\n", name, a->cgroup);
        fflush(stdout);
        sigemptyset(&end);
        sigaddset(&end, SIGINT);
        sigaddset(&end, SIGTERM);
        sigaddset(&end, SIGHUP);
        sigwait(&end, &signal); /* blocked already */
    }
    carrier_stop(c);
    free(dir);
    free(name);
    return rc;
}

int cmd_carry(int argc, char **argv)
{
    struct arguments a = {.verb = "carry", .usage = usage_carry};
    struct err e = ERR_INIT;
    uint64_t id;
    int fd, rc = parse(argc, argv, false, false, &a, &e);

    if (!rc && a.help) {
        fputs(a.usage, stdout);
        return EXIT_OK;
    }
    if (!rc && a.all)
        rc = err_usage(&e, -EINVAL, "--all is for 'extcp detach'; see extcp carry --help");
    if (!rc) {
        fd = cgroup_open(a.cgroup, &id, &e);
        rc = fd < 0 ? fd : 0;
    }
    if (rc)
        return cmd_fail(a.verb, &e);
    close(fd);
    block_signals();
    rc = carry(&a, id, &e);
    return rc ? cmd_fail(a.verb, &e) : EXIT_OK;
}

static int not_attached(const struct live_program *all, unsigned n, uint64_t id, const char *name,
                        const struct arguments *a, struct err *e)
{
    for (unsigned i = 0; i < n; i++)
        if (all[i].cgroup_id == id && !strcmp(all[i].name, name))
            return err_usage(e, -EBUSY,
                             "program %s on %s is not one of 'extcp attach': process %u holds it, "
                             "and it goes when that ends",
                             name, a->cgroup, all[i].pid);
    return err_usage(e, -ENOENT, "program %s is not attached to %s; 'extcp status' lists what is",
                     name, a->cgroup);
}

static int detach(const struct arguments *a, bool any_group, uint64_t id, unsigned *done,
                  struct err *e)
{
    char *name = a->all ? NULL : short_name(a->program);
    struct live_program *all;
    unsigned n;
    int rc = live_read(&all, &n, e);

    if (rc) {
        free(name);
        return rc;
    }
    for (unsigned i = 0; !rc && i < n; i++) {
        if (!all[i].pin || (!any_group && all[i].cgroup_id != id) ||
            (name && strcmp(all[i].name, name)))
            continue;
        rc = pin_remove(all[i].pin, e);
        if (!rc) {
            printf("%s is detached from %s\n", all[i].name,
                   all[i].cgroup ? all[i].cgroup : "a cgroup that is gone");
            (*done)++;
        }
    }
    if (!rc && !*done && name)
        rc = not_attached(all, n, id, name, a, e);
    live_free(all, n);
    free(name);
    return rc;
}

int cmd_detach(int argc, char **argv)
{
    struct arguments a = {.verb = "detach", .usage = usage_detach};
    struct err e = ERR_INIT;
    uint64_t id = 0;
    unsigned done = 0;
    int rc = parse(argc, argv, false, false, &a, &e);

    if (!rc && a.help) {
        fputs(a.usage, stdout);
        return EXIT_OK;
    }
    if (!rc && a.cgroup) {
        int fd = cgroup_open(a.cgroup, &id, &e);
        rc = fd < 0 ? fd : 0;
        if (fd >= 0)
            close(fd);
    }
    if (!rc) {
        block_signals();
        rc = detach(&a, !a.cgroup, id, &done, &e);
    }
    if (!rc && !done)
        printf("nothing is attached\n");
    return rc ? cmd_fail(a.verb, &e) : EXIT_OK;
}

static int set(const struct arguments *a, uint64_t id, struct err *e)
{
    char *name = short_name(a->program);
    struct live_program *all = NULL, *found = NULL;
    unsigned n = 0;
    int rc = live_read(&all, &n, e);

    for (unsigned i = 0; !rc && i < n; i++)
        if (all[i].cgroup_id == id && !strcmp(all[i].name, name))
            found = &all[i];
    if (!rc && !found)
        rc = not_attached(all, n, id, name, a, e);
    for (int pass = 0; !rc && pass < 2; pass++)
        for (unsigned i = 0; !rc && i < a->n_settings; i++)
            rc = live_set(found, a->settings[i], pass == 1, e);
    live_free(all, n);
    free(name);
    return rc;
}

int cmd_set(int argc, char **argv)
{
    struct arguments a = {.verb = "set", .usage = usage_set};
    struct err e = ERR_INIT;
    uint64_t id = 0;
    int fd, rc = parse(argc, argv, false, true, &a, &e);

    if (!rc && a.help) {
        fputs(a.usage, stdout);
        return EXIT_OK;
    }
    if (!rc && !a.n_settings)
        rc = err_usage(&e, -EINVAL, "no setting is given; accepted: KEY=VALUE...");
    if (!rc) {
        fd = cgroup_open(a.cgroup, &id, &e);
        rc = fd < 0 ? fd : 0;
        if (fd >= 0)
            close(fd);
    }
    if (!rc)
        rc = set(&a, id, &e);
    return rc ? cmd_fail(a.verb, &e) : EXIT_OK;
}

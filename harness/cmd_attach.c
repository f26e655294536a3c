/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp attach: a program on a cgroup of this machine, outside of any testbed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cgroup.h"
#include "cmd.h"
#include "pins.h"
#include "place_args.h"
#include "program.h"

static const char *const usage =
    "usage: extcp attach PROGRAM --cgroup PATH [--set KEY=VALUE]...\n"
    "Attaches an eBPF program to a cgroup (v2): from now on it acts on the connections of\n"
    "the processes in it and below it, until 'extcp detach'. Connections that are there are\n"
    "left alone, and so is a socket that listens already: start a server after attaching.\n"
    "\n"
    "  PROGRAM            a name of 'extcp list', or the path of an object file, ./mine.bpf.o\n"
    "  --cgroup PATH      the directory of the cgroup; that of a service of systemd is\n"
    "                     /sys/fs/cgroup$(systemctl show -P ControlGroup nginx)\n"
    "  --set KEY=VALUE    a parameter of the program; 'extcp list' says which there are\n"
    "\n"
    "It is kept in bpffs, usually /sys/fs/bpf/extcp, and stays until it is detached, the\n"
    "cgroup is removed, or the machine restarts.\n";

static int attach(const struct place_args *a, int cgroup_fd, uint64_t id, struct err *e)
{
    struct program_place place = {.cgroup_fd = cgroup_fd};
    struct program_decl *d = NULL;
    struct program *p = NULL;
    struct pin_dir *dir = NULL;
    bool wants_carrier = false;
    char *name = NULL;
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
    struct place_args a = {0};
    struct err e = ERR_INIT;
    uint64_t id;
    int fd = -1, rc = place_parse(&a, argc, argv, ACCEPT_SET, usage, &e);

    if (rc == 1)
        return EXIT_OK;
    for (unsigned i = 0; !rc && i < a.n_settings; i++)
        rc = program_check_setting(a.program, a.settings[i], &e);
    if (!rc) {
        fd = cgroup_open(a.cgroup, &id, &e);
        rc = fd < 0 ? fd : 0;
    }
    if (!rc) {
        place_block_signals();
        rc = attach(&a, fd, id, &e);
    }
    if (fd >= 0)
        close(fd);
    return rc ? cmd_fail("attach", &e) : EXIT_OK;
}

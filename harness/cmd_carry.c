/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp carry: sends the late ACKs of an attached program. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "carrier.h"
#include "cgroup.h"
#include "cmd.h"
#include "pins.h"
#include "place_args.h"

static const char *const usage =
    "usage: extcp carry PROGRAM --cgroup PATH\n"
    "Sends the late ACKs of a program that was attached with 'extcp attach' and holds ACKs\n"
    "back (ack-rate, tarr), in the network namespace where it is started, until SIGINT or\n"
    "SIGTERM. Without it such a program holds nothing back. Let it run as a service.\n";

static int carry(const struct place_args *a, uint64_t id, struct err *e)
{
    char *name = place_program_name(a->program), *dir = pin_name(id, name, e);
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
    struct place_args a = {0};
    struct err e = ERR_INIT;
    uint64_t id = 0;
    int rc = place_parse(&a, argc, argv, 0, usage, &e);

    if (rc == 1)
        return EXIT_OK;
    if (!rc) {
        int fd = cgroup_open(a.cgroup, &id, &e);
        rc = fd < 0 ? fd : 0;
        if (fd >= 0)
            close(fd);
    }
    if (!rc) {
        place_block_signals();
        rc = carry(&a, id, &e);
    }
    return rc ? cmd_fail("carry", &e) : EXIT_OK;
}

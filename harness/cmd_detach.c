/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp detach: removes what extcp attach made. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "cmd.h"
#include "pins.h"
#include "place_args.h"
#include "util.h"

static const char *const usage =
    "usage: extcp detach PROGRAM --cgroup PATH\n"
    "       extcp detach --all [--cgroup PATH]\n"
    "Removes what 'extcp attach' attached, and only that. Connections go on without it.\n";

static int detach(const struct place_args *a, bool any_group, uint64_t id, unsigned *done,
                  struct err *e)
{
    char *name = a->all ? NULL : place_program_name(a->program);
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
        rc = place_not_attached(all, n, id, name, a->cgroup, e);
    live_free(all, n);
    free(name);
    return rc;
}

int cmd_detach(int argc, char **argv)
{
    struct place_args a = {0};
    struct err e = ERR_INIT;
    uint64_t id = 0;
    unsigned done = 0;
    int rc = place_parse(&a, argc, argv, ACCEPT_ALL, usage, &e);

    if (rc == 1)
        return EXIT_OK;
    if (!rc && a.cgroup) {
        int fd = cgroup_open(a.cgroup, &id, &e);
        rc = fd < 0 ? fd : 0;
        if (fd >= 0)
            close(fd);
    }
    if (!rc) {
        place_block_signals();
        rc = detach(&a, !a.cgroup, id, &done, &e);
    }
    if (!rc && !done)
        printf("nothing is attached\n");
    return rc ? cmd_fail("detach", &e) : EXIT_OK;
}

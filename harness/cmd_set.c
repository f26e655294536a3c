/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp set: changes what may change while a program is attached. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgroup.h"
#include "cmd.h"
#include "place_args.h"

static const char *const usage =
    "usage: extcp set PROGRAM --cgroup PATH KEY=VALUE...\n"
    "Changes parameters while the program is attached: those of which 'extcp list' says that\n"
    "they can change while it runs. All values are checked before the first is changed.\n";

static int set(const struct place_args *a, uint64_t id, struct err *e)
{
    char *name = place_program_name(a->program);
    struct live_program *all = NULL, *found = NULL;
    unsigned n = 0;
    int rc = live_read(&all, &n, e);

    for (unsigned i = 0; !rc && i < n; i++)
        if (all[i].cgroup_id == id && !strcmp(all[i].name, name))
            found = &all[i];
    if (!rc && !found)
        rc = place_not_attached(all, n, id, name, a->cgroup, e);
    for (int pass = 0; !rc && pass < 2; pass++)
        for (unsigned i = 0; !rc && i < a->n_settings; i++)
            rc = live_set(found, a->settings[i], pass == 1, e);
    live_free(all, n);
    free(name);
    return rc;
}

int cmd_set(int argc, char **argv)
{
    struct place_args a = {0};
    struct err e = ERR_INIT;
    uint64_t id = 0;
    int fd, rc = place_parse(&a, argc, argv, ACCEPT_SETTINGS, usage, &e);

    if (rc == 1)
        return EXIT_OK;
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
    return rc ? cmd_fail("set", &e) : EXIT_OK;
}

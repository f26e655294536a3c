/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp clean: what a killed run left. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "statedir.h"

int cmd_clean(int argc, char **argv)
{
    struct err e = ERR_INIT;
    int n;

    if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
        printf("usage: extcp clean\nRemoves the namespaces, cgroups, processes and unfinished "
               "results of runs that were killed. Runs "
               "that are alive are left alone, and so is everything that is not ours.\n");
        return EXIT_OK;
    }
    if (argc > 1) {
        err_usage(&e, -EINVAL, "unknown argument '%s'; accepted: --help", argv[1]);
        return cmd_fail("clean", &e);
    }
    if (geteuid() != 0) {
        err_lacks(&e, -EPERM, "only root can; sudo ./run.sh clean");
        return cmd_fail("clean", &e);
    }
    n = statedir_clean(true, &e);
    if (n < 0)
        return cmd_fail("clean", &e);
    if (!n)
        printf("nothing to clean\n");
    return EXIT_OK;
}

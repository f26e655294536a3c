/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cmd_fail(const char *verb, const struct err *e)
{
    fprintf(stderr, "extcp%s%s: %s\n", verb ? " " : "", verb ? verb : "", e->msg);
    return e->status ? e->status : EXIT_BROKE;
}

void print_json_line(json_t *j)
{
    json_dumpf(j, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
    putchar('\n');
    fflush(stdout);
    json_decref(j);
}

const char *extcp_executable(void)
{
    static char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

    path[n > 0 ? n : 0] = '\0';
    return path;
}

const char *extcp_home(void)
{
    static char home[PATH_MAX];
    const char *env = getenv("EXTCP_HOME");

    if (env && *env)
        return env;
    if (home[0])
        return home;
    snprintf(home, sizeof(home), "%s", extcp_executable());
    /* .../build/extcp, .../build/san/extcp, .../build/tests/unit/test_x: what is above the
     * outermost-but-one "build" */
    for (char *p = home + strlen(home); p > home; p--) {
        if (!strncmp(p, "/build/", 7)) {
            *p = '\0';
            return home;
        }
    }
    snprintf(home, sizeof(home), ".");
    return home;
}

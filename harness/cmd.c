/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

int cmd_fail(const char *verb, const struct err *e)
{
    fprintf(stderr, "extcp%s%s: %s\n", verb ? " " : "", verb ? verb : "", e->msg);
    return e->status ? e->status : EXIT_BROKE;
}

int cmd_number(const char *key, const char *text, double min, double max, double *out,
               struct err *e)
{
    double v;

    if (parse_double(text, &v) || v < min || v > max)
        return err_usage(e, -EINVAL, "--%s '%s': accepted: a number from %g to %g", key, text, min,
                         max);
    *out = v;
    return 0;
}

int cmd_whole_number(const char *key, const char *text, uint64_t min, uint64_t max, uint64_t *out,
                     struct err *e)
{
    uint64_t v;

    if (parse_u64(text, &v) || v < min || v > max)
        return err_usage(e, -EINVAL, "--%s '%s': accepted: a whole number from %llu to %llu", key,
                         text, (unsigned long long)min, (unsigned long long)max);
    *out = v;
    return 0;
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

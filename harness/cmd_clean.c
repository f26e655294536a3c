/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp clean: what a killed run left. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "pins.h"
#include "pm_host.h"
#include "statedir.h"

static void say(const char *id, const char *kind, const char *name)
{
    printf("run %s is dead: removed %s %s\n", id, kind, name);
}

static void say_json(const char *id, const char *kind, const char *name)
{
    print_json_line(json_pack("{s:s, s:s, s:s, s:s}", "event", "removed", "run", id, "kind", kind,
                              "name", name));
}

static void say_pin(const char *why, const char *path)
{
    printf("removed %s: %s\n", path, why);
}

static void say_pin_json(const char *why, const char *path)
{
    print_json_line(json_pack("{s:s, s:s, s:s, s:s}", "event", "removed", "kind", "pin", "name",
                              path, "why", why));
}

int cmd_clean(int argc, char **argv)
{
    struct err e = ERR_INIT;
    bool json = false;
    int n, pins, host;
    char what[128];

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--json")) {
            json = true;
        } else if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            printf("usage: extcp clean [--json]\nRemoves the namespaces, cgroups, processes and "
                   "unfinished results of runs that were killed, and what 'extcp attach' left "
                   "for cgroups that are gone; puts back the sysctl that a killed 'extcp pm' "
                   "left in this namespace. Runs that are alive are left alone, and so are "
                   "attached programs and everything that is not ours.\n");
            return EXIT_OK;
        } else {
            err_usage(&e, -EINVAL, "unknown argument '%s'; accepted: --json, --help", argv[i]);
            return cmd_fail("clean", &e);
        }
    }
    if (geteuid() != 0) {
        err_lacks(&e, -EPERM, "only root can; sudo ./run.sh clean");
        return cmd_fail("clean", &e);
    }
    n = statedir_clean(json ? say_json : say, &e);
    if (n < 0)
        return cmd_fail("clean", &e);
    pins = pins_clean(json ? say_pin_json : say_pin, &e);
    if (pins < 0)
        return cmd_fail("clean", &e);
    host = pm_host_clean(what, sizeof(what), &e);
    if (host < 0)
        return cmd_fail("clean", &e);
    if (host && json)
        print_json_line(json_pack("{s:s, s:s, s:s}", "event", "restored", "kind", "path manager",
                                  "name", what));
    else if (host)
        printf("extcp pm was killed here: %s\n", what);
    if (json)
        print_json_line(json_pack("{s:s, s:i, s:i}", "event", "cleaned", "runs", n, "pins", pins));
    else if (!n && !pins && !host)
        printf("nothing to clean\n");
    return EXIT_OK;
}

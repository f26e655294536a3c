/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A peer that announces what it likes, for tests of path managers: pm_peer TOKEN (hexadecimal).
 * Reads lines "ADDRESS ID PORT" (PORT 0: none), has the kernel announce each on that connection,
 * and says "ADDRESS ID RESULT". Ends when its input does. The namespace's path manager must be in
 * user space.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pm_netlink.h"

int main(int argc, char **argv)
{
    struct pm_command c = {.op = PM_ANNOUNCE};
    struct err e = ERR_INIT;
    struct pm_netlink *n;
    unsigned id, port;
    char text[64];

    if (argc != 2) {
        fprintf(stderr, "usage: pm_peer TOKEN <announcements\n");
        return EXIT_USAGE;
    }
    c.token = (__u32)strtoul(argv[1], NULL, 16);
    if (pm_netlink_open(&n, 1 << 20, &e)) {
        fprintf(stderr, "pm_peer: %s\n", e.msg);
        return e.status;
    }
    while (scanf("%63s %u %u", text, &id, &port) == 3) {
        const char *words;
        memset(&c.local, 0, sizeof(c.local));
        c.local.family = strchr(text, ':') ? AF_INET6 : AF_INET;
        c.local.id = (__u8)id;
        c.local.port = (__u16)port;
        if (inet_pton(c.local.family, text, c.local.ip) != 1) {
            fprintf(stderr, "pm_peer: '%s' is no address\n", text);
            return EXIT_USAGE;
        }
        int rc = pm_netlink_execute(n, &c, &words);
        printf("%s %u %s%s%s\n", text, id, rc ? strerror(-rc) : "ok", words ? ": " : "",
               words ? words : "");
        fflush(stdout);
    }
    pm_netlink_close(n);
    return 0;
}

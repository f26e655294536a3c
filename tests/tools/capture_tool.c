/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Captures until its standard input ends: capture_tool NETNS IFACE FILE [FILTER]. Says "ready" once
 * packets are being captured, and at the end "packets N kernel N iface N". For tests.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "capture.h"

int main(int argc, char **argv)
{
    struct err e = ERR_INIT;
    struct capture_stats st;
    struct capture *c;
    char path[256];
    int ns;

    if (argc < 4) {
        fprintf(stderr, "usage: capture_tool NETNS IFACE FILE [FILTER]\n");
        return EXIT_USAGE;
    }
    snprintf(path, sizeof(path), "/run/netns/%s", argv[1]);
    ns = open(path, O_RDONLY | O_CLOEXEC);
    if (ns < 0) {
        perror(path);
        return EXIT_USAGE;
    }
    if (capture_start(&c, ns, argv[2], argv[4], 0, argv[3], &e)) {
        fprintf(stderr, "%s\n", e.msg);
        return e.status;
    }
    close(ns);
    printf("ready\n");
    fflush(stdout);
    while (read(STDIN_FILENO, path, sizeof(path)) > 0)
        ;
    if (capture_stop(c, &st, &e)) {
        fprintf(stderr, "%s\n", e.msg);
        return e.status;
    }
    printf("packets %" PRIu64 " kernel %" PRIu64 " iface %" PRIu64 "\n", st.packets,
           st.dropped_kernel, st.dropped_iface);
    return 0;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* bench_topology HOSTS: builds the topology `star` with so many hosts and tears it down; prints
 * both times in seconds. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "testbed.h"
#include "util.h"

int main(int argc, char **argv)
{
    const struct testbed_options o = {.seed = 1};
    struct err e = ERR_INIT;
    struct topology *t = NULL;
    struct testbed *tb = NULL;
    uint64_t start, up, down;
    char *set[1];

    if (argc != 2) {
        fprintf(stderr, "usage: bench_topology HOSTS\n");
        return 2;
    }
    set[0] = xasprintf("h.count=%s", argv[1]);
    start = now_mono_ns();
    if (topology_load(&t, "star", set, 1, &e) || testbed_build(&tb, t, &o, &e)) {
        fprintf(stderr, "bench_topology: %s\n", e.msg);
        return e.status;
    }
    up = now_mono_ns();
    testbed_destroy(tb);
    down = now_mono_ns();
    printf("%.6f %.6f\n", (double)(up - start) / 1e9, (double)(down - up) / 1e9);
    topology_free(t);
    free(set[0]);
    return 0;
}

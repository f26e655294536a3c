/* SPDX-License-Identifier: BSD-2-Clause */
#include "cmd.h"
#include "verbs.h"

int main(int argc, char **argv)
{
    const struct verb *v = argc > 1 ? verb_find(argv[1]) : NULL;

    return v ? v->fn(argc - 1, argv + 1) : cmd_run(argc, argv);
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "util.h"

#pragma weak cmd_decode
#pragma weak cmd_stream
#pragma weak cmd_shell
#pragma weak cmd_clean
#pragma weak cmd_run
#pragma weak cmd_list
#pragma weak cmd_doctor

static const struct {
    const char *name;
    int (*fn)(int argc, char **argv);
    const char *help;
} verbs[] = {
    {"list", cmd_list, "the experiments, topologies, programs and options"},
    {"doctor", cmd_doctor, "what this machine can do, what will be used instead, what is missing"},
    {"clean", cmd_clean, "remove what a killed run left (only what is ours)"},
    {"shell", cmd_shell, "build a topology and run a command on one of its hosts"},
    {"decode", cmd_decode, "print a capture with every TCP and MPTCP option in words"},
    {"stream", cmd_stream, "the built-in traffic: timestamps what an application notices"},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++)
        if (!strcmp(argv[1], verbs[i].name) && verbs[i].fn)
            return verbs[i].fn(argc - 1, argv + 1);
    if (cmd_run)
        return cmd_run(argc, argv);
    return EXIT_USAGE;
}

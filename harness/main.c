/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "cmd.h"
#include "util.h"

static const struct {
    const char *name;
    int (*fn)(int argc, char **argv);
} verbs[] = {
    {"list", cmd_list},     {"doctor", cmd_doctor}, {"clean", cmd_clean},   {"shell", cmd_shell},
    {"decode", cmd_decode}, {"stream", cmd_stream}, {"report", cmd_report}, {"page", cmd_page},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++)
        if (!strcmp(argv[1], verbs[i].name))
            return verbs[i].fn(argc - 1, argv + 1);
    return cmd_run(argc, argv);
}

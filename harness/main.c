/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "cmd.h"
#include "util.h"

static const struct {
    const char *name;
    int (*fn)(int argc, char **argv);
} verbs[] = {
    /* A verb a line. */
    /* clang-format off */
    {"clean", cmd_clean},
    {"compare", cmd_compare},
    {"decode", cmd_decode},
    {"doctor", cmd_doctor},
    {"list", cmd_list},
    {"merge", cmd_merge},
    {"page", cmd_page},
    {"paper", cmd_paper},
    {"pm", cmd_pm},
    {"report", cmd_report},
    {"shell", cmd_shell},
    {"stream", cmd_stream},
    /* clang-format on */
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < ARRAY_SIZE(verbs); i++)
        if (!strcmp(argv[1], verbs[i].name))
            return verbs[i].fn(argc - 1, argv + 1);
    return cmd_run(argc, argv);
}

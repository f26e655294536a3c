/* SPDX-License-Identifier: BSD-2-Clause */
#include "verbs.h"

#include <string.h>

#include "cmd.h"
#include "util.h"

static const struct verb verbs[] = {
    /* A verb a line. */
    /* clang-format off */
    {"attach", cmd_attach},
    {"bench", cmd_bench},
    {"carry", cmd_carry},
    {"clean", cmd_clean},
    {"compare", cmd_compare},
    {"decode", cmd_decode},
    {"detach", cmd_detach},
    {"doctor", cmd_doctor},
    {"list", cmd_list},
    {"merge", cmd_merge},
    {"page", cmd_page},
    {"paper", cmd_paper},
    {"pm", cmd_pm},
    {"report", cmd_report},
    {"requests", cmd_requests},
    {"run", cmd_command},
    {"set", cmd_set},
    {"shell", cmd_shell},
    {"status", cmd_status},
    {"stream", cmd_stream},
    /* clang-format on */
};

const struct verb *verb_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
        if (!strcmp(name, verbs[i].name))
            return &verbs[i];
    return NULL;
}

bool verb_is_reserved(const char *name)
{
    /* run.sh does the one, cmd_run the other */
    return verb_find(name) || !strcmp(name, "setup") || !strcmp(name, "help");
}

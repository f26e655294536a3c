/* SPDX-License-Identifier: BSD-2-Clause */
#include "err.h"

#include <stdio.h>
#include <string.h>

static int set(struct err *e, enum exit_status status, int code, const char *fmt, va_list ap)
{
    if (!e)
        return code;
    e->code = code;
    e->status = status;
    vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
    return code;
}

#define DEFINE_ERR(name, status)                                                                   \
    int name(struct err *e, int code, const char *fmt, ...)                                        \
    {                                                                                              \
        va_list ap;                                                                                \
        va_start(ap, fmt);                                                                         \
        set(e, status, code, fmt, ap);                                                             \
        va_end(ap);                                                                                \
        return code;                                                                               \
    }

DEFINE_ERR(err_usage, EXIT_USAGE)
DEFINE_ERR(err_lacks, EXIT_LACKS)
DEFINE_ERR(err_broke, EXIT_BROKE)

int err_prefix(struct err *e, const char *fmt, ...)
{
    char old[sizeof(e->msg)];
    va_list ap;
    int n;

    if (!e)
        return 0;
    memcpy(old, e->msg, sizeof(old));
    va_start(ap, fmt);
    n = vsnprintf(e->msg, sizeof(e->msg), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(e->msg))
        snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", old);
    return e->code;
}

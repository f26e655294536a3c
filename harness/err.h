/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Errors. A function that can fail returns 0 or -errno and, where a person will read about it,
 * fills a struct err. Whoever holds the object writes the message (object, value, reason, hint)
 * once; callers only pass it on.
 */
#ifndef EXTCP_ERR_H
#define EXTCP_ERR_H

#include <stdarg.h>

/* Exit status of the command line: a contract (docs/architecture.md). */
enum exit_status {
    EXIT_OK = 0,      /* ran, every wire check passed, every claim held */
    EXIT_VERDICT = 1, /* ran, but a wire check or a claim did not hold */
    EXIT_USAGE = 2,   /* wrong usage, or a bad file */
    EXIT_LACKS =
        3, /* the machine lacks something; the message says what and which command provides it */
    EXIT_BROKE = 4, /* the run broke */
};

struct err {
    int code;                /* -errno */
    enum exit_status status; /* what the process should exit with */
    char msg[2048];          /* one or more lines, no newline at the end */
};

#define ERR_INIT                                                                                   \
    {                                                                                              \
        0, EXIT_OK, ""                                                                             \
    }

/* Each sets the error and returns `code` (a negative errno), so that `return err_broke(e, -EIO,
 * ...)` works. e may be NULL. */
int err_usage(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_lacks(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int err_broke(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "<text>: " before the message that is there; keeps code and status. Returns the code. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The run's log: lines with time since start, to a file once there is one and, when verbose, to
 * stderr. Thread-safe. */
#ifndef EXTCP_LOG_H
#define EXTCP_LOG_H

#include <stdbool.h>

#include "err.h"

/* Opens PATH for appending; until then lines are only kept when verbose. NULL closes it, and
 * fails where a line could not be written. */
int log_open(const char *path, struct err *e);
void log_verbose(bool on);
void log_line(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif

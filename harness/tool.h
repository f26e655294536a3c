/* SPDX-License-Identifier: BSD-2-Clause */
/* Short-lived helpers of the harness itself (gnuplot, git, "iperf3 --version"): run, wait, keep
 * what they print. Traffic and servers are child.h's. */
#ifndef EXTCP_TOOL_H
#define EXTCP_TOOL_H

#include "err.h"

/*
 * Runs argv (NULL-terminated, argv[0] looked up in PATH) in the directory cwd (NULL: stays) with
 * LC_ALL=C.UTF-8, no input and no descriptors of ours, for at most timeout_ms, then SIGKILL to its
 * process group. *output: what it wrote to stdout and stderr, at most 1 MB of it, which the caller
 * frees; set only when 0 is returned. *status: exit code, or 128 + signal. -ENOENT where there is
 * no such command, -ETIMEDOUT.
 */
int tool_run(char *const *argv, const char *cwd, unsigned timeout_ms, char **output, int *status,
             struct err *e);

#endif

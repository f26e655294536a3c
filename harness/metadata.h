/* SPDX-License-Identifier: BSD-2-Clause */
/* What a run was made with and on, for run.json (docs/results.md). What cannot be found out is
 * null, never a guess. All return new references. */
#ifndef EXTCP_METADATA_H
#define EXTCP_METADATA_H

#include <jansson.h>

/*
 * "source" (git revision of extcp_home(), and whether the tree differs from it), "kernel" (uname),
 * "os", "cpu", "cpus", "clocksource", "load" (1, 5, 15 minutes), "memory_bytes", "tools" (versions
 * of what is run and linked). Runs git, iperf3 and so on for their versions: some 50 ms.
 */
json_t *metadata_collect(void);
/* The command line, as an array; bytes that are not UTF-8 become '?'. */
json_t *metadata_command(int argc, char *const *argv);
/* The sysctls that matter to TCP, MPTCP and the queues, by name, as the kernel prints them; read in
 * the network namespace ns_fd (-1: where this thread is). */
json_t *metadata_sysctls(int ns_fd);

#endif

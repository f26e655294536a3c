/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes on a node: in its namespace and cgroup, with a time limit, their output in files. Never
 * blocks: driven by the caller's loop. */
#ifndef EXTCP_CHILD_H
#define EXTCP_CHILD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

struct child;

struct child_spec {
    const char *name;        /* for messages: "client: iperf3" */
    char *const *argv;       /* NULL-terminated; argv[0] is looked up in PATH */
    char *const *env;        /* extra NAME=VALUE, NULL-terminated, or NULL */
    int ns_fd, cgroup_fd;    /* -1: none */
    const char *stdout_path; /* NULL: /dev/null */
    const char *stderr_path; /* NULL: with stdout */
    const char *cwd;         /* NULL: stays */
    uint64_t time_limit_ms;  /* 0: none; then SIGTERM, and SIGKILL 2 s later */
    unsigned cpu;            /* 1 + the CPU that it is bound to; 0: any */
    bool batch;              /* SCHED_BATCH (sched(7)): it does not preempt others when it wakes */
};

enum child_state { CHILD_RUNNING, CHILD_EXITED, CHILD_KILLED, CHILD_TIMED_OUT };

/* Forks, joins cgroup and namespace (with /sys of that namespace not needed), PR_SET_PDEATHSIG
 * SIGKILL, its own process group, closes all other descriptors, execs. A failure to exec is an
 * error here (through a close-on-exec pipe), naming the command. */
int child_start(struct child **out, const struct child_spec *spec, struct err *e);
/* A pidfd, readable when it has ended. */
int child_fd(const struct child *c);
pid_t child_pid(const struct child *c);
const char *child_name(const struct child *c);
/* Collects it when it has ended, enforces the time limit; call it when child_fd is readable or
 * child_deadline_ns has come. */
enum child_state child_poll(struct child *c);
uint64_t child_deadline_ns(const struct child *c); /* CLOCK_MONOTONIC, UINT64_MAX: none */
int child_exit_status(const struct child *c);      /* exit code, or 128 + signal */
uint64_t child_started_ns(const struct child *c), child_ended_ns(const struct child *c);
/* User plus system CPU time of it and its reaped children, in microseconds, once ended (wait4). */
uint64_t child_cpu_us(const struct child *c);
/* Asks it to end (SIGTERM to its process group), SIGKILL after grace_ms; waits for it. */
void child_stop(struct child *c, unsigned grace_ms);
/* Stops it when it still runs, frees. NULL is fine. */
void child_free(struct child *c);
/* The last lines of its stderr (or stdout), for an error message; the caller frees. */
char *child_last_words(const struct child *c);

/* Is a TCP socket of either family listening on this port in the namespace (inet_diag)? 1, 0 or
 * -errno. */
int port_is_listening(int ns_fd, unsigned port);

#endif

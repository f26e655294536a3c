/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp shell TOPOLOGY HOST [-- COMMAND]: build a network, run something on one of its nodes, tear
 * down. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd.h"
#include "testbed.h"
#include "util.h"

#define MAX_SET 64

static const char *const usage =
    "usage: extcp shell TOPOLOGY NODE [--set KEY=VALUE]... [-- COMMAND [ARGUMENT]...]\n"
    "Builds the topology, runs a shell (or COMMAND) in the namespace and cgroup of NODE, and tears "
    "everything down when it\n"
    "ends. The exit status is the command's.\n"
    "\n"
    "  ./run.sh shell routed client\n"
    "  ./run.sh shell routed client --set client-r1.delay=50ms -- ping -c 3 10.0.1.2\n";

static volatile sig_atomic_t told_to_end;

static void on_end(int sig)
{
    told_to_end = sig;
}

static void print_nodes(const struct testbed *tb)
{
    const struct topology *t = testbed_topology(tb);

    for (unsigned i = 0; i < t->n_nodes && t->n_nodes <= 40; i++) {
        fprintf(stderr, "%-10s %-24s", t->nodes[i].name, testbed_ns_name(tb, i));
        for (unsigned k = 0; k < t->n_addrs; k++) {
            char text[INET6_ADDRSTRLEN];
            if (t->addrs[k].node == i)
                fprintf(stderr, " %s",
                        inet_ntop(t->addrs[k].family, &t->addrs[k].v6, text, sizeof(text)));
        }
        fputc('\n', stderr);
    }
}

static void __attribute__((noreturn))
run(const struct testbed *tb, unsigned node, char **argv, pid_t parent)
{
    int fd = testbed_cgroup_fd(tb, node),
        procs = fd >= 0 ? openat(fd, "cgroup.procs", O_WRONLY | O_CLOEXEC) : -1;
    char prompt[128];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_BROKE);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGQUIT, SIG_DFL);
    if ((procs >= 0 && write(procs, "0", 1) != 1) || setns(testbed_ns_fd(tb, node), CLONE_NEWNET)) {
        perror("extcp shell");
        _exit(EXIT_BROKE);
    }
    snprintf(prompt, sizeof(prompt), "[%s] \\w# ", testbed_topology(tb)->nodes[node].name);
    setenv("PS1", prompt, 1);
    close_range(3, ~0u, 0);
    execvp(argv[0], argv);
    fprintf(stderr, "extcp shell: cannot run '%s': %s\n", argv[0], strerror(errno));
    _exit(127);
}

static int wait_for(pid_t pid)
{
    int status;

    for (;;) {
        pid_t got = waitpid(pid, &status, 0);
        if (got == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (told_to_end)
            kill(pid, told_to_end);
    }
}

static int build_and_run(const char *topology, const char *node, char **settings, unsigned n,
                         char **command, struct err *e)
{
    const struct testbed_options o = {.seed = 1};
    char *shell[] = {getenv("SHELL") ? getenv("SHELL") : (char *)"/bin/sh", NULL};
    struct sigaction sa = {.sa_handler = on_end};
    struct topology *t = NULL;
    struct testbed *tb = NULL;
    int i, status = EXIT_BROKE, rc = topology_load(&t, topology, settings, n, e);

    if (rc)
        return -1;
    i = topology_node(t, node);
    if (i < 0) {
        char known[512] = "";
        for (unsigned k = 0; k < t->n_nodes && strlen(known) + 40 < sizeof(known); k++)
            snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", k ? ", " : "",
                     t->nodes[k].name);
        err_usage(e, -EINVAL, "topology %s has no node '%s'; accepted: %s", topology, node, known);
        topology_free(t);
        return -1;
    }
    /* Ctrl-C is for the command; what ends us, ends it first. */
    signal(SIGINT, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGHUP, &sa, NULL);
    rc = testbed_build(&tb, t, &o, e);
    if (!rc && !told_to_end) {
        pid_t parent = getpid(), pid;
        if (!command && isatty(STDERR_FILENO))
            print_nodes(tb);
        fflush(NULL);
        pid = fork();
        if (!pid)
            run(tb, (unsigned)i, command ? command : shell, parent);
        status = pid < 0 ? EXIT_BROKE : wait_for(pid);
    }
    testbed_destroy(tb);
    topology_free(t);
    return rc ? -1 : status;
}

int cmd_shell(int argc, char **argv)
{
    char *settings[MAX_SET], *positional[2], **command = NULL;
    unsigned n = 0, n_positional = 0;
    struct err e = ERR_INIT;
    int status;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
            fputs(usage, stdout);
            return EXIT_OK;
        }
        if (!strcmp(argv[i], "--")) {
            command = i + 1 < argc ? &argv[i + 1] : NULL;
            break;
        }
        if (!strcmp(argv[i], "--set") && i + 1 < argc && n < MAX_SET) {
            settings[n++] = argv[++i];
        } else if (argv[i][0] != '-' && n_positional < 2) {
            positional[n_positional++] = argv[i];
        } else {
            err_usage(&e, -EINVAL, "unexpected argument '%s'; see extcp shell --help", argv[i]);
            return cmd_fail("shell", &e);
        }
    }
    if (n_positional < 2) {
        err_usage(
            &e, -EINVAL,
            "accepted: TOPOLOGY NODE [--set KEY=VALUE]... [-- COMMAND]; see extcp shell --help");
        return cmd_fail("shell", &e);
    }
    status = build_and_run(positional[0], positional[1], settings, n, command, &e);
    return status < 0 ? cmd_fail("shell", &e) : status;
}

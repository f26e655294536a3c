/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp run: a command in a cgroup of its own, with programs attached for as long as it runs. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup.h"
#include "cmd.h"
#include "program.h"
#include "statedir.h"
#include "util.h"

#define MAX_PROGRAMS 16
#define MAX_SET      64
#define GRACE_MS     2000  /* for processes that the command leaves behind */
#define TERM_MS      10000 /* for the command, after SIGTERM or SIGHUP was passed on to it */

static const char *const usage =
    "usage: extcp run --with PROGRAM[:KEY=VALUE,...] [--with ...] -- COMMAND [ARGUMENT]...\n"
    "Runs COMMAND in a cgroup of its own, below that of this shell, with the eBPF programs\n"
    "attached, in this shell's network. Afterwards it prints to stderr what the programs\n"
    "counted, and removes everything. The exit status is COMMAND's, 128 + N where signal N\n"
    "ended it, 127 where there is no such command.\n"
    "\n"
    "  --with PROGRAM     a name of 'extcp list', or the path of an object file, ./mine.bpf.o\n"
    "\n"
    "COMMAND runs as root. To have it run as somebody else:\n"
    "  extcp run --with uto -- setpriv --reuid=ID --regid=ID --init-groups curl ...\n"
    "\n"
    "When COMMAND has ended, the processes that it left behind are ended too (SIGTERM, and\n"
    "2 s later SIGKILL): without their programs they would not be what they were started as.\n"
    "So a server must stay in the foreground (nginx -g 'daemon off;'); for a service, use\n"
    "'extcp attach'. SIGTERM and SIGHUP are passed on to COMMAND, which is killed when it has\n"
    "not ended 10 s later; Ctrl-C is COMMAND's own.\n";

struct with {
    char *program, *set[MAX_SET];
    unsigned n_set;
};

struct command {
    struct with with[MAX_PROGRAMS];
    struct program *attached[MAX_PROGRAMS];
    unsigned n;
    char **argv;
    struct statedir *state;
    char *cgroup;
    int cgroup_fd;
    sigset_t signals, before;
};

/* PROGRAM[:KEY=VALUE,...]; a ':' in the directories of a path is none of ours. */
static int parse_with(struct command *c, char *text, struct err *e)
{
    char *slash = strrchr(text, '/'), *colon = strchr(slash ? slash : text, ':'), *save = NULL;
    struct with *w;

    if (c->n == MAX_PROGRAMS)
        return err_usage(e, -E2BIG, "--with is given more than %d times", MAX_PROGRAMS);
    w = &c->with[c->n++];
    w->program = text;
    if (!colon)
        return 0;
    *colon = '\0';
    for (char *s = strtok_r(colon + 1, ",", &save); s; s = strtok_r(NULL, ",", &save)) {
        if (w->n_set == MAX_SET)
            return err_usage(e, -E2BIG, "more than %d settings for %s", MAX_SET, text);
        w->set[w->n_set++] = s;
    }
    return 0;
}

static int check(const struct with *w, struct err *e)
{
    struct program_decl *d;
    int rc = program_declares(w->program, &d, e);

    if (rc)
        return rc;
    if (d->path_manager)
        rc = err_usage(e, -EINVAL, "%s is a path manager; 'extcp pm' runs it", d->name);
    program_decl_free(d);
    for (unsigned k = 0; !rc && k < w->n_set; k++)
        rc = program_check_setting(w->program, w->set[k], e);
    return rc;
}

static int parse(int argc, char **argv, struct command *c, bool *help, struct err *e)
{
    static const struct option options[] = {
        {"with", required_argument, NULL, 'w'}, {"help", no_argument, NULL, 'h'}, {0}};
    int o, rc = 0;

    opterr = 0;
    while (!rc && (o = getopt_long(argc, argv, "+:h", options, NULL)) != -1) {
        if (o == 'h')
            *help = true;
        else if (o == 'w')
            rc = parse_with(c, optarg, e);
        else
            rc = err_usage(e, -EINVAL, "unknown or incomplete option '%s'; see extcp run --help",
                           argv[optind - 1]);
    }
    if (rc || *help)
        return rc;
    c->argv = argv + optind;
    if (!c->n)
        return err_usage(e, -EINVAL,
                         "no program is named; accepted: --with PROGRAM[:KEY=VALUE,...] -- "
                         "COMMAND, see extcp run --help");
    if (!*c->argv)
        return err_usage(e, -EINVAL, "no command is given; accepted: -- COMMAND [ARGUMENT]...");
    for (unsigned i = 0; i < c->n; i++)
        if (check(&c->with[i], e))
            return e->code;
    if (geteuid() != 0)
        return err_lacks(e, -EPERM, "cgroups and eBPF need root; sudo ./run.sh run …");
    return 0;
}

static int set_up(struct command *c, struct err *e)
{
    struct program_place place = {0};
    char current[PATH_MAX];
    int rc = cgroup_current(current, sizeof(current), e);

    if (!rc)
        rc = statedir_create(&c->state, e);
    if (rc)
        return rc;
    c->cgroup = xasprintf("%s/extcp-%s", current, statedir_id(c->state));
    rc = statedir_note(c->state, STATE_CGROUP, c->cgroup, e);
    if (!rc) {
        c->cgroup_fd = cgroup_create(c->cgroup, e);
        rc = c->cgroup_fd < 0 ? c->cgroup_fd : 0;
    }
    place.cgroup_fd = c->cgroup_fd;
    place.state = c->state;
    place.tag = c->state ? statedir_id(c->state) : NULL;
    for (unsigned i = 0; !rc && i < c->n; i++) {
        rc = program_attach(&c->attached[i], c->with[i].program, c->with[i].set, c->with[i].n_set,
                            &place, e);
        if (!rc)
            rc = program_carry(c->attached[i], -1, e);
    }
    return rc;
}

static void __attribute__((noreturn)) become(const struct command *c, pid_t parent)
{
    int procs = openat(c->cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);

    prctl(PR_SET_PDEATHSIG, SIGKILL); /* without its programs it is not what was asked for */
    if (getppid() != parent)
        _exit(EXIT_BROKE);
    if (procs < 0 || write(procs, "0", 1) != 1) {
        fprintf(stderr, "extcp run: %s: cannot join: %s\n", c->cgroup, strerror(errno));
        _exit(EXIT_BROKE);
    }
    sigprocmask(SIG_SETMASK, &c->before, NULL);
    execvp(c->argv[0], c->argv);
    int why = errno;
    fprintf(stderr, "extcp run: cannot run '%s': %s\n", c->argv[0], strerror(why));
    _exit(why == ENOENT ? 127 : 126);
}

/* Until it has ended; its status, as a shell has it. */
static int wait_for(pid_t pid, int signals)
{
    uint64_t deadline = UINT64_MAX;
    int status;

    for (;;) {
        struct pollfd p = {.fd = signals, .events = POLLIN};
        struct signalfd_siginfo s;
        pid_t got = waitpid(pid, &status, WNOHANG);
        uint64_t now = now_mono_ns();
        if (got == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (now >= deadline) {
            kill(pid, SIGKILL);
            deadline = UINT64_MAX;
        }
        poll(&p, 1, deadline == UINT64_MAX ? -1 : (int)((deadline - now) / 1000000 + 1));
        if (!(p.revents & POLLIN) || read(signals, &s, sizeof(s)) != sizeof(s) ||
            s.ssi_signo == SIGCHLD)
            continue;
        /* What the terminal sends, it sends to the command too. */
        if (s.ssi_code == SI_KERNEL)
            continue;
        kill(pid, (int)s.ssi_signo);
        if ((s.ssi_signo == SIGTERM || s.ssi_signo == SIGHUP) && deadline == UINT64_MAX)
            deadline = now_mono_ns() + TERM_MS * 1000000ull;
    }
}

/* From before the first thing is made, so that none can be left: what comes is waited for. */
static void block_signals(struct command *c)
{
    sigemptyset(&c->signals);
    sigaddset(&c->signals, SIGINT);
    sigaddset(&c->signals, SIGQUIT);
    sigaddset(&c->signals, SIGTERM);
    sigaddset(&c->signals, SIGHUP);
    sigaddset(&c->signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &c->signals, &c->before);
}

static int run(const struct command *c, struct err *e)
{
    int signals = signalfd(-1, &c->signals, SFD_CLOEXEC), status;
    pid_t parent = getpid(), pid;

    if (signals < 0)
        return err_broke(e, -errno, "signalfd: %s", strerror(errno));
    fflush(NULL);
    pid = fork();
    if (!pid)
        become(c, parent);
    status = pid < 0 ? err_broke(e, -errno, "fork: %s", strerror(errno)) : wait_for(pid, signals);
    close(signals);
    return status;
}

static void print_counters(const struct command *c)
{
    for (unsigned i = 0; i < c->n; i++) {
        const struct program_decl *d = program_declaration(c->attached[i]);
        uint64_t *v = xcalloc(d->n_counters, sizeof(*v));
        struct err e = ERR_INIT;
        unsigned shown = 0;
        if (program_counters(c->attached[i], v, d->n_counters, &e))
            fprintf(stderr, "extcp run: %s\n", e.msg);
        fprintf(stderr, "%s:", d->name);
        for (unsigned k = 0; k < d->n_counters; k++)
            if (v[k])
                fprintf(stderr, "%s %s %" PRIu64, shown++ ? "," : "", d->counters[k], v[k]);
        fprintf(stderr, "%s\n", shown ? "" : " nothing was counted");
        free(v);
    }
}

static void end_left_behind(const struct command *c)
{
    unsigned n = c->cgroup_fd < 0 ? 0 : cgroup_end(c->cgroup, GRACE_MS);

    if (n)
        fprintf(stderr, "extcp run: ended %u process%s that the command left behind\n", n,
                n > 1 ? "es" : "");
}

int cmd_command(int argc, char **argv)
{
    struct command c = {.cgroup_fd = -1};
    struct err e = ERR_INIT;
    bool help = false;
    int status = -1, rc = parse(argc, argv, &c, &help, &e);

    if (!rc && help) {
        fputs(usage, stdout);
        return EXIT_OK;
    }
    if (!rc) {
        block_signals(&c);
        rc = set_up(&c, &e);
    }
    if (!rc) {
        status = run(&c, &e);
        end_left_behind(&c);
    }
    if (status >= 0)
        print_counters(&c);
    for (unsigned i = 0; i < c.n; i++)
        program_detach(c.attached[c.n - 1 - i]);
    if (c.cgroup_fd >= 0)
        close(c.cgroup_fd);
    statedir_remove(c.state);
    free(c.cgroup);
    return status >= 0 ? status : cmd_fail("run", &e);
}

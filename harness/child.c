/* SPDX-License-Identifier: BSD-2-Clause */
#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util.h"

#define TERM_GRACE_NS (2 * NSEC_PER_SEC)
#define LAST_WORDS    2048

struct child {
    char *name, *stdout_path, *stderr_path;
    pid_t pid;
    int pidfd;
    enum child_state state;
    bool term_sent; /* its time limit has come */
    uint64_t started_ns, ended_ns, deadline_ns;
    int exit_status;
    uint64_t cpu_us;
};

static int redirect(const char *path, int to)
{
    int fd = open(path ? path : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    return fd < 0 || dup2(fd, to) < 0 ? -errno : 0;
}

/* In the child: everything up to exec. What fails goes to the parent as an errno through `report`.
 */
static void __attribute__((noreturn)) run(const struct child_spec *s, pid_t parent, int report)
{
    sigset_t none;
    int rc = 0, fd;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    setpgid(0, 0);
    for (int sig = 1; sig < NSIG; sig++)
        signal(sig, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (s->cgroup_fd >= 0) {
        fd = openat(s->cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
        if (fd < 0 || write(fd, "0", 1) != 1)
            rc = -errno;
    }
    if (!rc && s->ns_fd >= 0 && setns(s->ns_fd, CLONE_NEWNET))
        rc = -errno;
    if (!rc && s->cwd && chdir(s->cwd))
        rc = -errno;
    if (!rc && s->cpu) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(s->cpu - 1, &set);
        rc = sched_setaffinity(0, sizeof(set), &set) ? -errno : 0;
    }
    if (!rc && s->batch)
        rc = sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0}) ? -errno : 0;
    for (char *const *env = s->env; env && *env; env++)
        putenv(*env);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (!rc && (fd < 0 || dup2(fd, 0) < 0))
        rc = -errno;
    if (!rc)
        rc = redirect(s->stdout_path, 1);
    if (!rc)
        rc = s->stderr_path ? redirect(s->stderr_path, 2) : dup2(1, 2) < 0 ? -errno : 0;
    if (!rc && dup2(report, 3) < 0)
        rc = -errno;
    if (!rc) {
        fcntl(3, F_SETFD, FD_CLOEXEC);
        close_range(4, ~0u, 0);
        report = 3;
        execvp(s->argv[0], s->argv);
        rc = -errno;
    }
    if (write(report, &rc, sizeof(rc)) < 0)
        _exit(126);
    _exit(127);
}

int child_start(struct child **out, const struct child_spec *s, struct err *e)
{
    struct child *c = xcalloc(1, sizeof(*c));
    int report[2], rc = 0;
    ssize_t n;
    pid_t parent = getpid();

    *out = NULL;
    c->name = xstrdup(s->name);
    c->stdout_path = s->stdout_path ? xstrdup(s->stdout_path) : NULL;
    c->stderr_path = s->stderr_path ? xstrdup(s->stderr_path) : NULL;
    c->pidfd = -1;
    if (pipe2(report, O_CLOEXEC)) {
        rc = err_broke(e, -errno, "%s: pipe: %s", s->name, strerror(errno));
        child_free(c);
        return rc;
    }
    fflush(NULL);
    c->pid = fork();
    if (!c->pid)
        run(s, parent, report[1]);
    close(report[1]);
    if (c->pid > 0) {
        setpgid(c->pid, c->pid); /* both do it, so that neither can be late */
        c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
    }
    do {
        n = c->pidfd < 0 ? -1 : read(report[0], &rc, sizeof(rc));
    } while (n < 0 && errno == EINTR);
    close(report[0]);
    c->started_ns = now_mono_ns();
    c->deadline_ns = s->time_limit_ms ? c->started_ns + s->time_limit_ms * 1000000 : UINT64_MAX;
    if (c->pidfd < 0 || n != 0) {
        rc = c->pidfd < 0 ? -errno : rc;
        err_broke(e, rc, "%s: cannot run '%s': %s", s->name, s->argv[0], strerror(-rc));
        child_free(c);
        return rc;
    }
    *out = c;
    return 0;
}

int child_fd(const struct child *c)
{
    return c->pidfd;
}

pid_t child_pid(const struct child *c)
{
    return c->pid;
}

const char *child_name(const struct child *c)
{
    return c->name;
}

static void collect(struct child *c)
{
    struct rusage ru;
    int status;
    pid_t pid = wait4(c->pid, &status, WNOHANG, &ru);

    if (pid != c->pid)
        return;
    c->ended_ns = now_mono_ns();
    c->cpu_us = (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000 +
                (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
    c->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    c->state = c->term_sent ? CHILD_TIMED_OUT : WIFEXITED(status) ? CHILD_EXITED : CHILD_KILLED;
    kill(-c->pid, SIGKILL); /* what it left in its group */
    c->pid = -1;
}

enum child_state child_poll(struct child *c)
{
    uint64_t now;

    if (c->pid <= 0)
        return c->state;
    collect(c);
    now = now_mono_ns();
    if (c->pid > 0 && now >= c->deadline_ns) {
        /* First the polite way; the deadline moves on to the other. */
        kill(-c->pid, c->term_sent ? SIGKILL : SIGTERM);
        c->deadline_ns = c->term_sent ? UINT64_MAX : now + TERM_GRACE_NS;
        c->term_sent = true;
    }
    return c->pid > 0 ? CHILD_RUNNING : c->state;
}

uint64_t child_deadline_ns(const struct child *c)
{
    return c->pid > 0 ? c->deadline_ns : UINT64_MAX;
}

int child_exit_status(const struct child *c)
{
    return c->exit_status;
}

uint64_t child_started_ns(const struct child *c)
{
    return c->started_ns;
}

uint64_t child_ended_ns(const struct child *c)
{
    return c->ended_ns;
}

uint64_t child_cpu_us(const struct child *c)
{
    return c->cpu_us;
}

/* Until it has ended, or the time has come. In short steps: a signal may end one early, and a pidfd
 * was seen (Linux 6.18) that did not wake its poll. */
static void wait_end(struct child *c, uint64_t until_ns)
{
    struct pollfd p = {.fd = c->pidfd, .events = POLLIN};

    for (collect(c); c->pid > 0 && now_mono_ns() < until_ns; collect(c))
        poll(&p, 1, 20);
}

void child_stop(struct child *c, unsigned grace_ms)
{
    if (c->pid > 0)
        collect(c);
    if (c->pid <= 0)
        return;
    kill(-c->pid, SIGTERM);
    wait_end(c, now_mono_ns() + grace_ms * 1000000ull);
    if (c->pid > 0) {
        kill(-c->pid, SIGKILL);
        wait_end(c, UINT64_MAX);
    }
}

void child_free(struct child *c)
{
    if (!c)
        return;
    if (c->pid > 0) {
        kill(-c->pid, SIGKILL);
        kill(c->pid, SIGKILL);
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    if (c->pidfd >= 0)
        close(c->pidfd);
    free(c->name);
    free(c->stdout_path);
    free(c->stderr_path);
    free(c);
}

static char *tail_of(const char *path)
{
    char *text = NULL, *tail;
    size_t len;

    if (!path || read_file(path, &text, &len, NULL))
        return NULL;
    while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
        text[--len] = '\0';
    tail = text + (len > LAST_WORDS ? len - LAST_WORDS : 0);
    /* at most the last eight lines */
    unsigned lines = 0;
    for (char *p = text + len; p > tail; p--) {
        if (p[-1] == '\n' && ++lines == 8) {
            tail = p;
            break;
        }
    }
    tail = xstrdup(tail);
    free(text);
    return tail;
}

char *child_last_words(const struct child *c)
{
    char *words = tail_of(c->stderr_path);

    if (words && *words)
        return words;
    free(words);
    words = tail_of(c->stdout_path);
    return words ? words : xstrdup("");
}

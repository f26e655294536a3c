/* SPDX-License-Identifier: BSD-2-Clause */
#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util.h"

#define OUTPUT_MAX (1u << 20)

/* The environment, but in a locale whose numbers have a point and whose text is UTF-8. */
static char **tool_environment(void)
{
    size_t n = 0, k = 0;
    char **env;

    while (environ[n])
        n++;
    env = xcalloc(n + 2, sizeof(*env));
    for (size_t i = 0; i < n; i++)
        if (strncmp(environ[i], "LC_", 3) && strncmp(environ[i], "LANG", 4))
            env[k++] = environ[i];
    env[k] = (char *)"LC_ALL=C.UTF-8";
    return env;
}

static int spawn(char *const *argv, const char *cwd, int out_fd, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    char **env = tool_environment();
    sigset_t none, all;
    int rc;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attr);
    /* The caller's loop may block signals and ignore SIGPIPE; the tool starts fresh. */
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                        POSIX_SPAWN_SETPGROUP);
    rc = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(&actions, out_fd, 1);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(&actions, out_fd, 2);
    if (!rc)
        rc = posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    if (!rc && cwd)
        rc = posix_spawn_file_actions_addchdir_np(&actions, cwd);
    if (!rc)
        rc = posix_spawnp(pid, argv[0], &actions, &attr, argv, env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    free(env);
    return -rc;
}

/* Reads until the end, or the deadline. What is beyond the limit is read and forgotten. */
static int collect(int fd, uint64_t deadline, char **output)
{
    char *buf = xcalloc(OUTPUT_MAX + 1, 1), skip[4096];
    size_t n = 0;

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        uint64_t now = now_mono_ns();
        ssize_t r;

        if (now >= deadline || poll(&p, 1, (int)((deadline - now) / 1000000) + 1) == 0) {
            free(buf);
            return -ETIMEDOUT;
        }
        r = n < OUTPUT_MAX ? read(fd, buf + n, OUTPUT_MAX - n) : read(fd, skip, sizeof(skip));
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            break;
        n += n < OUTPUT_MAX ? (size_t)r : 0;
    }
    *output = buf;
    return 0;
}

int tool_run(char *const *argv, const char *cwd, unsigned timeout_ms, char **output, int *status,
             struct err *e)
{
    uint64_t deadline = now_mono_ns() + timeout_ms * 1000000ull;
    int fds[2], rc, wstatus = 0;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_broke(e, -errno, "%s: cannot make a pipe: %s", argv[0], strerror(errno));
    rc = spawn(argv, cwd, fds[1], &pid);
    close(fds[1]);
    if (rc) {
        close(fds[0]);
        return err_broke(e, rc, "cannot run %s%s%s: %s", argv[0], cwd ? " in " : "", cwd ? cwd : "",
                         strerror(-rc));
    }
    rc = collect(fds[0], deadline, output);
    close(fds[0]);
    if (rc) {
        kill(-pid, SIGKILL);
        err_broke(e, rc, "%s: did not end within %u ms", argv[0], timeout_ms);
    }
    while (waitpid(pid, &wstatus, 0) < 0 && errno == EINTR)
        ;
    *status = WIFEXITED(wstatus) ? WEXITSTATUS(wstatus) : 128 + WTERMSIG(wstatus);
    return rc;
}

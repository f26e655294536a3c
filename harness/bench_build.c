/* SPDX-License-Identifier: BSD-2-Clause */
#include "bench_build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd.h"
#include "tool.h"
#include "util.h"

#define GIT_LIMIT_MS   60000
#define BUILD_LIMIT_MS 600000

static int resolve(struct bench_build *b, const char *revision, struct err *e)
{
    char *commit = xasprintf("%s^{commit}", revision), *output = NULL;
    char *argv[] = {(char *)"git",
                    (char *)"rev-parse",
                    (char *)"--verify",
                    (char *)"--quiet",
                    (char *)"--end-of-options",
                    commit,
                    NULL};
    int status = 0, rc = tool_run(argv, extcp_home(), GIT_LIMIT_MS, &output, &status, e);

    if (!rc && status)
        rc = err_usage(e, -ENOENT,
                       "--baseline '%s': there is no such file, and git knows no such revision",
                       revision);
    if (!rc) {
        /* older git echoes the option it was told */
        char *line = strrchr(output, '\n');
        if (line)
            *line = '\0';
        line = strrchr(output, '\n');
        b->revision = xstrdup(line ? line + 1 : output);
        b->home = xasprintf("%s/build/baseline/%s", extcp_home(), b->revision);
        b->binary = xasprintf("%s/build/extcp", b->home);
    }
    free(output);
    free(commit);
    return rc;
}

/* A command for sh in a directory; what it says is the error where it fails. */
static int shell(const char *dir, unsigned limit_ms, const char *command, const char *what,
                 struct err *e)
{
    char *output = NULL, *words;
    char *argv[] = {(char *)"sh", (char *)"-c", (char *)command, NULL};
    int status = 0, rc = tool_run(argv, dir, limit_ms, &output, &status, e);

    if (!rc && status) {
        words = strlen(output) > 1200 ? output + strlen(output) - 1200 : output;
        rc = err_broke(e, -EIO, "%s: ended with status %d:\n%s", what, status, words);
    }
    free(output);
    return rc;
}

int bench_build(struct bench_build *b, const char *revision, struct err *e)
{
    char *tmp, *take, *make;
    int rc;

    memset(b, 0, sizeof(*b));
    rc = resolve(b, revision, e);
    if (rc || access(b->binary, X_OK) == 0)
        return rc;
    fprintf(stderr, "building revision %.12s beside this one\n", b->revision);
    tmp = xasprintf("%s.tmp", b->home);
    take = xasprintf("git archive %s | tar -x -C '%s'", b->revision, tmp);
    make = xasprintf("make -s -j%ld all tools 2>&1", sysconf(_SC_NPROCESSORS_ONLN));
    remove_tree(tmp); /* of a build that was stopped */
    rc = mkdir_p(tmp);
    if (rc)
        err_broke(e, rc, "%s: cannot make the directory: %s", tmp, strerror(-rc));
    if (!rc)
        rc = shell(extcp_home(), GIT_LIMIT_MS, take, "taking the revision out of git", e);
    if (!rc)
        rc = shell(tmp, BUILD_LIMIT_MS, make, "building the revision", e);
    if (!rc && rename(tmp, b->home) < 0)
        rc = err_broke(e, -errno, "%s: cannot rename it: %s", tmp, strerror(errno));
    if (rc)
        remove_tree(tmp);
    free(make);
    free(take);
    free(tmp);
    return rc;
}

void bench_build_free(struct bench_build *b)
{
    free(b->revision);
    free(b->home);
    free(b->binary);
    memset(b, 0, sizeof(*b));
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

#define EMPTY_TIMEOUT_NS (2 * NSEC_PER_SEC)

int cgroup_mount(char *path, size_t size, struct err *e)
{
    FILE *f = setmntent("/proc/self/mounts", "re");
    struct mntent *m;
    int rc = -ENOENT;

    while (f && (m = getmntent(f))) {
        if (!strcmp(m->mnt_type, "cgroup2") && strlen(m->mnt_dir) < size) {
            snprintf(path, size, "%s", m->mnt_dir);
            rc = 0;
            break;
        }
    }
    if (f)
        endmntent(f);
    if (rc)
        err_lacks(e, rc, "cgroup v2 is not mounted; mount -t cgroup2 none /sys/fs/cgroup/unified");
    return rc;
}

int cgroup_create(const char *path, struct err *e)
{
    int fd;

    if (mkdir(path, 0755) && errno != EEXIST)
        return err_broke(e, -errno, "%s: cannot create the cgroup: %s", path, strerror(errno));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? err_broke(e, -errno, "%s: %s", path, strerror(errno)) : fd;
}

static int kill_one_by_one(const char *path)
{
    char *procs = xasprintf("%s/cgroup.procs", path);
    FILE *f = fopen(procs, "re");
    int pid, rc = f ? 0 : -errno;

    while (f && fscanf(f, "%d", &pid) == 1)
        if (pid > 1)
            kill(pid, SIGKILL);
    if (f)
        fclose(f);
    free(procs);
    return rc;
}

static bool populated(const char *path)
{
    char *events = xasprintf("%s/cgroup.events", path), *text = NULL;
    bool yes = !read_file(events, &text, NULL, NULL) && strstr(text, "populated 1");

    free(text);
    free(events);
    return yes;
}

int cgroup_kill(const char *path)
{
    uint64_t deadline = now_mono_ns() + EMPTY_TIMEOUT_NS;
    char *file = xasprintf("%s/cgroup.kill", path);
    int fd, rc = 0;

    if (!populated(path)) {
        rc = access(path, F_OK) ? -ENOENT : 0;
        free(file);
        return rc;
    }
    fd = open(file, O_WRONLY | O_CLOEXEC);
    free(file);
    if (fd < 0 || write(fd, "1", 1) != 1)
        rc = kill_one_by_one(path);
    if (fd >= 0)
        close(fd);
    while (!rc && populated(path)) {
        if (now_mono_ns() > deadline)
            return -ETIMEDOUT;
        poll(NULL, 0, 1);
    }
    return rc;
}

int cgroup_cpu_us(const char *path, uint64_t *us)
{
    char *file = xasprintf("%s/cpu.stat", path), *text = NULL;
    int rc = read_file(file, &text, NULL, NULL);
    unsigned long long v;

    if (!rc && sscanf(text, "usage_usec %llu", &v) != 1)
        rc = -EBADMSG;
    if (!rc)
        *us = v;
    free(text);
    free(file);
    return rc;
}

int cgroup_remove(const char *path)
{
    DIR *d = opendir(path);
    struct dirent *ent;
    int rc = 0;

    if (!d)
        return errno == ENOENT ? 0 : -errno;
    while (!rc && (ent = readdir(d))) {
        char *sub;
        if (ent->d_type != DT_DIR || !strcmp(ent->d_name, ".") || !strcmp(ent->d_name, ".."))
            continue;
        sub = xasprintf("%s/%s", path, ent->d_name);
        rc = cgroup_remove(sub);
        free(sub);
    }
    closedir(d);
    if (!rc && rmdir(path) && errno != ENOENT)
        rc = -errno;
    return rc;
}

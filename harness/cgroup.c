/* SPDX-License-Identifier: BSD-2-Clause */
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <mntent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
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

int cgroup_current(char *path, size_t size, struct err *e)
{
    char *text = NULL, *ours;
    int rc = cgroup_mount(path, size, e);

    if (rc || read_file("/proc/self/cgroup", &text, NULL, NULL))
        return rc;
    ours = !strncmp(text, "0::/", 4) ? text : strstr(text, "\n0::/");
    if (ours) {
        size_t n = strlen(path);
        ours = strstr(ours, "0::/") + 3;
        ours[strcspn(ours, "\n")] = '\0';
        if (ours[1] && strncmp(ours, "/..", 3) && n + strlen(ours) < size) {
            snprintf(path + n, size - n, "%s", ours);
            if (access(path, X_OK))
                path[n] = '\0';
        }
    }
    free(text);
    return 0;
}

int cgroup_create(const char *path, struct err *e)
{
    int fd;

    if (mkdir(path, 0755) && errno != EEXIST)
        return err_broke(e, -errno, "%s: cannot create the cgroup: %s", path, strerror(errno));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? err_broke(e, -errno, "%s: %s", path, strerror(errno)) : fd;
}

/* A cgroup's id is what its file handle says (kernfs: one 64-bit number). */
union handle {
    struct file_handle h;
    char room[sizeof(struct file_handle) + sizeof(uint64_t)];
};
#define HANDLE_KERNFS 0xfe /* FILEID_KERNFS, include/linux/exportfs.h */

static int id_of(int fd, const char *path, uint64_t *id)
{
    union handle u = {.h.handle_bytes = sizeof(*id)};
    int mount_id;

    if (name_to_handle_at(fd, path, &u.h, &mount_id, *path ? 0 : AT_EMPTY_PATH))
        return -errno;
    memcpy(id, u.h.f_handle, sizeof(*id));
    return 0;
}

int cgroup_open(const char *path, uint64_t *id, struct err *e)
{
    char mount[PATH_MAX] = "";
    struct statfs fs;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc;

    if (fd < 0 || fstatfs(fd, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC) {
        const char *why = fd < 0 ? strerror(errno) : "is not a group of cgroup v2";
        rc = fd < 0 ? -errno : -EINVAL;
        if (fd >= 0)
            close(fd);
        if (cgroup_mount(mount, sizeof(mount), e))
            return e->code;
        return err_usage(e, rc, "cgroup '%s': %s; accepted: a directory below %s", path, why,
                         mount);
    }
    rc = id_of(fd, "", id);
    if (rc) {
        err_broke(e, rc, "cgroup '%s': its id cannot be read: %s", path, strerror(-rc));
        close(fd);
        return rc;
    }
    return fd;
}

/* -errno; -ESTALE: there is none. */
static int open_by_id(uint64_t id)
{
    char mount[PATH_MAX];
    union handle u = {.h = {.handle_bytes = sizeof(id), .handle_type = HANDLE_KERNFS}};
    int fd, at = cgroup_mount(mount, sizeof(mount), NULL)
                     ? -1
                     : open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (at < 0)
        return -ENOENT;
    memcpy(u.h.f_handle, &id, sizeof(id));
    fd = open_by_handle_at(at, &u.h, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        fd = -errno;
    close(at);
    return fd;
}

char *cgroup_path_of(uint64_t id)
{
    char link[64], path[PATH_MAX];
    uint64_t there = 0;
    int fd = open_by_id(id);
    ssize_t n;

    if (fd < 0)
        return NULL;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof(path) - 1);
    close(fd);
    path[n > 0 ? n : 0] = '\0';
    /* What is outside of our mount has a path too, which leads somewhere else. */
    return path[0] == '/' && !id_of(AT_FDCWD, path, &there) && there == id ? xstrdup(path) : NULL;
}

bool cgroup_is_gone(uint64_t id)
{
    int fd = open_by_id(id);

    if (fd >= 0)
        close(fd);
    return fd == -ESTALE;
}

/* How many there are in it, or -errno. */
static int signal_all(const char *path, int sig)
{
    char *procs = xasprintf("%s/cgroup.procs", path);
    FILE *f = fopen(procs, "re");
    int pid, n = f ? 0 : -errno;

    while (f && fscanf(f, "%d", &pid) == 1) {
        if (pid > 1) {
            kill(pid, sig);
            n++;
        }
    }
    if (f)
        fclose(f);
    free(procs);
    return n;
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
        rc = signal_all(path, SIGKILL) < 0 ? -errno : 0;
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

unsigned cgroup_end(const char *path, unsigned grace_ms)
{
    uint64_t deadline = now_mono_ns() + grace_ms * 1000000ull;
    int n = populated(path) ? signal_all(path, SIGTERM) : 0;

    while (populated(path) && now_mono_ns() < deadline)
        poll(NULL, 0, 5);
    cgroup_kill(path);
    return n > 0 ? (unsigned)n : 0;
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

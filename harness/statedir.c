/* SPDX-License-Identifier: BSD-2-Clause */
#include "statedir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cgroup.h"
#include "log.h"
#include "program_struct_ops.h"
#include "util.h"

#define STATE_ROOT "/run/extcp"
#define NETNS_ROOT "/run/netns"
/* A killed run's children die with it, but not in the same instant, and they hold its lock until
 * then. */
#define DYING_NS (2 * NSEC_PER_SEC)
#define ALIVE_NS                                                                                   \
    (NSEC_PER_SEC / 4) /* a process that was killed and not yet waited for still looks alive */

#define YOUNG_S 10 /* far longer than a run takes to write its number into its lock */

static const char *const words[] = {[STATE_NETNS] = "netns",
                                    [STATE_CGROUP] = "cgroup",
                                    [STATE_PATH] = "path",
                                    [STATE_STRUCT_OPS] = "struct_ops"};

struct statedir {
    char id[8];
    char *path;
    int lock;
    FILE *list;
};

static int open_lock(const char *dir, int flags)
{
    char *path = xasprintf("%s/lock", dir);
    int fd = open(path, O_RDWR | O_CLOEXEC | flags, 0600), rc = fd < 0 ? -errno : fd;

    free(path);
    return rc;
}

int statedir_create(struct statedir **out, struct err *e)
{
    struct statedir *s = xcalloc(1, sizeof(*s));
    char pid[32];
    int rc = mkdir_p(STATE_ROOT);

    s->lock = -1;
    while (!rc) {
        uint32_t random;
        if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
            rc = -errno;
            break;
        }
        snprintf(s->id, sizeof(s->id), "%06x", random & 0xffffff);
        free(s->path);
        s->path = xasprintf("%s/%s", STATE_ROOT, s->id);
        if (!mkdir(s->path, 0700))
            break;
        if (errno != EEXIST)
            rc = -errno;
    }
    if (!rc) {
        s->lock = open_lock(s->path, O_CREAT | O_EXCL);
        if (s->lock < 0)
            rc = s->lock;
        else if (flock(s->lock, LOCK_EX)) /* a clean that is looking at it lets go at once */
            rc = -errno;
    }
    if (!rc) {
        snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
        if (write(s->lock, pid, strlen(pid)) < 0)
            rc = -errno;
        char *list = xasprintf("%s/list", s->path);
        s->list = fopen(list, "we");
        if (!s->list)
            rc = -errno;
        free(list);
    }
    if (rc) {
        int status = rc == -EACCES || rc == -EPERM || rc == -EROFS;
        if (s->path && s->lock >= 0)
            remove_tree(s->path);
        if (s->lock >= 0)
            close(s->lock);
        free(s->path);
        free(s);
        return status ? err_lacks(e, rc, "%s: %s; run it as root", STATE_ROOT, strerror(-rc))
                      : err_broke(e, rc, "%s: %s", STATE_ROOT, strerror(-rc));
    }
    *out = s;
    return 0;
}

const char *statedir_id(const struct statedir *s)
{
    return s->id;
}

int statedir_note(struct statedir *s, enum state_kind kind, const char *what, struct err *e)
{
    if (strchr(what, '\n'))
        return err_usage(e, -EINVAL, "'%s': a path must not have a line break", what);
    if (fprintf(s->list, "%s %s\n", words[kind], what) < 0 || fflush(s->list))
        return err_broke(e, -errno, "%s: cannot write: %s", s->path, strerror(errno));
    return 0;
}

/* Only what we can have made: a name of ours, a group of ours, an absolute path that is somebody's
 * unfinished result. */
static bool plausible(const char *word, const char *what)
{
    if (!strcmp(word, "netns"))
        return !strncmp(what, "extcp-", 6) && !strchr(what, '/');
    if (!strcmp(word, "cgroup"))
        return strstr(what, "/extcp-") && !strstr(what, "/../");
    if (!strcmp(word, "struct_ops"))
        return strchr(what, ':');
    return !strcmp(word, "path") && *what == '/' && strstr(what, "/.") && strstr(what, ".tmp") &&
           !strstr(what, "/../");
}

static void remove_netns(const char *name)
{
    char *path = xasprintf("%s/%s", NETNS_ROOT, name);

    umount2(path, MNT_DETACH);
    unlink(path);
    free(path);
}

/* pass 0: processes first, then the rest, so that nothing is in use when it goes. False where a
 * cgroup is still there: then the list must stay too, as nothing else knows that it is ours. */
static bool remove_listed(const char *dir, bool paths, removed_fn removed)
{
    char *path = xasprintf("%s/list", dir), *text = NULL;
    bool all = true;

    for (int pass = 0; pass < 2; pass++) {
        char *save = NULL;
        free(text);
        text = NULL;
        if (read_file(path, &text, NULL, NULL))
            break;
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
            char *what = strchr(line, ' ');
            if (!what)
                continue;
            *what++ = '\0';
            if (!plausible(line, what))
                continue;
            if (pass == 0) {
                if (!strcmp(line, "cgroup"))
                    cgroup_kill(what);
                continue;
            }
            bool gone = true;
            if (!strcmp(line, "netns"))
                remove_netns(what);
            else if (!strcmp(line, "struct_ops"))
                struct_ops_unregister(what);
            else if (!strcmp(line, "cgroup"))
                gone = !cgroup_remove(what);
            else if (paths)
                remove_tree(what);
            all = all && gone;
            if (removed && gone)
                removed(strrchr(dir, '/') + 1, line, what);
        }
    }
    free(text);
    free(path);
    return all;
}

void statedir_remove(struct statedir *s)
{
    if (!s)
        return;
    if (remove_listed(s->path, false, NULL))
        remove_tree(s->path);
    else
        log_line("%s: a cgroup is still in use; `extcp clean` removes it later", s->path);
    fclose(s->list);
    close(s->lock);
    free(s->path);
    free(s);
}

/* Between making the directory and writing our number into its lock, and while it is being removed,
 * a run looks like a dead one. */
static bool is_young(const char *dir)
{
    struct stat st;

    return stat(dir, &st) || now_real_ns() / NSEC_PER_SEC < (uint64_t)st.st_mtim.tv_sec + YOUNG_S;
}

/* 1: its run is dead and we hold the lock; 0: it lives; -errno. */
static int take_over(const char *dir, int *lock)
{
    uint64_t now = now_mono_ns();
    struct stat st;

    *lock = open_lock(dir, 0);
    if (*lock == -ENOENT)
        return is_young(dir) ? 0 : 1;
    if (*lock < 0)
        return *lock;
    while (flock(*lock, LOCK_EX | LOCK_NB)) {
        char pid[32] = "";
        if (errno != EWOULDBLOCK)
            return -errno;
        bool alive =
            pread(*lock, pid, sizeof(pid) - 1, 0) <= 0 || !kill(atoi(pid), 0) || errno != ESRCH;
        if (now_mono_ns() > now + (alive ? ALIVE_NS : DYING_NS))
            return 0;
        poll(NULL, 0, 10);
    }
    if (fstat(*lock, &st))
        return -errno;
    if (!st.st_nlink)
        return 0; /* it has just ended, and cleaned up after itself */
    return st.st_size || !is_young(dir) ? 1 : 0;
}

int statedir_clean(removed_fn removed, struct err *e)
{
    DIR *d = opendir(STATE_ROOT);
    struct dirent *ent;
    int n = 0;

    if (!d)
        return errno == ENOENT ? 0 : err_broke(e, -errno, "%s: %s", STATE_ROOT, strerror(errno));
    while ((ent = readdir(d))) {
        char *path;
        int lock = -1, rc;
        if (ent->d_name[0] == '.')
            continue;
        path = xasprintf("%s/%s", STATE_ROOT, ent->d_name);
        rc = take_over(path, &lock);
        if (rc == 1) {
            if (remove_listed(path, true, removed)) {
                remove_tree(path);
                if (removed)
                    removed(ent->d_name, "state", path);
                n++;
            } else {
                n = err_broke(e, -EBUSY, "%s: a cgroup in its list is still in use; try again",
                              path);
            }
        } else if (rc < 0) {
            n = err_broke(e, rc, "%s: %s", path, strerror(-rc));
        }
        if (lock >= 0)
            close(lock);
        free(path);
        if (n < 0)
            break;
    }
    closedir(d);
    return n;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "cgroup.h"
#include "util.h"

#define NEW   "new-"
#define USUAL "/sys/fs/bpf"

struct pin_dir {
    char *path;
    int lock;
};

char *pins_root(struct err *e)
{
    FILE *f = setmntent("/proc/self/mounts", "re");
    struct mntent *m;
    char *path = NULL;

    /* There may be others, of somebody's container or test, which come and go. */
    while (f && (m = getmntent(f))) {
        bool usual = !strcmp(m->mnt_dir, USUAL);
        struct statfs fs;
        if (strcmp(m->mnt_type, "bpf") || (path && !usual) || statfs(m->mnt_dir, &fs) ||
            fs.f_type != BPF_FS_MAGIC)
            continue;
        free(path);
        path = xasprintf("%s/extcp", m->mnt_dir);
    }
    if (f)
        endmntent(f);
    if (!path)
        err_lacks(e, -ENOENT,
                  "bpffs is not mounted, and what must outlive this command is kept there; 'mount "
                  "-t bpf bpf /sys/fs/bpf' mounts it");
    return path;
}

/* Only root may look: who can open a pin can change what is attached. */
static int make_root(const char *root, struct err *e)
{
    struct stat st;

    if (mkdir(root, 0700) && errno != EEXIST)
        return err_broke(e, -errno, "%s: cannot create: %s", root, strerror(errno));
    if (lstat(root, &st) || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 077)
        return err_broke(e, -EPERM, "%s: is not a directory of ours that only root may enter",
                         root);
    return 0;
}

char *pin_name(uint64_t cgroup_id, const char *program, struct err *e)
{
    char *root = pins_root(e),
         *path = root ? xasprintf("%s/%" PRIu64 "-%s", root, cgroup_id, program) : NULL;

    free(root);
    return path;
}

const char *pin_path(const struct pin_dir *p)
{
    return p->path;
}

static void pin_free(struct pin_dir *p)
{
    if (p->lock >= 0)
        close(p->lock);
    free(p->path);
    free(p);
}

/* Waits for it; -errno. */
static int lock_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    while (fd >= 0 && flock(fd, LOCK_EX)) {
        if (errno != EINTR) {
            close(fd);
            return -errno;
        }
    }
    return fd < 0 ? -errno : fd;
}

/* A name that nobody has, and its lock. from: a directory to be renamed so; NULL: a new one. */
static int make_new(struct pin_dir *p, const char *root, const char *from)
{
    int held = lock_dir(root), rc = held < 0 ? held : 0;
    uint32_t random;

    while (!rc) {
        if (getrandom(&random, sizeof(random), 0) != sizeof(random))
            rc = -errno;
        free(p->path);
        p->path = xasprintf("%s/" NEW "%08x", root, random);
        if (!rc && !(from ? rename(from, p->path) : mkdir(p->path, 0700)))
            break;
        if (!rc && errno != EEXIST && errno != ENOTEMPTY)
            rc = -errno;
    }
    if (!rc) {
        p->lock = lock_dir(p->path);
        rc = p->lock < 0 ? p->lock : 0;
    }
    if (held >= 0)
        close(held);
    return rc;
}

int pin_begin(struct pin_dir **out, struct err *e)
{
    char *root = pins_root(e);
    struct pin_dir *p;
    int rc = root ? make_root(root, e) : -ENOENT;

    *out = NULL;
    if (rc) {
        free(root);
        return rc;
    }
    p = xcalloc(1, sizeof(*p));
    p->lock = -1;
    rc = make_new(p, root, NULL);
    if (rc) {
        err_broke(e, rc, "%s: cannot create a directory: %s", root, strerror(-rc));
        pin_free(p);
    } else {
        *out = p;
    }
    free(root);
    return rc;
}

/* What a pin holds goes when its last descriptor is closed, so that it is gone when we return: only
 * unlinked, it would go a little later. */
static int unpin(const char *path, const char *name)
{
    uint32_t zero = 0;
    int fd = bpf_obj_get(path), rc = unlink(path) ? -errno : 0;

    if (fd < 0)
        return rc;
    if (!strncmp(name, "link_", 5))
        bpf_link_detach(fd); /* a link of struct_ops may not know this; closing does it too */
    else if (!strncmp(name, "struct_ops_", 11))
        bpf_map_delete_elem(fd, &zero);
    close(fd);
    return rc;
}

/* The links last made go first: programs before the congestion controls that they use. */
static int newest_first(const struct dirent **a, const struct dirent **b)
{
    return -strverscmp((*a)->d_name, (*b)->d_name);
}

static int empty_and_remove(const char *path)
{
    struct dirent **files = NULL;
    int n = scandir(path, &files, NULL, newest_first), rc = n < 0 ? -errno : 0;

    for (int i = 0; i < n; i++) {
        char *file = xasprintf("%s/%s", path, files[i]->d_name);
        if (files[i]->d_name[0] != '.') {
            int one = unpin(file, files[i]->d_name);
            rc = rc ? rc : one;
        }
        free(file);
        free(files[i]);
    }
    free(files);
    if (!rc && rmdir(path))
        rc = -errno;
    return rc;
}

int pin_commit(struct pin_dir *p, uint64_t cgroup_id, const char *program, struct err *e)
{
    char *name = pin_name(cgroup_id, program, e);
    int rc = !name ? -ENOENT : rename(p->path, name) ? -errno : 0;

    if (rc == -ENOTEMPTY || rc == -EEXIST)
        rc = err_usage(e, -EEXIST, "program %s is there already: %s", program, name);
    else if (rc && name)
        err_broke(e, rc, "%s: cannot be renamed to %s: %s", p->path, name, strerror(-rc));
    free(name);
    if (rc)
        pin_abort(p);
    else
        pin_free(p);
    return rc;
}

void pin_abort(struct pin_dir *p)
{
    if (!p)
        return;
    empty_and_remove(p->path);
    pin_free(p);
}

int pin_remove(const char *path, struct err *e)
{
    char *dir = xstrdup(path), *slash = strrchr(dir, '/');
    struct pin_dir p = {.lock = -1};
    int rc;

    *slash = '\0';
    /* Under the name of an unfinished one: if we are killed now, the rest is for `extcp clean`. */
    rc = make_new(&p, dir, path);
    if (!rc)
        rc = empty_and_remove(p.path);
    if (p.lock >= 0)
        close(p.lock);
    if (rc)
        err_broke(e, rc, "%s: cannot be removed: %s", path, strerror(-rc));
    free(p.path);
    free(dir);
    return rc;
}

int pins_each(void (*fn)(const char *path, uint64_t cgroup_id, const char *program, void *arg),
              void *arg, struct err *e)
{
    char *root = pins_root(NULL);
    struct dirent **files = NULL;
    int n = root ? scandir(root, &files, NULL, alphasort) : 0, rc = 0;

    if (n < 0 && errno != ENOENT)
        rc = err_broke(e, -errno, "%s: %s", root, strerror(errno));
    for (int i = 0; i < n; i++) {
        char *end, *path = xasprintf("%s/%s", root, files[i]->d_name);
        uint64_t id = strtoull(files[i]->d_name, &end, 10);
        if (end > files[i]->d_name && *end == '-' && end[1])
            fn(path, id, end + 1, arg);
        free(path);
        free(files[i]);
    }
    free(files);
    free(root);
    return rc;
}

struct cleaning {
    int n;
    void (*removed)(const char *why, const char *path);
    struct err *e;
};

static void clean_one(const char *path, const char *why, bool unfinished, struct cleaning *c)
{
    int rc;

    if (c->n < 0)
        return;
    rc = unfinished ? empty_and_remove(path) : pin_remove(path, c->e);
    if (rc && unfinished)
        err_broke(c->e, rc, "%s: cannot be removed: %s", path, strerror(-rc));
    c->n = rc ? rc : c->n + 1;
    if (!rc && c->removed)
        c->removed(why, path);
}

static void clean_dead(const char *path, uint64_t cgroup_id, const char *program, void *arg)
{
    (void)program;
    if (cgroup_is_gone(cgroup_id))
        clean_one(path, "its cgroup is gone", false, arg);
}

int pins_clean_gone(void (*removed)(const char *why, const char *path), struct err *e)
{
    struct cleaning c = {.removed = removed, .e = e};
    int rc = pins_each(clean_dead, &c, e);

    return rc ? rc : c.n;
}

static void clean_unfinished(const char *root, const char *name, struct cleaning *c)
{
    char *path = xasprintf("%s/%s", root, name);
    int lock =
        strncmp(name, NEW, strlen(NEW)) ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (lock >= 0 && !flock(lock, LOCK_EX | LOCK_NB))
        clean_one(path, "left by a command that was killed", true, c);
    if (lock >= 0)
        close(lock);
    free(path);
}

int pins_clean(void (*removed)(const char *why, const char *path), struct err *e)
{
    struct cleaning c = {.removed = removed, .e = e};
    char *root = pins_root(NULL);
    int held = root ? lock_dir(root) : -1, gone;
    struct dirent **files = NULL;
    int n = held >= 0 ? scandir(root, &files, NULL, alphasort) : 0;

    for (int i = 0; i < n; i++) {
        clean_unfinished(root, files[i]->d_name, &c);
        free(files[i]);
    }
    free(files);
    free(root);
    if (held >= 0)
        close(held);
    if (c.n < 0)
        return c.n;
    gone = pins_clean_gone(removed, e);
    return gone < 0 ? gone : c.n + gone;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "pm_host.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* Linux 5.14 */
#endif

#define STATE_DIR "/run/extcp-pm"

/* One that somebody made and named, as the testbed and `ip netns` do. */
static bool is_named_namespace(void)
{
    struct stat ours, one;
    bool found = false;
    glob_t g;

    if (stat("/proc/self/ns/net", &ours) || glob("/run/netns/*", 0, NULL, &g))
        return false;
    for (size_t i = 0; i < g.gl_pathc; i++)
        found |=
            !stat(g.gl_pathv[i], &one) && one.st_ino == ours.st_ino && one.st_dev == ours.st_dev;
    globfree(&g);
    return found;
}

bool pm_host_is_machine(void)
{
    char ours[64], first[64];
    ssize_t n = readlink("/proc/self/ns/net", ours, sizeof(ours)),
            m = readlink("/proc/1/ns/net", first, sizeof(first));

    if (n > 0 && m > 0)
        return n == m && !memcmp(ours, first, (size_t)n);
    /* Where that cannot be known, it is better to be asked. */
    return !is_named_namespace();
}

int pm_host_cookie(uint64_t *cookie, struct err *e)
{
    int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;
    socklen_t size = sizeof(*cookie);

    if (s < 0 || getsockopt(s, SOL_SOCKET, SO_NETNS_COOKIE, cookie, &size))
        rc = err_lacks(e, -errno, "the cookie of the network namespace: %s (Linux 5.14 or newer)",
                       strerror(errno));
    if (s >= 0)
        close(s);
    return rc;
}

static int get(const char *name, char *value, size_t size)
{
    char *path = xasprintf("/proc/sys/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, value, size - 1);
    int rc = n < 0 ? -errno : 0;

    if (fd >= 0)
        close(fd);
    free(path);
    value[n > 0 ? n : 0] = '\0';
    value[strcspn(value, "\n")] = '\0';
    return rc;
}

static int set(const char *name, const char *value, struct err *e)
{
    char *path = xasprintf("/proc/sys/%s", name), back[32];
    int fd = open(path, O_WRONLY | O_CLOEXEC), rc = 0;

    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        rc = err_broke(e, -errno, "sysctl %s = %s: %s", name, value, strerror(errno));
    if (fd >= 0)
        close(fd);
    free(path);
    if (!rc && (get(name, back, sizeof(back)) || strcmp(back, value)))
        rc = err_broke(e, -EIO, "sysctl %s: wrote '%s', read back '%s'", name, value, back);
    return rc;
}

/* A lock that dies with the process, on the file that keeps the value. */
static int lock_state(struct pm_host *h, struct err *e)
{
    uint64_t cookie; /* unlike an inode number, no other namespace gets it later */
    int rc = pm_host_cookie(&cookie, e);

    if (rc)
        return rc;
    rc = mkdir_p(STATE_DIR);
    if (rc)
        return err_broke(e, rc, "%s: %s", STATE_DIR, strerror(-rc));
    snprintf(h->state, sizeof(h->state), "%s/%" PRIu64, STATE_DIR, cookie);
    h->lock = open(h->state, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (h->lock < 0)
        return err_broke(e, -errno, "%s: %s", h->state, strerror(errno));
    if (!flock(h->lock, LOCK_EX | LOCK_NB))
        return 0;
    close(h->lock);
    h->lock = -1;
    return err_usage(e, -EBUSY,
                     "another `extcp pm` manages the connections of this namespace already");
}

static int find_sysctl(struct pm_host *h, struct err *e)
{
    memset(h, 0, sizeof(*h));
    h->lock = -1;
    snprintf(h->sysctl, sizeof(h->sysctl), "net/mptcp/pm_type");
    if (get(h->sysctl, h->before, sizeof(h->before))) {
        snprintf(h->sysctl, sizeof(h->sysctl), "net/mptcp/path_manager");
        if (get(h->sysctl, h->before, sizeof(h->before)))
            return err_lacks(
                e, -ENOENT,
                "the kernel has neither net.mptcp.pm_type nor net.mptcp.path_manager: "
                "path managers in user space need Linux 5.19 or newer, CONFIG_MPTCP=y");
    }
    return 0;
}

int pm_host_take(struct pm_host *h, struct err *e)
{
    char kept[32] = "";
    ssize_t n;
    int rc = find_sysctl(h, e);

    if (!rc)
        rc = lock_state(h, e);
    if (rc)
        return rc;
    /* What a daemon that was killed found counts, not what it left. */
    n = pread(h->lock, kept, sizeof(kept) - 1, 0);
    if (n > 0)
        snprintf(h->before, sizeof(h->before), "%s", kept);
    else if (pwrite(h->lock, h->before, strlen(h->before), 0) < 0)
        rc = err_broke(e, -errno, "%s: %s", h->state, strerror(errno));
    if (!rc)
        rc = set(h->sysctl, strstr(h->sysctl, "pm_type") ? "1" : "userspace", e);
    h->changed = !rc;
    if (rc)
        pm_host_release(h, NULL);
    return rc;
}

int pm_host_clean(char *what, size_t size, struct err *e)
{
    struct pm_host h;
    uint64_t cookie;
    char *path;
    ssize_t n;
    int rc;

    if (find_sysctl(&h, NULL) || pm_host_cookie(&cookie, NULL))
        return 0; /* then no daemon can have been here */
    path = xasprintf("%s/%" PRIu64, STATE_DIR, cookie);
    rc = access(path, F_OK);
    free(path);
    if (rc || lock_state(&h, NULL))
        return 0; /* none left it, or it is alive */
    n = pread(h.lock, h.before, sizeof(h.before) - 1, 0);
    h.before[n > 0 ? n : 0] = '\0';
    h.changed = n > 0;
    snprintf(what, size, "sysctl %s is %s again", h.sysctl, h.before);
    rc = pm_host_release(&h, e);
    return rc ? rc : n > 0;
}

int pm_host_release(struct pm_host *h, struct err *e)
{
    int rc = h->changed ? set(h->sysctl, h->before, e) : 0;

    if (h->lock >= 0) {
        if (!rc)
            unlink(h->state);
        close(h->lock);
    }
    h->lock = -1;
    h->changed = false;
    return rc;
}

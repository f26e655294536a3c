/* SPDX-License-Identifier: BSD-2-Clause */
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

int netns_enter(int ns_fd)
{
    int saved = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    int rc;

    if (saved < 0)
        return -errno;
    if (setns(ns_fd, CLONE_NEWNET) < 0) {
        rc = -errno;
        close(saved);
        return rc;
    }
    return saved;
}

void netns_leave(int saved_fd)
{
    if (setns(saved_fd, CLONE_NEWNET) < 0) {
        perror("extcp: cannot go back to the network namespace it came from");
        abort();
    }
    close(saved_fd);
}

/* "1" and "1\n" are the same, and so are tabs and blanks between numbers. */
static bool same_words(const char *a, const char *b)
{
    static const char blank[] = " \t\n";

    for (;;) {
        a += strspn(a, blank);
        b += strspn(b, blank);
        size_t n = strcspn(a, blank), m = strcspn(b, blank);
        if (n != m || strncmp(a, b, n))
            return false;
        if (!n)
            return true;
        a += n;
        b += n;
    }
}

int netns_sysctl(int ns_fd, const char *name, const char *value, struct err *e)
{
    char path[256], back[256] = "";
    int saved, fd, rc = 0;
    ssize_t n;

    snprintf(path, sizeof(path), "/proc/sys/%s", name);
    saved = netns_enter(ns_fd);
    if (saved < 0)
        return err_broke(e, saved, "cannot enter the namespace: %s", strerror(-saved));
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        rc = err_broke(e, -errno, "sysctl %s: %s", name, strerror(errno));
    } else if (write(fd, value, strlen(value)) < 0) {
        rc = err_broke(e, -errno, "sysctl %s = %s: %s", name, value, strerror(errno));
    } else {
        n = pread(fd, back, sizeof(back) - 1, 0);
        if (n < 0)
            rc = err_broke(e, -errno, "sysctl %s: cannot read back: %s", name, strerror(errno));
        else if (!same_words(value, back))
            rc = err_broke(e, -EIO, "sysctl %s: wrote '%s', read back '%.*s'", name, value,
                           (int)strcspn(back, "\n"), back);
    }
    if (fd >= 0)
        close(fd);
    netns_leave(saved);
    return rc;
}

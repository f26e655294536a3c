/* SPDX-License-Identifier: BSD-2-Clause */
#include "util.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;

    clock_gettime(clock, &ts);
    return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

uint64_t now_mono_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t now_real_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

static void *must(void *p)
{
    if (!p) {
        fputs("extcp: out of memory\n", stderr);
        abort();
    }
    return p;
}

void *xcalloc(size_t n, size_t size)
{
    return must(calloc(n ? n : 1, size ? size : 1));
}

void *xrealloc(void *p, size_t size)
{
    return must(realloc(p, size ? size : 1));
}

char *xstrdup(const char *s)
{
    return must(strdup(s));
}

char *xasprintf(const char *fmt, ...)
{
    char *s = NULL;
    va_list ap;

    va_start(ap, fmt);
    if (vasprintf(&s, fmt, ap) < 0)
        s = NULL;
    va_end(ap);
    return must(s);
}

int parse_u64(const char *s, uint64_t *out)
{
    char *end;
    unsigned long long v;

    if (!s || !isdigit((unsigned char)*s))
        return -EINVAL;
    errno = 0;
    v = strtoull(s, &end, 0);
    if (*end)
        return -EINVAL;
    if (errno)
        return -ERANGE;
    *out = v;
    return 0;
}

/* Reads a finite number and returns what follows it, blanks skipped. */
static int number_and_rest(const char *s, double *v, const char **rest)
{
    char *end;

    if (!s || !(isdigit((unsigned char)*s) || *s == '.' || *s == '-'))
        return -EINVAL;
    errno = 0;
    *v = strtod(s, &end);
    if (end == s)
        return -EINVAL;
    if (errno || !isfinite(*v))
        return -ERANGE;
    while (*end == ' ')
        end++;
    *rest = end;
    return 0;
}

int parse_double(const char *s, double *out)
{
    const char *rest;
    double v;
    int rc = number_and_rest(s, &v, &rest);

    if (rc)
        return rc;
    if (*rest)
        return -EINVAL;
    *out = v;
    return 0;
}

int parse_bool(const char *s, bool *out)
{
    static const char *const yes[] = {"yes", "true", "on", "1"};
    static const char *const no[] = {"no", "false", "off", "0"};

    for (size_t i = 0; s && i < ARRAY_SIZE(yes); i++) {
        if (!strcmp(s, yes[i]) || !strcmp(s, no[i])) {
            *out = !strcmp(s, yes[i]);
            return 0;
        }
    }
    return -EINVAL;
}

struct unit {
    const char *name;
    double factor;
};

static int parse_with_unit(const char *s, const struct unit *units, double *out)
{
    const char *rest;
    double v;
    int rc = number_and_rest(s, &v, &rest);

    if (rc)
        return rc;
    if (v < 0)
        return -ERANGE;
    for (const struct unit *u = units; u->name; u++) {
        if (!strcasecmp(rest, u->name)) {
            *out = v * u->factor;
            return 0;
        }
    }
    return -EINVAL;
}

int parse_rate(const char *s, uint64_t *bps)
{
    static const struct unit units[] = {{"", 1},       {"bit", 1},    {"kbit", 1e3},
                                        {"mbit", 1e6}, {"gbit", 1e9}, {NULL, 0}};
    double v;
    int rc;

    if (s && !strcmp(s, "unlimited")) {
        *bps = 0;
        return 0;
    }
    rc = parse_with_unit(s, units, &v);
    if (rc)
        return rc;
    if (v < 1 || v > 1e12)
        return -ERANGE;
    *bps = (uint64_t)llround(v);
    return 0;
}

int parse_time_us(const char *s, uint64_t *us)
{
    static const struct unit units[] = {{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {NULL, 0}};
    double v;
    int rc = parse_with_unit(s, units, &v);

    if (rc)
        return rc;
    if (v > 1e15)
        return -ERANGE;
    *us = (uint64_t)llround(v);
    return 0;
}

int parse_share(const char *s, double *share)
{
    static const struct unit units[] = {{"", 1}, {"%", 0.01}, {NULL, 0}};
    double v;
    int rc = parse_with_unit(s, units, &v);

    if (rc)
        return rc;
    if (v > 1)
        return -ERANGE;
    *share = v;
    return 0;
}

static int write_all(int fd, const char *p, size_t len)
{
    while (len) {
        ssize_t n = write(fd, p, len);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

int write_file_atomic(const char *path, const void *data, size_t len, struct err *e)
{
    char *tmp = xasprintf("%s.tmp", path);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int rc = fd < 0 ? -errno : write_all(fd, data, len);

    if (fd >= 0) {
        if (!rc && fsync(fd) < 0)
            rc = -errno;
        if (close(fd) < 0 && !rc)
            rc = -errno;
        if (!rc && rename(tmp, path) < 0)
            rc = -errno;
        if (rc)
            unlink(tmp);
    }
    if (rc)
        err_broke(e, rc, "%s: cannot write: %s", path, strerror(-rc));
    free(tmp);
    return rc;
}

int read_file(const char *path, char **data, size_t *len, struct err *e)
{
    size_t cap = 4096, n = 0;
    char *buf;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return err_usage(e, -errno, "%s: %s", path, strerror(errno));
    buf = xcalloc(1, cap);
    for (;;) {
        ssize_t r = read(fd, buf + n, cap - n - 1);
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0) {
            int rc = err_usage(e, -errno, "%s: cannot read: %s", path, strerror(errno));
            free(buf);
            close(fd);
            return rc;
        }
        if (r == 0)
            break;
        n += (size_t)r;
        if (n + 1 == cap)
            buf = xrealloc(buf, cap *= 2);
    }
    close(fd);
    buf[n] = '\0';
    *data = buf;
    if (len)
        *len = n;
    return 0;
}

int mkdir_p(const char *path)
{
    char *copy = xstrdup(path);
    int rc = 0;

    for (char *p = copy + 1; !rc; p++) {
        if (*p && *p != '/')
            continue;
        char c = *p;
        *p = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            rc = -errno;
        *p = c;
        if (!c)
            break;
    }
    free(copy);
    return rc;
}

bool no_space_left(const char *path)
{
    struct statvfs st;

    if (statvfs(path, &st))
        return false;
    return (geteuid() ? st.f_bavail : st.f_bfree) == 0 || (st.f_files && !st.f_ffree);
}

void unlink_regular(const char *path)
{
    struct stat st;

    if (!lstat(path, &st) && S_ISREG(st.st_mode))
        unlink(path);
}

int reserve_file(const char *path, size_t bytes, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int rc = fd < 0 ? -errno : -posix_fallocate(fd, 0, (off_t)bytes);

    if (fd >= 0)
        close(fd);
    if (rc && fd >= 0)
        unlink(path);
    return rc ? err_broke(e, rc, "%s: cannot set %zu KiB aside: %s", path, bytes / 1024,
                          strerror(-rc))
              : 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path) < 0 ? -errno : 0;
}

int remove_tree(const char *path)
{
    int rc = nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);

    if (rc == -1)
        rc = -errno;
    return rc == -ENOENT ? 0 : rc;
}

unsigned text_columns(const char *s)
{
    unsigned n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *file;
static char *file_path;
static int failed; /* errno of the first line that could not be written */
static bool verbose;
static uint64_t start_ns;

int log_open(const char *path, struct err *e)
{
    FILE *f = path ? fopen(path, "ae") : NULL;
    int rc = 0;

    if (path && !f)
        return err_broke(e, -errno, "%s: cannot open the log: %s", path, strerror(errno));
    pthread_mutex_lock(&lock);
    if (file && fclose(file) == EOF && !failed)
        failed = errno;
    if (!path && failed)
        rc = err_broke(e, -failed, "%s: cannot write the log: %s", file_path, strerror(failed));
    free(file_path);
    file_path = path ? xstrdup(path) : NULL;
    file = f;
    failed = 0;
    start_ns = now_mono_ns();
    pthread_mutex_unlock(&lock);
    return rc;
}

void log_verbose(bool on)
{
    verbose = on;
}

void log_line(const char *fmt, ...)
{
    char line[2048];
    double t;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    pthread_mutex_lock(&lock);
    t = start_ns ? (double)(now_mono_ns() - start_ns) / 1e9 : 0;
    if (file) {
        if ((fprintf(file, "%9.3f %s\n", t, line) < 0 || fflush(file)) && !failed)
            failed = errno;
    }
    if (verbose)
        fprintf(stderr, "%9.3f %s\n", t, line);
    pthread_mutex_unlock(&lock);
}

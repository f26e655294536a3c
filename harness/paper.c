/* SPDX-License-Identifier: BSD-2-Clause */
#include "paper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "results.h"
#include "statedir.h"
#include "util.h"

#define SCHEMA_VERSION 1

static char *text_or_null(const json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));

    return s ? xstrdup(s) : NULL;
}

static int save(const struct paper *p, struct err *e)
{
    char *path = xasprintf("%s/paper.json", p->dir);
    json_t *items = json_array(), *j;
    int rc;

    for (unsigned i = 0; i < p->n; i++)
        json_array_append_new(items, json_pack("{s:s, s:b, s:i, s:s*, s:s*}", "experiment",
                                               p->items[i].name, "done", (int)p->items[i].done,
                                               "exit", p->items[i].exit_status, "run",
                                               p->items[i].run, "ended", p->items[i].ended));
    j = json_pack("{s:i, s:b, s:s, s:b, s:o}", "schema_version", SCHEMA_VERSION, "quick",
                  (int)p->quick, "revision", p->revision, "complete",
                  (int)(paper_left(p) == 0 && p->reported), "experiments", items);
    rc = json_write_atomic(path, j, e);
    json_decref(j);
    free(path);
    return rc;
}

static void forget_items(struct paper *p)
{
    for (unsigned i = 0; i < p->n; i++) {
        free(p->items[i].name);
        free(p->items[i].run);
        free(p->items[i].ended);
    }
    free(p->items);
    p->items = NULL;
    p->n = 0;
}

/* Reads p->dir/paper.json; false where it is none that can be gone on with. */
static bool load(struct paper *p, bool quick, const char *revision, char *const *names, unsigned n)
{
    char *path = xasprintf("%s/paper.json", p->dir);
    json_t *j = json_load_file(path, 0, NULL), *items = json_object_get(j, "experiments"), *x;
    bool same = json_integer_value(json_object_get(j, "schema_version")) == SCHEMA_VERSION &&
                json_is_false(json_object_get(j, "complete")) &&
                json_is_true(json_object_get(j, "quick")) == quick && json_array_size(items) == n;
    const char *rev = json_string_value(json_object_get(j, "revision"));
    size_t i;

    free(path);
    same = same && rev && !strcmp(rev, revision);
    json_array_foreach (items, i, x) {
        const char *name = json_string_value(json_object_get(x, "experiment"));
        same = same && name && !strcmp(name, names[i]);
    }
    if (same) {
        p->n = n;
        p->items = xcalloc(n, sizeof(*p->items));
        json_array_foreach (items, i, x) {
            p->items[i].name = xstrdup(names[i]);
            p->items[i].done = json_is_true(json_object_get(x, "done"));
            p->items[i].exit_status = (int)json_integer_value(json_object_get(x, "exit"));
            p->items[i].run = text_or_null(x, "run");
            p->items[i].ended = text_or_null(x, "ended");
        }
    }
    json_decref(j);
    return same;
}

/* The lock of p->dir; false where another process has it. It dies with the process. */
static bool take_lock(struct paper *p)
{
    char *path = xasprintf("%s/lock", p->dir);

    p->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    free(path);
    if (p->lock >= 0 && flock(p->lock, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (p->lock >= 0)
        close(p->lock);
    p->lock = -1;
    return false;
}

static bool resume(struct paper *p, const char *base, bool quick, const char *revision,
                   char *const *names, unsigned n)
{
    struct dirent **files = NULL;
    int found = scandir(base, &files, NULL, alphasort);
    bool ok = false;

    /* the names begin with the time: the newest is the last */
    for (int i = found - 1; i >= 0; i--) {
        if (!ok && files[i]->d_name[0] >= '0' && files[i]->d_name[0] <= '9') {
            p->dir = xasprintf("%s/%s", base, files[i]->d_name);
            bool locked = take_lock(p), same = load(p, quick, revision, names, n);
            ok = locked && same;
            if (same && !locked && !p->busy)
                p->busy = xstrdup(p->dir);
            if (!ok) {
                forget_items(p);
                if (p->lock >= 0)
                    close(p->lock);
                p->lock = -1;
                free(p->dir);
                p->dir = NULL;
            }
        }
        free(files[i]);
    }
    free(files);
    return ok;
}

static int start(struct paper *p, const char *base, char *const *names, unsigned n, struct err *e)
{
    struct statedir *guard = NULL;
    time_t now = time(NULL);
    struct tm tm;
    char utc[32];
    int rc = statedir_create(&guard, e);

    if (rc)
        return rc;
    gmtime_r(&now, &tm);
    strftime(utc, sizeof(utc), "%Y%m%dT%H%M%SZ", &tm);
    p->dir = xasprintf("%s/%s-%s", base, utc, statedir_id(guard));
    statedir_remove(guard); /* only its id was wanted: what is made here is to stay */
    rc = mkdir_p(p->dir);
    if (rc)
        return err_usage(e, rc, "%s: cannot make the directory: %s (--out DIR puts it elsewhere)",
                         p->dir, strerror(-rc));
    if (!take_lock(p)) {
        rc = err_broke(e, -errno, "%s/lock: %s", p->dir, strerror(errno));
        remove_tree(p->dir);
        return rc;
    }
    p->n = n;
    p->items = xcalloc(n, sizeof(*p->items));
    for (unsigned i = 0; i < n; i++)
        p->items[i].name = xstrdup(names[i]);
    rc = save(p, e);
    if (rc)
        remove_tree(p->dir);
    return rc;
}

int paper_open(struct paper *p, const char *base, bool quick, const char *revision, bool fresh,
               char *const *names, unsigned n, bool *resumed, struct err *e)
{
    memset(p, 0, sizeof(*p));
    p->lock = -1;
    *resumed = !fresh && resume(p, base, quick, revision, names, n);
    p->quick = quick;
    p->revision = xstrdup(revision);
    return *resumed ? 0 : start(p, base, names, n, e);
}

void paper_close(struct paper *p)
{
    forget_items(p);
    free(p->dir);
    free(p->busy);
    free(p->revision);
    if (p->lock >= 0)
        close(p->lock);
    p->lock = -1;
}

int paper_done(struct paper *p, unsigned i, int exit_status, const char *run, struct err *e)
{
    struct paper_item *it = &p->items[i];
    time_t now = time(NULL);
    struct tm tm;
    char utc[32];

    gmtime_r(&now, &tm);
    strftime(utc, sizeof(utc), "%Y-%m-%dT%H:%M:%SZ", &tm);
    if (run || exit_status != EXIT_BROKE) { /* else what an earlier one left stays */
        free(it->run);
        it->run = run ? xstrdup(run) : NULL;
    }
    free(it->ended);
    it->done = exit_status != EXIT_BROKE;
    it->exit_status = exit_status;
    it->ended = xstrdup(utc);
    return save(p, e);
}

int paper_reported(struct paper *p, struct err *e)
{
    p->reported = true;
    return save(p, e);
}

unsigned paper_left(const struct paper *p)
{
    unsigned left = 0;

    for (unsigned i = 0; i < p->n; i++)
        left += !p->items[i].done;
    return left;
}

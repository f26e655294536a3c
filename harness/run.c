/* SPDX-License-Identifier: BSD-2-Clause */
#include "run.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd.h"
#include "log.h"
#include "repetition.h"
#include "report.h"
#include "statedir.h"
#include "util.h"

#define MAX_WORKERS 64

struct worker {
    pid_t pid;
    int pidfd;
    unsigned item; /* in the plan */
    uint64_t started_ns;
    struct err *said; /* memory shared with it: why its result could not be written */
};

static volatile sig_atomic_t stop_signal;

static void on_signal(int sig)
{
    stop_signal = sig;
}

/* In the forked process: one repetition, its result into parts/<stem>.json. */
static void __attribute__((noreturn))
worker_main(struct run *run, const struct plan_item *it, bool last, pid_t parent, struct err *said)
{
    struct repetition_job job = {.x = run->x,
                                 .v = &run->x->variants[it->variant],
                                 .repetition = it->repetition,
                                 .seed = it->seed,
                                 .backend = run->o->backend,
                                 .dir = run->dir.tmp_path,
                                 .keep = run->o->keep && last};
    struct err e = ERR_INIT;
    json_t *out = NULL;
    char *stem = repetition_stem(&job),
         *path = xasprintf("%s/parts/%s.json", run->dir.tmp_path, stem);
    char *log_path = xasprintf("%s/parts/%s.log", run->dir.tmp_path, stem);
    struct err unwritten = ERR_INIT;
    int rc, closed;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_BROKE);
    repetition_catch_signals();
    rc = log_open(log_path, &e);
    if (!rc)
        rc = repetition_run(&job, &out, &e);
    if (rc)
        log_line("broke: %s", e.msg);
    closed = log_open(NULL, rc ? NULL : &e);
    rc = rc ? rc : closed;
    if (!out)
        out = json_object();
    if (rc) {
        json_object_set_new(out, "error", json_string(e.msg));
        json_object_set_new(out, "exit_status", json_integer(e.status ? e.status : EXIT_BROKE));
    }
    if (json_write_atomic(path, out, &unwritten))
        *said = rc ? e : unwritten;
    json_decref(out);
    free(stem);
    free(path);
    free(log_path);
    fflush(NULL);
    _exit(rc ? EXIT_BROKE : EXIT_OK);
}

static int start_worker(struct run *run, struct worker *w, unsigned item, struct err *e)
{
    pid_t parent = getpid();

    memset(w->said, 0, sizeof(*w->said));
    fflush(NULL);
    w->pid = fork();
    if (w->pid < 0)
        return err_broke(e, -errno, "cannot fork: %s", strerror(errno));
    if (!w->pid)
        worker_main(run, &run->plan.items[item], item + 1 == run->plan.n, parent, w->said);
    w->pidfd = (int)syscall(SYS_pidfd_open, w->pid, 0);
    if (w->pidfd < 0) {
        int rc = err_broke(e, -errno, "pidfd_open: %s", strerror(errno));
        kill(w->pid, SIGTERM);
        waitpid(w->pid, NULL, 0);
        return rc;
    }
    w->item = item;
    w->started_ns = now_mono_ns();
    return 0;
}

static int take_checks(struct run *run, const char *variant, unsigned repetition,
                       const json_t *checks)
{
    size_t i;
    json_t *c;

    json_array_foreach (checks, i, c) {
        bool ok = json_is_true(json_object_get(c, "ok"));

        run->totals.checks++;
        run->totals.checks_failed += !ok;
        if (!ok)
            report_failed_check(run, variant, repetition, c);
    }
    return 0;
}

/* Merges parts/<stem>.json, .series.csv and .log into the run. */
int run_take_result(struct run *run, const struct plan_item *it, struct err *e)
{
    const struct variant *v = &run->x->variants[it->variant];
    char *path = xasprintf("%s/parts/%s-%u.json", run->dir.tmp_path, v->name, it->repetition);
    json_error_t je;
    json_t *out = json_load_file(path, 0, &je), *m;
    unsigned variant = results_variant(&run->results, v->name);
    size_t i;
    int rc = 0;

    free(path);
    if (!out)
        return err_broke(
            e, -EIO, "variant %s, repetition %u: its process died without a result (see log.txt)",
            v->name, it->repetition);
    json_array_append_new(run->repetitions, out);
    if (json_object_get(out, "error")) {
        rc = err_broke(e, -EIO, "variant %s, repetition %u: %s", v->name, it->repetition,
                       json_string_value(json_object_get(out, "error")));
        e->status = (enum exit_status)json_integer_value(json_object_get(out, "exit_status"));
        return rc;
    }
    json_array_foreach (json_object_get(out, "metrics"), i, m) {
        unsigned metric = results_metric(&run->results, json_string_value(json_array_get(m, 0)),
                                         json_string_value(json_array_get(m, 1)));
        results_add(&run->results, variant, it->repetition, metric,
                    json_number_value(json_array_get(m, 2)));
    }
    json_object_del(out, "metrics"); /* they are in data.csv */
    return take_checks(run, v->name, it->repetition, json_object_get(out, "checks"));
}

static void reap(struct run *run, struct worker *w, struct err *e)
{
    const struct plan_item *it = &run->plan.items[w->item];
    struct err one = ERR_INIT;
    int status;

    while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close(w->pidfd);
    w->pid = 0;
    if (WIFSIGNALED(status))
        err_broke(&one, -EIO,
                  "variant %s, repetition %u: its process was killed by signal %d (%s); ./run.sh "
                  "clean removes what it left",
                  run->x->variants[it->variant].name, it->repetition, WTERMSIG(status),
                  strsignal(WTERMSIG(status)));
    else if (w->said->code)
        one = *w->said;
    else
        run_take_result(run, it, &one);
    if (one.code && !e->code)
        *e = one;
    if (!one.code)
        run->totals.done++;
    report_progress(run, it, (double)(now_mono_ns() - w->started_ns) / 1e9,
                    one.code ? one.msg : NULL);
}

/* Waits until a worker has ended or a signal has come. */
static void wait_workers(struct run *run, struct worker *w, unsigned n, unsigned at_once)
{
    struct pollfd p[MAX_WORKERS];
    nfds_t k = 0;

    for (unsigned i = 0; i < n; i++)
        if (w[i].pid)
            p[k++] = (struct pollfd){.fd = w[i].pidfd, .events = POLLIN};
    poll(p, k, 500);
    report_tick(run, at_once);
}

static int execute(struct run *run, struct err *e)
{
    struct worker w[MAX_WORKERS] = {0};
    unsigned next = 0, running = 0, at_once = run->x->at_once;
    struct err *said;
    bool told = false;

    if (run->o->keep)
        at_once = 1;
    said = mmap(NULL, sizeof(*said) * MAX_WORKERS, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (said == MAP_FAILED)
        return err_broke(e, -errno, "mmap: %s", strerror(errno));
    for (unsigned i = 0; i < MAX_WORKERS; i++)
        w[i].said = &said[i];
    do {
        for (unsigned i = 0; i < at_once; i++) {
            struct pollfd p = {.fd = w[i].pidfd, .events = POLLIN};
            if (w[i].pid && poll(&p, 1, 0) == 1) {
                reap(run, &w[i], e);
                running--;
            }
            if (!w[i].pid && next < run->plan.n && !e->code && !stop_signal) {
                if (!start_worker(run, &w[i], next, e)) {
                    next++;
                    running++;
                }
            }
        }
        /* One broke, or we were told to stop: the others are told once, and are waited for. */
        if ((e->code || stop_signal) && !told) {
            told = true;
            for (unsigned i = 0; i < at_once; i++)
                if (w[i].pid)
                    kill(w[i].pid, SIGTERM);
        }
        if (running)
            wait_workers(run, w, at_once, at_once);
    } while (running || (next < run->plan.n && !e->code && !stop_signal));
    munmap(said, sizeof(*said) * MAX_WORKERS);
    /* With --keep, Ctrl-C is how a run that is complete is ended. */
    if (stop_signal && (e->code || run->totals.done < run->plan.n)) {
        run->interrupted = true;
        return err_broke(e, -EINTR, "stopped by signal %d (%s) after %u of %u repetitions",
                         (int)stop_signal, strsignal(stop_signal), run->totals.done, run->plan.n);
    }
    return e->code;
}

static void catch_signals(void)
{
    struct sigaction sa = {.sa_handler = on_signal};

    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGHUP, &sa, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int run_with(const struct experiment *x, const struct run_options *o,
             int (*fill)(struct run *run, void *arg, struct err *e), void *arg)
{
    struct run run = {.x = x, .o = o, .repetitions = json_array()};
    struct statedir *guard = NULL;
    struct err e = ERR_INIT;
    int status;

    run.started_real_ns = now_real_ns();
    run.started_mono_ns = now_mono_ns();
    results_init(&run.results, x->name, o->seed);
    for (unsigned i = 0; i < x->n_variants; i++)
        results_variant(&run.results,
                        x->variants[i].name); /* the file's order, whatever the plan's */
    plan_make(&run.plan, x->n_variants, x->repetitions, o->seed);
    if (o->n_shards)
        plan_shard(&run.plan, o->shard, o->n_shards);
    run.totals.planned = run.plan.n;
    if (report_open(&run, &guard, &e)) {
        status = cmd_fail(x->name, &e);
        if (run.dir.tmp_path)
            remove_tree(run.dir.tmp_path);
    } else {
        fill(&run, arg, &e);
        run.error = e;
        status = report_close(&run);
    }
    statedir_remove(guard);
    free(run.plan.items);
    free(run.claims);
    json_decref(run.repetitions);
    results_free(&run.results);
    results_dir_free(&run.dir);
    return status;
}

static int execute_plan(struct run *run, void *arg, struct err *e)
{
    (void)arg;
    return execute(run, e);
}

int run_experiment(const struct experiment *x, const struct run_options *o)
{
    catch_signals();
    return run_with(x, o, execute_plan, NULL);
}

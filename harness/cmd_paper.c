/* SPDX-License-Identifier: BSD-2-Clause */
/* extcp paper: every experiment of the paper, one after the other, and the report. */
#include <errno.h>
#include <getopt.h>
#include <glob.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd.h"
#include "experiment.h"
#include "metadata.h"
#include "paper.h"
#include "report_page.h"
#include "statedir.h"
#include "util.h"

#define ORPHAN_LIMIT_NS (60 * NSEC_PER_SEC)
#define SPACE_BYTES     (2 << 20) /* less than any run needs, but more than it sets aside */

static const char *const usage =
    "usage: ./run.sh paper [--quick] [--new] [--out DIR]\n"
    "Runs every experiment that reproduces something of the paper and ends in a report, one\n"
    "self-contained HTML page, results/paper/<UTC time>-<id>/report.html. Stopped in the middle, "
    "by\n"
    "Ctrl-C or worse, it goes on where it was when it is called again, and so it does with what\n"
    "broke (a full disk); what has run to its end does not run again.\n"
    "  --quick    few repetitions and short ones\n"
    "  --new      begin a new one instead of going on\n"
    "  --out DIR  results go to DIR/paper/ instead of results/paper/\n"
    "exit status: 0 everything held, 1 something did not, 3 the machine lacks something, 4 a run "
    "broke\n";

static const char *const title =
    "Making the Linux TCP stack more extensible with eBPF: reproduced with extcp";
static const char *const intro =
    "V.-H. Tran and O. Bonaventure (Netdev 0x13, 2019) let eBPF programs add TCP options and "
    "manage "
    "the paths of Multipath TCP. Each experiment below runs on emulated networks of namespaces on "
    "one machine; what is reproduced is the effect the paper describes, stated as claims that can "
    "fail, not its absolute numbers.";

static volatile sig_atomic_t stop_signal;

static void on_signal(int sig)
{
    stop_signal = sig;
}

struct names {
    char **v;
    unsigned n;
    bool quick;
};

/* Keeps the names of those that say what the paper did. */
static void one_experiment(const char *name, const char *file_title, const struct err *e, void *arg)
{
    struct names *all = arg;
    struct experiment_options o = {.quick = all->quick};
    struct experiment *x = NULL;
    struct err quick = ERR_INIT;

    if (!file_title)
        fprintf(stderr, "note: %s does not load and is left out: %s\n", name, e ? e->msg : "");
    else if (experiment_load(&x, name, &o, &quick))
        fprintf(stderr, "note: %s does not load and is left out: %s\n", name, quick.msg);
    else if (x->paper) {
        all->v = xrealloc(all->v, (all->n + 1) * sizeof(*all->v));
        all->v[all->n++] = xstrdup(name);
    }
    experiment_free(x);
}

/* "abc…", with "+" where the tree was changed; "" where it is not known. The caller frees. */
static char *revision(void)
{
    json_t *m = metadata_collect(), *source = json_object_get(m, "source");
    const char *rev = json_string_value(json_object_get(source, "revision"));
    char *text = xasprintf("%s%s", rev ? rev : "",
                           json_is_true(json_object_get(source, "dirty")) ? "+" : "");

    json_decref(m);
    return text;
}

/* Runs extcp NAME as a person would, with its output on ours. Returns its exit status, -1 where a
 * signal ended it. */
static int run_one(const struct paper *p, const char *name)
{
    char *out = xasprintf("%s/runs", p->dir);
    int status;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGTERM); /* it cleans up after itself even where we are killed */
        const char *argv[6] = {"extcp", name, "--out", out, p->quick ? "--quick" : NULL, NULL};
        execv("/proc/self/exe", (char *const *)argv);
        fprintf(stderr, "extcp paper: cannot run extcp: %s\n", strerror(errno));
        _exit(EXIT_BROKE);
    }
    free(out);
    if (pid < 0)
        return EXIT_BROKE;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        if (stop_signal)
            kill(pid, SIGTERM); /* Ctrl-C has reached it too; a signal to us alone has not */
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The newest run that NAME left in runs/NAME/: below p->dir, or NULL. */
static char *newest_run(const struct paper *p, const char *name)
{
    char *link = xasprintf("%s/runs/%s/latest", p->dir, name), *path = realpath(link, NULL);
    char *below = NULL;

    free(link);
    if (path)
        below = xasprintf("runs/%s/%s", name, strrchr(path, '/') + 1);
    free(path);
    return below;
}

/* The run that item i left, other than `before`, which was there already; NULL: none. */
static char *new_run(const struct paper *p, unsigned i, const char *before)
{
    char *run = newest_run(p, p->items[i].name);

    if (!run || !before || strcmp(run, before))
        return run;
    free(run);
    return NULL;
}

/* Does a run that is no longer ours, as the paper that called it was killed, still work on it? Its
 * directory is a hidden one until it is whole. */
static bool orphan_at_work(const struct paper *p, const char *name)
{
    char *pattern = xasprintf("%s/runs/%s/.*.tmp", p->dir, name);
    glob_t found = {0};
    bool there;

    statedir_clean(false, NULL); /* what a killed run left; only what is dead and ours */
    there = glob(pattern, 0, NULL, &found) == 0;
    globfree(&found);
    free(pattern);
    return there;
}

/* A paper that is killed takes its run with it, but that one cleans up first, or is already writing
 * what it found. It is waited for; whole results of it are taken. *exit_status is theirs. */
static char *run_of_killed(const struct paper *p, unsigned i, int *exit_status)
{
    uint64_t deadline = now_mono_ns() + ORPHAN_LIMIT_NS;
    const struct paper_item *it = &p->items[i];
    struct rundir d = {0};
    char *run, *dir;

    while (orphan_at_work(p, it->name) && !stop_signal && now_mono_ns() < deadline)
        poll(NULL, 0, 100);
    run = new_run(p, i, it->run);
    if (!run)
        return NULL;
    dir = xasprintf("%s/%s", p->dir, run);
    *exit_status = rundir_open(&d, dir, NULL)
                       ? EXIT_BROKE
                       : (int)json_integer_value(json_object_get(d.json, "exit_status"));
    if (*exit_status != EXIT_BROKE)
        printf("\n=== [%u/%u] %s: its run of %s is whole\n", i + 1, p->n, it->name,
               rundir_text(&d, "started"));
    else
        run = (free(run), NULL);
    rundir_close(&d);
    free(dir);
    return run;
}

/* Where the disk is full the next experiment would only break as well. */
static int check_disk(const struct paper *p, struct err *e)
{
    char *probe = xasprintf("%s/.space", p->dir);
    int rc = reserve_file(probe, SPACE_BYTES, e);

    unlink(probe);
    free(probe);
    return rc ? err_prefix(e,
                           "stopped after %u of %u experiments; once there is space, the same "
                           "command goes on from there",
                           p->n - paper_left(p), p->n)
              : 0;
}

static int write_report(const struct paper *p, struct err *e)
{
    struct rundir *runs = xcalloc(p->n, sizeof(*runs));
    struct report_entry *entries = xcalloc(p->n, sizeof(*entries));
    struct report_doc doc = {.title = title,
                             .intro = intro,
                             .command = p->quick ? "./run.sh paper --quick" : "./run.sh paper",
                             .entries = entries,
                             .n_entries = p->n};
    char *html = NULL, *path = xasprintf("%s/report.html", p->dir);
    int rc = 0;

    for (unsigned i = 0; i < p->n && !rc; i++) {
        entries[i].experiment = p->items[i].name;
        entries[i].why = p->items[i].ended ? "The run left no results; its words are in the output "
                                             "of the command."
                                           : "It has not run yet.";
        if (!p->items[i].run)
            continue;
        char *dir = xasprintf("%s/%s", p->dir, p->items[i].run);
        rc = rundir_open(&runs[i], dir, e);
        entries[i].run = &runs[i];
        free(dir);
    }
    if (!rc)
        rc = report_page(&html, &doc, e);
    if (!rc)
        rc = write_file_atomic(path, html, strlen(html), e);
    if (!rc) {
        printf("\n");
        for (unsigned i = 0; i < p->n; i++)
            printf("  %-16s %s\n", p->items[i].name, report_verdict(&entries[i]));
        printf("report: %s\n", path);
    }
    for (unsigned i = 0; i < p->n; i++)
        rundir_close(&runs[i]);
    free(runs);
    free(entries);
    free(html);
    free(path);
    return rc;
}

static int run_all(struct paper *p, bool resumed, struct err *e)
{
    for (unsigned i = 0; i < p->n; i++) {
        int status = EXIT_BROKE, rc;
        char *run, *before;

        if (p->items[i].done)
            continue;
        run = resumed ? run_of_killed(p, i, &status) : NULL;
        if (!run) {
            before = newest_run(p, p->items[i].name);
            printf("\n=== [%u/%u] %s\n", i + 1, p->n, p->items[i].name);
            if (!stop_signal)
                status = run_one(p, p->items[i].name);
            if (stop_signal || status < 0) {
                free(before);
                return err_broke(e, -EINTR,
                                 "stopped after %u of %u experiments; the same command goes "
                                 "on from there",
                                 p->n - paper_left(p), p->n);
            }
            run = new_run(p, i, before);
            free(before);
        }
        rc = paper_done(p, i, status, run, e);
        free(run);
        if (!rc && status == EXIT_BROKE)
            rc = check_disk(p, e);
        if (rc)
            return rc;
    }
    return 0;
}

static void catch_signals(void)
{
    struct sigaction sa = {.sa_handler = on_signal};

    sigaction(SIGINT, &sa, NULL);
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGHUP, &sa, NULL);
}

/* The gravest of what the runs ended with. */
static int exit_status(const struct paper *p)
{
    int worst = EXIT_OK;

    for (unsigned i = 0; i < p->n; i++)
        if (p->items[i].exit_status > worst)
            worst = p->items[i].exit_status;
    return worst;
}

static int paper(const struct names *all, bool quick, bool fresh, const char *out, struct err *e)
{
    char *base = out ? xasprintf("%s/paper", out) : xasprintf("%s/results/paper", extcp_home());
    char *rev = revision();
    struct paper p;
    bool resumed;
    int rc = paper_open(&p, base, quick, rev, fresh, all->v, all->n, &resumed, e);

    if (!rc) {
        printf("%s %s: %u of %u experiments are left\n", resumed ? "going on with" : "new:", p.dir,
               paper_left(&p), p.n);
        if (p.busy)
            fprintf(stderr, "note: another process works on %s; both disturb each other's times\n",
                    p.busy);
        rc = run_all(&p, resumed, e);
    }
    if (!rc)
        rc = write_report(&p, e);
    if (!rc)
        rc = paper_reported(&p, e);
    if (!rc && paper_left(&p))
        printf("%u of %u experiments broke; the same command runs them again\n", paper_left(&p),
               p.n);
    if (!rc)
        rc = exit_status(&p);
    paper_close(&p);
    free(base);
    free(rev);
    return rc;
}

int cmd_paper(int argc, char **argv)
{
    static const struct option options[] = {{"quick", no_argument, NULL, 'q'},
                                            {"new", no_argument, NULL, 'n'},
                                            {"out", required_argument, NULL, 'o'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct names all = {0};
    const char *out = NULL;
    bool fresh = false;
    struct err e = ERR_INIT;
    int c, rc;

    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c == 'q')
            all.quick = true;
        else if (c == 'n')
            fresh = true;
        else if (c == 'o')
            out = optarg;
        else if (c == 'h')
            return fputs(usage, stdout), EXIT_OK;
        else
            return fputs(usage, stderr), EXIT_USAGE;
    }
    if (optind != argc) {
        err_usage(&e, -EINVAL, "unknown argument '%s'; see --help", argv[optind]);
        return cmd_fail("paper", &e);
    }
    if (geteuid() != 0) {
        err_lacks(&e, -EPERM, "the experiments need root; run it as root (sudo ./run.sh paper)");
        return cmd_fail("paper", &e);
    }
    catch_signals();
    rc = experiment_each(one_experiment, &all, &e);
    if (!rc && !all.n)
        rc = err_usage(&e, -ENOENT, "no experiment says what the paper did (`paper:`)");
    if (!rc)
        rc = paper(&all, all.quick, fresh, out, &e);
    for (unsigned i = 0; i < all.n; i++)
        free(all.v[i]);
    free(all.v);
    return rc < 0 ? cmd_fail("paper", &e) : rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "claims.h"
#include "cmd.h"
#include "figure.h"
#include "log.h"
#include "report_json.h"
#include "statedir.h"
#include "util.h"

#define SET_UP_S 3 /* building and calibrating, about */
/* Set aside while the run goes on, and given back before its files are written: a disk that fills
 * up breaks a repetition, but what was measured before it is still kept. */
#define RESERVE       ".reserve"
#define RESERVE_BYTES (1 << 20)

static bool progress_line; /* a line without newline stands on the terminal */

static void end_line(void)
{
    if (progress_line)
        fputs("\r\033[K", stderr);
    progress_line = false;
}

/* With --json: one object a line on stdout. Takes j. */
static void emit(const struct run *run, json_t *j)
{
    if (run->o->json)
        print_json_line(j);
    else
        json_decref(j);
}

/* An absolute path: what `clean` reads must not depend on where it runs. */
static char *realpath_or(const char *path)
{
    char *cwd, *absolute;

    if (*path == '/')
        return xstrdup(path);
    cwd = getcwd(NULL, 0);
    absolute = xasprintf("%s/%s", cwd ? cwd : "", path);
    free(cwd);
    return absolute;
}

int report_open(struct run *run, struct statedir **guard, struct err *e)
{
    char *base =
        run->o->out_base ? realpath_or(run->o->out_base) : xasprintf("%s/results", extcp_home());
    static const char *const rooms[] = {"captures", "figures", "parts"};
    char *path;
    int rc = statedir_create(guard, e);

    if (!rc)
        rc = results_dir_start(&run->dir, base, run->x->name, statedir_id(*guard), e);
    free(base);
    /* Noted after it was made, with nothing in it yet: what is not ours must never be on the list.
     */
    if (!rc)
        rc = statedir_note(*guard, STATE_PATH, run->dir.tmp_path, e);
    if (rc)
        return rc;
    for (unsigned i = 0; !rc && i < ARRAY_SIZE(rooms); i++) {
        path = xasprintf("%s/%s", run->dir.tmp_path, rooms[i]);
        if (mkdir(path, 0755))
            rc = err_broke(e, -errno, "%s: %s", path, strerror(errno));
        free(path);
    }
    path = xasprintf("%s/log.txt", run->dir.tmp_path);
    if (!rc)
        rc = log_open(path, e);
    free(path);
    path = xasprintf("%s/" RESERVE, run->dir.tmp_path);
    if (!rc)
        rc = reserve_file(path, RESERVE_BYTES, e);
    free(path);
    if (rc)
        return rc;
    log_line("%s: %u variants, %u repetitions, seed %llu", run->x->name, run->x->n_variants,
             run->x->repetitions, (unsigned long long)run->o->seed);
    if (!run->o->json)
        printf("%s: %s\n%u variants x %u repetitions, seed %llu%s\n", run->x->name, run->x->title,
               run->x->n_variants, run->x->repetitions, (unsigned long long)run->o->seed,
               run->o->quick ? ", quick" : "");
    emit(run, json_pack("{s:s, s:s, s:i, s:i, s:I}", "event", "start", "experiment", run->x->name,
                        "variants", (int)run->x->n_variants, "repetitions",
                        (int)run->x->repetitions, "seed", (json_int_t)run->o->seed));
    fflush(stdout);
    return 0;
}

static double elapsed(const struct run *run)
{
    return (double)(now_mono_ns() - run->started_mono_ns) / 1e9;
}

/* Time left: from the speed so far; before the first batch is through, whose members run side by
 * side, from the lengths in the file. */
static double time_left(const struct run *run, unsigned at_once)
{
    unsigned left = run->totals.planned - run->totals.done,
             batches = (run->totals.planned + at_once - 1) / at_once;
    double sum = 0;

    if (run->totals.done >= at_once || !left)
        return elapsed(run) / run->totals.done * left;
    for (unsigned i = 0; i < run->x->n_variants; i++)
        sum += run->x->variants[i].length_s + SET_UP_S;
    sum = sum / run->x->n_variants * batches - elapsed(run);
    return sum > 1 ? sum : 1;
}

void report_tick(struct run *run, unsigned at_once)
{
    double left;

    if (run->o->json || !isatty(STDERR_FILENO))
        return;
    left = time_left(run, at_once);
    fprintf(stderr, "\r\033[K[%u/%u] %.0f s gone, about %.0f s left", run->totals.done,
            run->totals.planned, elapsed(run), left);
    progress_line = true;
}

void report_progress(struct run *run, const struct plan_item *it, double seconds, const char *error)
{
    const char *variant = run->x->variants[it->variant].name;

    end_line();
    if (run->o->json) {
        emit(run,
             json_pack("{s:s, s:s, s:i, s:f, s:i, s:i, s:s*}", "event", "repetition", "variant",
                       variant, "repetition", (int)it->repetition, "seconds", seconds, "done",
                       (int)run->totals.done, "planned", (int)run->totals.planned, "error", error));
        return;
    }
    if (error)
        printf("[%u/%u] %s, repetition %u: BROKE after %.1f s\n", run->totals.done,
               run->totals.planned, variant, it->repetition, seconds);
    else
        printf("[%u/%u] %s, repetition %u: %.1f s; about %.0f s left\n", run->totals.done,
               run->totals.planned, variant, it->repetition, seconds,
               time_left(run, run->x->at_once));
    fflush(stdout);
}

void report_failed_check(struct run *run, const char *variant, unsigned repetition,
                         const json_t *check)
{
    const char *name = json_string_value(json_object_get(check, "name"));
    const char *packet = json_string_value(json_object_get(check, "packet"));

    end_line();
    emit(run, json_pack("{s:s, s:s, s:i, s:s, s:O}", "event", "check failed", "variant", variant,
                        "repetition", (int)repetition, "name", name, "check", check));
    if (!run->o->json)
        printf("  wire check failed (%s, repetition %u): %s\n    expected: %s\n    found:    %s\n  "
               "  packet:   %s\n",
               variant, repetition, name, json_string_value(json_object_get(check, "expected")),
               json_string_value(json_object_get(check, "found")),
               packet && *packet ? packet : "(none)");
    log_line("wire check failed (%s, repetition %u): %s; packet: %s", variant, repetition, name,
             packet ? packet : "");
}

/* Appends in to out. 0 or the errno of what failed. */
static int append(FILE *out, FILE *in)
{
    char buf[65536];
    size_t n;

    errno = 0;
    while ((n = fread(buf, 1, sizeof(buf), in)) > 0)
        if (fwrite(buf, 1, n, out) < n)
            return errno ? errno : EIO;
    if (ferror(in) || fflush(out))
        return errno ? errno : EIO;
    return 0;
}

/* parts/<stem><suffix> of every planned repetition, in the plan's order, behind each other into
 * path. Missing parts are skipped; each goes once it is in, so that the disk need not hold all of
 * it twice. */
static int concatenate(const struct run *run, const char *suffix, const char *path,
                       const char *head, bool titles, struct err *e)
{
    FILE *out = fopen(path, "ae");
    int failed = 0;

    if (!out)
        return err_broke(e, -errno, "%s: %s", path, strerror(errno));
    if (head && fprintf(out, "%s\n", head) < 0)
        failed = errno;
    for (unsigned i = 0; i < run->plan.n && !failed; i++) {
        const char *variant = run->x->variants[run->plan.items[i].variant].name;
        char *part = xasprintf("%s/parts/%s-%u%s", run->dir.tmp_path, variant,
                               run->plan.items[i].repetition, suffix);
        FILE *in = fopen(part, "re");

        if (in && titles)
            fprintf(out, "--- %s, repetition %u\n", variant, run->plan.items[i].repetition);
        if (in && !(failed = append(out, in)))
            unlink(part);
        if (in)
            fclose(in);
        free(part);
    }
    if (!failed && (fflush(out) || fsync(fileno(out))))
        failed = errno;
    if (fclose(out) == EOF && !failed)
        failed = errno;
    if (!failed)
        return 0;
    unlink_regular(path); /* nobody shall take a part for the whole */
    return err_broke(e, -failed, "%s: cannot write: %s", path, strerror(failed));
}

static int write_wire_csv(const struct run *run, const char *path, struct err *e)
{
    struct csv *out;
    json_t *rep, *c;
    size_t i, k;
    char q[5][1200];
    int rc = csv_open(&out, path, "variant,repetition,point,check,expected,found,result", e);

    if (rc)
        return rc;
    json_array_foreach (run->repetitions, i, rep) {
        const char *variant = json_string_value(json_object_get(rep, "variant"));
        json_int_t repetition = json_integer_value(json_object_get(rep, "repetition"));

        json_array_foreach (json_object_get(rep, "checks"), k, c)
            csv_row(
                out, "%s,%lld,%s,%s,%s,%s,%s", csv_quote(q[0], sizeof(q[0]), variant),
                (long long)repetition,
                csv_quote(q[1], sizeof(q[1]), json_string_value(json_object_get(c, "point"))),
                csv_quote(q[2], sizeof(q[2]), json_string_value(json_object_get(c, "name"))),
                csv_quote(q[3], sizeof(q[3]), json_string_value(json_object_get(c, "expected"))),
                csv_quote(q[4], sizeof(q[4]), json_string_value(json_object_get(c, "found"))),
                json_is_true(json_object_get(c, "ok")) ? "pass" : "fail");
    }
    return csv_close(out, e);
}

/* What a run cannot be without. */
static int write_values(const struct run *run, struct err *e)
{
    char *path = xasprintf("%s/data.csv", run->dir.tmp_path);
    int rc = results_write_data_csv(&run->results, path, e);

    free(path);
    path = xasprintf("%s/pairs.csv", run->dir.tmp_path);
    if (!rc && results_have_pairs(&run->results))
        rc = results_write_pairs_csv(&run->results, path, e);
    free(path);
    return rc;
}

/* Each of these is whole or not there, and the first that is not is the error. */
static int write_files(const struct run *run, struct err *e)
{
    char *path = xasprintf("%s/wire.csv", run->dir.tmp_path);
    int rc = write_wire_csv(run, path, e), next;

    free(path);
    path = xasprintf("%s/series.csv", run->dir.tmp_path);
    next = concatenate(run, ".series.csv", path, "experiment,variant,repetition,series,t_s,value",
                       false, rc ? NULL : e);
    rc = rc ? rc : next;
    free(path);
    next = log_open(NULL, rc ? NULL : e);
    rc = rc ? rc : next;
    path = xasprintf("%s/log.txt", run->dir.tmp_path);
    next = concatenate(run, ".log", path, NULL, true, rc ? NULL : e);
    rc = rc ? rc : next;
    free(path);
    path = xasprintf("%s/parts", run->dir.tmp_path);
    remove_tree(path);
    free(path);
    return rc;
}

/* What is computed over several variants; a part of a run has not all of them. */
static void make_pairs(struct run *run)
{
    for (unsigned i = 0; !run->o->n_shards && i < run->x->n_pairings; i++)
        pairing_apply(&run->x->pairings[i], &run->results);
}

static int draw_figures(struct run *run, struct err *e)
{
    for (unsigned i = 0; !run->o->n_shards && i < run->x->n_figures; i++) {
        int rc = figure_draw(&run->x->figures[i], &run->results, run->dir.tmp_path, e);
        if (rc)
            return rc;
    }
    return 0;
}

static void judge(struct run *run)
{
    if (run->o->n_shards) /* a part cannot say what the whole shows */
        return;
    run->claims = xcalloc(run->x->n_claims, sizeof(*run->claims));
    for (unsigned i = 0; i < run->x->n_claims; i++) {
        claim_judge(&run->x->claims[i], &run->results, &run->claims[i]);
        run->totals.claims++;
        run->totals.claims_failed += !run->claims[i].held;
    }
}

static uint64_t capture_drops(const struct run *run)
{
    uint64_t drops = 0;
    size_t i, k;
    json_t *rep, *c;

    json_array_foreach (run->repetitions, i, rep)
        json_array_foreach (json_object_get(rep, "captures"), k, c)
            drops += (uint64_t)(json_integer_value(json_object_get(c, "dropped_kernel")) +
                                json_integer_value(json_object_get(c, "dropped_interface")));
    return drops;
}

/* Each kind of wire check once, with how often it passed and an example. */
static void print_checks(const struct run *run)
{
    json_t *all = report_checks(run->repetitions), *s;
    size_t i;

    if (json_array_size(all))
        printf("\nwire checks\n");
    json_array_foreach (all, i, s) {
        json_int_t n = json_integer_value(json_object_get(s, "n")),
                   ok = json_integer_value(json_object_get(s, "passed"));
        const char *packet =
            json_string_value(json_object_get(json_object_get(s, "example"), "packet"));
        printf("  %s %s: %s (%lld of %lld)\n", ok == n ? "pass" : "FAIL",
               json_string_value(json_object_get(s, "variant")),
               json_string_value(json_object_get(s, "name")), (long long)ok, (long long)n);
        if (ok == n && packet && *packet)
            printf("       e.g. %s\n", packet);
    }
    json_decref(all);
}

static void print_verdict(const struct run *run, int status)
{
    const struct run_totals *t = &run->totals;
    uint64_t drops = capture_drops(run);

    if (run->results.n_values) {
        printf("\n");
        results_print_table(stdout, &run->results, run->x->table, run->x->n_table);
    }
    print_checks(run);
    if (run->x->n_claims)
        printf(run->o->n_shards ? "\nclaims are judged when the parts are joined (./run.sh merge)\n"
                                : "\nclaims\n");
    for (unsigned i = 0; run->claims && i < run->x->n_claims; i++)
        printf("  %s %s\n       expected %s\n       found    %s\n",
               run->claims[i].held ? "held" : "FAIL", run->x->claims[i].name,
               run->claims[i].expected, run->claims[i].found);
    for (unsigned i = 0; i < run->x->n_claims_left_out; i++)
        printf("  left out (its variants do not run here, or it needs more than --quick): %s\n",
               run->x->claims_left_out[i]);
    if (drops)
        printf("\nwarning: the captures dropped %llu packets: a wire check may have missed one\n",
               (unsigned long long)drops);
    printf("\n");
    if (run->error.code)
        printf("%s: %s\n", run->interrupted ? "STOPPED" : "BROKE", run->error.msg);
    printf("verdict: %s (%u of %u repetitions, %u of %u wire checks passed, %u of %u claims held, "
           "%.0f s)\n",
           status == EXIT_OK ? "PASS" : "FAIL", t->done, t->planned, t->checks - t->checks_failed,
           t->checks, t->claims - t->claims_failed, t->claims, elapsed(run));
    printf("results: %s\n", run->dir.final_path);
}

static int exit_status(const struct run *run)
{
    if (run->error.code)
        return run->error.status ? run->error.status : EXIT_BROKE;
    return run->totals.checks_failed || run->totals.claims_failed ? EXIT_VERDICT : EXIT_OK;
}

/* Everything that the run leaves. An error where it leaves nothing; one that some file met, and
 * that the others outlive, is the run's. */
static int write_all(struct run *run, int *status, struct err *e)
{
    char *path = xasprintf("%s/" RESERVE, run->dir.tmp_path);
    struct err some = ERR_INIT;
    json_t *j;
    int rc;

    unlink(path);
    free(path);
    rc = write_values(run, e);
    if (rc)
        return rc;
    if (!write_files(run, &some) && !run->error.code)
        draw_figures(run, &some);
    if (some.code && !run->error.code)
        run->error = some;
    *status = exit_status(run);
    path = xasprintf("%s/run.json", run->dir.tmp_path);
    j = report_json(run, *status);
    rc = json_write_atomic(path, j, e);
    json_decref(j);
    free(path);
    return rc ? rc : results_dir_finish(&run->dir, e);
}

int report_close(struct run *run)
{
    struct err e = ERR_INIT;
    int status = EXIT_BROKE, rc;

    end_line();
    if (!run->error.code) {
        make_pairs(run);
        judge(run);
    }
    rc = write_all(run, &status, &e);
    if (rc) {
        fprintf(stderr, "extcp %s: the results could not be written: %s\n", run->x->name, e.msg);
        remove_tree(run->dir.tmp_path);
        status = EXIT_BROKE;
    }
    if (!run->o->json && !rc)
        print_verdict(run, status);
    else if (!rc)
        emit(run, json_pack("{s:s, s:i, s:i, s:i, s:i, s:i, s:I, s:s, s:s*}", "event", "verdict",
                            "exit", status, "checks", (int)run->totals.checks, "checks_failed",
                            (int)run->totals.checks_failed, "claims", (int)run->totals.claims,
                            "claims_failed", (int)run->totals.claims_failed, "capture_drops",
                            (json_int_t)capture_drops(run), "results", run->dir.final_path, "error",
                            run->error.code ? run->error.msg : NULL));
    if (run->error.code)
        fprintf(stderr, "extcp %s: %s\n", run->x->name, run->error.msg);
    return status;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* ./run.sh EXPERIMENT [...]: the experiments themselves, and the help. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "experiment.h"
#include "run.h"
#include "util.h"

#define MAX_LIST  64
#define MAX_WORDS 512 /* of the command line, in run.json */

static void print_one(const char *name, const char *title, const struct err *e, void *arg)
{
    (void)arg;
    printf("  %-14s %s%s\n", name, title ? title : "does not load: ", title ? "" : e->msg);
}

static const char *const usage =
    "usage: ./run.sh EXPERIMENT [options]    run an experiment: network, traffic, wire proof, "
    "figures, verdict\n"
    "       ./run.sh EXPERIMENT --help       its parameters, variants and claims\n"
    "       ./run.sh VERB [--help]\n"
    "\n"
    "options of an experiment:\n"
    "  --quick            few repetitions and short ones, under a minute\n"
    "  --reps N           repetitions of each variant\n"
    "  --variant V        only this variant (may be given several times)\n"
    "  --set KEY=VALUE    a parameter of the experiment, or LINK.KEY / NODE.KEY of its topology\n"
    "  --family 4|6       IPv4 or IPv6\n"
    "  --seed N           the order, the losses and the intervals depend on it (default 1)\n"
    "  --shard K/N        only part K of N of the repetitions; `merge` joins the parts\n"
    "  --backend B        link emulation: auto, netem, nfqueue\n"
    "  --out DIR          results go to DIR/EXPERIMENT/ instead of results/EXPERIMENT/\n"
    "  --keep             leave the network of the last repetition up until Ctrl-C\n"
    "  --json             one JSON object a line on stdout\n"
    "\n"
    "verbs:\n"
    "  list               experiments, topologies, programs and what can be set\n"
    "  doctor             what this machine can do, what is used instead, what is missing\n"
    "  clean              remove what a killed run left (only what is ours)\n"
    "  shell TOPOLOGY HOST [-- COMMAND]   build a network, run there, tear down\n"
    "  decode FILE.pcap   print a capture with every TCP and MPTCP option in words\n"
    "  paper [--quick]    every experiment of the paper, and a report\n"
    "  report [RUN]...    one HTML page of runs that are there\n"
    "  page make|show|load                web pages from a seed, and a client that loads them\n"
    "  compare A B        two runs side by side\n"
    "  bench              benchmarks, and a gate against another revision or a baseline\n"
    "  merge DIR...       join the parts of a run that was spread with --shard\n"
    "  setup              install the packages that are needed\n"
    "\n"
    "outside the testbed (docs/outside.md):\n"
    "  run --with PROGRAM[:KEY=VALUE,...] -- COMMAND   a command with eBPF programs attached\n"
    "  attach PROGRAM --cgroup PATH [--set KEY=VALUE]...   the processes of a cgroup\n"
    "  carry PROGRAM --cgroup PATH   send its late ACKs, until Ctrl-C (ack-rate, tarr)\n"
    "  set PROGRAM --cgroup PATH KEY=VALUE...   change what may change while it is attached\n"
    "  status [--cgroup PATH]   what is attached; who asked for what, what was granted, and why\n"
    "  detach PROGRAM --cgroup PATH | --all\n"
    "\n"
    "exit status: 0 everything held, 1 a wire check or a claim did not, 2 usage or a bad file,\n"
    "             3 the machine lacks something, 4 the run broke\n"
    "\n"
    "experiments:\n";

static int help(void)
{
    struct err e = ERR_INIT;

    fputs(usage, stdout);
    if (experiment_each(print_one, NULL, &e))
        return cmd_fail("list", &e);
    return EXIT_OK;
}

/* "K/N" */
static int parse_shard(const char *text, unsigned *k, unsigned *n, struct err *e)
{
    unsigned a, b;
    int used = 0;

    if (sscanf(text, "%3u/%3u%n", &a, &b, &used) != 2 || text[used] || !a || a > b)
        return err_usage(e, -EINVAL, "--shard '%s': accepted: K/N with 1 <= K <= N, N at most 999",
                         text);
    *k = a;
    *n = b;
    return 0;
}

struct parsed {
    struct experiment_options x;
    struct run_options run;
    char *variants[MAX_LIST], *settings[MAX_LIST];
};

static int parse_one(int c, struct parsed *p, struct err *e)
{
    static const char *const backends[] = {
        [BACKEND_AUTO] = "auto", [BACKEND_NETEM] = "netem", [BACKEND_NFQUEUE] = "nfqueue"};
    uint64_t n;
    int rc = 0;

    switch (c) {
    case 'q':
        p->x.quick = p->run.quick = true;
        break;
    case 'r':
        rc = cmd_whole_number("reps", optarg, 1, 10000, &n, e);
        if (!rc)
            p->x.reps = (unsigned)n;
        break;
    case 'v':
    case 's': {
        unsigned *count = c == 'v' ? &p->x.n_variants : &p->x.n_settings;
        if (*count == MAX_LIST)
            return err_usage(e, -E2BIG, "--%s is given more than %d times",
                             c == 'v' ? "variant" : "set", MAX_LIST);
        (c == 'v' ? p->variants : p->settings)[(*count)++] = optarg;
        break;
    }
    case 'f':
        if (strcmp(optarg, "4") && strcmp(optarg, "6"))
            return err_usage(e, -EINVAL, "--family '%s': accepted: 4, 6", optarg);
        p->x.family = *optarg - '0';
        break;
    case 'S':
        rc = cmd_whole_number("seed", optarg, 0, INT64_MAX, &p->run.seed, e);
        break;
    case 'd':
        rc = parse_shard(optarg, &p->run.shard, &p->run.n_shards, e);
        break;
    case 'b':
        for (n = 0; n < ARRAY_SIZE(backends) && strcmp(backends[n], optarg); n++)
            ;
        if (n == ARRAY_SIZE(backends))
            return err_usage(e, -EINVAL, "--backend '%s': accepted: auto, netem, nfqueue", optarg);
        p->run.backend = (enum link_backend)n;
        break;
    case 'o':
        p->run.out_base = optarg;
        break;
    case 'k':
        p->run.keep = true;
        break;
    case 'j':
        p->run.json = true;
        break;
    default:
        return err_usage(e, -EINVAL, "see ./run.sh without arguments for what is accepted");
    }
    return rc;
}

int cmd_run(int argc, char **argv)
{
    static const struct option options[] = {{"quick", no_argument, NULL, 'q'},
                                            {"reps", required_argument, NULL, 'r'},
                                            {"variant", required_argument, NULL, 'v'},
                                            {"set", required_argument, NULL, 's'},
                                            {"family", required_argument, NULL, 'f'},
                                            {"shard", required_argument, NULL, 'd'},
                                            {"seed", required_argument, NULL, 'S'},
                                            {"backend", required_argument, NULL, 'b'},
                                            {"out", required_argument, NULL, 'o'},
                                            {"keep", no_argument, NULL, 'k'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct parsed p = {.run = {.seed = 1}};
    struct experiment *x = NULL;
    struct err e = ERR_INIT;
    char *as_given[MAX_WORDS];
    bool wants_help = false;
    int c, status;

    if (argc < 2 || !strcmp(argv[1], "help"))
        return help();
    argv[0] = (char *)"./run.sh"; /* what people typed, in getopt's messages and in run.json */
    for (c = 0; c < argc && c < MAX_WORDS; c++)
        as_given[c] = argv[c]; /* getopt moves them about */
    p.run.argc = c;
    p.run.argv = as_given;
    while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (c == 'h')
            wants_help = true;
        else if (parse_one(c, &p, &e))
            return cmd_fail("run", &e);
    }
    if (wants_help) {
        if (optind == argc)
            return help();
        return experiment_help(argv[optind], &e) ? cmd_fail(NULL, &e) : EXIT_OK;
    }
    if (optind != argc - 1) {
        err_usage(&e, -EINVAL, "%s; accepted: one experiment, see ./run.sh without arguments",
                  optind == argc ? "no experiment is named" : "more than one experiment is named");
        return cmd_fail("run", &e);
    }
    p.x.variants = p.variants;
    p.x.settings = p.settings;
    p.run.experiment = &p.x;
    if (experiment_load(&x, argv[optind], &p.x, &e))
        return cmd_fail(NULL, &e);
    if (geteuid() != 0) {
        experiment_free(x);
        err_lacks(&e, -EPERM,
                  "namespaces, cgroups and eBPF need root; run it as root (sudo ./run.sh %s)",
                  argv[optind]);
        return cmd_fail(argv[optind], &e);
    }
    status = run_experiment(x, &p.run);
    experiment_free(x);
    return status;
}

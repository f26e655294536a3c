/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An experiment: a YAML file that names a topology, variants, programs, workloads, events,
 * captures, wire checks, claims and figures (docs/experiments.md). Loading checks everything that
 * can be checked without running it, for every variant.
 */
#ifndef EXTCP_EXPERIMENT_H
#define EXTCP_EXPERIMENT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "claims.h"
#include "endpoints.h"
#include "err.h"
#include "figure.h"
#include "pairs.h"
#include "measure.h"
#include "sockdiag.h"
#include "topology.h"
#include "wirecheck.h"
#include "workload.h"

/*
 * The file as it is written: text in which ${...} has not been replaced yet. The names of the
 * members are the keys of the file.
 */
struct x_param {
    char *name, *value, *quick, *about;
};
struct x_program {
    char *host, *program;
    char **set;
    unsigned set_count;
};
struct x_endpoint {
    char *link, *family, *id, *port;
    char **flags;
    unsigned flags_count;
};
struct x_mptcp {
    char *host, *manager, *family, *subflows, *add_addr_accepted;
    char **set;
    unsigned set_count;
    struct x_endpoint *endpoints;
    unsigned endpoints_count;
};
struct x_event {
    char *name, *at, *link, *direction, *state, *host, *program, *reset;
    char **set;
    unsigned set_count;
};
struct x_workload {
    char *name, *kind, *from, *to, *at, *seconds, *time_limit, *port, *bytes, *reverse, *parallel,
        *congestion, *rate, *chunk, *user_timeout, *app_timeout, *echo, *ping, *cpu, *batch,
        *fast_open, *mptcp, *connections, *hold, *command, *server, *may_fail;
};
struct x_capture {
    char *point, *filter, *snaplen;
    char **variants;
    unsigned variants_count;
};
struct x_check {
    char *name, *point, *from, *port, *segments, *option, *field, *value, *absent, *may_be_empty,
        *mptcp, *to, *address, *id;
    char **variants;
    unsigned variants_count;
};
struct x_measure {
    char *name, *kind, *point, *from, *port;
    char **variants;
    unsigned variants_count;
};
struct x_sockets {
    char *name, *host, *port, *interval;
    char **variants;
    unsigned variants_count;
};
struct x_metric {
    char *name, *unit, *value;
    char **variants;
    unsigned variants_count;
};
struct x_pair {
    char *name, *of, *than, *ratio;
};
struct x_variant {
    char *name, *about, *family, *bpf_stats;
    char **parameters;
    unsigned parameters_count;
    char **topology;
    unsigned topology_count;
    struct x_program *programs;
    unsigned programs_count;
    struct x_mptcp *mptcp;
    unsigned mptcp_count;
    struct x_workload *workloads;
    unsigned workloads_count;
    struct x_event *events;
    unsigned events_count;
};
struct x_claim {
    char *name, *kind, *metric, *than, *ratio, *min, *max, *by, *within, *quick;
    char **variants;
    unsigned variants_count;
};
struct x_figure {
    char *name, *script, *metric, *title, *xlabel, *ylabel, *scale, *reference, *relative_to, *mark,
        *logscale;
    char **variants;
    unsigned variants_count;
};
struct x_bench {
    char *name, *about, *metric, *variant, *over, *better, *threshold;
};
struct x_quick {
    char *repetitions;
    char **variants;
    unsigned variants_count;
};
struct x_calibrate {
    char *delay, *rate, *budget;
};

struct x_file {
    char *name, *title, *about, *paper, *topology, *family, *repetitions, *at_once, *time_limit,
        *bpf_stats;
    struct x_quick *quick;
    struct x_calibrate *calibrate;
    struct x_param *parameters;
    unsigned parameters_count;
    char **set; /* of the topology */
    unsigned set_count;
    struct x_program *programs;
    unsigned programs_count;
    struct x_mptcp *mptcp;
    unsigned mptcp_count;
    struct x_workload *workloads;
    unsigned workloads_count;
    struct x_event *events;
    unsigned events_count;
    struct x_capture *captures;
    unsigned captures_count;
    struct x_check *checks;
    unsigned checks_count;
    struct x_measure *measures;
    unsigned measures_count;
    struct x_sockets *sockets;
    unsigned sockets_count;
    struct x_metric *metrics;
    unsigned metrics_count;
    struct x_pair *pairs;
    unsigned pairs_count;
    struct x_variant *variants;
    unsigned variants_count;
    char **table; /* metrics of the table at the end */
    unsigned table_count;
    struct x_claim *claims;
    unsigned claims_count;
    struct x_figure *figures;
    unsigned figures_count;
    struct x_bench *bench;
    unsigned bench_count;
};

/* What the command line says about a run. */
struct experiment_options {
    bool quick;
    unsigned reps; /* 0: as the file says */
    char *const *variants;
    unsigned n_variants; /* 0: all */
    char *const
        *settings; /* KEY=VALUE: a parameter's name, or LINK.KEY / NODE.KEY of the topology */
    unsigned n_settings;
    int family; /* 0: as the file says, 4 or 6 */
};

enum event_kind { EVENT_LINK_SET, EVENT_LINK_STATE, EVENT_PROGRAM_SET, EVENT_RESET };

struct event {
    char *name; /* NULL: not a metric */
    enum event_kind kind;
    double at_s;
    unsigned link;    /* LINK_SET, LINK_STATE, RESET */
    unsigned node;    /* RESET: whose connections on that link are reset */
    bool dir[2];      /* LINK_SET: which directions, by enum link_dir */
    bool up;          /* LINK_STATE */
    unsigned program; /* PROGRAM_SET: index in programs */
    char **set;
    unsigned n_set;
};

struct program_use {
    unsigned node;
    char *program; /* as given: a name, or the path of an object */
    char *name;    /* of the program */
    char **set;
    unsigned n_set;
};

enum manager_kind { MANAGER_NONE, MANAGER_KERNEL, MANAGER_EBPF, MANAGER_MPTCPD };

/* Who manages the paths of a node's MPTCP connections. */
struct manager_use {
    unsigned node;
    enum manager_kind kind;
    char *policy; /* EBPF: the policy; MPTCPD: the plugin */
    int family;   /* EBPF: only addresses of AF_INET or AF_INET6; AF_UNSPEC: both */
    char **set;   /* KEY=VALUE for the policy or plugin */
    unsigned n_set;
    /* KERNEL; for MPTCPD with the plugin addr_adv, which uses the in-kernel manager, the limits */
    struct pm_endpoint endpoints[ENDPOINTS_MAX];
    unsigned n_endpoints;
    struct pm_limits limits;
};

/* As link: */
#define CAPTURE_ANY      UINT_MAX       /* every interface of the node, in one file */
#define CAPTURE_LOOPBACK (UINT_MAX - 1) /* its lo */

struct capture_point {
    char *point; /* "client:path1", "client:any" */
    unsigned node, link;
    char *filter;
    unsigned snaplen;
};

struct derived_metric {
    char *name, *unit, *value;
};

/* One variant with everything replaced, parsed and checked: what a repetition runs. */
struct variant {
    char *name, *about;
    int family; /* AF_INET or AF_INET6 */
    bool in_quick;
    bool bpf_stats; /* run-time statistics of the programs are on while it is driven */
    struct topology *topology;
    struct program_use *programs;
    unsigned n_programs;
    struct manager_use *managers; /* at most one for each node */
    unsigned n_managers;
    struct workload *workloads;
    unsigned n_workloads;
    struct event *events;
    unsigned n_events;
    struct capture_point *captures;
    unsigned n_captures;
    struct wire_check *checks;
    unsigned n_checks;
    struct measure *measures;
    unsigned n_measures;
    struct socket_watch *sockets;
    unsigned n_sockets;
    struct derived_metric *metrics;
    unsigned n_metrics;
    struct x_param *params; /* name and value as they are in this variant */
    unsigned n_params;
    bool *changes;   /* [n_links]: links that an event changes */
    double length_s; /* when the last client should have ended, for the time left */
};

/* What `bench` watches: a metric of a variant, or its ratio to that of another one. */
struct bench_metric {
    char *name, *about, *metric, *variant;
    char *over; /* the variant it is divided by, measured in the same run; NULL: none, and then
                   values of different machines do not compare */
    bool higher_is_better;
    double threshold; /* share: so much worse is a regression */
};

struct experiment {
    char *name, *title, *about, *file;
    char *paper; /* what the paper did; NULL: it is no experiment of the paper's */
    unsigned repetitions;
    unsigned at_once;    /* repetitions that may run at the same time */
    double time_limit_s; /* of one repetition */
    double tolerance_delay_ms, tolerance_rate;
    unsigned calibrate_ms;
    struct variant *variants; /* those that run, in the file's order */
    unsigned n_variants;
    struct pairing *pairings; /* those whose variant to compare with runs */
    unsigned n_pairings;
    struct claim *claims; /* a claim whose variants do not all run is left out and listed in
                             claims_left_out */
    unsigned n_claims;
    char **claims_left_out;
    unsigned n_claims_left_out;
    struct figure *figures;
    unsigned n_figures;
    char **table;
    unsigned n_table;
    struct bench_metric *bench;
    unsigned n_bench;
};

/*
 * Loads experiments/NAME.yaml (or a path) with the options applied. Errors (EXIT_USAGE) name file,
 * line, key, value and what is accepted. The caller frees with experiment_free (NULL is fine).
 */
int experiment_load(struct experiment **out, const char *name_or_path,
                    const struct experiment_options *o, struct err *e);
void experiment_free(struct experiment *x);
/* The path of the file: experiments/NAME.yaml, or the path itself where it has a slash or ends in
 * .yaml. The caller frees. NULL with an error that lists those there are. */
char *experiment_file(const char *name_or_path, struct err *e);
/* Prints to stdout what the file says about itself: parameters, variants, claims. */
int experiment_help(const char *name_or_path, struct err *e);

/* Name and title of each file in experiments/, sorted; fn gets a NULL title and the error where a
 * file does not load. */
int experiment_each(void (*fn)(const char *name, const char *title, const struct err *e, void *arg),
                    void *arg, struct err *e);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * eBPF programs as the testbed sees them: any object that the build embeds. What a program can be
 * told it declares itself, in BTF: const volatile struct NAME_config config    parameters, fixed
 * when it is loaded struct NAME_control control (.data)         parameters that may change while it
 * runs struct NAME_counters counters (.bss, per-cpu map, …) ring buffer map `events` Each field of
 * config and control carries PARAM("min", "max", "unit", "help") (a BTF declaration tag), or
 * PARAM_OF or PARAM_SET, whose values have names; the initial value is the default.
 */
#ifndef EXTCP_PROGRAM_H
#define EXTCP_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "connections.h"
#include "err.h"

struct statedir;

struct param_decl {
    char name[64];
    char type[32]; /* "u32", "bool", … */
    char help[160], unit[16];
    int64_t min, max, def;
    bool live; /* in control: may be changed while it runs */
    /* PARAM_OF and PARAM_SET: the names of an enum by value (NULL: none); of a set, the value has
     * the bit 1 << value of each that is in it. */
    char **names;
    unsigned n_names;
    bool is_set;
};

/* What is accepted, in words: "from 0 to 100 s", "none, reno, cubic", … Returns buf. */
const char *param_accepted(const struct param_decl *p, char *buf, size_t size);
/* A value as it is written in a setting (without the unit). Returns buf. */
const char *param_text(const struct param_decl *p, int64_t value, char *buf, size_t size);
#define PARAM_TEXT_SIZE 512

struct program_decl {
    const char *name, *source;
    struct param_decl *params;
    unsigned n_params;
    char **counters; /* names */
    unsigned n_counters;
    char help[256];
    /* What the values of its decisions are (connections.h): a unit, or words by value. */
    char unit[16];
    char **value_names;
    unsigned n_value_names;
    bool path_manager; /* from bpf/pm: run by `extcp pm`, not attached by an experiment */
};

/* "300 s", "vegas", "7"; to be printed. */
void program_value_text(const struct program_decl *d, int64_t value, char *buf, size_t size);

/* What an embedded program declares; needs no root. The caller frees. Unknown name: EXIT_USAGE, the
 * message lists the known ones. */
int program_declares(const char *name, struct program_decl **out, struct err *e);
void program_decl_free(struct program_decl *d);
/* Loads the smallest sock_ops program: 0, or why that cannot be done here. */
int program_probe(struct err *e);
/* libbpf and its version. */
const char *program_library(void);
/* Name of the i-th embedded program, or NULL. */
const char *program_name(unsigned i);
/* Is "KEY=VALUE" something the program takes? Errors name the program, key, value and what is
 * accepted. */
int program_check_setting(const char *name, const char *key_value, struct err *e);

struct program; /* loaded and attached to one cgroup */

/* Where a program goes. */
struct program_place {
    int cgroup_fd;
    /* Congestion controls are global in the kernel: here they are called NAME_TAG
     * (program_struct_ops.h). NULL: NAME. */
    const char *tag;
    struct statedir *state; /* what a crash could leave is noted here; may be NULL */
    bool plain_struct_ops;  /* for tests: as a kernel before 6.4 would do it */
    const char *pin_dir;    /* a directory in bpffs that keeps it attached (pins.h); may be NULL */
    const char *resize_map; /* a map of the program that gets map_entries in place of its own */
    uint32_t map_entries;   /* size; NULL: none */
};

/*
 * Loads with the settings ("KEY=VALUE") and attaches what is in the object: sock_ops, cgroup_skb,
 * cgroup/connect, cgroup/setsockopt and other cgroup programs with BPF_F_ALLOW_MULTI semantics
 * (bpf_link), and registers its struct_ops maps (congestion controls) for as long as it is
 * attached. On an error nothing stays. EXIT_USAGE where the
 * program is in effect on this cgroup already, whoever attached it.
 */
int program_attach(struct program **out, const char *name, char *const *settings,
                   unsigned n_settings, const struct program_place *place, struct err *e);
/* Changes a live parameter while it runs. */
int program_set(struct program *p, const char *key_value, struct err *e);
/* Counters by index as in the declaration. */
int program_counters(struct program *p, uint64_t *values, unsigned n, struct err *e);
/* BPF run-time statistics (bpf_enable_stats(BPF_STATS_RUN_TIME), Linux 5.8) of the whole machine,
 * on for as long as the descriptor that it returns is open; -errno. They cost two clock readings
 * a run. */
int program_stats_enable(struct err *e);
/* What they have counted of all the programs in the object so far. */
int program_run_stats(const struct program *p, uint64_t *run_ns, uint64_t *run_count,
                      struct err *e);
const struct program_decl *program_declaration(const struct program *p);
/* The loaded object, for maps and programs by name; it stays the program's. */
struct bpf_object;
struct bpf_object *program_object(const struct program *p);

/* Its live connections; none where it keeps no records of them. */
int program_connections(const struct program *p, connection_fn fn, void *arg, struct err *e);

struct program_event {
    uint64_t t_mono_ns; /* bpf_ktime_get_ns */
    uint64_t cookie;    /* socket cookie, 0: none */
    const char *type;   /* name of the enum value, e.g. "uto_adopted" */
    char text[192];     /* "local 10.0.0.1:5000 peer … value 5 s" */
    int64_t value;
};
/* epoll-able descriptor of the ring buffer, or -1; program_poll calls fn for everything that is
 * there, and does not wait. */
int program_events_fd(const struct program *p);
int program_poll(struct program *p, void (*fn)(const struct program_event *ev, void *arg),
                 void *arg);
/*
 * Starts what carries packets that the program hands to user space (carrier.h), until it is
 * detached; nothing where it hands none. ns_fd: the network namespace of its sockets, -1: the
 * caller's.
 */
int program_carry(struct program *p, int ns_fd, struct err *e);
/* Does it hand out packets? Then it does less without program_carry. */
bool program_wants_carrier(const struct program *p);
/* Detaches by closing (what is pinned stays), frees. NULL is fine. */
void program_detach(struct program *p);

#endif

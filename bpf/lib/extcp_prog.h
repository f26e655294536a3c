/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * What every eBPF program of extcp and its loader (harness/program.c) agree on. A program declares
 * in BTF what it takes and what it tells:
 *
 *   struct x_config { __u32 limit PARAM(1, 100, "s", "what it is"); };
 *   const volatile struct x_config config HELP("one line about the program") = {.limit = 10}; fixed
 * when it is loaded struct x_control { … } control = {…};          the same, but may change while
 * it runs struct x_counters { __u64 …; } counters;       only ever counted up enum event_type { …
 * }; EVENTS(event_type);     and extcp_event records in the ring buffer `events`
 */
#ifndef EXTCP_BPF_LIB_EXTCP_PROG_H
#define EXTCP_BPF_LIB_EXTCP_PROG_H

#include <linux/types.h>

#define EXTCP_NAME_SIZE 32

/* Filled in by the loader, so that a program can be recognised whoever attached it. */
struct extcp_identity {
    char program[EXTCP_NAME_SIZE]; /* "uto" */
    __u32 pid;                     /* of the process that attached it */
};

struct extcp_event {
    __u64 t_ns;   /* bpf_ktime_get_ns() */
    __u64 cookie; /* of the socket */
    __s64 value;
    __u32 type;                                 /* the program's enum event_type */
    __u16 family, local_port, remote_port, pad; /* ports in host order */
    __u8 local[16], remote[16];                 /* network order; the first 4 bytes for IPv4 */
};

/*
 * What became of a request: of the peer (an option asks for something) or of ours. X(enumerator,
 * outcome, reason in words); `extcp status` prints both.
 */
#define EXTCP_DECISIONS(X)                                                                         \
    X(none, "nothing asked", "")                                                                   \
    X(asked, "asked", "the peer does not say what it does")                                        \
    X(granted, "granted", "as asked")                                                              \
    X(bounded, "granted in part", "the policy has a limit")                                        \
    X(local, "granted", "our own value goes further")                                              \
    X(policy, "refused", "the policy does not allow it")                                           \
    X(unknown, "refused", "an unknown or reserved value")                                          \
    X(application, "refused", "the application has set its own")                                   \
    X(late, "refused", "too late for this connection")                                             \
    X(kernel, "refused", "the kernel did not take it")                                             \
    X(malformed, "refused", "a malformed or repeated option")                                      \
    X(window, "refused", "more than our window holds")                                             \
    X(unannounced, "refused", "the peer's SYN did not have the option")

enum extcp_decision {
#define X(name, outcome, reason) decided_##name,
    EXTCP_DECISIONS(X)
#undef X
        n_decisions
};

/* An event of this type says what was decided: value is what was granted. */
#define EXTCP_EVENT_DECISION 0x10000 /* + enum extcp_decision */

/* The beginning of the state of every connection, whatever the option (map `connections`). */
struct extcp_record {
    __u64 cookie;     /* of the socket */
    __u64 started_ns; /* bpf_ktime_get_ns() when it was established; 0: it is not yet */
    __u64 decided_ns; /* … when the decision changed last */
    __s64 asked, granted;
    __u32 changes;
    __u8 why;    /* enum extcp_decision */
    __u8 active; /* we opened the connection */
    __u16 pad;
};

/* What the iterator (bpf/iter/connections.bpf.c) writes for each. */
struct extcp_connection {
    struct extcp_record record;
    __u16 family, state, local_port, remote_port; /* TCP_ESTABLISHED …; ports in host order */
    __u8 local[16], remote[16];
};

#ifdef __bpf__
const volatile struct extcp_identity extcp_identity __attribute__((used));

/* min and max are plain integers; unit may be "". */
#define PARAM(min, max, unit, help)                                                                \
    __attribute__((btf_decl_tag("param:" #min ":" #max ":" unit ":" help)))
/* A value, or a set of values, with the names of an enum: enum cc { none, reno, cubic };
 * VALUES(cc); PARAM_OF(cc, "help") takes `x=cubic`, PARAM_SET(cc, "help") takes `x=reno+cubic` and
 * has the bits 1 << reno | 1 << cubic. */
#define PARAM_OF(enum_type, help)  __attribute__((btf_decl_tag("param-of:" #enum_type ":" help)))
#define PARAM_SET(enum_type, help) __attribute__((btf_decl_tag("param-set:" #enum_type ":" help)))
/* Keeps the names of the enum in BTF. */
#define VALUES(enum_type) enum enum_type extcp_values_##enum_type
#define HELP(text)        __attribute__((btf_decl_tag("help:" text)))
/* const volatile char NAME[16] STRUCT_OPS_NAME("vegas"): the loader puts in what the congestion
 * control is called here (harness/program_struct_ops.h). */
#define STRUCT_OPS_NAME(base) __attribute__((btf_decl_tag("struct_ops:" base)))
/* Keeps the names of the events in BTF. */
#define EVENTS(enum_type) enum enum_type extcp_event_names
#endif

#endif

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

struct extcp_event {
    __u64 t_ns;   /* bpf_ktime_get_ns() */
    __u64 cookie; /* of the socket */
    __s64 value;
    __u32 type;                                 /* the program's enum event_type */
    __u16 family, local_port, remote_port, pad; /* ports in host order */
    __u8 local[16], remote[16];                 /* network order; the first 4 bytes for IPv4 */
};

#ifdef __bpf__
/* min and max are plain integers; unit may be "". */
#define PARAM(min, max, unit, help)                                                                \
    __attribute__((btf_decl_tag("param:" #min ":" #max ":" unit ":" help)))
#define HELP(text) __attribute__((btf_decl_tag("help:" text)))
/* const volatile char NAME[16] STRUCT_OPS_NAME("vegas"): the loader puts in what the congestion
 * control is called here (harness/program_struct_ops.h). */
#define STRUCT_OPS_NAME(base) __attribute__((btf_decl_tag("struct_ops:" base)))
/* Keeps the names of the events in BTF. */
#define EVENTS(enum_type) enum enum_type extcp_event_names
#endif

#endif

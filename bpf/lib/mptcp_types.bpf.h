/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* The members of kernel structures that path managers read; CO-RE finds where they are. */
#ifndef EXTCP_BPF_LIB_MPTCP_TYPES_BPF_H
#define EXTCP_BPF_LIB_MPTCP_TYPES_BPF_H

#include <linux/bpf.h>
#include <stdbool.h>

#define CORE __attribute__((preserve_access_index))

struct in6_bytes {
    __u8 b[16];
};

struct kernfs_node {
    __u64 id;
} CORE;

struct cgroup {
    int level;
    struct kernfs_node *kn;
    struct cgroup *ancestors[0];
} CORE;

struct sock_cgroup_data {
    struct cgroup *cgroup;
} CORE;

struct sock_common {
    unsigned short skc_family;
    volatile unsigned char skc_state;
    __u32 skc_daddr, skc_rcv_saddr;
    __u16 skc_dport, skc_num;
    struct in6_bytes skc_v6_daddr, skc_v6_rcv_saddr;
} CORE;

struct sock {
    struct sock_common __sk_common;
    int sk_err;
    struct sock_cgroup_data sk_cgrp_data;
} CORE;

struct inet_sock {
    struct sock sk;
} CORE;

struct inet_connection_sock {
    struct inet_sock icsk_inet;
    void *icsk_ulp_data;
} CORE;

struct tcp_sock {
    struct inet_connection_sock inet_conn;
    bool is_mptcp;
} CORE;

struct mptcp_pm_data {
    bool server_side;
    __u8 pm_type; /* 0: the kernel's, 1: user space */
} CORE;

struct mptcp_sock {
    struct inet_connection_sock sk;
    __u32 token;
    bool fully_established;
    struct mptcp_pm_data pm;
} CORE;

struct mptcp_subflow_context {
    __u32 request_join : 1, mp_capable : 1, mp_join : 1, backup : 1, request_bkup : 1;
    __s16 local_id;
    __u8 remote_id;
    __u8 reset_seen : 1, reset_reason : 4;
    struct sock *conn; /* the struct mptcp_sock */
} CORE;

struct seq_file;
struct bpf_map;

struct bpf_iter_meta {
    struct seq_file *seq;
} CORE;

struct bpf_iter__tcp {
    struct bpf_iter_meta *meta;
    struct sock_common *sk_common;
} CORE;

#endif

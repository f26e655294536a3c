/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Reads the `connections` map of any option: one struct extcp_connection for each socket (bpf_iter
 * on socket storage, kernel 5.9). */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "extcp_prog.h"

#define AF_INET  2
#define AF_INET6 10

/* What is used of the kernel's types; CO-RE finds the real offsets. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct in6_addr {
    int unused;
};
struct sock_common {
    __u32 skc_daddr, skc_rcv_saddr;
    __u16 skc_dport, skc_num, skc_family;
    volatile unsigned char skc_state;
    struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
};
struct sock {
    struct sock_common __sk_common;
};
struct seq_file;
struct bpf_iter_meta {
    struct seq_file *seq;
};
struct bpf_iter__bpf_sk_storage_map {
    struct bpf_iter_meta *meta;
    struct bpf_map *map;
    struct sock *sk;
    void *value;
};
#pragma clang attribute pop

SEC("iter/bpf_sk_storage_map")
int each_connection(struct bpf_iter__bpf_sk_storage_map *ctx)
{
    struct sock *sk = ctx->sk;
    const struct extcp_record *r = ctx->value;
    struct extcp_connection c = {};

    if (!sk || !r) /* the end of the map */
        return 0;
    c.record = *r;
    c.family = sk->__sk_common.skc_family;
    c.state = sk->__sk_common.skc_state;
    c.local_port = sk->__sk_common.skc_num;
    c.remote_port = bpf_ntohs(sk->__sk_common.skc_dport);
    if (c.family == AF_INET) {
        __u32 a = sk->__sk_common.skc_rcv_saddr;
        __builtin_memcpy(c.local, &a, 4);
        a = sk->__sk_common.skc_daddr;
        __builtin_memcpy(c.remote, &a, 4);
    } else if (c.family == AF_INET6) {
        bpf_probe_read_kernel(c.local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
        bpf_probe_read_kernel(c.remote, 16, &sk->__sk_common.skc_v6_daddr);
    }
    bpf_seq_write(ctx->meta->seq, &c, sizeof(c));
    return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";

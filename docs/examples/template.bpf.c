/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* A TCP option to start from (docs/write-an-option.md): one number in the SYN and in the SYN-ACK.
 */
#include "extcp_prog.h"

/* 1. What it looks like: kind, length, ExID (RFC 6994), and so many bytes of data. */
#define OPT_KIND     254
#define OPT_EXID     0xE8CF /* for experiments on networks of your own: it is not registered */
#define OPT_MAX_DATA 2

/* 2. What is remembered of each connection. */
struct opt_conn {
    __u16 peer; /* what the peer has sent */
};

#include "tcpopt.bpf.h"

/* 3. What it can be told, what it counts, and what it tells. */
struct template_config {
    __u32 value PARAM(0, 65535, "", "what is sent; 0: the option is not");
};
const volatile struct template_config config HELP("a template: sends a number") = {.value = 7};

struct template_counters {
    TCPOPT_COUNTERS;
} counters;

enum event_type { template_received };
EVENTS(event_type);

/* 4. On which segments it is, and with how many bytes of data; -1: not on this one. */
static __always_inline int opt_length(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                      enum segment on)
{
    return config.value && on != ON_DATA ? 2 : -1;
}

/* 5. The data. */
static __always_inline void opt_write(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                      enum segment on, __u8 *data)
{
    data[0] = config.value >> 8;
    data[1] = config.value & 0xff;
}

/* 6. The peer's has come. */
static __always_inline void opt_received(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                         enum segment on, const __u8 *data, int len)
{
    __u16 value = data[0] << 8 | data[1];

    if (len != 2) { /* whatever is not as it must be changes nothing, and is counted */
        COUNT(malformed);
        return;
    }
    if (value == c->opt.peer)
        return; /* said again */
    c->opt.peer = value;
    emit(ctx, template_received, value);
}

/* 7. The handshake is complete: what it carried has been received. */
static __always_inline void opt_established(struct bpf_sock_ops *ctx, struct tcpopt_conn *c)
{
}

#include "tcpopt_main.bpf.h"

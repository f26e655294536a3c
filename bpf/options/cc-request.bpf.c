/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * Congestion control request: the client asks, in its SYN, for the congestion control that the
 * server is to use on this connection. The server sets it (TCP_CONGESTION) where its policy allows.
 * Kind 254, length 5, our ExID, one byte: an id of cc_algorithms.h.
 */
#include "cc_algorithms.h"
#include "extcp_prog.h"

#define OPT_KIND     254
#define OPT_EXID     EXID_CC_REQUEST
#define OPT_MAX_DATA 1
#define OPT_VALUES   "cc_algorithm"

enum cc_algorithm {
    none,
#define X(id, name) name = id,
    CC_ALGORITHMS(X)
#undef X
};

struct opt_conn {
    __u8 opener;  /* we opened the connection, so it is we who ask */
    __u8 decided; /* the peer's request: a connection may ask once */
    __u8 asked;   /* by us or by the peer */
};

#define OPT_WRITES (control.ask != 0) /* a server that only has a policy writes nothing */

#include "tcpopt.bpf.h"

#define TCP_CONGESTION 13
#define NAME_SIZE      16 /* TCP_CA_NAME_MAX */

VALUES(cc_algorithm);

struct cc_config {
    __u32 allow PARAM_SET(cc_algorithm, "the policy: what a peer may ask us for");
};
const volatile struct cc_config config
    HELP("congestion control request: the client asks in its SYN for the server's algorithm") = {
        .allow = 1 << reno | 1 << cubic,
};

struct cc_control {
    __u32 ask PARAM_OF(cc_algorithm, "what connections ask their server for; none: nothing");
};
struct cc_control control SEC(".data") = {.ask = none}; /* zero would make it .bss */

struct cc_counters {
    TCPOPT_COUNTERS;
    __u64 granted;
    __u64 refused;    /* by the policy */
    __u64 unknown;    /* an id that is not in the table */
    __u64 kernel;     /* allowed, but the kernel has no such algorithm (vegas: is it attached?) */
    __u64 late;       /* first asked for after the handshake */
    __u64 again;      /* another one on the same connection */
    __u64 wrong_side; /* from the side that did not open the connection */
} counters;

enum event_type { cc_asked, cc_granted, cc_refused };
EVENTS(event_type);

/* What our own program `vegas` is called here; the others have the kernel's names. */
const volatile char vegas_name[NAME_SIZE] STRUCT_OPS_NAME("vegas");

static __always_inline void name_of(__u32 id, char name[NAME_SIZE])
{
    __builtin_memset(name, 0, NAME_SIZE);
#define X(number, algorithm)                                                                       \
    if (id == (number))                                                                            \
        __builtin_memcpy(name, #algorithm, sizeof(#algorithm));
    CC_ALGORITHMS(X)
#undef X
    if (id == vegas)
        for (int i = 0; i < NAME_SIZE; i++)
            name[i] = vegas_name[i];
}

static __always_inline bool same_name(const char a[NAME_SIZE], const char b[NAME_SIZE])
{
    for (int i = 0; i < NAME_SIZE; i++) {
        if (a[i] != b[i])
            return false;
        if (!a[i])
            return true;
    }
    return true;
}

/* What the socket uses now, `none` where that is not in the table. */
static __always_inline __u32 in_use(struct bpf_sock_ops *ctx)
{
    char now[NAME_SIZE] = {0}, name[NAME_SIZE];

    if (bpf_getsockopt(ctx, SOL_TCP, TCP_CONGESTION, now, sizeof(now)))
        return none;
#define X(id, algorithm)                                                                           \
    name_of(id, name);                                                                             \
    if (same_name(now, name))                                                                      \
        return id;
    CC_ALGORITHMS(X)
#undef X
    return none;
}

/* Only the side that opens the connection asks; the first segments after the handshake say what the
 * SYN said, whatever `ask` is by then. */
static __always_inline int opt_length(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                      enum segment on)
{
    if (!c || (on != ON_SYN && on != ON_FIRST))
        return -1;
    if (on == ON_SYN) {
        c->opt.opener = 1;
        c->opt.asked = control.ask;
    }
    return c->opt.opener && c->opt.asked ? 1 : -1;
}

static __always_inline void opt_write(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                      enum segment on, __u8 *data)
{
    if (c)
        data[0] = c->opt.asked;
}

static __always_inline bool known(__u32 id)
{
#define X(number, algorithm)                                                                       \
    if (id == (number))                                                                            \
        return true;
    CC_ALGORITHMS(X)
#undef X
    return false;
}

static __always_inline enum extcp_decision decide(struct bpf_sock_ops *ctx, __u32 id,
                                                  enum segment on)
{
    char name[NAME_SIZE];

    if (on == ON_DATA) { /* RFC 6994: the SYN has to have it */
        COUNT(late);
        return decided_late;
    }
    if (!known(id)) {
        COUNT(unknown);
        return decided_unknown;
    }
    if (!(config.allow & 1u << (id & 31))) {
        COUNT(refused);
        return decided_policy;
    }
    name_of(id, name);
    if (bpf_setsockopt(ctx, SOL_TCP, TCP_CONGESTION, name, sizeof(name))) {
        COUNT(kernel);
        return decided_kernel;
    }
    COUNT(granted);
    return decided_granted;
}

static __always_inline void opt_received(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                         enum segment on, const __u8 *data, int len)
{
    enum extcp_decision why;
    __u32 id = data[0];

    if (len != 1) {
        COUNT(malformed);
        return;
    }
    if (c->record.active) {
        COUNT(wrong_side);
        return;
    }
    if (c->opt.decided) { /* said again in case of a SYN cookie; another one is no request */
        if (id != c->opt.asked)
            COUNT(again);
        return;
    }
    c->opt.decided = 1;
    c->opt.asked = id;
    emit(ctx, cc_asked, id);
    why = decide(ctx, id, on);
    emit(ctx, why == decided_granted ? cc_granted : cc_refused, id);
    tcpopt_decide(ctx, c, id, in_use(ctx), why);
}

static __always_inline void opt_established(struct bpf_sock_ops *ctx, struct tcpopt_conn *c)
{
    if (c->opt.opener && c->opt.asked)
        tcpopt_decide(ctx, c, c->opt.asked, none, decided_asked);
}

#include "tcpopt_main.bpf.h"

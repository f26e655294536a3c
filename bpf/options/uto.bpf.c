/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/*
 * The User Timeout option, RFC 5482: each side tells the other how long it is willing to wait for
 * acknowledgements, and both adopt USER_TIMEOUT = min(U_LIMIT, max(ADV_UTO, REMOTE_UTO, L_LIMIT))
 * (section 3.1) as the kernel's TCP_USER_TIMEOUT, unless the application has set its own
 * (CHANGEABLE is false then).
 */
#include "extcp_prog.h"

#define OPT_KIND     28
#define OPT_MAX_DATA 2
#define OPT_UNIT     "s"
#define UTO_MINUTES  0x8000 /* G: the granularity */
#define UTO_MAX      0x7fff

struct opt_conn {
    __u32 remote_s;     /* REMOTE_UTO, 0: none came */
    __u32 adopted_s;    /* what we set last, 0: nothing */
    __u32 advertised_s; /* what the peer was told last */
    __u8 not_changeable;
    __u8 waiting; /* for the handshake's end, to adopt */
};

#include "tcpopt.bpf.h"

struct uto_config {
    __u32 enabled PARAM(0, 1, "", "ENABLED: the option is sent and obeyed");
    __u32 changeable PARAM(0, 1, "", "CHANGEABLE: the peer's value may change ours");
    __u32 l_limit_s
        PARAM(1, 1966020, "s",
              "L_LIMIT: never less (RFC 5482 wants at least 100 s; an experiment may lower it)");
    __u32 u_limit_s PARAM(1, 1966020, "s", "U_LIMIT: never more, whatever the peer asks for");
    __u32 minutes PARAM(0, 1, "", "advertise in minutes (G = 1) even where seconds would do");
};
const volatile struct uto_config config
    HELP("User Timeout option (RFC 5482): both sides adopt the longer of the two timeouts") = {
        .enabled = 1,
        .changeable = 1,
        .l_limit_s = 100,
        .u_limit_s = 3600,
};

struct uto_control {
    __u32 adv_uto_s PARAM(0, 1966020, "s",
                          "ADV_UTO: the value that is advertised; 0: none is sent");
};
struct uto_control control = {.adv_uto_s = 300};

struct uto_counters {
    TCPOPT_COUNTERS;
    __u64 zero, adopted, bounded, app_set, refused;
} counters;

enum event_type { uto_received, uto_adopted, uto_app_set };
EVENTS(event_type);

/* Section 4.2: keep-alives must not close the connection before the timeout does, those that the
 * application switches on later neither. 32767 s is the most the kernel takes. */
static __always_inline void keep_alive_longer(struct bpf_sock_ops *ctx, __u32 s)
{
    int idle = 0;

    if (!bpf_getsockopt(ctx, SOL_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)) && idle <= (int)s &&
        s < UTO_MAX) {
        idle = s + 1;
        bpf_setsockopt(ctx, SOL_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    }
}

static __always_inline void adopt(struct bpf_sock_ops *ctx, struct tcpopt_conn *c)
{
    __u32 s = control.adv_uto_s, now_ms = c->opt.adopted_s * 1000, ms, remote = c->opt.remote_s;
    enum extcp_decision why = decided_granted;

    if (s > remote)
        why = decided_local;
    else
        s = remote;
    if (s < config.l_limit_s) {
        s = config.l_limit_s;
        why = decided_bounded;
    }
    if (s > config.u_limit_s) {
        s = config.u_limit_s;
        why = decided_bounded;
        COUNT(bounded);
    }
    if (s == c->opt.adopted_s) {
        tcpopt_decide(ctx, c, remote, s, why);
        return;
    }
    /* Another value than ours was set by the application. Kernels that cannot tell say -EINVAL. */
    if (!c->opt.not_changeable &&
        !bpf_getsockopt(ctx, SOL_TCP, TCP_USER_TIMEOUT, &now_ms, sizeof(now_ms)) &&
        now_ms != c->opt.adopted_s * 1000) {
        c->opt.not_changeable = 1;
        COUNT(app_set);
        emit(ctx, uto_app_set, now_ms / 1000);
    }
    if (c->opt.not_changeable || !config.changeable) {
        COUNT(refused);
        tcpopt_decide(ctx, c, remote, now_ms / 1000,
                      c->opt.not_changeable ? decided_application : decided_policy);
        return;
    }
    ms = s * 1000;
    if (bpf_setsockopt(ctx, SOL_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms))) {
        tcpopt_decide(ctx, c, remote, now_ms / 1000, decided_kernel);
        return;
    }
    c->opt.adopted_s = s;
    COUNT(adopted);
    emit(ctx, uto_adopted, s);
    tcpopt_decide(ctx, c, remote, s, why);
    keep_alive_longer(ctx, s);
}

static __always_inline int opt_length(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                      enum segment on)
{
    if (c && c->established && c->opt.advertised_s != control.adv_uto_s)
        tcpopt_resend(c); /* it was changed while the connection lives */
    if (c && c->opt.waiting && ctx->state != BPF_TCP_SYN_RECV) {
        c->opt.waiting = 0;
        adopt(ctx, c);
    }
    return config.enabled && control.adv_uto_s ? 2 : -1;
}

static __always_inline void opt_write(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                      enum segment on, __u8 *data)
{
    __u32 s = control.adv_uto_s;
    __u16 v = s;

    if (config.minutes || s > UTO_MAX)
        v = UTO_MINUTES | (s + 59) / 60;
    data[0] = v >> 8;
    data[1] = v & 0xff;
    if (!c || c->opt.advertised_s == s)
        return;
    c->opt.advertised_s = s;
    if (c->established && c->opt.remote_s)
        adopt(ctx, c);
}

static __always_inline void opt_received(struct bpf_sock_ops *ctx, struct tcpopt_conn *c,
                                         enum segment on, const __u8 *data, int len)
{
    __u16 v = data[0] << 8 | data[1];
    __u32 s = (v & UTO_MAX) * (v & UTO_MINUTES ? 60 : 1);

    if (!config.enabled)
        return;
    if (len != 2) {
        COUNT(malformed);
        tcpopt_decide(ctx, c, 0, c->opt.adopted_s, decided_malformed);
        return;
    }
    if (!s) { /* reserved: to be ignored */
        COUNT(zero);
        tcpopt_decide(ctx, c, 0, c->opt.adopted_s, decided_unknown);
        return;
    }
    if (s == c->opt.remote_s)
        return; /* said again */
    emit(ctx, uto_received, s);
    c->opt.remote_s = s;
    /* During the handshake opt_established does it: only synchronised states adopt. */
    if (on == ON_DATA) {
        __u32 before = c->opt.adopted_s;
        adopt(ctx, c);
        if (c->opt.adopted_s != before)
            tcpopt_resend(c); /* section 3: say so when a new timeout is used */
    }
}

static __always_inline void opt_established(struct bpf_sock_ops *ctx, struct tcpopt_conn *c)
{
    c->opt.advertised_s = control.adv_uto_s;
    if (!config.enabled || !c->opt.remote_s)
        return;
    /* A server's connection with Fast Open is there from the SYN on: it adopts when it is
     * synchronised, with the next segment that it sends. */
    if (ctx->skb_tcp_flags & TCPHDR_SYN && !(ctx->skb_tcp_flags & TCPHDR_ACK))
        c->opt.waiting = 1;
    else
        adopt(ctx, c);
}

#include "tcpopt_main.bpf.h"

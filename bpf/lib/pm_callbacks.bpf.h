/* SPDX-License-Identifier: (BSD-2-Clause OR GPL-2.0-only) */
/* Calls the policy's callbacks, those that there are. An argument that no callback uses has to be
 * passed all the same: the verifier looks at it. */
#define PM_USED(x) asm volatile("" : : "r"(x))

__noinline int pm_call_established(struct pm_conn *c)
{
    PM_USED(c);
    if (c && policy.established)
        policy.established(c);
    return 0;
}

__noinline int pm_call_announced(struct pm_conn *c, __u32 remote)
{
    PM_USED(c);
    PM_USED(remote);
    if (c && policy.announced)
        policy.announced(c, remote);
    return 0;
}

__noinline int pm_call_withdrawn(struct pm_conn *c, __u32 remote)
{
    PM_USED(c);
    PM_USED(remote);
    if (c && policy.withdrawn)
        policy.withdrawn(c, remote);
    return 0;
}

__noinline int pm_call_subflow_closed(struct pm_conn *c, struct pm_subflow *s)
{
    PM_USED(c);
    PM_USED(s);
    if (c && s && policy.subflow_closed)
        policy.subflow_closed(c, s);
    return 0;
}

__noinline int pm_call_local_up(struct pm_conn *c, __u32 local)
{
    PM_USED(c);
    PM_USED(local);
    if (c && policy.local_up)
        policy.local_up(c, local);
    return 0;
}

__noinline int pm_call_local_down(struct pm_conn *c, __u32 local)
{
    PM_USED(c);
    PM_USED(local);
    if (c && policy.local_down)
        policy.local_down(c, local);
    return 0;
}

__noinline int pm_call_result(struct pm_conn *c, const struct pm_command *m, int error)
{
    PM_USED(c);
    PM_USED(m);
    PM_USED(error);
    if (c && m && policy.result)
        policy.result(c, m, error);
    return 0;
}

__noinline int pm_call_closed(struct pm_conn *c)
{
    PM_USED(c);
    if (c && policy.closed)
        policy.closed(c);
    return 0;
}

__noinline int pm_call_subflow_established(struct bpf_sock_ops *ctx, struct pm_conn *c,
                                           struct pm_subflow *s)
{
    PM_USED(ctx);
    PM_USED(c);
    PM_USED(s);
    if (c && s && policy.subflow_established)
        policy.subflow_established(ctx, c, s);
    return 0;
}

__noinline int pm_call_rtt(struct bpf_sock_ops *ctx, struct pm_conn *c, struct pm_subflow *s)
{
    PM_USED(ctx);
    PM_USED(c);
    PM_USED(s);
    if (c && s && policy.rtt)
        policy.rtt(ctx, c, s);
    return 0;
}

__noinline int pm_call_loss(struct bpf_sock_ops *ctx, struct pm_conn *c, struct pm_subflow *s)
{
    PM_USED(ctx);
    PM_USED(c);
    PM_USED(s);
    if (c && s && policy.loss)
        policy.loss(ctx, c, s);
    return 0;
}

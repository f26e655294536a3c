/* SPDX-License-Identifier: BSD-2-Clause */
#include "measure.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

static const struct measure_kind kinds[] = {
    {"rtt", measure_rtt, true, "round-trip time, from a data segment to the ACK that covers it"},
    {"acks", measure_acks, true, "data segments, pure ACKs, segments per ACK"},
    {"initial_window", measure_initial_window, true,
     "new data before the first ACK of data comes back, per connection"},
    {"goodput", measure_goodput, true, "unique payload over the time from first to last data"},
    {"mptcp_join", measure_mptcp_join, false,
     "from the completed MP_CAPABLE handshake to the first MP_JOIN SYN, per connection"},
    {"mptcp_rejoin", measure_mptcp_rejoin, false,
     "from a subflow's reset to the next MP_JOIN SYN on its addresses"},
    {"mptcp_subflows", measure_mptcp_subflows, false, "subflows, and what they carry"},
    {"gap", measure_gap, false, "the longest time without new data in order"},
};

const struct measure_kind *measure_kind_at(unsigned i)
{
    return i < ARRAY_SIZE(kinds) ? &kinds[i] : NULL;
}

const struct measure_kind *measure_kind_find(const char *name)
{
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
        if (!strcmp(kinds[i].name, name))
            return &kinds[i];
    return NULL;
}

int measure_validate(const struct measure *m, struct err *e)
{
    if (!m->name || !*m->name)
        return err_usage(e, -EINVAL, "measure without a name");
    if (m->kind->needs_from && !m->from)
        return err_usage(e, -EINVAL,
                         "measure '%s': kind %s needs `from:`, the node that sends the data",
                         m->name, m->kind->name);
    return 0;
}

int measure_run(const struct measure_input *in, struct err *e)
{
    int rc = in->m->kind->run(in, e);

    return rc ? err_prefix(e, "measure '%s'", in->m->name) : 0;
}

void measure_metric(const struct measure_input *in, const char *what, const char *unit,
                    double value)
{
    char name[256];

    snprintf(name, sizeof(name), "%s.%s", in->m->name, what);
    in->metric(name, unit, value, in->arg);
}

void measure_series(const struct measure_input *in, uint64_t t_ns, double value)
{
    in->series(in->m->name, (double)(int64_t)(t_ns - in->t0_real_ns) / 1e9, value, in->arg);
}

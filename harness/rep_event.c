/* SPDX-License-Identifier: BSD-2-Clause */
/* What happens on a repetition's timeline: links, live parameters, connections that are reset. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "program.h"
#include "readout.h"
#include "rep.h"
#include "sockdiag.h"
#include "testbed.h"
#include "util.h"

static int reset_connections(struct rep *r, const struct event *ev, struct err *e)
{
    const struct topology *t = testbed_topology(r->tb);
    const char *node = t->nodes[ev->node].name, *link = t->links[ev->link].name;
    const struct topo_addr *a = topology_addr(t, ev->node, (int)ev->link, r->job->v->family);
    unsigned n;
    int rc = sockdiag_reset(testbed_ns_fd(r->tb, ev->node), a->family, &a->v6, &n);

    if (rc)
        return err_broke(e, rc, "%s: cannot reset the connections on link %s (SOCK_DESTROY): %s",
                         node, link, strerror(-rc));
    log_line("%s: %u connections on link %s reset", node, n, link);
    return 0;
}

int rep_event(struct rep *r, const struct event *ev, struct err *e)
{
    const struct topology *t = testbed_topology(r->tb);
    int rc = 0;

    if (ev->kind == EVENT_LINK_STATE) {
        rc = testbed_link_up(r->tb, ev->link, ev->up, e);
    } else if (ev->kind == EVENT_RESET) {
        rc = reset_connections(r, ev, e);
    } else if (ev->kind == EVENT_PROGRAM_SET) {
        for (unsigned k = 0; !rc && k < ev->n_set; k++)
            rc = program_set(r->programs[ev->program], ev->set[k], e);
    } else {
        for (unsigned d = 0; !rc && d < 2; d++) {
            struct impairment *now = &r->current[2 * ev->link + d];
            if (!ev->dir[d])
                continue;
            for (unsigned k = 0; !rc && k < ev->n_set; k++) {
                char *eq = strchr(ev->set[k], '='), *key = xstrdup(ev->set[k]);
                key[eq - ev->set[k]] = '\0';
                rc = impairment_set(now, key, eq + 1, e);
                free(key);
            }
            if (!rc)
                rc = linkemu_change(testbed_linkemu(r->tb), ev->link, d, now, e);
        }
    }
    if (!rc && ev->name) {
        char metric[128];
        snprintf(metric, sizeof(metric), "event.%s_s", ev->name);
        readout_metric(metric, "s", (double)(now_real_ns() - r->t0_real_ns) / 1e9, r);
    }
    log_line("event %s%s%s", ev->name ? ev->name : "",
             ev->kind == EVENT_PROGRAM_SET ? "" : " on link ",
             ev->kind == EVENT_PROGRAM_SET ? "" : t->links[ev->link].name);
    return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
#include "watch.h"

#include <stdlib.h>

#include "readout.h"
#include "sockdiag.h"
#include "testbed.h"
#include "util.h"

int watches_start(struct rep *r, struct err *e)
{
    const struct variant *v = r->job->v;
    int rc = 0;

    r->sockets = xcalloc(v->n_sockets, sizeof(*r->sockets));
    for (unsigned i = 0; !rc && i < v->n_sockets; i++) {
        char tag[TESTBED_TAG_SIZE];
        testbed_tag(r->tb, v->sockets[i].node, tag);
        rc = sockdiag_start(&r->sockets[i], testbed_ns_fd(r->tb, v->sockets[i].node),
                            &v->sockets[i], tag, e);
    }
    return rc;
}

int watches_stop(struct rep *r, bool report, struct err *e)
{
    int rc = 0;

    for (unsigned i = 0; r->sockets && i < r->job->v->n_sockets; i++) {
        struct err one = ERR_INIT;
        if (sockdiag_stop(r->sockets[i], r->t0_mono_ns, report ? readout_metric : NULL,
                          readout_series, r, &one) &&
            !rc) {
            rc = one.code;
            if (e)
                *e = one;
        }
    }
    free(r->sockets);
    r->sockets = NULL;
    return rc;
}

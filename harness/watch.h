/* SPDX-License-Identifier: BSD-2-Clause */
/* The sockets that a repetition watches (`sockets:` of an experiment; sockdiag.h samples them). */
#ifndef EXTCP_WATCH_H
#define EXTCP_WATCH_H

#include "rep.h"

int watches_start(struct rep *r, struct err *e);
/* Ends the sampling and, where the repetition went well, hands out what was seen. e may be NULL. */
int watches_stop(struct rep *r, bool report, struct err *e);

#endif

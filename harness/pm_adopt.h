/* SPDX-License-Identifier: BSD-2-Clause */
/* Connections that were there before the daemon, or that it lost sight of. */
#ifndef EXTCP_PM_ADOPT_H
#define EXTCP_PM_ADOPT_H

#include <stdbool.h>

#include "err.h"

struct pm;

/* How far below the root of cgroup v2 the directory is. EXIT_USAGE where it is none of cgroup v2.
 */
int pm_cgroup_level(const char *path, unsigned *level, struct err *e);
/* Asks which address ids the connections that are there use: an id must not change under them. */
int pm_learn_ids(struct pm *p, struct err *e);
/* Takes over the connections that are there and not known; sweep: and forgets the known ones that
 * are not there any more. */
int pm_adopt(struct pm *p, bool sweep, struct err *e);

#endif

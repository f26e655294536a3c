/* SPDX-License-Identifier: BSD-2-Clause */
/* What a result must say about the machine it was made on. */
#ifndef EXTCP_METADATA_H
#define EXTCP_METADATA_H

#include <jansson.h>

/*
 * git revision (and whether the tree was changed), kernel, distribution, processor, load, tool and
 * library versions, and the sysctls that matter to TCP. What cannot be found out is null. New
 * reference.
 */
json_t *metadata_collect(void);

#endif

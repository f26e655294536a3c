/* SPDX-License-Identifier: BSD-2-Clause */
/* run.json (docs/results.md is the contract). */
#ifndef EXTCP_REPORT_JSON_H
#define EXTCP_REPORT_JSON_H

#include "run.h"

/* New reference. */
json_t *report_json(const struct run *run, int status);

#endif

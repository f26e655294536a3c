/* SPDX-License-Identifier: BSD-2-Clause */
/* run.json (docs/results.md is the contract). */
#ifndef EXTCP_REPORT_JSON_H
#define EXTCP_REPORT_JSON_H

#include "run.h"

/* New reference. */
json_t *report_json(const struct run *run, int status);

/* Each kind of wire check of each variant once: [{variant, name, n, passed, example}], where
 * `example` is a check as a repetition has it, one that failed where there is one. repetitions: as
 * in run.json. New reference. */
json_t *report_checks(const json_t *repetitions);

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys of an experiment file, for libcyaml. */
#ifndef EXTCP_EXPERIMENT_SCHEMA_H
#define EXTCP_EXPERIMENT_SCHEMA_H

#include <cyaml/cyaml.h>

extern const cyaml_schema_value_t experiment_schema; /* of struct x_file */

#endif

/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * YAML files with errors a person can act on: libcyaml loads them into structs; before that the
 * file is checked against the same schema with libyaml, which knows the line of everything. Used
 * for topologies and experiments.
 */
#ifndef EXTCP_YAMLFILE_H
#define EXTCP_YAMLFILE_H

#include <cyaml/cyaml.h>

#include "err.h"

struct yamlfile; /* the positions of everything in a file */

/*
 * Loads PATH. Errors (EXIT_USAGE): "FILE:LINE: KEY: what is wrong; accepted: …". Scalars in the
 * schema should be strings: their owner checks them and uses yamlfile_err. The caller frees *data
 * with yamlfile_data_free and *pos with yamlfile_free.
 */
int yamlfile_load(const char *path, const cyaml_schema_value_t *schema, cyaml_data_t **data,
                  struct yamlfile **pos, struct err *e);
void yamlfile_data_free(const cyaml_schema_value_t *schema, cyaml_data_t *data);
void yamlfile_free(struct yamlfile *pos);

/* 1-based line of "links[2].rate", or of its nearest parent that is in the file. */
int yamlfile_line(const struct yamlfile *pos, const char *path);
/* Error "FILE:LINE: PATH: text" with EXIT_USAGE. Returns -EINVAL. */
int yamlfile_err(struct err *e, const struct yamlfile *pos, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

#endif

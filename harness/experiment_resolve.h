/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside experiment loading: from the text of a file to one variant. */
#ifndef EXTCP_EXPERIMENT_RESOLVE_H
#define EXTCP_EXPERIMENT_RESOLVE_H

#include "experiment.h"
#include "yamlfile.h"

struct resolve {
    const struct x_file *x;
    const struct yamlfile *pos;
    const struct experiment_options *o;
    struct x_param *params; /* name, value: of the variant that is being resolved, or the file's */
    unsigned n_params;
    struct err *e;
};

/* The parameters: the file's values, `quick` ones when asked for, then the command line's, then the
 * variant's (NULL: none). */
int resolve_params(struct resolve *r, unsigned variant_index, const struct x_variant *xv,
                   struct x_param **out);
void resolve_params_free(struct x_param *params, unsigned n);

/*
 * Readers of one field. path: where in the file ("workloads[1]"), key: the member; raw: its text or
 * NULL (then *out gets def or stays). They replace ${...}, check, and give an error with file and
 * line.
 */
int field_text(struct resolve *r, const char *path, const char *key, const char *raw, char **out);
int field_double(struct resolve *r, const char *path, const char *key, const char *raw, double min,
                 double max, double *out);
int field_unsigned(struct resolve *r, const char *path, const char *key, const char *raw,
                   uint64_t min, uint64_t max, uint64_t *out);
int field_bool(struct resolve *r, const char *path, const char *key, const char *raw, bool *out);
int field_error(struct resolve *r, const char *path, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* A list of texts, each replaced. */
int field_list(struct resolve *r, const char *path, const char *key, char *const *raw, unsigned n,
               char ***out, unsigned *n_out);
void list_free(char **list, unsigned n);

/* Names: each fits where it is used, is there once, and is that of something (experiment_names.c).
 */
int experiment_check_names(struct resolve *r);
/* The file has each of these variants; key is the member of path that names them. */
int variants_exist(struct resolve *r, const char *path, const char *key, char *const *names,
                   unsigned n);
bool variant_exists(const struct x_file *x, const char *name);
/* "a, b, c" of the variants' names, in buf, for messages. */
const char *variant_names(const struct x_file *x, char *buf, size_t size);
/* The index of a node or link of the topology; the error lists those there are. */
int field_node(struct resolve *r, const struct topology *t, const char *path, const char *key,
               const char *name, unsigned *node);
int field_link(struct resolve *r, const struct topology *t, const char *path, const char *key,
               const char *name, unsigned *link);

/* A point that is captured. */
int field_point(struct resolve *r, const char *where, const struct variant *v, const char *point);
/* Is it for this variant? An empty list is for all. */
bool variant_listed(char *const *variants, unsigned n, const char *name);
/* The node's addresses of the family, comma separated. The caller frees. */
char *field_addresses(const struct topology *t, unsigned node, int family);

/* `measures:` and `sockets:` (experiment_measures.c); the variant's captures must be there. */
int resolve_measures(struct resolve *r, struct variant *v);
int resolve_sockets(struct resolve *r, struct variant *v);
void measures_free(struct variant *v);

/* `bench:` (experiment_bench.c). */
int resolve_bench(struct resolve *r, struct experiment *x);
void bench_metrics_free(struct bench_metric *m, unsigned n);

/* The path managers (`mptcp:`): the file's, each replaced where the variant has one for the node.
 */
int resolve_managers(struct resolve *r, const char *path, const struct x_variant *xv,
                     struct variant *v);
void managers_free(struct manager_use *m, unsigned n);

/* `checks:` (experiment_checks.c); captures must be there. */
int resolve_checks(struct resolve *r, struct variant *v);
void checks_free(struct variant *v);

/* Fills v from the file's variant number i. On an error, v is to be freed with variant_free all the
 * same. */
int variant_resolve(struct resolve *r, unsigned i, struct variant *v);
void variant_free(struct variant *v);

#endif

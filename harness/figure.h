/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures: gnuplot scripts in plots/ that read only the CSV files of a run. */
#ifndef EXTCP_FIGURE_H
#define EXTCP_FIGURE_H

#include "err.h"
#include <stdbool.h>

#include "results.h"

/* Strings belong to whoever filled it in. */
struct figure {
    char *name;   /* file name without ending */
    char *script; /* plots/<script>.gp: interval, box, series, cdf, … */
    char *metric; /* or series */
    char *title, *xlabel, *ylabel;
    double scale;           /* values are multiplied by this, default 1 */
    char *reference_metric; /* drawn as the expected value, or NULL */
    char **variants;
    unsigned n_variants; /* 0: all */
    bool logscale;
};

/* Writes the CSV that the script reads into DIR/figures/, runs gnuplot for .svg and .png, checks
 * that both came out. */
int figure_draw(const struct figure *f, const struct results *r, const char *dir, struct err *e);

#endif

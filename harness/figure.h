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
    char *script; /* plots/<script>.gp: interval, box, cdf, series */
    char *metric; /* or series (scripts series, and cdf where no metric has the name): a name in
                     DIR/series.csv */
    char *title, *xlabel, *ylabel;
    /* NULL: the metric and its unit (where scale is 1) */
    double scale;           /* values are multiplied by this, default 1 (0: not given) */
    char *relative_to;      /* a variant: values are divided by its median; NULL; not for series */
    char *reference_metric; /* its median is drawn as the expected value, or NULL; not for series */
    char **variants;
    unsigned n_variants; /* 0: all */
    bool logscale;
    bool has_mark;
    double mark; /* a thin line across the figure at this value (scaled), such as 0 or 1 */
};

/* Is it a figure that can be drawn? The error names the figure, the value and what is accepted. */
int figure_validate(const struct figure *f, struct err *e);

/*
 * Writes NAME.csv (what the script reads) and NAME.gp (what it is told: labels, ranges, sizes) into
 * DIR/figures/, runs gnuplot for NAME.svg and NAME.png (twice the size), checks that both came out.
 * Whatever gnuplot prints is an error. Variants without a value are left out, and logged where they
 * were asked for by name; a figure without any is an error (-ENODATA). The series script reads
 * DIR/series.csv, which must be closed by then. EXIT_LACKS where there is no gnuplot.
 */
int figure_draw(const struct figure *f, const struct results *r, const char *dir, struct err *e);

#endif

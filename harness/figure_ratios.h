/* SPDX-License-Identifier: BSD-2-Clause */
/* A figure of ratios with their intervals, one under the other (plots/ratios.gp). */
#ifndef EXTCP_FIGURE_RATIOS_H
#define EXTCP_FIGURE_RATIOS_H

#include "err.h"
#include "stats.h"

struct ratio_row {
    char *label; /* belongs to the caller */
    struct interval ratio;
};

/* NAME.csv, NAME.gp, NAME.svg and NAME.png in the directory `dir`. Rows whose ratio is no number
 * are left out; -ENODATA where none is left. */
int figure_ratios_draw(const char *name, const char *title, const char *axis,
                       const struct ratio_row *rows, unsigned n, const char *dir, struct err *e);

#endif

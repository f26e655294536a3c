/* SPDX-License-Identifier: BSD-2-Clause */
/* Running gnuplot on a program that we wrote, for an SVG and a PNG file. */
#ifndef EXTCP_GNUPLOT_H
#define EXTCP_GNUPLOT_H

#include <stdbool.h>
#include <stdio.h>

#include "err.h"

/* A name that is a plain file name everywhere, and safe in what gnuplot is told. */
bool gnuplot_name_ok(const char *s);
/*
 * A string constant of gnuplot: no text can be read as a command (`…`), a format or the end of the
 * string. What is not UTF-8 or not to be shown at all would break the SVG and becomes '?'.
 */
void gnuplot_string(FILE *f, const char *text);
/*
 * Runs NAME.gp in the directory `figures`, with `plots` set to the project's plots/, and checks
 * that NAME.svg and NAME.png are there, whole. Whatever gnuplot prints is an error. EXIT_LACKS
 * where there is no gnuplot.
 */
int gnuplot_run(const char *name, const char *figures, struct err *e);

#endif

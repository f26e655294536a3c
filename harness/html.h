/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing HTML: text that is escaped, pictures that are part of the page. */
#ifndef EXTCP_HTML_H
#define EXTCP_HTML_H

#include <stdio.h>

#include "err.h"

/* As the text of an element or of an attribute in double quotes; NULL is nothing. Bytes that are
 * not UTF-8, and control characters, become '?'. */
void html_text(FILE *f, const char *s);
/* printf whose result is escaped so. */
void html_printf(FILE *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* <img> with the SVG file in it as a data: URL. The error names the file. */
int html_svg(FILE *f, const char *path, const char *alt, struct err *e);

#endif

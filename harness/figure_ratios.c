/* SPDX-License-Identifier: BSD-2-Clause */
#include "figure_ratios.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gnuplot.h"
#include "results.h"
#include "util.h"

#define LABEL_MAX 60 /* characters that leave room for the plot */

static bool shown(const struct ratio_row *r)
{
    return r->ratio.n && isfinite(r->ratio.median) && isfinite(r->ratio.low) &&
           isfinite(r->ratio.high);
}

static int write_csv(const char *path, const struct ratio_row *rows, unsigned n, struct err *e)
{
    struct csv *c;
    char label[512], number[3][CSV_NUMBER_SIZE];
    unsigned position = 0;
    int rc = csv_open(&c, path, "label,position,ratio,low,high", e);

    if (rc)
        return rc;
    for (unsigned i = 0; i < n; i++)
        if (shown(&rows[i]))
            csv_row(c, "%s,%u,%s,%s,%s", csv_quote(label, sizeof(label), rows[i].label), ++position,
                    csv_number(number[0], CSV_NUMBER_SIZE, rows[i].ratio.median),
                    csv_number(number[1], CSV_NUMBER_SIZE, rows[i].ratio.low),
                    csv_number(number[2], CSV_NUMBER_SIZE, rows[i].ratio.high));
    return csv_close(c, e);
}

static int write_program(const char *path, const char *name, const char *title, const char *axis,
                         const struct ratio_row *rows, unsigned n, struct err *e)
{
    unsigned k = 0, longest = 1;
    double low = 1, high = 1, air;
    char *text;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    int rc;

    fprintf(
        f,
        "# Draws %s.svg and %s.png from %s.csv: gnuplot -d -e \"plots = 'DIR'\" %s.gp, with DIR "
        "the project's plots/.\nname = \"%s\"\n",
        name, name, name, name, name);
    for (unsigned i = 0; i < n; i++)
        k += shown(&rows[i]);
    fprintf(f, "n_rows = %u\narray label[%u]\n", k, k);
    k = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned width = text_columns(rows[i].label);

        if (!shown(&rows[i]))
            continue;
        fprintf(f, "label[%u] = ", ++k);
        gnuplot_string(f, rows[i].label);
        fputc('\n', f);
        longest = width > longest ? width : longest;
        low = fmin(low, rows[i].ratio.low);
        high = fmax(high, rows[i].ratio.high);
    }
    air = fmax((high - low) * 0.08, 0.01);
    fprintf(f, "label_chars = %u\nx_min = %.15g\nx_max = %.15g\n",
            longest < LABEL_MAX ? longest : LABEL_MAX, low - air, high + air);
    fputs("title_text = ", f);
    gnuplot_string(f, title);
    fputs("\nratio_text = ", f);
    gnuplot_string(f, axis);
    fputs("\nformat = \"svg\"\nload plots.\"/ratios.gp\"\nformat = \"png\"\nload "
          "plots.\"/ratios.gp\"\n",
          f);
    fclose(f);
    rc = write_file_atomic(path, text, size, e);
    free(text);
    return rc;
}

int figure_ratios_draw(const char *name, const char *title, const char *axis,
                       const struct ratio_row *rows, unsigned n, const char *dir, struct err *e)
{
    char *csv, *program;
    bool any = false;
    int rc;

    for (unsigned i = 0; i < n; i++)
        any |= shown(&rows[i]);
    if (!any)
        return err_broke(e, -ENODATA, "figure %s: there is no ratio to draw", name);
    csv = xasprintf("%s/%s.csv", dir, name);
    program = xasprintf("%s/%s.gp", dir, name);
    rc = write_csv(csv, rows, n, e);
    if (!rc)
        rc = write_program(program, name, title, axis, rows, n, e);
    if (!rc)
        rc = gnuplot_run(name, dir, e);
    free(csv);
    free(program);
    return rc;
}

/* SPDX-License-Identifier: BSD-2-Clause */
/* What a figure shows: the selected values, scaled, and the CSV file made of them. Private to the
 * figures (docs/results.md describes the files). */
#ifndef EXTCP_FIGURE_DATA_H
#define EXTCP_FIGURE_DATA_H

#include "figure.h"

struct sample_point {
    double t_s, value;
};

struct figure_group { /* one variant */
    const char *variant;
    double *values; /* scaled; of the metric */
    size_t n_values;
    unsigned *repetition;        /* of each value, or of each point */
    struct sample_point *points; /* of the series, by repetition and time */
    size_t n_points;
    uint64_t seed;
    bool has_reference;
    double reference; /* scaled */
};

struct figure_data {
    struct figure_group *groups;
    unsigned n_groups;
    const char *unit; /* of the metric; "" where it is not known */
    bool has_reference, has_outliers, has_band;
    double low, high;     /* of everything drawn on the axis of values */
    double t_low, t_high; /* of series */
    size_t n_max;         /* the most values of a group, or points of its line */
};

/* Takes what the figure shows out of the results, or out of the series file. */
int figure_data_values(struct figure_data *d, const struct figure *f, const struct results *r,
                       struct err *e);
int figure_data_series(struct figure_data *d, const struct figure *f, const struct results *r,
                       const char *series_path, struct err *e);
/* The values of a series become those of a metric: for its distribution, without their times. */
void figure_data_points_as_values(struct figure_data *d);
void figure_data_free(struct figure_data *d);

/* One for each script. They also find the range (low, high) of what is drawn. */
int figure_write_interval(struct figure_data *d, const char *path, struct err *e);
int figure_write_box(struct figure_data *d, const char *path, struct err *e);
int figure_write_cdf(struct figure_data *d, const char *path, struct err *e);
int figure_write_series(struct figure_data *d, const char *path, struct err *e);

#endif

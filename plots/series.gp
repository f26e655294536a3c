# SPDX-License-Identifier: BSD-2-Clause
# A quantity over time: per variant the median over the repetitions, and a light band from the lowest to the highest.
value_axis = "y"
legend_entries = n_variants
legend_chars = label_chars
load plots."/common.gp"
set xrange [t_min:t_max]
of(i, column_number) = column(2) == i ? column(column_number) : NaN
points_apart = n_max > 8 ? int(n_max / 8) : 1
plot for [i = 1:n_variants * has_band] data skip 1 using (of(i, 3)):5:6 with filledcurves fs transparent solid 0.15 noborder lc rgb color[(i - 1) % 8 + 1] notitle, \
     for [i = 1:n_variants] data skip 1 using (of(i, 3)):4 with linespoints lt i pointinterval points_apart title label[i]
unset output

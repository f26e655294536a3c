# SPDX-License-Identifier: BSD-2-Clause
# Cumulative distribution of the values, a line of steps per variant; what was expected is a thin vertical line.
value_axis = "x"
legend_entries = n_variants
legend_chars = label_chars
load plots."/common.gp"
set yrange [0:1.02]
set ytics 0, 0.25, 1
eval "set grid ytics".grid_style
kind(k, i, column_number) = strcol(3) eq k && column(2) == i ? column(column_number) : NaN
every_points = n_max > 8 ? int(n_max / 8) : 1
plot for [i = 1:n_variants] data skip 1 using (kind("step", i, 4)):5 with steps lt i notitle, \
     for [i = 1:n_variants] data skip 1 using (kind("step", i, 4)):(column(5) > 0 ? column(5) : NaN) every every_points with points lt i lw 1 notitle, \
     for [i = 1:n_variants] NaN with linespoints lt i title label[i], \
     for [i = 1:has_reference] data skip 1 using (strcol(3) eq "reference" ? $4 : NaN):(0):(0):(1):2 with vectors nohead lc variable lw 1 dt (2, 3) notitle
unset output

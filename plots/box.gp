# SPDX-License-Identifier: BSD-2-Clause
# Box per variant: quartiles and median, whiskers to the last value within 1.5 times the box, outliers as points.
value_axis = "y"
legend_entries = 1 + has_outliers + has_reference
legend_chars = 12
load plots."/common.gp"
load plots."/categories.gp"
kind(k, column_number) = strcol(3) eq k ? column(column_number) : NaN
set boxwidth 0.5
set style fill solid 0.25 border lc rgb color[1]
plot data skip 1 using (kind("box", 4)):6:8:9:7 with candlesticks lc rgb color[1] lw 1.6 title "quartiles" whiskerbars 0.5, \
     data skip 1 using (kind("box", 4)):5:5:5:5 with candlesticks lc rgb "#000000" lw 2.6 notitle, \
     for [i = 1:has_outliers] data skip 1 using (kind("outlier", 4)):5 with points pt 6 ps 0.55 lc rgb "#555555" lw 1 title "outlier", \
     for [i = 1:has_reference] data skip 1 using (kind("reference", 4) - 0.36):5:(0.72):(0) with vectors nohead lc rgb color[2] lw 2 dt (5, 3) title "expected"
unset output

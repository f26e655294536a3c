# SPDX-License-Identifier: BSD-2-Clause
# Box per variant: quartiles and median, whiskers to the last value within 1.5 times the box, outliers as points.
value_axis = "y"
legend_entries = 1 + has_outliers + has_reference
legend_chars = 9
load plots."/common.gp"
load plots."/categories.gp"
set boxwidth 0.5
set style fill solid 0.25 border lc rgb color[1]
box = "data skip 1 using (kind('box', 4)):6:8:9:7 with candlesticks lc rgb color[1] lw 1.6 dt solid title 'quartiles' whiskerbars 0.5"
median = ", data skip 1 using (kind('box', 4)):5:5:5:5 with candlesticks lc rgb '#000000' lw 2.6 dt solid notitle"
outliers = has_outliers ? ", data skip 1 using (kind('outlier', 4)):5 with points pt 6 ps 0.55 lc rgb '#555555' lw 1 title 'outlier'" : ""
# Only what is there is plotted: gnuplot would keep room in the legend for an iteration over nothing.
eval "plot ".box.median.outliers.expected
unset output

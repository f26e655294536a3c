# SPDX-License-Identifier: BSD-2-Clause
# Median with its 95 % interval per variant, the raw values beside it, and what was expected.
value_axis = "y"
legend_entries = 2 + has_reference
legend_chars = 13
load plots."/common.gp"
load plots."/categories.gp"
# Only what is there is plotted: gnuplot would keep room in the legend for an iteration over nothing.
eval "plot ".values_in_grey.", data skip 1 using (kind('median', 4)):5:6:7 with yerrorbars pt 7 ps 0.8 lc rgb color[1] lw 2.2 dt solid title 'median [95 %]'".expected
unset output

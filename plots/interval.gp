# SPDX-License-Identifier: BSD-2-Clause
# Median with its 95 % interval per variant, the raw values beside it, and what was expected.
value_axis = "y"
legend_entries = 2 + has_reference
legend_chars = 22
load plots."/common.gp"
load plots."/categories.gp"
kind(k, column_number) = strcol(3) eq k ? column(column_number) : NaN
plot data skip 1 using (kind("value", 4)):5 with points pt 6 ps 0.55 lc rgb "#7F7F7F" lw 1 title "one repetition", \
     data skip 1 using (kind("median", 4)):5:6:7 with yerrorbars pt 7 ps 0.9 lc rgb color[1] lw 2.2 title "median, 95 % interval", \
     for [i = 1:has_reference] data skip 1 using (kind("reference", 4) - 0.36):5:(0.72):(0) with vectors nohead lc rgb color[2] lw 2 dt (5, 3) title "expected"
unset output

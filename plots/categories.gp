# SPDX-License-Identifier: BSD-2-Clause
# The variants along the x axis, and what the scripts that do so share. A label with a per cent sign would be read as a format.
set xrange [0.5:n_variants + 0.5]
set xtics () scale 0
percent(s) = strstrt(s, "%") ? s[1:strstrt(s, "%")]."%".percent(s[strstrt(s, "%") + 1:*]) : s
if (tilt == 90) { set xtics rotate by 90 right }
if (tilt == 40) { set xtics rotate by 40 right }
do for [i = 1:n_variants] { set xtics add (percent(label[i]) i) }
kind(k, column_number) = strcol(3) eq k ? column(column_number) : NaN
values_in_grey = "data skip 1 using (kind('value', 4)):5 with points pt 6 ps 0.55 lc rgb '#7F7F7F' lw 1 title 'repetition'"
expected = has_reference ? ", data skip 1 using (kind('reference', 4) - 0.36):5:(0.72):(0) with vectors nohead lc rgb color[2] lw 2 dt (5, 3) title 'expected'" : ""

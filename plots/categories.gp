# SPDX-License-Identifier: BSD-2-Clause
# The variants along the x axis. A label with a per cent sign would be read as a format.
set xrange [0.5:n_variants + 0.5]
set xtics () scale 0
percent(s) = strstrt(s, "%") ? s[1:strstrt(s, "%")]."%".percent(s[strstrt(s, "%") + 1:*]) : s
if (tilt == 90) { set xtics rotate by 90 right }
if (tilt == 40) { set xtics rotate by 40 right }
do for [i = 1:n_variants] { set xtics add (percent(label[i]) i) }

# SPDX-License-Identifier: BSD-2-Clause
# Ratios with their 95 % intervals, one under the other, and the line of no difference. NAME.gp has set: format, name,
# n_rows, label[], label_chars, title_text, ratio_text, x_min, x_max.
reset
set encoding utf8
set datafile separator comma
data = name.".csv"
font_px = 14
row_px = 26
left_px = label_chars * 8 + 24
width_px = left_px + 420
height_px = n_rows * row_px + 110
if (format eq "svg") {
    set terminal svg size width_px, height_px fixed font sprintf("sans-serif,%d", font_px) background "#FFFFFF" noenhanced linewidth 1
} else {
    set terminal pngcairo size 2 * width_px, 2 * height_px font sprintf("sans,%d", font_px) fontscale 1.5 linewidth 2 pointscale 3 dashlength 1.6 background "#FFFFFF" noenhanced
}
set output name.".".format
set lmargin at screen left_px / real(width_px)
set rmargin at screen 1 - 24.0 / width_px
set tmargin at screen 1 - 44.0 / height_px
set bmargin at screen 62.0 / height_px
set label 1000 title_text at screen 0.5, screen 1 - 22.0 / height_px center
set border 1 lw 1
set tics nomirror out scale 0.5
set xrange [x_min:x_max]
set yrange [n_rows + 0.6:0.4]
set ytics () scale 0
percent(s) = strstrt(s, "%") ? s[1:strstrt(s, "%")]."%".percent(s[strstrt(s, "%") + 1:*]) : s
do for [i = 1:n_rows] { set ytics add (percent(label[i]) i) }
set xlabel ratio_text noenhanced offset 0, 0.3
set grid xtics back lw 0.8 lc rgb '#DCDCDC' dt solid
unset key
set arrow 1 from 1, graph 0 to 1, graph 1 nohead lc rgb '#D55E00' lw 2 dt (5, 3) back
# A row whose interval holds 1 is an open circle: no difference was seen.
plot data skip 1 using ($4 > 1 || $5 < 1 ? NaN : $3):2:4:5 with xerrorbars pt 6 ps 0.8 lc rgb '#555555' lw 1.8 dt solid, \
     data skip 1 using ($4 > 1 || $5 < 1 ? $3 : NaN):2:4:5 with xerrorbars pt 7 ps 0.8 lc rgb '#0072B2' lw 2.2 dt solid
unset output

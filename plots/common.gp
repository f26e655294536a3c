# SPDX-License-Identifier: BSD-2-Clause
# Style and layout of all figures. NAME.gp in figures/ (written by harness/figure.c) has set: format, name, n_variants,
# label[], label_chars, label_lines, tilt, title_text, title_lines, value_text, other_text, under_lines, value_min, value_max, value_tics,
# log_values. A script sets legend_entries and legend_chars before it loads this, and value_axis ("x" or "y").
reset
set encoding utf8
set datafile separator comma
data = name.".csv"

# Colours of Okabe and Ito that stand out on white, which colour-blind people can tell apart; for black and white each
# variant also has its own dashes and its own point.
array color[8] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#E69F00", "#56B4E9", "#7F7F7F"]
array point[12] = [7, 5, 9, 13, 11, 6, 4, 8, 12, 10, 1, 2]
do for [i = 1:24] {
    c = color[(i - 1) % 8 + 1]
    p = point[(i - 1) % 12 + 1]
    d = (i - 1) % 5
    if (d == 0) { set linetype i lc rgb c lw 1.8 pt p ps 0.7 dt solid }
    if (d == 1) { set linetype i lc rgb c lw 1.8 pt p ps 0.7 dt (9, 3) }
    if (d == 2) { set linetype i lc rgb c lw 1.8 pt p ps 0.7 dt (2, 2) }
    if (d == 3) { set linetype i lc rgb c lw 1.8 pt p ps 0.7 dt (9, 3, 2, 3) }
    if (d == 4) { set linetype i lc rgb c lw 1.8 pt p ps 0.7 dt (14, 3, 3, 3, 3, 3) }
}

# Pixels, from the top: title, legend, plot, tics, label. The plot itself always has the same height. gnuplot gives a
# legend no more columns than fit above the plot.
font_px = 14
char_px = 7.5
line_px = 21
legend_columns = int(390 / (legend_chars * 8 + 50))
legend_columns = legend_columns < 1 ? 1 : legend_columns > legend_entries ? legend_entries : legend_columns
legend_rows = legend_entries ? (legend_entries + legend_columns - 1) / legend_columns : 0
legend_px = legend_rows ? legend_rows * line_px + 8 : 0
title_px = title_lines ? title_lines * line_px + 4 : 0
tics_px = tilt == 90 ? label_chars * char_px + 12 : tilt ? label_chars * char_px * 0.65 + 24 : label_lines * line_px + 14
under_px = under_lines ? under_lines * line_px + 10 : 0
width_px = 480
# A legend of one column may be wider than the plot, which gnuplot warns of; its estimate of a letter is generous.
if (legend_rows && legend_chars * 9 + 60 > 385) { width_px = int(legend_chars * 9 + 60 + 95) }
top_px = 8 + title_px + legend_px
bottom_px = 4 + tics_px + under_px
height_px = int(top_px + 230 + bottom_px)

if (format eq "svg") {
    set terminal svg size width_px, height_px fixed font sprintf("sans-serif,%d", font_px) background "#FFFFFF" noenhanced linewidth 1
} else {
    # pngcairo's points are of 72 to the inch: the same numbers as pixels.
    set terminal pngcairo size 2 * width_px, 2 * height_px font sprintf("sans,%d", font_px) fontscale 1.5 linewidth 2 pointscale 3 dashlength 1.6 background "#FFFFFF" noenhanced
}
set output name.".".format

set tmargin at screen 1 - top_px / real(height_px)
set bmargin at screen bottom_px / real(height_px)
if (title_px) { set label 1000 title_text at screen 0.5, screen 1 - (4 + 0.5 * line_px) / real(height_px) center }
set border 3 lw 1
set tics nomirror out scale 0.5
unset grid
grid_style = " back lw 0.8 lc rgb '#DCDCDC' dt solid"
if (legend_rows) {
    set key at screen 0.5, screen 1 - (4 + title_px) / real(height_px) center top horizontal maxcols legend_columns \
        Left reverse samplen 2.2 spacing 1.05 noautotitle noenhanced
} else {
    unset key
}

eval "set ".value_axis."range [value_min:value_max]"
eval "set grid ".value_axis."tics".grid_style
if (log_values) {
    eval "set logscale ".value_axis
    eval "set m".value_axis."tics 10"
}
if (strlen(value_tics)) { eval "set ".value_axis."tics (".value_tics.")" }
eval "set ".value_axis."label value_text noenhanced"
other_axis = value_axis eq "y" ? "x" : "y"
if (strlen(other_text)) { eval "set ".other_axis."label other_text noenhanced" }
set xlabel offset 0, 0.3
# A value that is worth a line of its own, such as no difference.
if (exists("mark")) {
    if (value_axis eq "x") { set arrow 1000 from first mark, graph 0 to first mark, graph 1 nohead back lw 1.2 lc rgb "#555555" dt solid }
    if (value_axis eq "y") { set arrow 1000 from graph 0, first mark to graph 1, first mark nohead back lw 1.2 lc rgb "#555555" dt solid }
}

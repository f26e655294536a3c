# SPDX-License-Identifier: BSD-2-Clause
# The look of every figure. Colours: M. Okabe, K. Ito, "Color universal design" (2008); every line and point type differs too, so that
# a figure is legible in black and white. Set by extcp before: home, base, title_text, x_text, y_text, log_y, has_reference.
set datafile separator ','
set datafile missing 'NaN'
set encoding utf8
array colour[8] = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#000000', '#7F7F7F']
array dashes[8] = [1, 2, 4, 3, 5, 1, 2, 4]
array points[8] = [7, 5, 9, 11, 13, 6, 4, 8]
do for [i=1:8] { set style line i lc rgb colour[i] lw 2 dt dashes[i] pt points[i] ps 0.9 }
set border 3 lw 1.2
set tics nomirror out
set grid ytics lc rgb '#DDDDDD' lw 0.8 dt 1
set title title_text noenhanced
set ylabel y_text noenhanced
if (strlen(x_text)) set xlabel x_text noenhanced
if (log_y) set logscale y
data = base.'.csv'
# The scripts plot twice, once for each format.
svg_terminal = 'set terminal svg size 720,450 font "Helvetica,15" background rgb "white" dynamic'
png_terminal = 'set terminal pngcairo size 1440,900 font "Helvetica,15" fontscale 1.6 linewidth 2 pointscale 2 background rgb "white"'

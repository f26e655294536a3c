# SPDX-License-Identifier: BSD-2-Clause
# A variant on each place of the x axis: every repetition as a small circle, the median with its 95 % interval, and, where there is one, the
# expected value as a bar behind them.
load home.'/plots/common.gp'
stats data skip 1 using 1 name 'X' nooutput
stats data skip 1 using (column(7) > column(4) ? column(7) : column(4)) name 'Y' nooutput
set xrange [0.4:X_max + 0.6]
if (!log_y) set yrange [0:Y_max * 1.12]
set xtics rotate by (X_max > 5 ? -28 : 0) noenhanced
if (X_max > 5) set bmargin 6
set key outside bottom center horizontal noenhanced
do for [pass=1:2] {
    eval(pass == 1 ? svg_terminal : png_terminal)
    set output base.(pass == 1 ? '.svg' : '.png')
    if (has_reference) {
        plot data skip 1 using ($1-0.32):8:(0.64):(0) with vectors nohead lc rgb '#999999' lw 5 title 'expected', \
             data skip 1 using ($1 + 0.05 * (int($3) % 5 - 2) + 0.0):4 with points pt 6 ps 0.7 lc rgb colour[1] title 'each repetition', \
             data skip 1 using 1:5:6:7:xtic(2) with yerrorbars ls 2 dt 1 lw 2.2 ps 1.1 title 'median, 95 % interval'
    } else {
        plot data skip 1 using ($1 + 0.05 * (int($3) % 5 - 2) + 0.0):4 with points pt 6 ps 0.7 lc rgb colour[1] title 'each repetition', \
             data skip 1 using 1:5:6:7:xtic(2) with yerrorbars ls 2 dt 1 lw 2.2 ps 1.1 title 'median, 95 % interval'
    }
    unset output
}

# SPDX-License-Identifier: BSD-2-Clause
# A box plot for each variant: median, quartiles, whiskers to 1.5 times the box, what lies outside as points.
load home.'/plots/common.gp'
stats data skip 1 using 1 name 'X' nooutput
set xrange [0.4:X_max + 0.6]
set xtics rotate by (X_max > 5 ? -28 : 0) noenhanced
if (X_max > 5) set bmargin 6
set style fill solid 0.25 border lt -1
set style boxplot outliers pointtype 6
set boxwidth 0.5
unset key
do for [pass=1:2] {
    eval(pass == 1 ? svg_terminal : png_terminal)
    set output base.(pass == 1 ? '.svg' : '.png')
    plot for [i=1:int(X_max)] data skip 1 using (i):(int($1) == i ? $4 : NaN) with boxplot ls i lw 1.5 dt 1, \
         data skip 1 using 1:(NaN):xtic(2) with points notitle
    unset output
}

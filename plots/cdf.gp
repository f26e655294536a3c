# SPDX-License-Identifier: BSD-2-Clause
# The cumulative distribution of the values of each variant.
load home.'/plots/common.gp'
stats data skip 1 using 1 name 'X' nooutput
set yrange [0:1]
set key outside right top noenhanced
names = system("tail -n +2 '".data."' | cut -d, -f2 | uniq")
do for [pass=1:2] {
    eval(pass == 1 ? svg_terminal : png_terminal)
    set output base.(pass == 1 ? '.svg' : '.png')
    plot for [i=1:int(X_max)] data skip 1 using (int($1) == i ? $4 : NaN):(1.0) smooth cnormal ls i title word(names, i)
    unset output
}

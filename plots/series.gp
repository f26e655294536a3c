# SPDX-License-Identifier: BSD-2-Clause
# Values over time: a colour and a dash for each variant, a thin line for each repetition.
load home.'/plots/common.gp'
if (!strlen(x_text)) set xlabel 'time (s)'
set key outside right top noenhanced
set yrange [0:*]
keys = system("tail -n +2 '".data."' | cut -d, -f1-3 | sort -u -t, -k1,1n -k3,3n")
do for [pass=1:2] {
    eval(pass == 1 ? svg_terminal : png_terminal)
    set output base.(pass == 1 ? '.svg' : '.png')
    last = ''
    first(s) = s eq last ? '' : (last = s)
    part(s, n) = system("echo '".s."' | cut -d, -f".n)
    plot for [k=1:words(keys)] data skip 1 \
        using (int($1) == int(part(word(keys, k), 1)) && int($3) == int(part(word(keys, k), 3)) ? $4 : NaN):5 \
        with lines ls (int(part(word(keys, k), 1)) - 1) % 8 + 1 lw 1.3 title first(part(word(keys, k), 2))
    unset output
}

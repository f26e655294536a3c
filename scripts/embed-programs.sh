#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# embed-programs.sh OBJECT-DIRECTORY SOURCE...: prints the C table of the eBPF objects that are built into extcp.
# Objects and not skeletons: harness/program.c reads from an object's BTF what the program takes and tells, so that a new
# program needs no code on the user side.
set -euo pipefail
objects=$1
shift
sources=("$@")
printf '/* Made by scripts/embed-programs.sh. */\n#include "programs_embedded.h"\n'
i=0
for src in "$@"; do
    printf '__asm__(".section .rodata\\n.balign 16\\nextcp_object_%d:\\n.incbin \\"%s\\"\\nextcp_object_%d_end:\\n.previous\\n");\n' \
        "$i" "$objects/${src%.c}.o" "$i"
    printf 'extern const char extcp_object_%d[], extcp_object_%d_end[];\n' "$i" "$i"
    i=$((i + 1))
done
# table NAME yes|no: the programs of bpf/iter/ (yes), which the harness itself uses, or all the others, which a user can name.
table() {
    local name=$1 own=$2 i=-1 src
    printf 'const struct embedded_program %s[] = {\n' "$name"
    for src in "${sources[@]}"; do
        i=$((i + 1))
        case $src in bpf/iter/*) [ "$own" = yes ] || continue ;; *) [ "$own" = no ] || continue ;; esac
        printf '    {"%s", "%s", extcp_object_%d, extcp_object_%d_end},\n' "$(basename "${src%.bpf.c}")" "$src" "$i" "$i"
    done
    printf '    {0},\n};\n'
}
table embedded_programs no
table embedded_iterators yes

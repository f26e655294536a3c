#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# Prints the C table of the eBPF objects that are built into extcp: one row per *.bpf.c given.
set -euo pipefail
printf '/* Made by scripts/embed-programs.sh: the eBPF objects that are part of extcp. */\n'
printf '#include <stddef.h>\n#include "programs_embedded.h"\n'
for src in "$@"; do
    printf '#include "%s.skel.h"\n' "${src%.bpf.c}"
done
printf 'const struct embedded_program embedded_programs[] = {\n'
for src in "$@"; do
    base=$(basename "${src%.bpf.c}")
    printf '    {"%s", "%s", %s_bpf__elf_bytes},\n' "$base" "$src" "${base//-/_}"
done
printf '    {NULL, NULL, NULL},\n};\n'

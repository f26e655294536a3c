#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# clang-format, cppcheck and shellcheck over everything git tracks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/setup.sh --quiet build lint
status=0
mapfile -t c < <(git ls-files '*.c' '*.h')
mapfile -t user < <(git ls-files 'harness/*.c' 'tests/*.c' 'bench/*.c' | grep -v '\.bpf\.c$')
mapfile -t sh < <(git ls-files '*.sh' '.ci/run')
echo "clang-format: ${#c[@]} files"
clang-format --dry-run -Werror "${c[@]}" || status=1
echo "cppcheck: ${#user[@]} files"
cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --enable=warning,performance,portability \
    --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches --suppress=checkersReport \
    -D_GNU_SOURCE '-DDECLARE_LIBBPF_OPTS(t,n,...)=struct t n' '-Dbpf_object__for_each_map(m,o)=while((m=next(o,m)))' \
    '-Dbpf_object__for_each_program(m,o)=while((m=next(o,m)))' '-Djson_array_foreach(a,i,v)=while((i=next(a,i))&&(v=get(a,i)))' \
    '-Djson_object_foreach(o,k,v)=while((k=next(o,k))&&(v=get(o,k)))' -Iharness -Ibpf "${user[@]}" || status=1
echo "shellcheck: ${#sh[@]} files"
shellcheck -x -e SC2317,SC2016 "${sh[@]}" || status=1
exit $status

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# A run with GNU parallel over ssh, a part for each host, joined here:   docs/spread/parallel.sh HOST,HOST,... EXPERIMENT [OPTIONS]
# HOST is what ssh takes, as root; ":" is this machine. On each host the same revision lies in DIR (this directory, unless EXTCP_DIR says
# where); the parts come back into spread/<time>/.
set -euo pipefail
hosts=$1
shift
dir=${EXTCP_DIR:-$PWD}
IFS=, read -ra list <<<"$hosts"
n=${#list[@]}
out=spread/$(date -u +%Y%m%dT%H%M%SZ)-$$
mkdir -p "$out"
printf -v arguments '%q ' "$@"
# One job at a time on a host: parts that share a machine would disturb each other.
seq "$n" | parallel --will-cite --jobs 1 --sshlogin "$hosts" --tag --line-buffer --joblog "$out/log" \
    "cd $(printf '%q' "$dir") && ./run.sh $arguments --shard {}/$n --out $out/{}" || true
for host in "${list[@]}"; do
    [ "$host" = : ] || rsync -a "$host:$dir/$out/" "$out/"
done
# A part may say that a wire check failed (1); the joined run says it again. Everything else is the end.
worst=$(awk -F '\t' 'NR > 1 && $7 > w { w = $7 } END { print w + 0 }' "$out/log")
[ "$worst" -le 1 ] || { echo "parallel.sh: a part ended with status $worst; what there is lies in $out" >&2; exit "$worst"; }
parts=("$out"/*/*/latest)
exec ./run.sh merge "${parts[@]}"

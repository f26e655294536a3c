#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# docs/path-managers.md, "Write your own path manager", followed literally in a copy of what it needs.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
# shellcheck source=tests/netns/follow.sh
. "$(dirname "${BASH_SOURCE[0]}")/follow.sh"
cd "$TMP" || exit 1
cp -r "$TOP/Makefile" "$TOP/bpf" .
follow "$TOP/docs/path-managers.md" "Write your own path manager"
cat >bad.yaml <<'YAML'
name: bad
title: "a path manager where an option belongs"
topology: direct
programs:
  - {host: client, program: fullmesh}
workloads:
  - {name: app, kind: iperf3, from: client, to: server, seconds: 1}
variants: [{name: v}]
YAML
./run.sh ./bad.yaml >bad.out 2>&1
is "a path manager is no program for an experiment to attach" "2 'fullmesh' is a path manager" "$? $(grep -o "'fullmesh' is a path manager" bad.out)"
is "and an option is no path manager" 2 "$(./run.sh pm --policy uto >bad.out 2>&1; echo $?)"
finish

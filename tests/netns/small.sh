# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# A home of its own with small experiments, for tests of what is done with several runs: source it after tap.sh.
home=$TMP/home
mkdir -p "$home/experiments" "$home/results"
ln -s "$TOP/topologies" "$TOP/plots" "$home/"
# experiment NAME SECONDS PAPER: a stream of so many seconds; PAPER may be empty
experiment() {
    cat >"$home/experiments/$1.yaml" <<YAML
name: $1
title: "A small one called $1 & <co>"
about: "A stream for $2 s."
${3:+paper: "$3"}
topology: direct
repetitions: 2
parameters:
  - {name: rate, value: 1mbit}
captures:
  - {point: "server:cable"}
programs:
  - {host: client, program: uto, set: [adv_uto_s=30, l_limit_s=1]}
workloads:
  - {name: app, kind: stream, from: client, to: server, seconds: $2, rate: "\${rate}"}
variants:
  - {name: four}
  - {name: six, family: 6}
checks:
  - {name: "the SYN carries it", point: "server:cable", from: client, segments: SYN, option: uto, value: "30"}
claims:
  - {name: "it survives", kind: each, metric: app.survived, min: 1, max: 1}
table: [app.survived, app.goodput]
figures:
  - {name: goodput, script: interval, metric: app.goodput, title: "Goodput of $1", scale: 0.000001, ylabel: "goodput (Mbit/s)"}
YAML
}
extcp() { EXTCP_HOME=$home "$EXTCP" "$@"; }

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# docs/write-an-option.md, followed literally in a copy of what it needs, so that nothing of the tree is touched.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
# shellcheck source=tests/netns/follow.sh
. "$(dirname "${BASH_SOURCE[0]}")/follow.sh"
cd "$TMP" || exit 1
cp -r "$TOP/Makefile" "$TOP/bpf" "$TOP/docs" "$TOP/topologies" .
export EXTCP_HOME=$TMP
follow docs/write-an-option.md
is "what failed says so" fail "$(jq -r .status results/pace/latest/run.json)"
is "nothing is left behind" "nothing to clean" "$("$EXTCP" clean)"
finish

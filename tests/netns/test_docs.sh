#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The documentation, followed literally: its examples are cut out of the pages and run.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

# block PAGE LANGUAGE TEXT: the first fenced block of that language that has the text in it
block() {
    awk -v l="\`\`\`$2" -v text="$3" '$0 == l { on = 1; b = ""; next }
        /^```$/ && on { on = 0; if (index(b, text)) { printf "%s", b; exit } }
        on { b = b $0 "\n" }' "$TOP/$1"
}
# The page says ./run.sh; the tests have their own build.
cd "$TMP" || exit 1
printf '#!/bin/sh\nexec %s "$@"\n' "$EXTCP" >run.sh && chmod 755 run.sh

block docs/experiments.md yaml "name: hello" >hello.yaml
command=$(sed -n 's|.*`\(./run.sh ./hello.yaml\)`.*|\1|p' "$TOP/docs/experiments.md")
is "docs/experiments.md says how to run its example" "./run.sh ./hello.yaml" "$command"
if $command --reps 1 --out results >out 2>&1; then ok "the smallest experiment runs"; else not_ok "the smallest experiment runs" "$(cat out)"; fi
is "its checks and claims hold, in both variants" "pass 2" "$(jq -r '"\(.status) \(.wire_checks.run)"' results/hello/latest/run.json)"

block docs/topologies.md yaml "name: mine" >mine.yaml
command=$(sed -n 's|.*`\(./run.sh shell ./mine.yaml [^`]*\)`.*|\1|p' "$TOP/docs/topologies.md")
like "docs/topologies.md says how to try its example" "^./run.sh shell ./mine.yaml client -- ping" "$command"
# shellcheck disable=SC2086
check "the example topology is built, and the command runs" bash -c "$command"
check "with the delay and the rate of the file" bash -c './run.sh shell ./mine.yaml client -- ping -c 3 -i 0.1 10.0.1.2 | grep -qE "rtt .* = 2[0-9]\."'

# README: every verb and make target that it names is there; the first command holds in less than a minute.
while read -r verb; do
    [ "$verb" = setup ] || check "README: ./run.sh $verb" ./run.sh "$verb" --help
done < <(sed -n 's/^| `.\/run.sh \([a-z]*\)[ `].*/\1/p' "$TOP/README.md")
while read -r target; do
    check "README: make $target" grep -qE "^([a-z-]+ )*$target( [a-z-]+)*:" "$TOP/Makefile"
done < <(grep -oE 'make [a-z-]+' "$TOP/README.md" | sort -u | cut -d' ' -f2)
start=$SECONDS
if ./run.sh uto --quick --out results >out 2>&1; then ok "README: uto --quick"; else not_ok "README: uto --quick" "$(cat out)"; fi
check "in less than a minute ($((SECONDS - start)) s)" test $((SECONDS - start)) -lt 60
is "its header of data.csv" "experiment,variant,repetition,metric,unit,value" "$(head -n 1 results/uto/latest/data.csv)"
is "and of wire.csv" "variant,repetition,point,check,expected,found,result" "$(head -n 1 results/uto/latest/wire.csv)"
figure=results/uto/latest/figures/abort-time
is "a figure as SVG and PNG" "<?xml PNG" "$(head -c 5 $figure.svg) $(head -c 4 $figure.png | tail -c 3)"
is "what README and the pages link to is there" "" "$(cd "$TOP" && grep -oE '\]\([^)#: ]+' README.md docs/*.md | while IFS=: read -r page link; do
    [ -e "$(dirname "$page")/${link#"]("}" ] || echo "$page: ${link#"]("}"
done)"
# A reference may say that a claim does not hold: then the documentation says so too, with the experiment's name and "missed".
for f in "$TOP"/results/reference/*/run.json; do
    name=$(basename "$(dirname "$f")")
    is "reference $name: a run to its end, with nothing in it of where it ran" "" "$(jq -r '"\(.status) \([.. | strings | select(test("(^|[ =])/[a-z]"))] | unique | join(" "))"' "$f" | sed -E 's/^(pass|fail) $//')"
    [ "$(jq -r .status "$f")" = pass ] || check "reference $name did not hold, and the documentation says so" \
        bash -c "cat '$TOP'/docs/*.md | tr '\n' ' ' | grep -qE '\`$name\`[^\`]*missed'"
done
finish

#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# paper: small experiments, killed in the middle, gone on with, and their report in a browser.
# shellcheck disable=SC2012
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

# shellcheck source=tests/netns/small.sh
. "$(dirname "${BASH_SOURCE[0]}")/small.sh"
experiment alpha 1 "They sent a little."
experiment beta 2 "They sent more."
experiment gamma 1 ""

EXTCP_HOME=$home "$EXTCP" paper >"$TMP/one.log" 2>&1 &
pid=$!
paper_dir() { ls -d "$home"/results/paper/2*/ 2>/dev/null; }
beta_runs() { grep -q '=== \[2/2\] beta' "$TMP/one.log" && [ -n "$(ls -d "$home"/results/paper/*/runs/beta/.*.tmp 2>/dev/null)" ]; }
check "the second experiment begins" wait_for 60 beta_runs
kill -9 $pid
wait $pid 2>/dev/null
is "one directory so far" 1 "$(paper_dir | wc -l)"
like "the first is done, the second is not" '"done": true.*"done": false' "$(tr -d '\n' <"$(paper_dir)/paper.json")"
orphan_gone() { ! pgrep -f "extcp [a-z]+ --out $home" >/dev/null; }
check "what it had started ends" wait_for 20 orphan_gone

out=$(extcp paper 2>&1)
is "gone on with: exit status" 0 $?
like "it says so" 'going on with .*: 1 of 2 experiments are left' "$out"
is "nothing ran twice" 1 "$(ls -d "$(paper_dir)"/runs/alpha/2* | wc -l)"
is "still one directory" 1 "$(paper_dir | wc -l)"
like "both are reproduced" 'alpha +reproduced.*beta +reproduced' "$(tr '\n' ' ' <<<"$out")"
like "complete" '"complete": true' "$(cat "$(paper_dir)/paper.json")"
check "gamma is not the paper's" test ! -e "$(paper_dir)/runs/gamma"

out=$(extcp paper --quick 2>&1)
like "another kind of run begins anew" 'new: .*2 of 2' "$out"
is "two directories" 2 "$(paper_dir | wc -l)"

EXTCP_HOME=$home "$EXTCP" paper >"$TMP/int.log" 2>&1 &
pid=$!
begun() { grep -q '=== \[1/2\] alpha' "$TMP/int.log"; }
check "it begins" wait_for 60 begun
kill -TERM $pid
wait $pid
is "SIGTERM: exit status" 4 $?
like "it says how to go on" 'stopped after 0 of 2 experiments; the same command goes on' "$(cat "$TMP/int.log")"

out=$(extcp report alpha 2>&1)
is "report without a run: exit status" 2 $?
like "report without a run" "no run 'alpha'" "$out"
run=$(ls -d "$(paper_dir | head -n 1)"/runs/alpha/2*)
run2=$(ls -d "$(paper_dir | head -n 1)"/runs/beta/2* | tail -n 1) # the first was stopped
check "report of a run" extcp report --out "$TMP/r.html" "$run"
out=$(extcp compare "$run" "$run2" --metric app.goodput --out "$TMP/cmp" 2>&1)
is "compare: exit status" 0 $?
like "compare says that they are not of one experiment" 'differ in experiment: "alpha" and "beta"' "$out"
like "compare does not judge two values" 'four, app.goodput .*too few values' "$out"
check "compare draws" test -s "$TMP/cmp/compare.svg"
out=$(extcp compare "$run" 2>&1)
is "compare needs two" 2 $?

# The page in a browser: a copy asks itself, and tells in its title.
page=$(paper_dir | head -n 1)/report.html
browse() { # WIDTH: what the page says of itself at this width
    {
        cat "$page"
        cat <<'HTML'
<script>
const ids = [...document.querySelectorAll('[id]')].map(x => x.id);
document.title = JSON.stringify({
  images: document.images.length, shown: [...document.images].filter(i => i.complete && i.naturalWidth > 100).length,
  alt: [...document.images].filter(i => i.alt.length > 10).length,
  links: document.querySelectorAll('a[href^="#"]').length,
  dead: [...document.querySelectorAll('a[href^="#"]')].filter(a => !document.getElementById(a.getAttribute('href').slice(1))).length,
  twice: ids.length - new Set(ids).size, outside: performance.getEntriesByType('resource').filter(r => !r.name.startsWith('data:')).length,
  wide: document.documentElement.scrollWidth > innerWidth, labels: [...document.querySelectorAll('[aria-labelledby]')].filter(x => !document.getElementById(x.getAttribute('aria-labelledby'))).length});
</script>
HTML
    } >"$TMP/page.html"
    timeout 60 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
        --disable-component-update --disable-sync --user-data-dir="$TMP/chromium" --window-size="$1,900" --enable-logging=stderr \
        --virtual-time-budget=2000 --dump-dom "file://$TMP/page.html" 2>"$TMP/console" | sed -n 's/.*<title>\(.*\)<\/title>.*/\1/p'
    grep -E 'CONSOLE' "$TMP/console" || true
}
expected='{"images":2,"shown":2,"alt":2,"links":3,"dead":0,"twice":0,"outside":0,"wide":false,"labels":0}'
is "on a wide screen" "$expected" "$(browse 1200)"
is "on a phone" "$expected" "$(browse 500)"
check "nothing in it is fetched" bash -c "! grep -oE '(src|href)=\"[^\"#]+' '$page' | grep -v 'data:'"
check "nothing is left running" orphan_gone
finish

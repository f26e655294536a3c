# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# Follows a page of the documentation literally. Source it after tap.sh, then `follow PAGE.md [HEADING]`: the section under "## HEADING", or all.
#   ```LANGUAGE FILE   is saved as FILE
#   ```sh              is run, here; each command must succeed. `./run.sh` is the extcp that is tested.
#   ```text            must be in what the commands before it printed, line by line in this order; … stands for anything
# A block that only looks (./run.sh status) is run again until it shows what the page says, for 10 s at most.
follow() {
    local page=$1 n=0 i block file
    printf '#!/bin/sh\nexec "%s" "$@"\n' "$EXTCP" >run.sh && chmod +x run.sh
    rm -rf .blocks && mkdir .blocks
    awk -v section="${2:-}" '
        /^## / && !inside { wanted = section == "" || substr($0, 4) == section }
        NR == 1 { wanted = section == "" }
        /^```/ && inside { inside = 0; next }
        /^```/ { inside = 1; if (wanted) { n++; info = substr($0, 4); print info > (".blocks/" n ".info"); printf "" > (".blocks/" n) } next }
        inside && wanted { print > (".blocks/" n) }
        END { print n + 0 > ".blocks/count" }' "$page"
    n=$(cat .blocks/count)
    check "$(basename "$page")${2:+, $2}: there are commands to follow" test "$n" -gt 1
    for ((i = 1; i <= n; i++)); do
        read -r block file <.blocks/$i.info
        if [ -n "$file" ]; then
            mkdir -p "$(dirname "$file")" && cp .blocks/$i "$file" && ok "save $file"
        elif [ "$block" = sh ]; then
            follow_run $i
        elif [ "$block" = text ]; then
            is "the page is right about what is printed" "" "$(follow_missing .blocks/$i .blocks/out)"
        fi
    done
}
# follow_missing EXPECTED FOUND: the first line that is not there
follow_missing() {
    awk 'NR == FNR { have[++n] = $0; next }
        { want = $0; gsub(/[][\\.*+?(){}|^$]/, "\\\\&", want); gsub(/…/, ".*", want)
          while (++at <= n && have[at] !~ ("^" want "$")) ;
          if (at > n) { print "not there: " $0; for (i = 1; i <= n; i++) print "printed: " have[i]; exit } }' "$2" "$1"
}
follow_run() {
    local command name next=$(($1 + 1)) follow_failed=''
    command=$(cat .blocks/"$1")
    name=$(head -n 1 .blocks/"$1")
    set -E && trap 'follow_failed="exit $? from: $BASH_COMMAND"' ERR
    if [[ $command =~ ^\./run\.sh\ status[^$'\n']*$ ]] && [ "$(cat .blocks/$next.info)" = text ]; then
        wait_for 10 follow_again "$command" .blocks/$next
        follow_failed=''
    fi
    eval "$command" >.blocks/out 2>&1
    # The trap does not see that a "! COMMAND" at the end was wrong, and after "eval ||" it would see nothing.
    # shellcheck disable=SC2181
    [ $? -eq 0 ] || follow_failed=${follow_failed:-the last command}
    trap - ERR
    set +E
    if [ -z "$follow_failed" ]; then ok "$name"; else not_ok "$name" "$follow_failed"$'\n'"$(cat .blocks/out)"; fi
}
follow_again() { eval "$1" >.blocks/out 2>&1 && [ -z "$(follow_missing "$2" .blocks/out)" ]; }

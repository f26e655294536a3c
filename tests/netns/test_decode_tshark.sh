#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# tshark judges our decoder, field by field: on a generated capture with every option, and on real TCP and MPTCP.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
tools=$TOP/$O/tests/tools
here=$TOP/tests/netns
a=wiredec-$$-a b=wiredec-$$-b
at_exit "ip netns del $a 2>/dev/null; ip netns del $b 2>/dev/null"

# What is compared, by tshark's name.
fields=(ip.src ip.dst ipv6.src ipv6.dst tcp.srcport tcp.dstport tcp.seq_raw tcp.ack_raw tcp.flags tcp.window_size_value tcp.len
    tcp.option_kind tcp.option_len tcp.options.mss_val tcp.options.wscale.shift tcp.options.wscale.multiplier
    tcp.options.sack.count tcp.options.sack_le tcp.options.sack_re tcp.options.sack.dsack_le tcp.options.sack.dsack_re
    tcp.options.timestamp.tsval tcp.options.timestamp.tsecr tcp.options.md5.digest tcp.options.ao.keyid tcp.options.ao.rnextkeyid
    tcp.options.ao.mac tcp.options.user_to_granularity tcp.options.user_to_val tcp.options.tfo.request tcp.options.tfo.cookie
    tcp.options.experimental.exid tcp.options.experimental.data tcp.options.tarr.rate tcp.options.tar.reserved
    tcp.options.unknown.payload
    tcp.options.mptcp.subtype tcp.options.mptcp.version tcp.options.mptcp.flags tcp.options.mptcp.checksumreq.flags
    tcp.options.mptcp.extensibility.flag tcp.options.mptcp.nomoresubflows.flag tcp.options.mptcp.sha256.flag
    tcp.options.mptcp.sendkey tcp.options.mptcp.recvkey tcp.options.mptcp.datalvllen tcp.options.mptcp.checksum
    tcp.options.mptcp.backup.flag tcp.options.mptcp.addrid tcp.options.mptcp.recvtok tcp.options.mptcp.sendrand
    tcp.options.mptcp.sendtrunchmac tcp.options.mptcp.sendhmac tcp.options.mptcp.datafin.flag tcp.options.mptcp.rawdataack
    tcp.options.mptcp.rawdataseqno tcp.options.mptcp.subflowseqno tcp.options.mptcp.echo tcp.options.mptcp.ipv4
    tcp.options.mptcp.ipv6 tcp.options.mptcp.port tcp.options.mptcp.addaddrtrunchmac mptcp.rm_addr.count
    tcp.options.mptcp.rst_reason tcp.options.mptcp.flag_T.flag)

# Lines "packet field values" with numbers in decimal, bytes without "0x" and ":", yes and no as 1 and 0.
normal() {
    local n f list v out
    while IFS=$'\t' read -r n f list; do
        out=
        for v in ${list//,/ }; do
            # tshark lists every byte behind the end of the options as one more end.
            [ "$f:$v" != tcp.option_kind:0 ] || continue
            case $f in
            *.digest | *.mac | *.cookie | *.data | *.payload | *.sendhmac) v=${v#0x} v=${v//:/} ;;
            *) case $v in
                yes) v=1 ;;
                no) v=0 ;;
                0x*) printf -v v %u "$v" ;;
                esac ;;
            esac
            out+=${out:+,}$v
        done
        [ -z "$out" ] || printf '%s\t%s\t%s\n' "$n" "$f" "$out"
    done
}
ours() { "$EXTCP" decode --json "$1" 2>"$TMP/summary" | jq -r -f "$here/decode_judge.jq"; }
theirs() {
    local args=() f
    for f in "${fields[@]}"; do args+=(-e "$f"); done
    tshark -n -r "$1" -o tcp.relative_sequence_numbers:FALSE -Y tcp -T fields -e frame.number "${args[@]}" 2>"$TMP/tshark.err" |
        awk -F '\t' -v list="${fields[*]}" 'BEGIN { split(list, name, " ") }
            { for (i = 2; i <= NF; i++) if ($i != "") print $1 "\t" name[i - 1] "\t" $i }'
}

# judge NAME FILE [all]: one test per field. With "all" a field that has no value at all is a failure.
judge() {
    local name=$1 file=$2 all=${3:-} f n missing
    ours "$file" | normal | sort >"$TMP/ours"
    theirs "$file" | normal | sort >"$TMP/theirs"
    for f in "${fields[@]}"; do
        awk -F '\t' -v f="$f" '$2 == f' "$TMP/ours" >"$TMP/f.ours"
        awk -F '\t' -v f="$f" '$2 == f' "$TMP/theirs" >"$TMP/f.theirs"
        n=$(wc -l <"$TMP/f.theirs")
        if ! cmp -s "$TMP/f.ours" "$TMP/f.theirs"; then
            not_ok "$name: $f" "$(diff --label extcp --label tshark -U0 "$TMP/f.ours" "$TMP/f.theirs" | head -n 20)"
        elif [ "$n" -gt 0 ]; then
            ok "$name: $f agrees in $n packets"
        elif [ -n "$all" ]; then
            not_ok "$name: $f" "no packet of the capture has it, so nothing was compared"
        fi
    done
    # Not silently left out: every field of ours has to be in the list above, or be judged below.
    missing=$(cut -f 2 "$TMP/ours" | sort -u | grep -vxF -e dss.checksum "${fields[@]/#/-e}" || true)
    is "$name: nothing of ours is left unjudged" "" "$missing"
    # tshark 4.0 does not show the checksum of a DSS: its raw bytes of the options must have it behind the length.
    n=0 missing=
    while IFS=$'\t' read -r packet f list; do
        [ "$f" = dss.checksum ] || continue
        printf -v want '%04x%s' "${list%%/*}" "${list##*/0x}"
        raw=$(awk -F '\t' -v n="$packet" '$1 == n { print $2 }' "$TMP/raw")
        [[ $raw == *"$want"* ]] || missing+="packet $packet: extcp $list, tshark's bytes $raw"$'\n'
        n=$((n + 1))
    done < <(tshark -n -r "$file" -T fields -e frame.number -e tcp.options 2>/dev/null >"$TMP/raw" && ours "$file")
    if [ -n "$missing" ]; then
        not_ok "$name: the checksum of each DSS is in tshark's raw bytes" "$missing"
    elif [ "$n" -gt 0 ]; then
        ok "$name: the checksum of $n DSS options is in tshark's raw bytes"
    elif [ -n "$all" ]; then
        not_ok "$name: the checksum of each DSS" "no packet has one"
    fi
}
# Malformed options and broken segments in our summary.
clean_summary() { like "$1: no malformed option, no broken segment" " 0 malformed options, 0 broken segments" "$(tail -n 1 "$TMP/summary")"; }

# Without it every comparison below would fail, at length.
"$EXTCP" decode --help >/dev/null || { not_ok "extcp has the verb decode" "$EXTCP decode --help: exit $?"; finish; }
"$tools/gen_pcap" options "$TMP/options.pcap" || exit 1
bad=$(tshark -n -r "$TMP/options.pcap" -o tcp.check_checksum:TRUE -o ip.check_checksum:TRUE -Y 'tcp.checksum.status != "Good" || ip.checksum.status == "Bad"' 2>/dev/null | head -n 3)
is "the generated packets have right checksums" "" "$bad"
judge generated "$TMP/options.pcap" all
clean_summary generated

# --- real traffic ---
ip netns add "$a" && ip netns add "$b" || exit 1
for i in 1 2; do
    ip link add "wd$i" netns "$a" type veth peer name "wd$i" netns "$b" || exit 1
    ip -n "$a" addr add "10.99.$i.1/24" dev "wd$i"
    ip -n "$b" addr add "10.99.$i.2/24" dev "wd$i"
    ip -n "$a" addr add "fd99:$i::1/64" dev "wd$i" nodad
    ip -n "$b" addr add "fd99:$i::2/64" dev "wd$i" nodad
    ip -n "$a" link set "wd$i" up
    ip -n "$b" link set "wd$i" up
done
for ns in "$a" "$b"; do
    ip -n "$ns" link set lo up
    ip netns exec "$ns" sysctl -qw net.mptcp.enabled=1 net.mptcp.checksum_enabled=1
    ip -n "$ns" mptcp limits set subflow 4 add_addr_accepted 4
done
ip -n "$b" mptcp endpoint add 10.99.2.2 dev wd2 signal
ip -n "$b" mptcp endpoint add fd99:2::2 dev wd2 signal
capture() { # FILE COMMAND...: in a, on its first interface
    local file=$1
    shift
    rm -f "$TMP/in" && mkfifo "$TMP/in"
    : >"$TMP/out"
    "$tools/capture_tool" "$a" wd1 "$file" <"$TMP/in" >"$TMP/out" 2>&1 &
    local pid=$!
    exec 9>"$TMP/in"
    wait_for 5 grep -q ready "$TMP/out" || not_ok "capture starts" "$(cat "$TMP/out")"
    "$@" >"$TMP/run" 2>&1 || not_ok "traffic: $*" "$(cat "$TMP/run")"
    exec 9>&-
    wait "$pid" || not_ok "capture" "$(cat "$TMP/out")"
}
serve() { # COMMAND...: an iperf3 server in b, for one test
    rm -f "$TMP/server"
    ip netns exec "$b" "$@" -s -1 -p 5201 --forceflush >"$TMP/server" 2>&1 &
    wait_for 5 grep -q "Server listening" "$TMP/server" || not_ok "server" "$(cat "$TMP/server")"
}
# shellcheck disable=SC2317 # capture calls it by name
client() { ip netns exec "$a" "$@" -p 5201 -n 300K -l 8K; }

for family in 4 6; do
    [ $family = 4 ] && to=10.99.1.2 || to=fd99:1::2
    serve iperf3
    capture "$TMP/tcp$family.pcap" client iperf3 -c "$to"
    judge "real TCP over IPv$family" "$TMP/tcp$family.pcap"
    clean_summary "real TCP over IPv$family"
    serve mptcpize run iperf3
    capture "$TMP/mptcp$family.pcap" client mptcpize run iperf3 -c "$to"
    judge "real MPTCP over IPv$family" "$TMP/mptcp$family.pcap"
    clean_summary "real MPTCP over IPv$family"
    seen=$("$EXTCP" decode --json "$TMP/mptcp$family.pcap" 2>/dev/null | jq -r '.options[].name' | grep '^mptcp' | sort -u | tr '\n' ' ')
    like "real MPTCP over IPv$family has MP_CAPABLE, DSS and ADD_ADDR" "mptcp.add_addr mptcp.dss .*mptcp.mp_capable" "$seen"
done

# --- the command line ---
out=$("$EXTCP" decode --help)
is "--help is for stdout" 0 $?
like "and says how" "usage: extcp decode" "$out"
out=$("$EXTCP" decode "$TMP/nosuch.pcap" 2>&1)
is "a file that is not there" "2 extcp decode: $TMP/nosuch.pcap: cannot open the capture: No such file or directory" "$? $out"
echo "this is not a capture file" >"$TMP/bad.pcap"
out=$("$EXTCP" decode "$TMP/bad.pcap" 2>&1)
is "a file that is no capture" 2 $?
like "is named" "bad.pcap: not a pcap or pcapng capture" "$out"
head -c 1000 "$TMP/options.pcap" >"$TMP/cut.pcap"
out=$("$EXTCP" decode "$TMP/cut.pcap" 2>&1 >/dev/null)
is "a file that was cut" 2 $?
like "says where" "broken after packet [0-9]+: truncated" "$out"
"$EXTCP" decode "$TMP/options.pcap" >/dev/full 2>"$TMP/err"
is "no room for the output" 4 $?
like "is said" "cannot write the output: No space left" "$(cat "$TMP/err")"
is "--filter" "1" "$("$EXTCP" decode --filter 'ip and src port 10014' "$TMP/options.pcap" 2>/dev/null | grep -c '^15 .*uto 10 s')"
"$EXTCP" decode --filter 'nonsense here' "$TMP/options.pcap" >/dev/null 2>&1
is "a wrong filter is a usage error" 2 $?
is "standard input" 168 "$("$EXTCP" decode - <"$TMP/options.pcap" 2>/dev/null | wc -l)"
finish

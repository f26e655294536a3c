# SPDX-License-Identifier: BSD-2-Clause
# From the lines of `extcp decode --json` to "packet, tshark's field, its values": what tshark must say as well.
def is($field; $v): if $v == null then empty else [$field, $v] end;
def byte0: "0x" + .fields.data[2:4];
# The blocks of a SACK option, one edge of each.
def edges($i): .fields.blocks / "," | map((. / "-")[$i]) | join(",");

def mptcp:
    .fields as $f | "tcp.options.mptcp." as $p |
    is($p + "subtype"; $f.subtype),
    if .name == "mptcp.mp_capable" then
        is($p + "version"; $f.version), is($p + "flags"; $f.flags),
        is($p + "checksumreq.flags"; $f.checksum_required), is($p + "extensibility.flag"; $f.extensibility),
        is($p + "nomoresubflows.flag"; $f.no_more_subflows), is($p + "sha256.flag"; $f.hmac_sha256),
        is($p + "sendkey"; $f.key), is($p + "recvkey"; $f.peer_key),
        is($p + "datalvllen"; $f.data_length), is($p + "checksum"; $f.checksum)
    elif .name == "mptcp.mp_join" then
        (if $f.backup then is($p + "flags"; byte0) else empty end),
        is($p + "backup.flag"; $f.backup), is($p + "addrid"; $f.address_id),
        is($p + "recvtok"; $f.token), is($p + "sendrand"; $f.nonce),
        is($p + if $f.length == "16" then "sendtrunchmac" else "sendhmac" end; $f.hmac)
    elif .name == "mptcp.dss" then
        is($p + "flags"; $f.flags), is($p + "datafin.flag"; $f.data_fin),
        is($p + "rawdataack"; $f.data_ack), is($p + "rawdataseqno"; $f.dsn),
        is($p + "subflowseqno"; $f.subflow_seq), is($p + "datalvllen"; $f.data_length),
        is("dss.checksum"; if $f.checksum then $f.data_length + "/" + $f.checksum else null end)
    elif .name == "mptcp.add_addr" then
        is($p + "addrid"; $f.address_id), is($p + "echo"; $f.echo), is($p + "port"; $f.port),
        is($p + if $f.family == "4" then "ipv4" else "ipv6" end; $f.address), is($p + "addaddrtrunchmac"; $f.hmac)
    elif .name == "mptcp.remove_addr" then
        is($p + "addrid"; $f.address_ids), is("mptcp.rm_addr.count"; $f.count)
    elif .name == "mptcp.mp_prio" then is($p + "flags"; byte0), is($p + "backup.flag"; $f.backup)
    elif .name == "mptcp.mp_fail" then is($p + "rawdataseqno"; $f.dsn)
    elif .name == "mptcp.mp_fastclose" then is($p + "recvkey"; $f.key)
    elif .name == "mptcp.mp_tcprst" then
        is($p + "flags"; byte0), is($p + "rst_reason"; $f.reason), is($p + "flag_T.flag"; $f.transient)
    else empty end;

def option:
    .fields as $f | "tcp.options." as $p |
    (if .name == "eol" then empty else is("tcp.option_kind"; $f.kind) end),
    (if .name == "eol" or .name == "nop" then empty else is("tcp.option_len"; $f.length) end),
    is($p + "experimental.exid"; $f.exid),
    if .name == "mss" then is($p + "mss_val"; $f.value)
    elif .name == "wscale" then is($p + "wscale.shift"; $f.shift), is($p + "wscale.multiplier"; $f.multiplier)
    elif .name == "sack" then
        is($p + "sack.count"; $f.count), is($p + "sack_le"; edges(0)), is($p + "sack_re"; edges(1)),
        if $f.dsack == "yes" then is($p + "sack.dsack_le"; $f.left), is($p + "sack.dsack_re"; $f.right) else empty end
    elif .name == "timestamps" then is($p + "timestamp.tsval"; $f.value), is($p + "timestamp.tsecr"; $f.echo)
    elif .name == "md5" then is($p + "md5.digest"; $f.digest)
    elif .name == "ao" then
        is($p + "ao.keyid"; $f.keyid), is($p + "ao.rnextkeyid"; $f.rnextkeyid), is($p + "ao.mac"; $f.mac)
    elif .name == "uto" then
        is($p + "user_to_granularity"; if $f.granularity == "minutes" then "1" else "0" end),
        is($p + "user_to_val"; $f.value)
    elif .name == "tfo" or .name == "tfo_exp" then
        if $f.request == "yes" then is($p + "tfo.request"; "1") else is($p + "tfo.cookie"; $f.cookie) end
    elif .name == "tarr" then is($p + "tarr.rate"; $f.rate), is($p + "tar.reserved"; $f.reserved)
    elif $f.exid then # experiments that tshark does not know, ours among them: what follows the identifier
        if $f.data[6:] == "" then empty else is($p + "experimental.data"; $f.data[6:]) end
    elif (.name | startswith("unknown-")) then
        if $f.data == "" then empty else is($p + "unknown.payload"; $f.data) end
    elif (.name | startswith("mptcp.")) then mptcp
    else empty end;

def segment:
    (if .src | contains(":") then "ipv6" else "ip" end) as $ip |
    [$ip + ".src", .src], [$ip + ".dst", .dst], ["tcp.srcport", "\(.sport)"], ["tcp.dstport", "\(.dport)"],
    ["tcp.seq_raw", "\(.seq)"], ["tcp.ack_raw", "\(.ack)"], ["tcp.flags", "\(.flags)"],
    ["tcp.window_size_value", "\(.window)"], ["tcp.len", "\(.len)"], (.options[] | option);

.packet as $n | [segment] | group_by(.[0]) | .[] | "\($n)\t\(.[0][0])\t\(map(.[1]) | join(","))"

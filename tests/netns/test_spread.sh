#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-2-Clause
# The engines of docs/spread.md, on this machine: GNU parallel, and a Slurm of our own for as long as the test runs. The CI examples.
# shellcheck source=tests/netns/tap.sh
. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"
# shellcheck source=tests/netns/small.sh
. "$(dirname "${BASH_SOURCE[0]}")/small.sh"
experiment alpha 0.2 ""
# A checkout whose run.sh is the program under test.
printf '#!/bin/sh\nEXTCP_HOME=%s exec %s "$@"\n' "$home" "$EXTCP" >"$home/run.sh"
chmod +x "$home/run.sh"
cd "$home" || exit 1

out=$("$TOP/docs/spread/parallel.sh" :,: alpha --reps 3 2>&1)
is "GNU parallel: exit status" 0 $?
# ':' twice is one host to parallel, which runs the two parts one after the other
like "GNU parallel: the parts are joined" '6 of 6 repetitions' "$out"
is "GNU parallel: two parts" 2 "$(jq '.merged | length' results/alpha/latest/run.json)"
out=$("$TOP/docs/spread/parallel.sh" : no-such-experiment 2>&1)
is "GNU parallel: a part that breaks" 2 $?

# munge, the controller and a node, with everything of theirs in our directory.
mkdir -p munge slurm/state slurm/spool
chmod 700 munge
head -c 1024 /dev/urandom >munge/key
chmod 600 munge/key
host=$(hostname -s)
cat >slurm/slurm.conf <<CONF
ClusterName=extcp
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$PWD/munge/socket
CredType=cred/munge
SlurmUser=root
SlurmctldPort=27817
SlurmdPort=27818
SlurmctldPidFile=$PWD/slurm/ctld.pid
SlurmdPidFile=$PWD/slurm/d.pid
StateSaveLocation=$PWD/slurm/state
SlurmdSpoolDir=$PWD/slurm/spool
SlurmctldLogFile=$PWD/slurm/ctld.log
SlurmdLogFile=$PWD/slurm/d.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/linear
ReturnToService=2
MpiDefault=none
NodeName=$host NodeAddr=127.0.0.1 CPUs=1 State=UNKNOWN
PartitionName=all Nodes=$host Default=YES State=UP MaxTime=5
CONF
export SLURM_CONF=$PWD/slurm/slurm.conf
daemons=()
stop_slurm() {
    local p
    for p in "${daemons[@]}"; do kill "$p" 2>/dev/null; done
    for p in "${daemons[@]}"; do wait "$p" 2>/dev/null; done
}
at_exit stop_slurm
munged --foreground --force --socket="$PWD/munge/socket" --key-file="$PWD/munge/key" --pid-file="$PWD/munge/pid" --log-file="$PWD/munge/log" \
    --seed-file="$PWD/munge/seed" >munge/out 2>&1 &
daemons+=($!)
check "munge answers" wait_for 10 test -S munge/socket
slurmctld -D -f "$SLURM_CONF" >slurm/ctld.out 2>&1 &
daemons+=($!)
slurmd -D -f "$SLURM_CONF" -N "$host" >slurm/d.out 2>&1 &
daemons+=($!)
idle() { sinfo -h -o %t | grep -qx idle; }
check "the node is idle" wait_for 30 idle
job=$(sbatch --parsable --array=1-2 --output="$PWD/slurm/%a.out" "$TOP/docs/spread/slurm.sh" alpha --reps 3)
over() { [ -z "$(squeue -h -j "$job" 2>/dev/null)" ]; }
check "the array ends" wait_for 90 over
[ -e "spread/$job/2/alpha/latest" ] || cat slurm/*.out slurm/*.log
out=$(./run.sh merge spread/"$job"/*/alpha/latest 2>&1)
is "Slurm: merge" 0 $?
like "Slurm: all repetitions" '6 of 6 repetitions' "$out"
is "Slurm: each part knows its task" "[1,2] [2,2]" "$(jq -c .shard spread/"$job"/*/alpha/latest/run.json | xargs)"

# The examples for CI: YAML of the right form, and every command of theirs a script that bash reads.
cat >"$TMP/ci.py" <<'PY'
import re, subprocess, sys, yaml
def scripts(name, doc):
    if name == 'github':
        assert set(doc) <= {'name', True, 'permissions', 'jobs'}, doc.keys()  # YAML 1.1 reads `on` as true
        for job, j in doc['jobs'].items():
            assert j['runs-on'] and j['steps'], job
            assert set(j) <= {'runs-on', 'container', 'strategy', 'steps', 'if', 'needs'}, (job, j.keys())
            assert j.get('needs', job) in doc['jobs'], j
            for s in j['steps']:
                assert ('run' in s) != ('uses' in s), s
                assert set(s) <= {'run', 'uses', 'with', 'if', 'name'}, s
                if 'run' in s:
                    yield re.sub(r'\$\{\{.*?\}\}', 'X', s['run'])
    else:
        for job, j in doc.items():
            if job in ('default', 'stages'):
                continue
            assert j['stage'] in doc['stages'], job
            yield from j['script'] + j.get('after_script', [])
n = 0
for name, path in (('github', sys.argv[1]), ('gitlab', sys.argv[2])):
    for s in scripts(name, yaml.safe_load(open(path))):
        subprocess.run(['bash', '-n', '-c', s], check=True)
        n += 1
        for word in s.split():
            if word == './run.sh':
                verb = s.split('./run.sh', 1)[1].split()[0].strip('"')
                print(verb)
assert n > 10
PY
verbs=$(/usr/bin/python3 "$TMP/ci.py" "$TOP/docs/ci/github.yml" "$TOP/docs/ci/gitlab-ci.yml" 2>&1)
rc=$?
is "CI examples: their form" 0 $rc
[ $rc -eq 0 ] || echo "# $verbs"
known() {
    local v
    while read -r v; do
        case $v in X | '$EXPERIMENT') ;; *) [ -e "$TOP/experiments/$v.yaml" ] || "$EXTCP" "$v" --help >/dev/null 2>&1 || { echo "$v"; return 1; } ;; esac
    done <<<"$verbs"
}
check "CI examples: every command of ours is one" known
finish

# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# A machine of its own for tests that attach programs outside of any testbed: network, cgroups (mounted at /sys/fs/cgroup), bpffs and /run
# are new, and the real ones cannot be touched. Source it before tap.sh: the script runs again inside. With MACHINE_NET= (exported, empty) the
# network is the real one.
if [ -z "${IN_MACHINE:-}" ]; then
    group=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)/extcp-test.$$
    mkdir "$group" || exit 1
    # shellcheck disable=SC2016
    IN_MACHINE=1 GROUP=$group bash -c 'echo $$ >"$GROUP/cgroup.procs" && exec unshare --mount ${MACHINE_NET---net} --cgroup bash "$0"' "$0"
    rc=$?
    # What a broken test left; a sound one leaves nothing.
    if grep -q 'populated 1' "$group/cgroup.events"; then
        echo "# processes were left in $group"
        echo 1 >"$group/cgroup.kill"
        while grep -q 'populated 1' "$group/cgroup.events"; do sleep 0.05; done
    fi
    find "$group" -depth -type d -exec rmdir {} \;
    exit $rc
fi
umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && mount -t tmpfs none /run && mount -t bpf bpf /sys/fs/bpf && ip link set lo up || exit 1

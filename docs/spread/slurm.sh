#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A run as a Slurm job array, a part for each task:   sbatch --array=1-4 docs/spread/slurm.sh EXPERIMENT [OPTIONS]
# Submit it in a checkout that every node sees. A part needs root on its node: where jobs do not run as root, sudo must not ask. Then:
#   ./run.sh merge spread/JOB/*/EXPERIMENT/latest
#SBATCH --job-name=extcp
#SBATCH --exclusive
set -euo pipefail
cd "$SLURM_SUBMIT_DIR"
part=$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT
run=(./run.sh "$@" --shard "$part" --out "$PWD/spread/$SLURM_ARRAY_JOB_ID/$SLURM_ARRAY_TASK_ID")
[ "$(id -u)" -eq 0 ] || run=(sudo -n "${run[@]}")
echo "$(hostname): ${run[*]}"
exec "${run[@]}"

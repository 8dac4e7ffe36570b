#!/bin/bash
# Two nodes with four GPUs each; from the project's folder, which both nodes must see: sbatch configs/slurm.sh
# Run `dvc repro pairs` before; afterwards `dvc commit pretrain` records the result as if `dvc repro` had run the stage.
#SBATCH --job-name=esi-pretrain
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --output=slurm-%j.out

set -euo pipefail

# Checkpoints and known texts lie in $DVC_ROOT/.cache: one folder for all nodes. A requeued job goes on where it was.
export DVC_ROOT="$PWD"
export MAIN_ADDRESS="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)"
export MAIN_PORT="$((20000 + SLURM_JOB_ID % 20000))"

srun --kill-on-bad-exit=1 bash -c '
  accelerate launch --config_file configs/two_nodes.yaml --num_machines "$SLURM_NNODES" \
    --num_processes "$((SLURM_NNODES * 4))" --machine_rank "$SLURM_NODEID" \
    --main_process_ip "$MAIN_ADDRESS" --main_process_port "$MAIN_PORT" -m stages.pretrain
'

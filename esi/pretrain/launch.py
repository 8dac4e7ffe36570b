"""How a run is started: its processes, its device, its threads and its precision, by Accelerate (see configs/)."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
from accelerate import Accelerator

from esi.errors import EsiError
from esi.settings.learning import Train


class LaunchError(EsiError):
    """The processes are not those that were asked for, or were told what params.yaml decides."""


@dataclass(frozen=True)
class Launch:
    """One process among those that train together.

    bf16: run the networks in bfloat16 autocast. With `accelerator.is_fsdp2` the weights are spread over the processes.
    """

    accelerator: Accelerator
    bf16: bool

    @property
    def world(self) -> int:
        """How many processes there are."""
        return int(self.accelerator.num_processes)

    @property
    def rank(self) -> int:
        """Which of them this is."""
        return int(self.accelerator.process_index)

    @property
    def device(self) -> torch.device:
        return self.accelerator.device

    @property
    def precision(self) -> str:
        return "bf16" if self.bf16 else "fp32"


def launch(train: Train) -> Launch:
    """Join the other processes.

    Raises:
        LaunchError: Accelerate runs other processes than were started, or was given settings that `train` decides.
    """
    accelerator = Accelerator()
    if accelerator.device.type == "cpu":
        use_all_cores()
    asked = int(os.environ.get("WORLD_SIZE", "1"))
    if asked != accelerator.num_processes:
        raise LaunchError(
            f"{asked} processes were started (WORLD_SIZE), Accelerate runs {accelerator.num_processes}: on CPUs start with "
            f"`ACCELERATE_USE_CPU=true torchrun --nproc_per_node {asked} -m stages.pretrain`"
        )
    for name, given, plain, setting in (
        ("mixed_precision", accelerator.mixed_precision, "no", "train.precision"),
        ("gradient_accumulation_steps", accelerator.gradient_accumulation_steps, 1, "train.accumulate"),
        ("dynamo_backend", accelerator.state.dynamo_plugin.backend.value, "NO", "train.compile"),
    ):
        if given != plain:
            raise LaunchError(
                f"Accelerate was launched with {name} {given}, which {setting} in params.yaml decides: set it to {plain} in "
                "the Accelerate config"
            )
    if os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true" and not accelerator.is_fsdp2:
        raise LaunchError(
            "the Accelerate config asks for FSDP, and Accelerate does not shard here: it needs GPUs and fsdp_version 2, "
            "as in configs/fsdp.yaml"
        )
    bf16 = train.precision == "bf16" or (train.precision == "auto" and multiplies_bf16_faster(accelerator.device))
    return Launch(accelerator, bf16)


def use_all_cores() -> None:
    """Share the machine's cores among its processes: `accelerate launch` leaves each one thread (OMP_NUM_THREADS=1)."""
    if any(name.startswith("ACCELERATE_") for name in os.environ):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        torch.set_num_threads(max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))


def multiplies_bf16_faster(device: torch.device) -> bool:
    """CUDA, and CPUs with bfloat16 instructions (AVX512-BF16, AMX), where a step takes half of its time in float32."""
    return device.type == "cuda" or (device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported())

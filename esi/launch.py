"""How training is started: its processes, its device, its threads and its precision, by Accelerate (see configs/)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

import torch
from accelerate import Accelerator

from esi.errors import EsiError


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
    def main(self) -> bool:
        """Whether this process writes the results."""
        return bool(self.accelerator.is_main_process)

    @property
    def device(self) -> torch.device:
        return self.accelerator.device

    @property
    def precision(self) -> str:
        return "bf16" if self.bf16 else "fp32"


def join(stage: str, precision: Literal["auto", "bf16", "fp32"], section: str) -> Launch:
    """Join the other processes.

    Args:
        stage: which is started, such as "stages.pretrain".
        precision: auto is bf16 where the device multiplies it faster.
        section: of params.yaml, that decides the precision.

    Raises:
        LaunchError: Accelerate runs other processes than were started, or was given a precision.
    """
    accelerator = Accelerator()
    if accelerator.device.type == "cpu":
        use_all_cores()
    asked = int(os.environ.get("WORLD_SIZE", "1"))
    if asked != accelerator.num_processes:
        raise LaunchError(
            f"{asked} processes were started (WORLD_SIZE), Accelerate runs {accelerator.num_processes}: on CPUs start with "
            f"`ACCELERATE_USE_CPU=true torchrun --nproc_per_node {asked} -m {stage}`"
        )
    refuse(accelerator.mixed_precision, "no", "mixed_precision", f"{section}.precision")
    return Launch(accelerator, precision == "bf16" or (precision == "auto" and multiplies_bf16_faster(accelerator.device)))


def refuse(given: object, plain: object, name: str, setting: str) -> None:
    """Stop where the Accelerate config says what params.yaml decides.

    Raises:
        LaunchError: `given` is not the plain value.
    """
    if given != plain:
        raise LaunchError(
            f"Accelerate was launched with {name} {given}, which {setting} in params.yaml decides: set it to {plain} in "
            "the Accelerate config"
        )


def use_all_cores() -> None:
    """Share the machine's cores among its processes: `accelerate launch` leaves each one thread (OMP_NUM_THREADS=1)."""
    if any(name.startswith("ACCELERATE_") for name in os.environ):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        torch.set_num_threads(max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))


def multiplies_bf16_faster(device: torch.device) -> bool:
    """CUDA, and CPUs with bfloat16 instructions (AVX512-BF16, AMX), where a step takes half of its time in float32."""
    return device.type == "cuda" or (device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported())

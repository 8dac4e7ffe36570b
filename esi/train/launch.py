"""How training is started: its processes, its device, its threads and its precision, by Accelerate (see configs/)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedType

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

    def shared_out(self, steps: int) -> Iterator[tuple[int, bool]]:
        """This process's of the steps 0, 1, 2..., and whether each counts.

        Where they do not come out even a process computes the last once more, uncounted: weights that are spread over
        processes are gathered at every forward pass, so all must make as many.
        """
        for first in range(0, steps, self.world):
            step = first + self.rank
            yield min(step, steps - 1), step < steps

    def from_main(self, compute: Callable[[], float]) -> float:
        """A number that the main process alone computes, on all processes: what they decide by it they decide alike."""
        value = torch.zeros(self.world, dtype=torch.float64, device=self.device)
        if self.main:
            value[0] = compute()
        return float(self.accelerator.reduce(value, "sum")[0])

    @property
    def precision(self) -> str:
        return "bf16" if self.bf16 else "fp32"


def join(stage: str, precision: Literal["auto", "bf16", "fp32"], section: str, sharded: bool = False) -> Launch:
    """Join the other processes.

    Args:
        stage: which is started, such as "stages.pretrain".
        precision: auto is bf16 where the device multiplies it faster.
        section: of params.yaml, that decides what Accelerate may not.
        sharded: whether the weights may be spread over the processes, as in configs/fsdp.yaml.

    Raises:
        LaunchError: Accelerate runs other processes than were started, spreads the weights where it may not, or was given
            what params.yaml decides.
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
    refuse(accelerator.gradient_accumulation_steps, 1, "gradient_accumulation_steps", f"{section}.accumulate")
    refuse(accelerator.state.dynamo_plugin.backend.value, "NO", "dynamo_backend", f"{section}.compile")
    if os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true" and not accelerator.is_fsdp2:
        raise LaunchError(
            "the Accelerate config asks for FSDP, and Accelerate does not shard here: it needs GPUs and fsdp_version 2, "
            "as in configs/fsdp.yaml"
        )
    kind = accelerator.distributed_type
    if not sharded and kind not in (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU):
        raise LaunchError(f"{stage} does not run under {kind.value}: use configs/one_gpu.yaml or configs/four_gpus.yaml")
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

"""How fine-tuning is started: `python -m` for one process, `accelerate launch -m` for several (see configs/)."""

from __future__ import annotations

from typing import Literal

from accelerate.utils import DistributedType

from esi.launch import Launch, LaunchError, join


def launch(precision: Literal["auto", "bf16", "fp32"]) -> Launch:
    """Join the other processes.

    Raises:
        LaunchError: Accelerate runs other processes than were started, spreads the weights over them, or was given what
            params.yaml decides.
    """
    launched = join("stages.fine_tune", precision, "fine_tune")
    kind = launched.accelerator.distributed_type
    if kind not in (DistributedType.NO, DistributedType.MULTI_CPU, DistributedType.MULTI_GPU):
        raise LaunchError(f"fine-tuning does not run under {kind.value}: use configs/one_gpu.yaml or configs/four_gpus.yaml")
    return launched

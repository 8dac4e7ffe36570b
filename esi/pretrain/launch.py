"""How pretraining is started: what Accelerate may and may not decide."""

from __future__ import annotations

import os

from esi.launch import Launch, LaunchError, join, refuse
from esi.settings.learning import Train


def launch(train: Train) -> Launch:
    """Join the other processes.

    Raises:
        LaunchError: Accelerate runs other processes than were started, or was given settings that `train` decides.
    """
    launched = join("stages.pretrain", train.precision, "train")
    accelerator = launched.accelerator
    refuse(accelerator.gradient_accumulation_steps, 1, "gradient_accumulation_steps", "train.accumulate")
    refuse(accelerator.state.dynamo_plugin.backend.value, "NO", "dynamo_backend", "train.compile")
    if os.environ.get("ACCELERATE_USE_FSDP", "false").lower() == "true" and not accelerator.is_fsdp2:
        raise LaunchError(
            "the Accelerate config asks for FSDP, and Accelerate does not shard here: it needs GPUs and fsdp_version 2, "
            "as in configs/fsdp.yaml"
        )
    return launched

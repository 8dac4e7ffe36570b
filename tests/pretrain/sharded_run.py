"""`tiny_run`, its weights spread over the processes as configs/fsdp.yaml says, on CPUs.

Accelerate shards on GPUs alone: on CPUs it takes the plugin and forgets it. PyTorch shards there as well, so the two lines
that Accelerate leaves out stand here; all that follows from them is Accelerate's and ours.
"""

from __future__ import annotations

from typing import Any

from accelerate import Accelerator, FullyShardedDataParallelPlugin
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.utils import DistributedType

from esi.train import launch
from tests.conftest import ROOT
from tests.pretrain import tiny_run


def sharding(*arguments: Any, **settings: Any) -> Accelerator:
    config: dict[str, Any] = load_config_from_file(str(ROOT / "configs/fsdp.yaml")).fsdp_config  # type: ignore[union-attr]
    accelerator = Accelerator(*arguments, **settings)
    accelerator.state.distributed_type = DistributedType.FSDP
    accelerator.state.fsdp_plugin = FullyShardedDataParallelPlugin(
        fsdp_version=config["fsdp_version"],
        auto_wrap_policy=config["fsdp_auto_wrap_policy"],
        transformer_cls_names_to_wrap=config["fsdp_transformer_layer_cls_to_wrap"].split(","),
        reshard_after_forward=config["fsdp_reshard_after_forward"],
        cpu_ram_efficient_loading=config["fsdp_cpu_ram_efficient_loading"],
        state_dict_type=config["fsdp_state_dict_type"],
    )
    return accelerator


if __name__ == "__main__":
    launch.Accelerator = sharding  # type: ignore[misc, assignment]
    tiny_run.main()

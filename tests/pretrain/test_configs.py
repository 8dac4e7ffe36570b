"""The files in configs/ are what Accelerate and SLURM read."""

from __future__ import annotations

import subprocess

import pytest
from accelerate import FullyShardedDataParallelPlugin
from accelerate.commands.config.config_args import ClusterConfig, load_config_from_file
from accelerate.commands.launch import _validate_launch_command, launch_command_parser
from accelerate.utils import DistributedType
from accelerate.utils.launch import prepare_multi_gpu_env

from tests.conftest import ROOT

CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


def read(name: str) -> ClusterConfig:
    config = load_config_from_file(str(ROOT / "configs" / f"{name}.yaml"))
    assert isinstance(config, ClusterConfig)
    return config


def test_the_configs_say_what_their_names_do() -> None:
    assert {path.stem for path in CONFIGS} == {"one_gpu", "four_gpus", "two_nodes", "fsdp"}
    found = {path.stem: read(path.stem) for path in CONFIGS}
    assert {name: (one.distributed_type, one.num_machines, one.num_processes) for name, one in found.items()} == {
        "one_gpu": (DistributedType.NO, 1, 1),
        "four_gpus": (DistributedType.MULTI_GPU, 1, 4),
        "two_nodes": (DistributedType.MULTI_GPU, 2, 8),
        "fsdp": (DistributedType.FSDP, 1, 4),
    }
    assert {one.mixed_precision for one in found.values()} == {"no"}, "train.precision decides"


@pytest.mark.parametrize("name", [path.stem for path in CONFIGS])
def test_accelerate_launch_takes_each(name: str) -> None:
    """Its own parser and checks, up to where it would start processes."""
    command = [
        "--config_file",
        str(ROOT / "configs" / f"{name}.yaml"),
        "--main_process_ip",
        "127.0.0.1",
        "-m",
        "stages.pretrain",
    ]
    arguments, config, _ = _validate_launch_command(launch_command_parser().parse_args(command))
    assert arguments.num_processes == config.num_processes
    assert (arguments.multi_gpu, arguments.use_fsdp) == (name in ("four_gpus", "two_nodes"), name == "fsdp")
    if name == "fsdp":
        environment = prepare_multi_gpu_env(arguments)
        assert environment["FSDP_VERSION"] == "2"
        assert environment["ACCELERATE_USE_FSDP"] == "true"
        with pytest.MonkeyPatch.context() as patch:
            for key, value in environment.items():
                patch.setenv(key, value)
            plugin = FullyShardedDataParallelPlugin()
        assert plugin.fsdp_version == 2
        assert plugin.transformer_cls_names_to_wrap == ["Block", "BertLayer"]
        assert plugin.reshard_after_forward is True


def test_the_slurm_script_is_a_shell_script_for_the_two_nodes() -> None:
    path = ROOT / "configs/slurm.sh"
    subprocess.run(["bash", "-n", str(path)], check=True)
    text = path.read_text()
    assert f"#SBATCH --nodes={read('two_nodes').num_machines}\n" in text
    assert "--config_file configs/two_nodes.yaml" in text

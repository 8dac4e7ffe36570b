"""An exported model: a folder, or a Hugging Face Hub repository, that holds all that is needed to use it, or is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from huggingface_hub import snapshot_download
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from esi import files
from esi.errors import EsiError
from esi.model import manifest
from esi.model.card import card
from esi.model.config import Config, EcgConfig, EncoderConfig
from esi.model.text_tower import not_finite

CONFIG, WEIGHTS, TEXT, CARD = "config.json", "model.safetensors", "text", "README.md"
NO_SPACE = "nothing has trained its shared space of ECGs and texts, for train.lambda_con was 0"
MANIFEST = "training.parquet"  # optional: a model of one's own loads without
CONFIGS: dict[str, type[EcgConfig]] = {"esi": Config, "signal_encoder": EncoderConfig}  # by architecture
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


class ExportError(EsiError):
    """A model folder is incomplete or does not fit its own config."""


def write(folder: Path, config: EcgConfig, weights: Mapping[str, Tensor], trained_on: pa.Table | None = None) -> None:
    """Write weights, config, a model card and, where the model knows whose ECGs it was trained on, that manifest into a
    folder that is there.
    """
    save_file({name: tensor.detach().to("cpu").contiguous() for name, tensor in weights.items()}, folder / WEIGHTS)
    files.write_json(folder / CONFIG, config.model_dump(mode="json"))
    if trained_on is not None:
        files.write_table(folder / MANIFEST, trained_on)
    numbers = sum(tensor.numel() for tensor in weights.values())
    files.write_text(folder / CARD, card(config, numbers, MANIFEST if trained_on is not None else None))


def check_target(folder: Path) -> None:
    """Refuse to replace a folder that holds something else than an export.

    Raises:
        ExportError: it does, or is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise ExportError(f"{folder} is a file: name a folder to write the model to")
    strangers = sorted({path.name for path in folder.glob("*")} - {CONFIG, WEIGHTS, TEXT, CARD, MANIFEST})
    if strangers:
        raise ExportError(
            f"{folder} holds {', '.join(strangers[:5])}, which is no part of a model, and would be deleted: "
            "name a new or empty folder"
        )


def located(name: Path | str, **hub: Any) -> Path:
    """The folder of an exported model.

    Args:
        name: a folder, or (as a string that is none) the id of a Hub repository, which is downloaded to the Hub's cache.
        hub: revision, token, cache_dir, force_download, local_files_only of `huggingface_hub.snapshot_download`.

    Raises:
        ExportError: there is no such folder or repository, or it is out of reach.
    """
    if isinstance(name, Path) or Path(name).exists() or not _HUB_NAME.fullmatch(name):
        return Path(name)
    try:
        return Path(snapshot_download(name, allow_patterns=[CONFIG, WEIGHTS, f"{TEXT}/*", CARD, MANIFEST], **hub))
    except (OSError, ValueError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ExportError(
            f"{name} is neither a folder nor a model on the Hugging Face Hub that can be read ({reason}): "
            "check its spelling, the connection and, for a private one, the token"
        ) from error


def read_config(folder: Path) -> EcgConfig:
    """The config of an exported model: a `Config` of ESI, or an `EncoderConfig` of a signal encoder alone.

    Raises:
        ExportError: a part of the export is missing, or the config does not fit this program.
    """
    _present(folder, CONFIG, WEIGHTS)
    try:
        content = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        architecture = content.get("architecture", "esi")  # earlier versions had but one
        if architecture not in CONFIGS:
            raise ValueError(f"architecture {architecture!r} is none of {', '.join(CONFIGS)}")
        config = CONFIGS[architecture].model_validate(content)
    except (OSError, ValidationError, ValueError, AttributeError, RecursionError) as error:
        raise ExportError(f"{folder / CONFIG} is not the config of an ESI model: {error}") from None
    if isinstance(config, Config):
        _present(folder, TEXT)
    return config


def of_another_class(folder: Path, config: EcgConfig, wanted: str) -> ExportError:
    """The error of a model that is asked for what it is not."""
    return ExportError(
        f"{folder} holds a model of the method {config.method} (architecture {config.architecture}), not {wanted}: load it "
        "with esi.model.load.load, and look at its abilities"
    )


def _present(folder: Path, *names: str) -> None:
    for name in names:
        if not (folder / name).exists():
            raise ExportError(
                f"{folder} has no {name}: it is not an exported ESI model; run the pretrain stage to write one"
            )


def read_manifest(folder: Path) -> pa.Table | None:
    """Whose ECGs an exported model was trained on (`esi.model.manifest`); None where the export does not say.

    Raises:
        EsiError: the file is no manifest.
    """
    path = folder / MANIFEST
    return manifest.read(path) if path.exists() else None


def check_weights(folder: Path, expected: Mapping[str, Tensor]) -> None:
    """Compare the weights of an exported model, by their file's header alone, with those that its config asks for.

    Args:
        expected: `state_dict` of that model; it may lie on the device "meta", which takes no memory.

    Raises:
        ExportError: a weight is missing, unexpected or wrongly shaped.
    """
    try:
        with safe_open(folder / WEIGHTS, "pt") as file:
            shapes = {name: list(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 - no mapping
    except (SafetensorError, OSError) as error:
        raise ExportError(f"{folder / WEIGHTS} cannot be read as safetensors: {error}") from None
    problems = [f"missing {name}" for name in sorted(expected.keys() - shapes.keys())]
    problems += [f"unexpected {name}" for name in sorted(shapes.keys() - expected.keys())]
    problems += [
        f"{name} is {shapes[name]} where the config asks for {list(expected[name].shape)}"
        for name in sorted(expected.keys() & shapes.keys())
        if shapes[name] != list(expected[name].shape)
    ]
    if problems:
        shown = "; ".join(problems[:5]) + ("; ..." if len(problems) > 5 else "")
        raise ExportError(f"{folder / WEIGHTS} does not fit {folder / CONFIG}: {len(problems)} problems: {shown}")


def read_weights(folder: Path) -> dict[str, Tensor]:
    """The weights of an exported model, on the CPU.

    Raises:
        ExportError: one is not finite.
    """
    weights = load_file(folder / WEIGHTS)
    if broken := not_finite(weights):
        raise ExportError(f"{folder / WEIGHTS} is damaged: {broken}: fetch it again, or pretrain the model anew")
    return weights

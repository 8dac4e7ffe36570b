"""An exported model: a folder, or a Hugging Face Hub repository, that holds all that is needed to use it, or is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from huggingface_hub import snapshot_download
from pydantic import Field, JsonValue, ValidationError, field_validator
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from esi import files
from esi.errors import EsiError
from esi.markdown import escaped
from esi.model import manifest
from esi.model.text_tower import TextTower, not_finite
from esi.settings.data import Signal
from esi.settings.learning import Model
from esi.settings.section import Section

CONFIG, WEIGHTS, TEXT, CARD = "config.json", "model.safetensors", "text", "README.md"
NO_SPACE = "nothing has trained its shared space of ECGs and texts, for train.lambda_con was 0"
MANIFEST = "training.parquet"  # optional: a model of one's own loads without
TRAINING_NOTE = f"""
`{MANIFEST}` lists whose ECGs it was trained on, as truncated SHA-256 of subject ids and signals, so that no test repeats
them: it holds no ECG, text or name, but who can guess an id can look it up there, so `push_to_hub` leaves the file out.
"""
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


class ExportError(EsiError):
    """A model folder is incomplete or does not fit its own config."""


class Config(Section):
    """All that is needed to build the model again and to feed it rightly; written beside the weights."""

    signal: Signal  # what the ECGs were like that the model was trained on
    leads: tuple[str, ...] = Field(min_length=1)  # by name, in the order of the signal encoder's input
    units: Literal["millivolts"] = "millivolts"
    normalisation: Literal["none"] = "none"  # amplitudes are read as they are: voltage criteria need them
    model: Model
    max_tokens: int = Field(gt=1, le=65_536)
    contrastive: bool  # False: nothing trains the shared space (lambda_con = 0)
    captions: bool  # False: there is no decoder (lambda_cap = 0)
    trained_with: dict[str, JsonValue] = Field(default_factory=dict)  # settings and data that the model card lists

    @field_validator("leads")
    @classmethod
    def _leads_differ(cls, leads: tuple[str, ...]) -> tuple[str, ...]:
        if len({name.upper() for name in leads}) < len(leads):
            raise ValueError(f"leads {list(leads)} name one twice: give each once")
        return leads


def write(
    folder: Path, config: Config, weights: Mapping[str, Tensor], text: TextTower, trained_on: pa.Table | None = None
) -> None:
    """Write weights, config, tokenizer, the text tower's config, a model card and, where the model knows whose ECGs it was
    trained on, that manifest into a folder that is there.
    """
    text.save_config(folder / TEXT)
    save_file({name: tensor.detach().to("cpu").contiguous() for name, tensor in weights.items()}, folder / WEIGHTS)
    files.write_json(folder / CONFIG, config.model_dump(mode="json"))
    if trained_on is not None:
        files.write_table(folder / MANIFEST, trained_on)
    numbers = sum(tensor.numel() for tensor in weights.values())
    files.write_text(folder / CARD, card(config, numbers, trained_on is not None))


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


def read_config(folder: Path) -> Config:
    """The config of an exported model.

    Raises:
        ExportError: a part of the export is missing, or the config does not fit this program.
    """
    for name in (CONFIG, WEIGHTS, TEXT):
        if not (folder / name).exists():
            raise ExportError(
                f"{folder} has no {name}: it is not an exported ESI model; run the pretrain stage to write one"
            )
    try:
        return Config.model_validate(json.loads((folder / CONFIG).read_text(encoding="utf-8")))
    except (OSError, ValidationError, ValueError, RecursionError) as error:
        raise ExportError(f"{folder / CONFIG} is not the config of an ESI model: {error}") from None


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


def card(config: Config, weights: int, lists_training: bool = False) -> str:
    """The model card (Mitchell et al. 2019, arXiv:1810.03993, as far as the model itself can tell), Markdown.

    Args:
        weights: how many numbers the model has.
        lists_training: whether the manifest of what it was trained on lies beside the card.
    """
    model, signal = config.model, config.signal
    learnt = "all" if model.text_layers_trained == -1 else model.text_layers_trained
    highpass = f"zero-phase high-pass, {signal.highpass_hz} Hz" if signal.highpass_hz else "none"
    losses = [f"contrastive ({model.contrastive_loss})"] * config.contrastive + ["captioning"] * config.captions
    uses = ['pooled = model.encode_ecg(ecg, rate=RATE, leads=LEADS)["pooled"]  # features for probes']
    if config.contrastive:
        uses += ['z = model.encode_ecg(ecg, rate=RATE, leads=LEADS)["z"] @ model.encode_text(["sinus rhythm"]).T  # cosines']
    if config.captions:
        uses += ['texts = model.generate(ecg, rate=RATE, leads=LEADS, method="beam")']
    trained = "\n".join(f"| {escaped(name)} | {escaped(json.dumps(value))} |" for name, value in config.trained_with.items())
    return f"""---
library_name: esi
tags: [ecg, electrocardiogram, model_hub_mixin, pytorch_model_hub_mixin]
---

# ESI: a model of ECGs and texts about them

Pretrained after *ECG Semantic Integrator* (Yu, Guo and Sano, OpenReview giEbq8KhcF). For research; not a medical device.

## What it reads

| | |
| --- | --- |
| sampling rate | {signal.rate} Hz: resample other recordings first |
| units | {escaped(config.units)}, float32, shape [records, leads, samples], any number of samples |
| leads | {escaped(", ".join(config.leads))}; fewer, in any order, if they are named |
| filter | {highpass} |
| normalisation | {escaped(config.normalisation)} |
| texts | cut after {config.max_tokens} tokens |

## How to use it

```python
from esi.model.esi import ESI

model = ESI.from_pretrained("this folder or repository")
RATE, LEADS = {signal.rate}, {list(config.leads)}  # of your ECGs
{chr(10).join(uses)}
```

## What it is

| | |
| --- | --- |
| signal encoder | {model.signal_encoder} |
| text tower | {escaped(model.text_tower)}, layers trained: {learnt} |
| shared space | {f"{model.embedding_dim} dimensions" if config.contrastive else "not trained"} |
| caption decoder | {f"{model.decoder_layers} layers of {model.decoder_dim}" if config.captions else "none"} |
| losses | {" and ".join(losses)} |
| numbers in the weights | {weights:,} |

## What it was trained with

{f"| setting | value |{chr(10)}| --- | --- |{chr(10)}{trained}" if trained else "Not recorded."}
{TRAINING_NOTE if lists_training else ""}"""

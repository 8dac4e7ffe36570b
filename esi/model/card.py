"""The model card that lies beside exported weights."""

from __future__ import annotations

import json

from esi.markdown import escaped
from esi.model.config import Config, EcgConfig

TRAINING_NOTE = """
`{manifest}` lists whose ECGs it was trained on, as truncated SHA-256 of subject ids and signals, so that no test repeats
them: it holds no ECG, text or name, but who can guess an id can look it up there, so `push_to_hub` leaves the file out.
"""
PAPER = "Pretrained after *ECG Semantic Integrator* (Yu, Guo and Sano, OpenReview giEbq8KhcF)."


def card(config: EcgConfig, weights: int, manifest: str | None = None) -> str:
    """The model card (Mitchell et al. 2019, arXiv:1810.03993, as far as the model itself can tell), Markdown.

    Args:
        weights: how many numbers the model has.
        manifest: the name of the file beside the card that says what it was trained on, if there is one.
    """
    signal = config.signal
    esi = config if isinstance(config, Config) else None
    highpass = f"zero-phase high-pass, {signal.highpass_hz} Hz" if signal.highpass_hz else "none"
    title = "ESI: a model of ECGs and texts about them" if esi else "A signal encoder of ECGs"
    origin = PAPER if config.method == "esi" else f"Pretrained by the method `{escaped(config.method)}` of the ESI pipeline."
    loaded, name = ("esi.model.esi", "ESI") if esi else ("esi.model.signal_model", "SignalModel")
    uses = ['pooled = model.encode_ecg(ecg, rate=RATE, leads=LEADS)["pooled"]  # features for probes']
    if "zero_shot" in config.abilities:
        uses += ['z = model.encode_ecg(ecg, rate=RATE, leads=LEADS)["z"] @ model.encode_text(["sinus rhythm"]).T  # cosines']
    if "caption" in config.abilities:
        uses += ['texts = model.generate(ecg, rate=RATE, leads=LEADS, method="beam")']
    trained = "\n".join(f"| {escaped(name)} | {escaped(json.dumps(value))} |" for name, value in config.trained_with.items())
    texts = f"\n| texts | cut after {esi.max_tokens} tokens |" if esi else ""
    return f"""---
library_name: esi
tags: [ecg, electrocardiogram, model_hub_mixin, pytorch_model_hub_mixin]
---

# {title}

{origin} For research; not a medical device.

## What it reads

| | |
| --- | --- |
| sampling rate | {signal.rate} Hz: resample other recordings first |
| units | {escaped(config.units)}, float32, shape [records, leads, samples], any number of samples |
| leads | {escaped(", ".join(config.leads))}; fewer, in any order, if they are named |
| filter | {highpass} |
| normalisation | {escaped(config.normalisation)} |{texts}

## How to use it

```python
from {loaded} import {name}

model = {name}.from_pretrained("this folder or repository")
RATE, LEADS = {signal.rate}, {list(config.leads)}  # of your ECGs
{chr(10).join(uses)}
```

## What it is

| | |
| --- | --- |
| signal encoder | {config.encoder} |
{_parts(esi) if esi else ""}| numbers in the weights | {weights:,} |

## What it was trained with

{f"| setting | value |{chr(10)}| --- | --- |{chr(10)}{trained}" if trained else "Not recorded."}
{TRAINING_NOTE.format(manifest=manifest) if manifest else ""}"""


def _parts(config: Config) -> str:
    """What ESI has beside the signal encoder."""
    model = config.model
    learnt = "all" if model.text_layers_trained == -1 else model.text_layers_trained
    losses = [f"contrastive ({model.contrastive_loss})"] * config.contrastive + ["captioning"] * config.captions
    return f"""| text tower | {escaped(model.text_tower)}, layers trained: {learnt} |
| shared space | {f"{model.embedding_dim} dimensions" if config.contrastive else "not trained"} |
| caption decoder | {f"{model.decoder_layers} layers of {model.decoder_dim}" if config.captions else "none"} |
| losses | {" and ".join(losses)} |
"""

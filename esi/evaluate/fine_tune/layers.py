"""Layer-wise learning rates: what lies near the signal is most general and changes least (BEiT, Bao et al. 2021)."""

from __future__ import annotations

from typing import Any

from torch import nn

from esi.evaluate.fine_tune.classifier import Classifier
from esi.model.signal_encoder import SignalEncoder

# Between stem and head at most so many layers, each a run of blocks, as ConvNeXt's authors group theirs (Liu et al. 2022):
# at 0.75 from block to block the stem of base (36 blocks) would learn at 0.00003 of the rate.
MOST_LAYERS = 12


def layers(encoder: SignalEncoder) -> list[list[nn.Module]]:
    """The encoder's modules from the signal on: the stem, then at most `MOST_LAYERS` runs of blocks, about equally long."""
    stem, *blocks = encoder.layers()
    runs: list[list[nn.Module]] = [[] for _ in range(min(MOST_LAYERS, len(blocks)))]
    for place, modules in enumerate(blocks):
        runs[place * len(runs) // len(blocks)] += modules
    return [stem, *runs]


def parameter_groups(classifier: Classifier, lr: float, layer_decay: float, weight_decay: float) -> list[dict[str, Any]]:
    """Every parameter in one group, as AdamW wants them.

    Head and last layer learn at `lr`; each layer before at `layer_decay` of the next one's rate. Only the weights of linear
    layers and convolutions decay: not biases, norms or GRN.

    Returns:
        Groups with `lr`, and `lr_factor` by which a schedule's rate is multiplied.
    """
    by_depth = [*layers(classifier.encoder)]
    by_depth[-1] = [*by_depth[-1], classifier.head]
    groups: list[dict[str, Any]] = []
    for place, modules in enumerate(by_depth):
        factor = layer_decay ** (len(by_depth) - 1 - place)
        parameters = [part for module in modules for part in module.parameters()]
        for decay, chosen in (
            (weight_decay, [part for part in parameters if part.ndim >= 2]),
            (0.0, [part for part in parameters if part.ndim < 2]),
        ):
            if chosen:
                groups.append({"params": chosen, "weight_decay": decay, "lr": lr * factor, "lr_factor": factor})
    return groups

"""The signal encoders by name (paper, Table 5b): a new one is a class in a file of its own, and a line here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from esi.model import convnext1d, vit1d, xresnet1d
from esi.model.convnext1d import ConvNeXt1d
from esi.model.signal_encoder import SignalEncoder
from esi.model.vit1d import ViT1d
from esi.model.xresnet1d import XResNet1d

# Each is called with `leads` and `checkpoint_activations`. The setting `model.signal_encoder` reads its names here.
ENCODERS: dict[str, Callable[..., SignalEncoder]] = {
    "nano": partial(ConvNeXt1d, convnext1d.SIZES["nano"]),
    "tiny": partial(ConvNeXt1d, convnext1d.SIZES["tiny"]),
    "base": partial(ConvNeXt1d, convnext1d.SIZES["base"]),
    "vit": partial(ViT1d, vit1d.BASE),
    "xresnet101": partial(XResNet1d, xresnet1d.DEPTHS_101),
}


def build_encoder(name: str, leads: int, checkpoint_activations: bool = False) -> SignalEncoder:
    """A signal encoder with random weights, drawn from PyTorch's global generator.

    Args:
        name: one of `ENCODERS`.
        leads: how many an ECG has.
        checkpoint_activations: compute the blocks again in the backward pass instead of keeping what is in them.

    Raises:
        ValueError: the name is unknown.
    """
    if name not in ENCODERS:
        raise ValueError(f"there is no signal encoder {name!r}: set model.signal_encoder to one of {', '.join(ENCODERS)}")
    return ENCODERS[name](leads=leads, checkpoint_activations=checkpoint_activations)

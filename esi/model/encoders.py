"""The signal encoders by name (paper, Table 5b). All keep one contract; see `ConvNeXt1d.forward`."""

from __future__ import annotations

from esi.model import convnext1d
from esi.model.convnext1d import ConvNeXt1d
from esi.model.vit1d import ViT1d
from esi.model.xresnet1d import XResNet1d

Encoder = ConvNeXt1d | ViT1d | XResNet1d
NAMES = (*convnext1d.SIZES, "vit", "xresnet101")


def build_encoder(name: str, leads: int, checkpoint_activations: bool = False) -> Encoder:
    """A signal encoder with random weights, drawn from PyTorch's global generator.

    ECGs [B, leads, T] in millivolts, of any length, give tokens [B, S, dim], their mask [B, S] and a pooled vector [B, dim].
    A record's outputs depend neither on padding nor on the other records of its batch.

    Args:
        name: one of `NAMES`.
        leads: how many an ECG has; also the encoder's attribute `leads`.
        checkpoint_activations: compute the blocks again in the backward pass instead of keeping what is in them.

    Raises:
        ValueError: the name is unknown.
    """
    if name in convnext1d.SIZES:
        return ConvNeXt1d(convnext1d.SIZES[name], leads, checkpoint_activations=checkpoint_activations)
    if name == "vit":
        return ViT1d(leads=leads, checkpoint_activations=checkpoint_activations)
    if name == "xresnet101":
        return XResNet1d(leads=leads, checkpoint_activations=checkpoint_activations)
    raise ValueError(f"there is no signal encoder {name!r}: set model.signal_encoder to one of {', '.join(NAMES)}")

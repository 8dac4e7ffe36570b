"""An exponential moving average of the weights (Polyak and Juditsky 1992; as in TensorFlow's `ExponentialMovingAverage`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """The average of the parameters that require a gradient, in float32 whatever they are kept in.

    After t updates the next one keeps min(decay, (1 + t) / (10 + t)) of the average, so that the random start is soon
    forgotten, and a run of a few hundred steps averages over about its last tenth whatever the decay.

    All operations are elementwise and in place: under FSDP each process averages its own shards. Make it of the model as
    it is trained, that is after `accelerator.prepare` has sharded it.

    Args:
        model: what is averaged, from its weights of now on.
        decay: between 0 and 1; 0.999 averages over about the last 1,000 steps.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model, self.decay, self.updates = model, decay, 0
        self.average = {name: part.detach().to(torch.float32, copy=True) for name, part in _learnt(model)}

    @torch.no_grad()
    def update(self) -> None:
        """Take the model's weights in; for after each optimiser step."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, part in _learnt(self.model):
            self.average[name].lerp_(part.detach().float(), 1 - decay)
        self.updates += 1

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint: the tensors are the average's own, not copies."""
        return {"updates": self.updates, "average": dict(self.average)}

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave, to the bit.

        Raises:
            KeyError: the state is of another model.
        """
        saved = state["average"]
        if saved.keys() != self.average.keys():
            raise KeyError(f"the average is of another model: {sorted(saved.keys() ^ self.average.keys())[:5]} differ")
        for name, part in self.average.items():
            part.copy_(saved[name])
        self.updates = state["updates"]

    @torch.no_grad()
    def copy_to(self, model: nn.Module) -> None:
        """Set the weights of `model`, which is the averaged one or built alike, to the average."""
        for name, part in _learnt(model):
            part.copy_(self.average[name])


def _learnt(model: nn.Module) -> Iterator[tuple[str, Tensor]]:
    return ((name, part) for name, part in model.named_parameters() if part.requires_grad)

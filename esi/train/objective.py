"""What a step minimises: a module around the model, wrapped whole for many processes, so no weight is used outside."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any, ClassVar

import torch
from accelerate import Accelerator
from torch import Tensor, nn


class Objective(nn.Module):
    """Base of the objectives; `loss` is all that one must have.

    Attributes:
        model: what is kept when the run is over; other parts of the objective learn along and are dropped.
        logged: the figures of `loss` that a log shows, in this order; those that begin with "loss" are averaged over epochs.
        on_cpu: tensors of a batch that stay on the CPU, where the model reads them.
    """

    model: nn.Module
    logged: tuple[str, ...] = ("loss",)
    on_cpu: ClassVar[frozenset[str]] = frozenset()

    def forward(self, verb: str, *arguments: Any) -> Any:
        """Do what a method of this name does: what wraps a module (DDP, FSDP) works around `forward` alone."""
        return getattr(self, verb)(*arguments)

    def loss(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """`loss`, a scalar with a graph, whose mean over the processes is that of the joint batch; and further figures."""
        raise NotImplementedError

    def backward(
        self, wrapped: nn.Module, parts: Sequence[dict[str, Tensor]], seeds: Sequence[int], accelerator: Accelerator
    ) -> dict[str, Tensor]:
        """Add the gradients of this process's share of a batch to the weights.

        Args:
            wrapped: this objective as Accelerate prepared it.
            parts: of equal size; the loss is the mean of theirs.
            seeds: of the randomness in each part.

        Returns:
            The figures of `loss`, means over the parts, without a graph.
        """
        means: dict[str, Tensor] = {}
        for number, (part, seed) in enumerate(zip(parts, seeds, strict=True)):
            torch.manual_seed(seed)
            with accelerator.no_sync(wrapped) if number < len(parts) - 1 else nullcontext():
                out = wrapped("loss", part)
                (out["loss"] if len(parts) == 1 else out["loss"] / len(parts)).backward()
            for name, tensor in out.items():
                figure = tensor.detach() if len(parts) == 1 else tensor.detach() / len(parts)
                means[name] = means[name] + figure if name in means else figure
        return means

    def updated(self) -> None:
        """What is due after each step of the optimiser, such as a clamp."""

    def placed(self, batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
        """The batch where it is computed."""
        return {name: part if name in self.on_cpu else part.to(device, non_blocking=True) for name, part in batch.items()}

"""Rows of all processes, with gradients: the pairs of the whole global batch are negatives of one another."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def processes() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is."""
    return dist.get_rank() if processes() > 1 else 0


def gather_rows(x: Tensor) -> Tensor:
    """The rows of all processes in order of rank, [B, ...] -> [world * B, ...]; x itself where there is one process.

    B must be the same everywhere. The backward pass adds up what every process's loss says about this process's rows, which
    with the mean over processes that DistributedDataParallel takes gives the gradient of the mean loss.
    """
    return x if processes() == 1 else _GatherRows.apply(x)


class _GatherRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        parts = [torch.empty_like(x) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, x.contiguous())
        ctx.rows = x.shape[0]
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        grad = grads[0].contiguous().clone()
        dist.all_reduce(grad)  # every back end has it, unlike reduce_scatter; [M, E] is small
        start = dist.get_rank() * ctx.rows
        return grad[start : start + ctx.rows]

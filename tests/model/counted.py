"""Operations as PyTorch counts them while a model runs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode, conv_backward_flop


def counted(run: Callable[[], Any]) -> int:
    """What PyTorch counts; attention as its matrix products."""
    mapping = {torch.ops.aten.convolution_backward: convolution_backward}
    with FlopCounterMode(display=False, custom_mapping=mapping) as counter, sdpa_kernel(SDPBackend.MATH):
        run()
    return counter.get_total_flops()


def convolution_backward(grad: list[int], x: list[int], weight: list[int], *others: Any, **names: Any) -> int:
    """Each gradient of a depthwise convolution costs what it does forward; PyTorch's own count takes it for a dense one."""
    groups, mask = others[6], others[7]
    if groups == 1:
        return conv_backward_flop(grad, x, weight, *others, out_val=names["out_shape"])
    return (mask[0] + mask[1]) * 2 * math.prod(grad) * math.prod(weight[1:])

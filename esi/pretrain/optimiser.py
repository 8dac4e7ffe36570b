"""AdamW (paper section 4.1; Loshchilov and Hutter 2019) over groups that differ in weight decay and learning rate."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from esi.settings.learning import Train

DECAYING = (nn.Linear, _ConvNd, nn.MultiheadAttention)


def adamw(model: nn.Module, train: Train, text: nn.Module | None = None) -> torch.optim.AdamW:
    """Every parameter that requires a gradient, each in one group; groups that would be empty do not exist.

    Only the weights of linear layers, convolutions and attention decay. Biases, norms, GRN, logit scale and bias, and learnt
    positions and tokens of a transformer do not, nor does any embedding: decay shrinks a word's row at every step, and it
    learns only at those where the word occurs. That holds for the caption decoder's, which also is its output layer.

    Args:
        text: the part of `model` that learns at `train.text_lr_factor` of the rate.

    Returns:
        The optimiser. Besides PyTorch's own keys each group has `lr_factor`: `train.text_lr_factor` for the weights of the
        text tower itself (not for the projection behind it), 1 for all others. Its `lr` is `train.lr` times that.
    """
    decaying = {
        id(part)
        for module in model.modules()
        if isinstance(module, DECAYING)
        for part in module.parameters(recurse=False)
        if part.ndim >= 2
    }
    tower = {id(part) for part in text.parameters()} if text is not None else set()
    learnt = [part for part in model.parameters() if part.requires_grad]
    groups: list[dict[str, Any]] = []
    for factor, of_tower in ((1.0, False), (train.text_lr_factor, True)):
        for decay, decays in ((train.weight_decay, True), (0.0, False)):
            params = [part for part in learnt if (id(part) in tower) == of_tower and (id(part) in decaying) == decays]
            if params:
                groups.append({"params": params, "weight_decay": decay, "lr": train.lr * factor, "lr_factor": factor})
    return torch.optim.AdamW(groups, fused=True)  # 15 ms a step where the default takes 50: tiny, one core

"""The two losses of the paper (section 3.2.1), SigLIP in place of the first, and SimCLR's, as pure functions.

Legend: B pairs of this process, M pairs of all processes, V views, W of all processes, E embedding dimension, N caption
positions, D decoder dimension, V vocabulary where there are captions.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK = 256  # positions whose logits exist at one time: 256 x 30,522 fit the cache; the fastest of 64..1024 in bfloat16


def infonce(
    z_ecg_BE: Tensor,
    z_text_BE: Tensor,
    affinity_BM: Tensor,
    logit_scale: Tensor,
    all_ecg_ME: Tensor | None = None,
    all_text_ME: Tensor | None = None,
) -> Tensor:
    """Symmetric InfoNCE; the positives of a pair share its target in proportion to their affinity.

    The mean of the ECG-to-text and the text-to-ECG cross-entropy, as in CLIP (Radford et al. 2021; the paper's formula is
    their sum): ln M at chance, whatever the positives. With each pair its own positive alone it is the plain loss; with
    several of affinity 1 it is that of Khosla et al. (2020, L_out). Its least value is the mean entropy of the targets,
    which is 0 for own positives and ln n where n pairs say the same; the gradient is that of the Kullback-Leibler
    divergence, whose least value is 0. A target of many slight affinities is blurred, for they add up: see
    docs/pretraining.md. `siglip` judges each pair of pairs by itself and knows no such sum.

    Args:
        z_ecg_BE, z_text_BE: unit vectors of this process's pairs.
        affinity_BM: `positives.affinity`, 0..1; no row without a positive.
        logit_scale: scalar that cosines are multiplied by.
        all_*: the vectors of all processes, with gradients (`gather.gather_rows`); this process's own when None.

    Returns:
        The mean over this process's pairs. The mean of that over processes is the loss of the joint batch.
    """
    all_ecg_ME = z_ecg_BE if all_ecg_ME is None else all_ecg_ME
    all_text_ME = z_text_BE if all_text_ME is None else all_text_ME
    target_BM = affinity_BM.to(z_ecg_BE.dtype)
    target_BM = target_BM / target_BM.sum(dim=1, keepdim=True)
    to_text_BM = (logit_scale * z_ecg_BE @ all_text_ME.T).log_softmax(dim=1)
    to_ecg_BM = (logit_scale * z_text_BE @ all_ecg_ME.T).log_softmax(dim=1)
    return -(target_BM * (to_text_BM + to_ecg_BM)).sum(dim=1).mean() / 2


def siglip(
    z_ecg_BE: Tensor,
    z_text_BE: Tensor,
    affinity_BM: Tensor,
    logit_scale: Tensor,
    logit_bias: Tensor,
    all_text_ME: Tensor | None = None,
) -> Tensor:
    """Sigmoid loss (Zhai et al. 2023, arXiv:2303.15343): does this ECG belong to this text? for each of the B x M.

    Binary cross-entropy with the affinity as label, summed over the texts, the mean over the ECGs: M ln 2 where all logits
    are 0. Its least value is the labels' own entropy, 0 for labels of 0 and 1; it is reached at sigmoid(logit) = affinity.

    Args:
        z_ecg_BE, z_text_BE: unit vectors of this process's pairs.
        affinity_BM: `positives.affinity`, 0..1.
        logit_scale, logit_bias: scalars; the logit is the cosine times the one plus the other.
        all_text_ME: the texts of all processes, with gradients (`gather.gather_rows`); this process's own when None.

    Returns:
        The sum over this process's ECGs and all texts, divided by B. The mean of that over processes is the loss of the
        joint batch: each ECG meets each text once.
    """
    all_text_ME = z_text_BE if all_text_ME is None else all_text_ME
    logits_BM = logit_scale * z_ecg_BE @ all_text_ME.T + logit_bias
    label_BM = affinity_BM.to(logits_BM.dtype)
    return F.binary_cross_entropy_with_logits(logits_BM, label_BM, reduction="sum") / len(z_ecg_BE)


def nt_xent(z_VE: Tensor, all_WE: Tensor, first: int, temperature: float) -> tuple[Tensor, Tensor]:
    """NT-Xent (Chen et al. 2020): which of all other views is the same record's? The mean over this process's views.

    ln(W - 1) at chance. The mean over processes is the loss of the joint batch.

    Args:
        z_VE: unit vectors of this process's views: the first of each record, then the second of each.
        all_WE: those of all processes, with gradients (`gather.gather_rows`).
        first: the row of `all_WE` where `z_VE` begins.
        temperature: what cosines are divided by.

    Returns:
        The loss, and the share of views whose nearest other one is the same record's.
    """
    place_V = torch.arange(len(z_VE), device=z_VE.device)
    logits_VW = z_VE @ all_WE.T / temperature
    logits_VW = logits_VW.scatter(1, (first + place_V)[:, None], float("-inf"))
    partner_V = first + (place_V + len(z_VE) // 2) % len(z_VE)
    right = (logits_VW.detach().argmax(dim=1) == partner_V).float().mean()
    return F.cross_entropy(logits_VW, partner_V), right


def captioning(states_ND: Tensor, weight_VD: Tensor, target_N: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Sum over positions of -log P(target), where P = softmax(states @ weight.T): divide by a count for the mean.

    The [N, V] logits are the largest thing in the whole step (48 texts of 80 tokens: 470 MB), so they are made, used and
    dropped in chunks, and the gradients are taken on the way. 3,000 positions x 30,522 words x 128, forward and backward, on
    one core: 0.35 s in bfloat16, 0.88 s in float32; plain autograd 0.70 s and 1.16 s.

    Args:
        dtype: of the three matrix products; the softmax is in float32 always.
    """
    if target_N.numel() == 0:
        return states_ND.sum() * 0.0 + weight_VD.sum() * 0.0
    return _LinearCrossEntropy.apply(states_ND, weight_VD, target_N, dtype)


class _LinearCrossEntropy(torch.autograd.Function):
    """Gradients are computed in the forward pass and only scaled in the backward pass."""

    @staticmethod
    def forward(ctx: Any, states_ND: Tensor, weight_VD: Tensor, target_N: Tensor, dtype: torch.dtype) -> Tensor:
        learns = any(ctx.needs_input_grad[:2])
        with torch.autocast(states_ND.device.type, enabled=False):
            weight = weight_VD.to(dtype)
            total = torch.zeros((), device=states_ND.device)
            grad_states = torch.empty(states_ND.shape, device=states_ND.device) if learns else None
            grad_weight = torch.zeros(weight_VD.shape, device=states_ND.device) if learns else None
            for start in range(0, len(target_N), CHUNK):
                states, target = states_ND[start : start + CHUNK].to(dtype), target_N[start : start + CHUNK, None]
                logits = (states @ weight.T).float()
                highest = logits.amax(dim=1, keepdim=True)
                shifted = logits.gather(1, target) - highest
                powers = logits.sub_(highest).exp_()
                sums = powers.sum(dim=1, keepdim=True)
                total += (sums.log() - shifted).sum()
                if grad_states is not None and grad_weight is not None:
                    error = powers.div_(sums)  # softmax - one-hot
                    error.scatter_add_(1, target, torch.full(target.shape, -1.0, device=error.device))
                    error = error.to(dtype)
                    grad_states[start : start + CHUNK] = error @ weight
                    grad_weight += error.T @ states
        ctx.save_for_backward(grad_states, grad_weight)
        ctx.dtypes = states_ND.dtype, weight_VD.dtype
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        grad_states, grad_weight = ctx.saved_tensors
        return (grad_states * grads[0]).to(ctx.dtypes[0]), (grad_weight * grads[0]).to(ctx.dtypes[1]), None, None

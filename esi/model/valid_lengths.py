"""Records of unequal lengths in one batch: what goes into a signal encoder, and what comes out of it.

Legend: B batch, C leads, T samples, L tokens of a layer, S tokens of the last layer, D channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def real_part(ecg_BCT: Tensor, valid_B: Tensor | None, leads: int, multiple: int = 1) -> tuple[Tensor, Tensor | None]:
    """Check a batch and cut off what is padding for all of its records.

    Args:
        ecg_BCT: millivolts.
        valid_B: how many samples of each record are real, counted from the start; all of them when None.
        leads: C as the encoder wants it.
        multiple: the length is filled up with zeros to a multiple of this many samples.

    Returns:
        ecg [B, C, T'], 0 beyond each record's own length; the lengths [B], int64 on the CPU, or None where all are the same.

    Raises:
        ValueError: the number of leads, or a valid length, does not fit.
    """
    _, given, samples = ecg_BCT.shape
    if given != leads:
        raise ValueError(f"the signal encoder reads {leads} leads, the batch has {given}: shape {tuple(ecg_BCT.shape)}")
    valid_B = torch.tensor([samples]) if valid_B is None else valid_B.detach().to("cpu", torch.int64)
    shortest, longest = int(valid_B.min()), int(valid_B.max())
    if shortest < 1 or longest > samples:
        raise ValueError(f"valid lengths must be 1..{samples} samples, the batch has {shortest}..{longest}")
    ecg_BCT = F.pad(ecg_BCT[:, :, :longest], (0, -longest % multiple))
    if shortest == longest:
        return ecg_BCT, None
    within_BT = real_tokens(valid_B, 1, ecg_BCT.shape[2], ecg_BCT.device)
    return torch.where(within_BT[:, None], ecg_BCT, 0.0), valid_B


def real_tokens(valid_B: Tensor, stride: int, length: int, device: torch.device) -> Tensor:
    """Mask [B, length], True for the first ceil(valid / stride) tokens: a token is real if any of its samples is."""
    return (torch.arange(length) < -(-valid_B[:, None] // stride)).to(device)


def outputs(x_BSD: Tensor, mask_BS: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """What every signal encoder returns, from its last layer's tokens; mask None: all are real.

    Returns:
        tokens [B, S, D] (0 where padded), mask [B, S] (True where real), pooled [B, D] (the real tokens' mean, float32).
    """
    if mask_BS is None:
        return x_BSD, torch.ones(x_BSD.shape[:2], dtype=torch.bool, device=x_BSD.device), x_BSD.float().mean(dim=1)
    x_BSD = x_BSD * mask_BS[:, :, None]
    return x_BSD, mask_BS, x_BSD.float().sum(dim=1) / mask_BS.sum(dim=1, keepdim=True)

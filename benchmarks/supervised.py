"""A signal encoder with a linear head, trained on simulated records from random weights.

Legend: N records, B batch, K classes, C leads, T samples.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from esi.ecg.leads import LEADS
from esi.ecg.signals import MILLIVOLTS
from esi.errors import EsiError
from esi.evaluate.fine_tune.classifier import Classifier, fresh_encoder
from esi.evaluate.fine_tune.schedule import batch_shares, learning_rate, steps_per_epoch

BATCH = 64
LR = 1e-3
WARM_UP_STEPS = 100
WEIGHT_DECAY = 0.05
CLIP_NORM = 1.0


def batches(signals_NCT: np.ndarray, valid_N: np.ndarray) -> Callable[[Tensor], tuple[Tensor, Tensor]]:
    """Row numbers [B] -> float32 millivolts [B, C, T] and valid samples [B], of int16 microvolts."""

    def batch(rows: Tensor) -> tuple[Tensor, Tensor]:
        places = rows.numpy()
        return torch.from_numpy(signals_NCT[places]).float() * MILLIVOLTS, torch.from_numpy(valid_N[places])

    return batch


def train(
    signals_NCT: np.ndarray, targets_NK: np.ndarray, weights_K: np.ndarray, size: str, epochs: int, seed: int
) -> Classifier:
    """A classifier trained for some epochs, on the GPU where there is one, in bfloat16; in evaluation mode.

    The loss is the cross-entropy of each class, weighted and summed over the classes. AdamW; the learning rate rises over
    100 steps (a tenth of a short run) and falls to 0 by a cosine. The same arguments give the same weights on one machine.

    Args:
        signals_NCT: int16 microvolts, without padding. targets_NK: float32, 0 or 1. weights_K: float32, of the classes.
        size: of the encoder (`esi.model.encoders.ENCODERS`).

    Raises:
        EsiError: the loss is not finite.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    classifier = Classifier(fresh_encoder(size, len(LEADS), seed), targets_NK.shape[1], seed).to(device).train()
    matrices = [part for part in classifier.parameters() if part.ndim >= 2]
    others = [part for part in classifier.parameters() if part.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}], lr=LR
    )
    batch = batches(signals_NCT, np.full(len(signals_NCT), signals_NCT.shape[2]))
    targets, weights = torch.from_numpy(targets_NK), torch.from_numpy(weights_K).to(device)
    steps = epochs * steps_per_epoch(len(signals_NCT), BATCH)
    rows_of_steps = (rows for epoch in range(epochs) for rows, _ in batch_shares(len(signals_NCT), BATCH, seed, epoch))
    with tqdm(rows_of_steps, f"train {size}", steps, unit="step", mininterval=1) as bar:
        for step, rows_B in enumerate(bar):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, steps, min(WARM_UP_STEPS, steps / 10), LR)
            ecg_BCT, valid_B = batch(rows_B)
            with torch.autocast(device.type, torch.bfloat16):
                logits_BK = classifier(ecg_BCT, valid_B)
            loss_BK = nn.functional.binary_cross_entropy_with_logits(logits_BK, targets[rows_B].to(device), reduction="none")
            loss = (loss_BK * weights).sum(dim=1).mean()
            if not torch.isfinite(loss):
                raise EsiError(f"the loss of step {step} is {loss.item()}: look at the simulated signals")
            loss.backward()
            nn.utils.clip_grad_norm_(classifier.parameters(), CLIP_NORM)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
    return classifier.eval()


@torch.inference_mode()
def pooled(size: str, seed: int, signals_NCT: np.ndarray, valid_N: np.ndarray, batch_size: int) -> np.ndarray:
    """What a frozen encoder with random weights makes of records: its pooled vectors [N, D] float32."""
    encoder = fresh_encoder(size, len(LEADS), seed).to("cuda" if torch.cuda.is_available() else "cpu").eval()
    device, batch = next(encoder.parameters()).device, batches(signals_NCT, valid_N)
    parts = []
    for rows in tqdm(torch.arange(len(signals_NCT)).split(batch_size), desc="random encoder", unit="batch"):
        ecg_BCT, valid_B = batch(rows)
        parts.append(encoder(ecg_BCT.to(device), valid_B)[2].float().cpu().numpy())
    return np.concatenate(parts)

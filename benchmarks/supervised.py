"""A signal encoder with a linear head, trained on simulated records from random weights.

Legend: N records, B batch, K classes, C leads, T samples.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from esi.closure import code_hash
from esi.ecg.leads import LEADS
from esi.ecg.signals import MILLIVOLTS
from esi.evaluate.fine_tune.classifier import Classifier, Examples, fresh_encoder
from esi.evaluate.fine_tune.fit import Classification, LabelledBatches
from esi.files import content_hash
from esi.train import loop as training
from esi.train.checkpoint import Checkpoint
from esi.train.launch import join
from esi.train.loop import Recipe
from esi.train.objective import Objective
from esi.train.schedule import cosine

BATCH = 64
LR = 1e-3
WARM_UP_STEPS = 100
WEIGHT_DECAY = 0.05
CLIP_NORM = 1.0
LOG_EVERY = 100  # steps


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
    A run that was killed goes on where its last epoch ended.

    The loss is the cross-entropy of each class, weighted and summed over the classes. AdamW; the learning rate rises over
    100 steps (a tenth of a short run) and falls to 0 by a cosine. The same arguments give the same weights on one machine.

    Args:
        signals_NCT: int16 microvolts, without padding. targets_NK: float32, 0 or 1. weights_K: float32, of the classes.
        size: of the encoder (`esi.model.encoders.ENCODERS`).

    Raises:
        TrainingError: the loss is not finite.
    """
    launch = join("benchmarks.sim_to_real", "bf16", "benchmark")
    classifier = Classifier(fresh_encoder(size, len(LEADS), seed), targets_NK.shape[1], seed).to(launch.device)
    batch = batches(signals_NCT, np.full(len(signals_NCT), signals_NCT.shape[2]))
    examples = LabelledBatches(Examples(batch, torch.from_numpy(targets_NK)), BATCH, seed)
    weights = torch.from_numpy(weights_K).to(launch.device)
    steps = epochs * examples.per_epoch
    warmup = min(WARM_UP_STEPS, steps / 10)

    def loss(logits_BK: Tensor, targets_BK: Tensor) -> Tensor:
        loss_BK = nn.functional.binary_cross_entropy_with_logits(logits_BK, targets_BK, reduction="none")
        return (loss_BK * weights).sum(dim=1).mean()

    recipe = Recipe(
        name=f"train {size}",
        epochs=epochs,
        optimizer=adamw,
        rate=lambda step: cosine(step, steps, warmup, LR),
        seed=seed,
        clip_norm=CLIP_NORM,
        log_every=LOG_EVERY,
    )
    data = content_hash(signals_NCT.tobytes(), targets_NK.tobytes(), weights_K.tobytes())
    identity = {"data": data, "size": size, "epochs": epochs, "seed": seed, "device": launch.device.type}
    checkpoint = Checkpoint(identity | {"benchmark": "supervised", "code": code_hash("esi.evaluate.fine_tune.fit")})
    training.train(Classification(classifier, loss, launch.bf16), examples, recipe, launch, checkpoint)
    checkpoint.delete()
    return classifier


def adamw(objective: Objective) -> torch.optim.AdamW:
    """AdamW with weight decay on matrices alone."""
    matrices = [part for part in objective.parameters() if part.ndim >= 2]
    others = [part for part in objective.parameters() if part.ndim < 2]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=LR)


@torch.inference_mode()
def pooled(size: str, seed: int, signals_NCT: np.ndarray, valid_N: np.ndarray, batch_size: int) -> np.ndarray:
    """Pooled vectors [N, D] float32 of records by a frozen encoder with random weights."""
    encoder = fresh_encoder(size, len(LEADS), seed).to("cuda" if torch.cuda.is_available() else "cpu").eval()
    device, batch = next(encoder.parameters()).device, batches(signals_NCT, valid_N)
    parts = []
    for rows in tqdm(torch.arange(len(signals_NCT)).split(batch_size), desc="random encoder", unit="batch"):
        ecg_BCT, valid_B = batch(rows)
        parts.append(encoder(ecg_BCT.to(device), valid_B)[2].float().cpu().numpy())
    return np.concatenate(parts)

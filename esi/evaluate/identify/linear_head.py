"""A linear classifier of subjects on frozen features: what the paper calls the linear probing of identification (4.4).

Legend: G subjects in the gallery, P probes, D features, B batch.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from esi.settings.evaluation import Identify
from esi.train.batches import Batch
from esi.train.launch import join
from esi.train.loop import Recipe, train
from esi.train.objective import Objective


class _Naming(Objective):
    def __init__(self, head: nn.Linear) -> None:
        super().__init__()
        self.model = head

    def loss(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"loss": F.cross_entropy(self.model(batch["features_BD"]), batch["subject_B"])}


class _Shuffled:
    """The gallery in an order drawn anew for each epoch."""

    def __init__(self, gallery_GD: Tensor, batch_size: int, epochs: int, seed: int) -> None:
        self._gallery_GD, self._size = gallery_GD, batch_size
        generator = torch.Generator().manual_seed(seed)
        self._orders = [torch.randperm(len(gallery_GD), generator=generator) for _ in range(epochs)]
        self.per_epoch = math.ceil(len(gallery_GD) / batch_size)

    def batch(self, step: int) -> Batch:
        epoch, inner = divmod(step, self.per_epoch)
        rows = self._orders[epoch][inner * self._size : (inner + 1) * self._size]
        return Batch([{"features_BD": self._gallery_GD[rows], "subject_B": rows}], rows, {"samples": len(rows)})

    def names(self, rows: Tensor) -> list[str]:
        return [f"subject {row}" for row in rows.tolist()]


def head_scores(gallery_GD: np.ndarray, probes_PD: np.ndarray, settings: Identify, seed: int) -> np.ndarray:
    """Softmax regression, one training example a subject; the logits [P, G] of the probes.

    Features are standardised by the gallery, then of unit length: with standardised features alone the head loses 0.01 to
    0.04 of accuracy on validation and training records. Adam; the weights start at zero, where all subjects are equally
    likely, so that the seed draws the batches alone. It takes seconds: a kill costs it all, and nothing is saved on the way.

    Args:
        gallery_GD, probes_PD: float32 features. settings: epochs, batch_size, lr.
    """
    launch = join("stages.identify", "fp32", "identify")
    mean_D, std_D = gallery_GD.mean(axis=0), gallery_GD.std(axis=0)
    scale_D = np.where(std_D > 0, std_D, 1)
    gallery, probes = (
        F.normalize(torch.from_numpy((features - mean_D) / scale_D).float()) for features in (gallery_GD, probes_PD)
    )
    head = nn.Linear(gallery.shape[1], len(gallery)).to(launch.device)
    nn.init.zeros_(head.weight)
    nn.init.zeros_(head.bias)
    recipe = Recipe(
        name="identification, linear head",
        epochs=settings.epochs,
        optimizer=lambda objective: torch.optim.Adam(objective.parameters(), lr=settings.lr),
        rate=lambda step: settings.lr,
        seed=seed,
        remedy="lower identify.lr",
        quiet=True,
    )
    train(_Naming(head), _Shuffled(gallery, settings.batch_size, settings.epochs, seed), recipe, launch)
    with torch.inference_mode():
        return head(probes.to(launch.device)).cpu().numpy()

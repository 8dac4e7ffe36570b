"""Fitting a classifier on the training loop: every record once an epoch, a validation score, early stopping.

Legend: B batch, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from esi.evaluate.fine_tune.classifier import Classifier, Examples
from esi.evaluate.fine_tune.layers import parameter_groups
from esi.train import sampler
from esi.train.batches import Batch
from esi.train.checkpoint import Checkpoint
from esi.train.launch import Launch
from esi.train.loop import SCORE, Recipe, TrainingError, train
from esi.train.objective import Objective
from esi.train.schedule import cosine

CLIP_NORM = 1.0
Loss = Callable[[Tensor, Tensor], Tensor]  # logits [B, K] and targets of the rows -> mean over the rows


@dataclass(frozen=True)
class FitSettings:
    """How a classifier is fitted."""

    lr: float  # of the head and the encoder's last layer
    epochs: int  # at most
    patience: int  # epochs without a better validation score before it stops
    batch_size: int  # over all processes
    layer_decay: float  # of the learning rate from layer to layer towards the signal; 1: none
    weight_decay: float
    warmup_epochs: float
    average: float  # decay of an exponential moving average of the weights, which is then what is validated; 0: none
    seed: int  # of the batches


class Classification(Objective):
    """The loss of a classifier's logits.

    Args:
        classifier: with the weights that it starts from.
        loss: such as `torch.nn.functional.cross_entropy`.
        bf16: run the classifier in bfloat16 autocast; the loss is in float32.
    """

    on_cpu = frozenset({"valid_B", "weight"})

    def __init__(self, classifier: Classifier, loss: Loss, bf16: bool) -> None:
        super().__init__()
        self.model = classifier
        self._mean, self._bf16 = loss, bf16

    def loss(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        with torch.autocast(batch["ecg_BCT"].device.type, torch.bfloat16, enabled=self._bf16):
            logits_BK = self.model(batch["ecg_BCT"], batch["valid_B"])
        return {"loss": self._mean(logits_BK, batch["targets"]) * float(batch["weight"])}


class LabelledBatches:
    """Every example once an epoch; a share's loss counts by its size (`sampler.batch_shares`)."""

    def __init__(self, examples: Examples, batch_size: int, seed: int, rank: int = 0, world: int = 1) -> None:
        self._examples = examples
        self._shares = partial(sampler.batch_shares, examples.n, batch_size, seed, rank=rank, world=world)
        self._epoch, self._of_epoch = 0, self._shares(0)
        self.per_epoch = len(self._of_epoch)

    def batch(self, step: int) -> Batch:
        epoch, inner = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._epoch, self._of_epoch = epoch, self._shares(epoch)
        rows, weight = self._of_epoch[inner]
        ecg_BCT, valid_B = self._examples.batch(rows)
        part = {"ecg_BCT": ecg_BCT, "valid_B": valid_B, "targets": self._examples.targets[rows]}
        return Batch([part | {"weight": torch.tensor(weight, dtype=torch.float64)}], rows, {"samples": len(rows)})

    def names(self, rows: Tensor) -> list[str]:
        return [f"training record {row}" for row in rows.tolist()]


def fit(
    classifier: Classifier,
    examples: Examples,
    loss: Loss,
    validate: Callable[[Classifier], float],
    settings: FitSettings,
    launch: Launch,
    checkpoint: Checkpoint,
    name: str,
) -> Classifier:
    """Fit a classifier, and give it the weights of its best epoch. The test records are not an argument.

    A run whose process was killed goes on after its last whole epoch, with the same result to the bit. One that is through
    keeps its best weights in the checkpoint: called again it returns them, until the caller deletes the checkpoint.

    Args:
        classifier: with its first weights, which it loses; moved to the launch's device.
        examples: what it learns from.
        validate: the score of a classifier (in evaluation mode) on validation records, higher is better; the main process
            alone calls it.
        settings, launch, checkpoint: as they say. The checkpoint's identity must hold what decides the result: `settings`,
            `launch.bf16`, the data, the classifier's first weights.
        name: of the run, for the progress bar and for errors.

    Returns:
        The same classifier with its best weights, in evaluation mode.

    Raises:
        TrainingError: a loss or a gradient is not finite; or the processes do not see the same checkpoint.
        EsiError: there are fewer records in a batch than processes.
    """
    if settings.warmup_epochs >= settings.epochs:
        raise TrainingError(f"{name}: warmup_epochs ({settings.warmup_epochs:g}) must be below epochs ({settings.epochs})")
    batches = LabelledBatches(examples, settings.batch_size, settings.seed, launch.rank, launch.world)

    def optimizer(objective: Objective) -> torch.optim.Optimizer:
        groups = parameter_groups(classifier, settings.lr, settings.layer_decay, settings.weight_decay)
        return torch.optim.AdamW(groups, fused=True)

    def score(_: Any) -> dict[str, float]:
        """The main process's: processes that found another best epoch would wait for one another for ever."""
        return {SCORE: launch.from_main(lambda: validate(classifier.eval()))}

    steps, warmup = settings.epochs * batches.per_epoch, settings.warmup_epochs * batches.per_epoch
    recipe = Recipe(
        name=name,
        epochs=settings.epochs,
        optimizer=optimizer,
        rate=lambda step: cosine(step, steps, warmup, settings.lr),
        seed=settings.seed,
        clip_norm=CLIP_NORM,
        average=settings.average,
        patience=settings.patience,
    )
    train(Classification(classifier.to(launch.device), loss, launch.bf16), batches, recipe, launch, checkpoint, score)
    return classifier

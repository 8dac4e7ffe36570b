"""The loop that fits a classifier: Accelerate on one CPU, one GPU or many, with early stopping, resumable to the bit.

Legend: B batch, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from esi.errors import EsiError
from esi.evaluate.fine_tune.checkpoint import Checkpoint
from esi.evaluate.fine_tune.classifier import Classifier, Examples
from esi.evaluate.fine_tune.layers import parameter_groups
from esi.evaluate.fine_tune.schedule import batch_shares, learning_rate, steps_per_epoch
from esi.launch import Launch

CLIP_NORM = 1.0


class FitError(EsiError):
    """A run cannot go on."""


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


def fit(
    classifier: Classifier,
    train: Examples,
    loss: Callable[[Tensor, Tensor], Tensor],
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
        train: what it learns from.
        loss: logits [B, K] and targets of the rows -> mean over the rows, such as `torch.nn.functional.cross_entropy`.
        validate: the score of a classifier (in evaluation mode) on validation records, higher is better; the main process
            alone calls it.
        settings, launch, checkpoint: as they say. The checkpoint's identity must hold what decides the result: `settings`,
            `launch.bf16`, the data, the classifier's first weights.
        name: of the run, for the progress bar and for errors.

    Returns:
        The same classifier with its best weights, in evaluation mode.

    Raises:
        FitError: a loss or a gradient is not finite; or the processes do not see the same checkpoint.
        EsiError: there are fewer records in a batch than processes.
    """
    run = _Run(classifier, train, loss, settings, launch, name)
    run.resume(checkpoint.load())
    hidden = not launch.main
    total = settings.epochs * run.per_epoch
    with tqdm(total=total, initial=run.epoch * run.per_epoch, desc=name, unit="step", disable=hidden, mininterval=1) as bar:
        while not run.finished:
            run.train_epoch(bar)
            run.judge(run.score(validate))
            bar.set_postfix(best=f"{run.best:.4f}", refresh=False)
            if launch.main:
                checkpoint.save(run.state())
    classifier.load_state_dict(run.best_weights)
    launch.accelerator.free_memory()
    return classifier.eval()


class _Run:
    """All state of a run: what `state` returns; everything else about an epoch follows from its number."""

    def __init__(
        self,
        classifier: Classifier,
        train: Examples,
        loss: Callable[[Tensor, Tensor], Tensor],
        settings: FitSettings,
        launch: Launch,
        name: str,
    ) -> None:
        if settings.warmup_epochs >= settings.epochs:
            raise FitError(f"{name}: warmup_epochs ({settings.warmup_epochs:g}) must be below epochs ({settings.epochs})")
        self.train, self.loss, self.settings, self.launch, self.name = train, loss, settings, launch, name
        self.per_epoch = steps_per_epoch(train.n, settings.batch_size)
        self.classifier = classifier.to(launch.device)
        groups = parameter_groups(classifier, settings.lr, settings.layer_decay, settings.weight_decay)
        self.optimizer = torch.optim.AdamW(groups, fused=True)
        self.wrapped: nn.Module = launch.accelerator.prepare_model(classifier)
        self.average = AveragedModel(classifier, avg_fn=_moving_average(settings.average)) if settings.average else None
        self.epoch = 0  # how many are done
        self.best, self.waited = -float("inf"), 0
        self.best_weights: dict[str, Tensor] = {}

    @property
    def finished(self) -> bool:
        return self.epoch >= self.settings.epochs or self.waited >= self.settings.patience

    def train_epoch(self, bar: tqdm) -> None:
        """One pass over the training records."""
        self.wrapped.train()
        shares = batch_shares(
            self.train.n, self.settings.batch_size, self.settings.seed, self.epoch, self.launch.rank, self.launch.world
        )
        for number, (rows, weight) in enumerate(shares):
            self._step(self.epoch * self.per_epoch + number, rows, weight)
            bar.update()
        self.epoch += 1

    def _step(self, step: int, rows: Tensor, weight: float) -> None:
        settings, device = self.settings, self.launch.device
        rate = learning_rate(step, settings.epochs * self.per_epoch, settings.warmup_epochs * self.per_epoch, settings.lr)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["lr_factor"]
        ecg_BCT, valid_B = self.train.batch(rows)
        with torch.autocast(device.type, torch.bfloat16, enabled=self.launch.bf16):
            logits_BK = self.wrapped(ecg_BCT.to(device), valid_B)
        loss = self.loss(logits_BK, self.train.targets[rows].to(device)) * weight
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.classifier.parameters(), CLIP_NORM)
        if not bool(torch.isfinite(loss.detach()) & torch.isfinite(norm)):  # the norm is that of all processes
            raise FitError(
                f"{self.name}: the loss {loss.item()} with gradient norm {norm.item()} in epoch {self.epoch} is not finite, "
                "nothing was updated: lower the learning rate, or look at the signals of the training records"
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update_parameters(self.classifier)

    @property
    def judged(self) -> Classifier:
        """The classifier that is validated: the average, where there is one."""
        if self.average is None:
            return self.classifier
        assert isinstance(self.average.module, Classifier)
        return self.average.module

    def score(self, validate: Callable[[Classifier], float]) -> float:
        """The main process's: processes that found another best epoch would wait for one another for ever."""
        value = torch.zeros(self.launch.world, dtype=torch.float64, device=self.launch.device)
        if self.launch.main:
            value[0] = validate(self.judged.eval())
        score = float(self.launch.accelerator.reduce(value, "sum")[0])
        if not math.isfinite(score):
            raise FitError(f"{self.name}: the validation score after epoch {self.epoch} is {score}: look at its records")
        return score

    def judge(self, score: float) -> None:
        """Keep the weights if they are the best so far; the earlier epoch wins a tie."""
        self.waited += 1
        if score > self.best:
            self.best, self.waited = score, 0
            self.best_weights = {key: part.detach().cpu().clone() for key, part in self.judged.state_dict().items()}

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps: of a run that is through the best weights alone."""
        kept = {"epoch": self.epoch, "waited": self.waited, "best": self.best, "best_weights": self.best_weights}
        if self.finished:
            return kept
        return kept | {
            "weights": self.classifier.state_dict(),
            "moments": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
        }

    def resume(self, state: dict[str, Any] | None) -> None:
        """Go back to where a run of the same identity was killed, if there was one."""
        if state is not None:
            self.epoch, self.waited = state["epoch"], state["waited"]
            self.best, self.best_weights = state["best"], state["best_weights"]
            if not self.finished:
                self.classifier.load_state_dict(state["weights"])
                self.optimizer.load_state_dict(state["moments"])
                if self.average is not None:
                    self.average.load_state_dict(state["average"])
        epochs = self.launch.accelerator.gather(torch.tensor([self.epoch], device=self.launch.device)).tolist()
        if len(set(epochs)) > 1:
            raise FitError(
                f"{self.name}: processes would resume at different epochs {epochs}: "
                "set DVC_ROOT to a folder that all nodes share"
            )


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """The update after t others keeps min(decay, (1 + t) / (10 + t)) of the average: runs are short, and the start is soon
    forgotten (as TensorFlow's ExponentialMovingAverage).
    """

    def update(average: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
        t = torch.as_tensor(updates)
        return torch.lerp(average, current.detach(), 1 - ((1 + t) / (10 + t)).clamp(max=decay))

    return update

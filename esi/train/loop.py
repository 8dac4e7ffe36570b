"""The one training loop: Accelerate on one CPU, one GPU or many, resumable to the bit. It knows no ECG and no text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule
from tqdm import tqdm

from esi.errors import EsiError
from esi.train import sampler, state
from esi.train.average import WeightAverage
from esi.train.batches import Batch, Batches, ahead
from esi.train.checkpoint import Checkpoint
from esi.train.launch import Launch
from esi.train.log import Log, Row, Speed
from esi.train.objective import Objective

Validate = Callable[[nn.Module], Mapping[str, float]]
SCORE = "score"  # the validation's figure that early stopping goes by, higher is better


class TrainingError(EsiError):
    """The run cannot go on."""


@dataclass(frozen=True)
class Recipe:
    """How an objective is minimised."""

    name: str  # of the run, for the progress bar and for errors
    epochs: int  # at most
    optimizer: Callable[[Objective], torch.optim.Optimizer]  # a group's `lr_factor`, if it has one, multiplies the rate
    rate: Callable[[int], float]  # learning rate of step 0, 1, 2...
    seed: int  # of the randomness inside the steps
    clip_norm: float | None = None  # of the gradient; None: it is neither clipped nor measured
    average: float = 0.0  # decay of an exponential moving average of the weights, validated and kept in their place; 0: none
    patience: int | None = None  # epochs without a better `score` before it stops, and the best epoch counts; None: the last
    log_every: int | None = None  # steps
    checkpoint_every: int | None = None  # steps; None: an epoch
    remedy: str = "lower the learning rate"  # where a loss is not finite
    quiet: bool = False  # without a line and a bar on the screen


@dataclass
class Trained:
    """What a finished run leaves behind: `objective.model` has its final weights, in evaluation mode."""

    log: Log
    losses: dict[str, float]  # means over the last epoch
    steps: int
    wrapped: nn.Module  # the objective as Accelerate prepared it


def train(
    objective: Objective,
    batches: Batches,
    recipe: Recipe,
    launch: Launch,
    checkpoint: Checkpoint | None = None,
    validate: Validate | None = None,
    logs: Path | None = None,
) -> Trained:
    """Minimise an objective, and give its model the weights of the last epoch, of the best, or their average.

    A run whose process was killed goes on after its last checkpoint, with the same result to the bit. One that is through
    keeps its weights in the checkpoint: called again it gives them back, until the caller deletes the checkpoint.

    Args:
        objective: on the launch's device, with its first weights.
        checkpoint: its identity must hold all that decides the result: recipe, data, first weights, code; None: a run so
            short that it starts anew.
        validate: given the wrapped objective, at the end of each epoch, on all processes -> figures for the log.
        logs: folder of the CSV tables, written at every checkpoint and at the end.

    Raises:
        TrainingError: a loss is not finite, or the processes do not see the same checkpoint.
    """
    run = _Run(objective, batches, recipe, launch, checkpoint, logs)
    run.resume()
    wrapped, optimizer = run.wrapped, run.optimizer
    with run.progress_bar() as bar:
        todo = range(run.done, run.total) if not run.finished else range(0)
        for batch in run.speed.waiting(ahead(batches.batch(step) for step in todo)):
            rate = run.begin_step(batch)
            figures = objective.backward(wrapped, run.placed(batch), run.seeds(batch), launch.accelerator)
            norm = run.clip()
            run.refuse_what_is_not_finite(figures, norm, batch)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            objective.updated()
            if run.average is not None:
                run.average.update()
            run.count(figures, batch)
            if run.due(recipe.log_every):
                run.log_step(figures, norm, rate, bar)
            if run.done % batches.per_epoch == 0:
                run.end_epoch(validate, bar)
            if run.due(recipe.checkpoint_every or batches.per_epoch) and not run.finished:
                run.save()
            bar.update()
            if run.finished:
                break
    return run.result()


class _Run:
    """All state of a run. Its position is one number, `done` steps; everything else about a step follows from that."""

    def __init__(
        self,
        objective: Objective,
        batches: Batches,
        recipe: Recipe,
        launch: Launch,
        checkpoint: Checkpoint | None,
        logs: Path | None,
    ) -> None:
        self.objective, self.batches, self.recipe, self.launch = objective, batches, recipe, launch
        self.checkpoint, self.logs = checkpoint, logs
        self.total = batches.per_epoch * recipe.epochs
        self.wrapped, prepared = launch.accelerator.prepare(objective, recipe.optimizer(objective))
        self.optimizer: torch.optim.Optimizer = prepared.optimizer
        self.average = WeightAverage(objective, recipe.average) if recipe.average else None
        self.losses = [name for name in objective.logged if name.startswith("loss")]
        self.done = 0
        self.sums = torch.zeros(len(self.losses), dtype=torch.float64, device=launch.device)  # of the epoch's so far
        self.best, self.waited = -math.inf, 0
        self.kept: dict[str, Tensor] = {}  # the weights that count: the best epoch's, or, once through, the last
        self.log, self.speed = Log(), Speed()

    @property
    def finished(self) -> bool:
        patience = self.recipe.patience
        return self.done >= self.total or (patience is not None and self.waited >= patience)

    @property
    def epoch(self) -> int:
        return self.done // self.batches.per_epoch

    def due(self, every: int | None) -> bool:
        return every is not None and (self.done % every == 0 or self.done == self.total)

    def resume(self) -> None:
        """Go back to where the last run of the same identity was killed, if there was one."""
        saved = self.checkpoint.load() if self.checkpoint is not None else None
        if saved is not None:
            self.done, self.waited, self.best = saved["done"], saved["waited"], saved["best"]
        places = self.launch.accelerator.gather(torch.tensor([self.done], device=self.launch.device)).tolist()
        if len(set(places)) > 1:
            raise TrainingError(
                f"{self.recipe.name}: processes would resume at different steps {places}: "
                "set DVC_ROOT to a folder that all nodes share"
            )
        if saved is not None:
            self.kept, self.log = saved["kept"], Log(saved["log"])
            self.sums = saved["sums"].to(self.launch.device)
            if not self.finished:
                state.restore(saved, self.wrapped, self.optimizer, self.average)
        if self.launch.main and not self.recipe.quiet:
            resumed = f", resumed after step {self.done}" if self.done else ""
            how = f"{self.launch.world} x {self.launch.device.type} ({self.launch.precision})"
            print(f"{self.recipe.name} on {how}: {self.total} steps{resumed}", flush=True)

    def progress_bar(self) -> tqdm:
        """On the main process only."""
        hidden = not self.launch.main or self.recipe.quiet
        name = self.recipe.name
        return tqdm(total=self.total, initial=self.done, desc=name, unit="step", disable=hidden, mininterval=1)

    def begin_step(self, batch: Batch) -> float:
        """Set the learning rate, and return it."""
        rate = self.recipe.rate(self.done)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("lr_factor", 1.0)
        self.wrapped.train()
        return rate

    def placed(self, batch: Batch) -> list[dict[str, Tensor]]:
        return [self.objective.placed(part, self.launch.device) for part in batch.parts]

    def seeds(self, batch: Batch) -> list[int]:
        """One a part, another for every part of every process."""
        first = self.launch.rank * len(batch.parts)
        return [sampler.step_seed(self.recipe.seed, self.done, first + part) for part in range(len(batch.parts))]

    def clip(self) -> Tensor | None:
        """The gradient's norm before it was clipped, over all processes."""
        if self.recipe.clip_norm is None:
            return None
        return state.whole(self.launch.accelerator.clip_grad_norm_(self.wrapped.parameters(), self.recipe.clip_norm))

    def refuse_what_is_not_finite(self, figures: dict[str, Tensor], norm: Tensor | None, batch: Batch) -> None:
        """The norm is that of all processes, so all stop together."""
        finite = torch.isfinite(figures["loss"]).all()
        if bool(finite if norm is None else finite & torch.isfinite(norm)):
            return
        losses = {name: figures[name].item() for name in self.losses if name in figures}
        with_norm = "" if norm is None else f" with gradient norm {norm.item()}"
        raise TrainingError(
            f"{self.recipe.name}: step {self.done} (epoch {self.epoch}): {losses}{with_norm} is not finite, nothing was "
            f"updated. Records: {', '.join(self.batches.names(batch.rows))}. Look at their signals, or {self.recipe.remedy}"
        )

    def count(self, figures: dict[str, Tensor], batch: Batch) -> None:
        self.done += 1
        zero = self.sums.new_zeros(())
        self.sums += torch.stack([figures[name].double() if name in figures else zero for name in self.losses])
        self.speed.count(batch.counts)

    def log_step(self, figures: dict[str, Tensor], norm: Tensor | None, rate: float, bar: tqdm) -> None:
        names = [name for name in self.objective.logged if name in figures]
        stacked = torch.stack([figures[name].float().squeeze() for name in names])
        means = self.launch.accelerator.reduce(stacked, "mean").tolist()
        row: Row = {"step": self.done, "epoch": (self.done - 1) // self.batches.per_epoch}
        row |= dict(zip(names, means, strict=True))
        self.log.steps.append(row | ({} if norm is None else {"grad_norm": float(norm)}) | {"lr": rate})
        self.log.speed.append({"step": self.done} | self.speed.rates(self.launch.accelerator))
        bar.set_postfix({name: f"{row[name]:.3f}" for name in names if name in self.losses}, refresh=False)

    def end_epoch(self, validate: Validate | None, bar: tqdm) -> None:
        """Validate, and keep the weights if they are the best so far; the earlier epoch wins a tie."""
        self._share_sums()
        with state.averaged(self.objective, self.average):
            row = dict(validate(self.wrapped)) if validate is not None else {}
            if isinstance(self.wrapped, FSDPModule):
                # Without a backward pass the outermost weights stay gathered, and what is done to the shards from here on
                # (the end of the average's turn, a checkpoint) would go unseen.
                self.wrapped.reshard()
            if self.recipe.patience is not None:
                if not math.isfinite(row[SCORE]):
                    score = f"the validation score after epoch {self.epoch} is {row[SCORE]}"
                    raise TrainingError(f"{self.recipe.name}: {score}: look at its records")
                self.waited += 1
                if row[SCORE] > self.best:
                    self.best, self.waited = row[SCORE], 0
                    self.kept = state.weights(self.wrapped)
                bar.set_postfix(best=f"{self.best:.4f}", refresh=False)
        if not self.finished:
            self.sums.zero_()
        if row:
            self.log.validation.append({"step": self.done, "epoch": self.epoch - 1, **row})
        self.speed.restart()

    def _share_sums(self) -> None:
        self.sums = self.launch.accelerator.reduce(self.sums, "mean")

    def save(self) -> None:
        """Write the checkpoint: of a run that is through nothing but the weights that count."""
        if self.checkpoint is None:
            return
        self._share_sums()
        own = {} if self.finished else state.gather(self.wrapped, self.optimizer, self.average)
        if self.launch.main:
            at = {"done": self.done, "waited": self.waited, "best": self.best, "kept": self.kept}
            self.checkpoint.save(own | at | {"sums": self.sums, "log": self.log.state()})
            self._write_logs()

    def _write_logs(self) -> None:
        if self.logs is not None:
            self.log.write(self.logs)

    def result(self) -> Trained:
        """The weights that count into the model, and into the checkpoint."""
        if not self.kept:
            if self.average is not None:
                self.average.copy_to(self.objective)
            self.kept = state.weights(self.wrapped)
        state.set_weights(self.wrapped, self.kept)
        self.save()
        if self.launch.main:
            self._write_logs()
        self.launch.accelerator.free_memory()
        self.objective.eval()
        means = (self.sums / self.batches.per_epoch).tolist()
        return Trained(self.log, dict(zip(self.losses, means, strict=True)), self.done, self.wrapped)

"""A pretraining run: the method's batches and objective on the training loop, to a model and its metrics."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pyarrow as pa
import torch

from esi.model.ecg_model import EcgModel
from esi.pretrain.batches import TrainingShares
from esi.pretrain.methods.registry import method_of
from esi.pretrain.optimiser import adamw
from esi.pretrain.plan import Plan
from esi.pretrain.start import Start
from esi.settings.learning import FRESH, Train
from esi.train import loop, schedule, state
from esi.train.checkpoint import Checkpoint
from esi.train.launch import join
from esi.train.log import Log


@dataclass
class Result:
    """What a finished run leaves behind; `checkpoint.delete()` once it is written."""

    model: EcgModel
    log: Log
    metrics: dict[str, int | float]
    checkpoint: Checkpoint
    main: bool  # whether this process writes the results
    start: Start | None  # what it started from

    def trained_on(self, pairs: pa.Table) -> pa.Table | None:
        """The manifest of the pairs, and of what the model that it started from had seen; None: that is not known."""
        return pairs if self.start is None else self.start.and_then(pairs)


def pretrain(plan: Plan, logs: Path) -> Result:
    """Train a model on pairs.

    Args:
        plan: pairs and settings.
        logs: folder of the CSV tables; written at every checkpoint and at the end.

    Raises:
        LaunchError: the processes are not those that were asked for.
        TrainingError: a loss is not finite, or the processes do not see the same checkpoint.
        EsiError: there is no such method, the batch cannot be shared evenly, or `train.start_from` does not fit.
    """
    method = method_of(plan.method)
    plan = replace(plan, train=method.settings(plan))
    train = plan.train
    launch = join("stages.pretrain", train.precision, "train", sharded=True)
    TrainingShares(plan.train_data, train, launch)  # a batch that cannot be shared is an error before anything is computed
    model = method.build(plan)
    start = Start.of(train.start_from) if train.start_from != FRESH else None
    if start is not None:
        start.into(model)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(train.seed)  # of what an objective has beside the model, such as a head
        prepared = method.prepare(plan, model.to(launch.device), launch)
    batches = prepared.batches
    checkpoint = Checkpoint(plan.identity(prepared.objective, model.config, launch))
    if train.compile:
        model.encoder.compile()
    recipe = loop.Recipe(
        name="pretraining",
        epochs=train.epochs,
        optimizer=lambda objective: adamw(objective, train, prepared.text),
        rate=partial(learning_rate, steps_per_epoch=batches.per_epoch, epochs=train.epochs, train=train),
        seed=train.seed,
        clip_norm=train.clip_norm,
        average=train.average,
        log_every=train.log_every,
        checkpoint_every=train.checkpoint_every,
        remedy="lower train.lr",
    )
    done = loop.train(prepared.objective, batches, recipe, launch, checkpoint, prepared.validate, logs)
    model = state.unwrapped(done.wrapped, model, lambda: method.build(plan))
    metrics: dict[str, int | float] = {**done.losses}
    if done.log.validation:
        last = done.log.validation[-1].items()
        metrics |= {f"validation_{name}": value for name, value in last if name not in ("step", "epoch")}
    metrics |= prepared.metrics(model)
    metrics |= {
        "steps": done.steps,
        "parameters_total": sum(part.numel() for part in model.parameters()),
        "parameters_signal_encoder": sum(part.numel() for part in model.encoder.parameters()),
        "n_train": plan.train_data.n,
        "n_validation": plan.validation_data.n,
    }
    return Result(model, done.log, metrics, checkpoint, launch.main, start)


def learning_rate(step: int, steps_per_epoch: int, epochs: int, train: Train) -> float:
    """The rate of step 0, 1, 2...: linear warm-up to `train.lr` over whole epochs, times what `train.schedule` says (paper
    section 4.1).

    `step`: times `decay_factor` after every `decay_every` epochs, counted from the start, warm-up included: with 10 the rate
    falls at epochs 10 and 20. `cosine`: half a cosine from the end of the warm-up down to 0 at the last step of `epochs`.
    """
    warmup = train.warmup_epochs * steps_per_epoch
    if train.schedule == "cosine":
        return schedule.cosine(step, epochs * steps_per_epoch, warmup, train.lr)
    return schedule.steps_down(step, train.decay_every * steps_per_epoch, train.decay_factor, warmup, train.lr)

"""The training loop: Accelerate on one CPU, one GPU or many, resumable to the bit (paper section 4.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from esi.errors import EsiError
from esi.model.esi import ESI
from esi.pretrain import accumulate, sampler, state
from esi.pretrain.average import WeightAverage
from esi.pretrain.batches import Batches, ahead
from esi.pretrain.checkpoint import Checkpoint
from esi.pretrain.known_texts import KnownTexts
from esi.pretrain.launch import launch
from esi.pretrain.log import Log, Row, Speed
from esi.pretrain.objective import Batch, Objective, on_device
from esi.pretrain.optimiser import adamw
from esi.pretrain.plan import Plan
from esi.pretrain.schedule import learning_rate
from esi.pretrain.validate import validate

LOSSES = ("loss", "loss_con", "loss_cap")
LOGGED = (*LOSSES, "retrieval_top1", "logit_scale", "logit_bias")


class TrainingError(EsiError):
    """The run cannot go on."""


@dataclass
class Result:
    """What a finished run leaves behind; `checkpoint.delete()` once it is written."""

    model: ESI
    log: Log
    metrics: dict[str, int | float]
    checkpoint: Checkpoint
    main: bool  # whether this process writes the results


def pretrain(plan: Plan, logs: Path) -> Result:
    """Train an ESI model on pairs.

    Args:
        plan: pairs and settings.
        logs: folder of the CSV tables; written at every checkpoint and at the end.

    Raises:
        LaunchError: the processes are not those that were asked for.
        TrainingError: a loss is not finite, or the processes do not see the same checkpoint.
        EsiError: the batch cannot be shared evenly.
    """
    run = _Run(plan, logs)
    run.resume()
    with run.progress_bar() as run.bar:
        for parts, rows in run.speed.waiting(ahead(run.batches_to_do())):
            run.step(parts, rows)
    return run.result()


class _Run:
    """All state of a run. Its position is one number, `done` steps; everything else about a step follows from that."""

    def __init__(self, plan: Plan, logs: Path) -> None:
        self.plan, self.data, self.train, self.logs = plan, plan.train_data, plan.train, logs
        self.launch = launch(plan.train)
        self.accelerator, self.device = self.launch.accelerator, self.launch.device
        self.per_epoch = sampler.steps_per_epoch(self.data.n, self.train.batch_size)
        self.total = self.per_epoch * self.train.epochs
        self._rows(0)  # a batch that cannot be shared evenly is an error before anything is computed

        config = plan.config()
        self.model = ESI.fresh(config, self.train.seed, self.train.checkpoint_activations).to(self.device)
        self.checkpoint = Checkpoint(plan.identity(self.model, self.launch.precision))
        self.batches, self.validation = self._batches()
        self.objective = Objective(self.model, self.train, self.launch.bf16)
        if self.train.compile:
            self.model.encoder.compile()
        self.wrapped, prepared = self.accelerator.prepare(self.objective, adamw(self.model, self.train))
        self.optimizer = prepared.optimizer
        self.average = WeightAverage(self.model, self.train.average) if self.train.average else None
        self.done = 0
        self.sums = torch.zeros(len(LOSSES), dtype=torch.float64, device=self.device)  # of the epoch's losses so far
        self.log = Log()
        self.bar = tqdm(disable=True)
        self.speed = Speed()

    def _batches(self) -> tuple[Batches, Batches]:
        """Of the training and of the validation pairs."""
        train, text, pairs = self.train, self.model.text, (self.data, self.plan.validation_data)
        views = (train.text_views, train.text_views[:1])
        known = None
        if train.lambda_con and text.frozen:
            known = KnownTexts(list(zip(pairs, views, strict=True)), text, self.launch.bf16, self.launch.rank)
        tokens = train.lambda_cap > 0 or (train.lambda_con > 0 and not text.frozen)
        return (
            Batches(pairs[0], views[0], text, tokens, known, train.mask_leads, train.seed),
            Batches(pairs[1], views[1], text, tokens, known),
        )

    def resume(self) -> None:
        """Go back to where the last run of the same identity was killed, if there was one."""
        saved = self.checkpoint.load()
        if saved is not None:
            self.done = saved["done"]
        places = self.accelerator.gather(torch.tensor([self.done], device=self.device)).tolist()
        if len(set(places)) > 1:
            raise TrainingError(
                f"processes would resume at different steps {places}: set DVC_ROOT to a folder that all nodes share"
            )
        if saved is not None:
            state.restore(saved, self.wrapped, self.optimizer, self.average)
            self.sums = saved["sums"].to(self.device)
            self.log = Log(saved["log"])
        if self.accelerator.is_main_process:
            resumed = f", resumed after step {self.done}" if self.done else ""
            how = f"{self.launch.world} x {self.device.type} ({self.launch.precision})"
            print(f"pretraining on {how}: {self.total} steps{resumed}", flush=True)

    def progress_bar(self) -> tqdm:
        """On the main process only."""
        hidden = not self.accelerator.is_main_process
        return tqdm(total=self.total, initial=self.done, desc="pretraining", unit="step", disable=hidden, mininterval=1)

    def batches_to_do(self) -> Iterator[tuple[list[Batch], Tensor]]:
        """The batches of this process from `done` on, in parts, and their rows."""
        train = self.train
        views = (-1, sampler.views_of(0, 1, train.seed, 0))
        for step in range(self.done, self.total):
            epoch = step // self.per_epoch
            if views[0] != epoch:
                views = (epoch, sampler.views_of(self.data.n, len(train.text_views), train.seed, epoch))
            rows = self._rows(step)
            yield [self.batches.batch(part, views[1], epoch) for part in rows.chunk(train.accumulate)], rows

    def _rows(self, step: int) -> Tensor:
        epoch, inner = divmod(step, self.per_epoch)
        train, world = self.train, self.launch.world
        return sampler.batch_rows(
            self.data.n, train.batch_size, train.seed, epoch, inner, self.launch.rank, world, train.accumulate
        )

    def step(self, parts: list[Batch], rows: Tensor) -> None:
        """One optimiser step, and what is due after it: log, validation, checkpoint."""
        train, epoch = self.train, self.done // self.per_epoch
        rate = learning_rate(self.done, self.per_epoch, train.epochs, train)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["lr_factor"]
        seeds = [
            sampler.step_seed(train.seed, self.done, self.launch.rank * len(parts) + part) for part in range(len(parts))
        ]
        moved = [on_device(part, self.device) for part in parts]
        self.wrapped.train()
        out = accumulate.backward(self.wrapped, self.objective, moved, seeds, self.accelerator)
        norm = state.whole(self.accelerator.clip_grad_norm_(self.wrapped.parameters(), train.clip_norm))
        self._refuse_what_is_not_finite(out, norm, rows)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.model.clamp_logit_scale()
        if self.average is not None:
            self.average.update()

        self.done += 1
        self.sums += torch.stack([out[name].double() if name in out else self.sums.new_zeros(()) for name in LOSSES])
        self.speed.count(len(rows), sum(int(part["mask_BL"].sum()) for part in parts if "mask_BL" in part))
        if self.done % train.log_every == 0 or self.done == self.total:
            self._log_step(out, epoch, float(norm), rate)
        if self.done % self.per_epoch == 0:
            self._end_epoch(epoch)
        if self.done % train.checkpoint_every == 0 and self.done < self.total:
            self._save()
        self.bar.update()

    def _refuse_what_is_not_finite(self, out: dict[str, Tensor], norm: Tensor, rows: Tensor) -> None:
        """The norm is that of all processes, so all stop together."""
        if bool(torch.isfinite(out["loss"]) & torch.isfinite(norm)):
            return
        losses = {name: out[name].item() for name in LOSSES if name in out}
        records = ", ".join(self.data.keys[row] for row in rows.tolist())
        raise TrainingError(
            f"step {self.done} (epoch {self.done // self.per_epoch}): {losses} with gradient norm {norm.item()} is not "
            f"finite, nothing was updated. Records: {records}. Look at their signals, or lower train.lr"
        )

    def _log_step(self, out: dict[str, Tensor], epoch: int, norm: float, rate: float) -> None:
        names = [name for name in LOGGED if name in out]
        means = self.accelerator.reduce(torch.stack([out[name].float().squeeze() for name in names]), "mean").tolist()
        row: Row = {"step": self.done, "epoch": epoch, **dict(zip(names, means, strict=True))}
        self.log.steps.append(row | {"grad_norm": norm, "lr": rate})
        self.log.speed.append({"step": self.done} | self.speed.rates(self.accelerator))
        self.bar.set_postfix({name: f"{row[name]:.3f}" for name in names if name in LOSSES}, refresh=False)

    def _end_epoch(self, epoch: int) -> None:
        self._share_sums()
        if self.done < self.total:
            self.sums.zero_()
        with state.averaged(self.model, self.average):
            row = validate(self.wrapped, self.objective, self.validation, self.launch)
        if row:
            self.log.validation.append({"step": self.done, "epoch": epoch, **row})
        self.speed.restart()

    def _share_sums(self) -> None:
        self.sums = self.accelerator.reduce(self.sums, "mean")

    def _save(self) -> None:
        self._share_sums()
        kept = state.gather(self.wrapped, self.optimizer, self.average)
        if self.accelerator.is_main_process:
            self.checkpoint.save(kept | {"done": self.done, "sums": self.sums, "log": self.log.state()})
            self.log.write(self.logs)

    def result(self) -> Result:
        """The trained model, or its average, with its metrics; training losses are means over the last epoch."""
        if self.average is not None:
            self.average.copy_to(self.model)
        model = state.unwrapped(self.wrapped, self.model, self.train.seed)
        names = ["loss"] + ["loss_con"] * (self.train.lambda_con > 0) + ["loss_cap"] * (self.train.lambda_cap > 0)
        means = dict(zip(LOSSES, (self.sums / self.per_epoch).tolist(), strict=True))
        metrics: dict[str, int | float] = {name: means[name] for name in names}
        if self.log.validation:
            last = self.log.validation[-1].items()
            metrics |= {f"validation_{name}": value for name, value in last if name not in ("step", "epoch")}
        metrics |= {"logit_scale": model.logit_scale.item()} if self.train.lambda_con else {}
        metrics |= {
            "steps": self.total,
            "parameters_total": sum(part.numel() for part in model.parameters()),
            "parameters_signal_encoder": sum(part.numel() for part in model.encoder.parameters()),
            "n_train": self.data.n,
            "n_validation": self.plan.validation_data.n,
        }
        if self.accelerator.is_main_process:
            self.log.write(self.logs)
        return Result(model, self.log, metrics, self.checkpoint, self.accelerator.is_main_process)

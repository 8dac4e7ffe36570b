"""The training loop: Accelerate on one CPU, one GPU or many, resumable to the bit (paper section 4.1)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm import tqdm

from esi import files
from esi.ecg.leads import LEADS
from esi.errors import EsiError
from esi.model.esi import ESI, Config
from esi.pretrain import sampler
from esi.pretrain.batches import Batches, KnownTexts, ahead, all_texts
from esi.pretrain.checkpoint import Checkpoint
from esi.pretrain.log import Log, Speed
from esi.pretrain.objective import Objective, Weights
from esi.pretrain.schedule import learning_rate
from esi.pretrain.validate import validate
from esi.settings.data import Signal
from esi.settings.learning import Model, Train

LOSSES = ("loss", "loss_con", "loss_cap")


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


def pretrain(
    train_data: Any,
    validation_data: Any,
    signal: Signal,
    model: Model,
    train: Train,
    max_tokens: int,
    logs: Path,
) -> Result:
    """Train an ESI model on pairs.

    Args:
        train_data, validation_data: `esi.pairs.dataset.PairData`; the second may have no pairs.
        max_tokens: where the text tower cuts.
        logs: folder of the CSV tables; written at every checkpoint and at the end.

    Raises:
        TrainingError: the processes are not those that were asked for, or a loss is not finite.
    """
    run = _Run(train_data, validation_data, signal, model, train, max_tokens, logs)
    run.resume()
    with run.progress_bar() as run.bar:
        for batch, rows in ahead(run.batches_to_do()):
            run.step(batch, rows)
    return run.result()


class _Run:
    """All state of a run. Its position is one number, `done` steps; everything else about a step follows from that."""

    def __init__(
        self,
        train_data: Any,
        validation_data: Any,
        signal: Signal,
        model: Model,
        train: Train,
        max_tokens: int,
        logs: Path,
    ) -> None:
        self.accelerator = Accelerator()
        self.world, self.rank = self.accelerator.num_processes, self.accelerator.process_index
        self.device = self.accelerator.device
        if self.device.type == "cpu":
            use_all_cores()
        asked = int(os.environ.get("WORLD_SIZE", "1"))
        if asked != self.world:
            raise TrainingError(
                f"{asked} processes were started (WORLD_SIZE), Accelerate runs {self.world}: on CPUs start with "
                f"`ACCELERATE_USE_CPU=true torchrun --nproc_per_node {asked} -m stages.pretrain`"
            )
        self.data, self.validation_data, self.train, self.logs = train_data, validation_data, train, logs
        self.bf16 = train.precision == "bf16" or (train.precision == "auto" and multiplies_bf16_faster(self.device))
        config = Config(
            signal=signal,
            model=model,
            leads=len(LEADS),
            max_tokens=max_tokens,
            contrastive=train.lambda_con > 0,
            captions=train.lambda_cap > 0,
        )
        self.model = ESI.fresh(config, train.seed).to(self.device)
        self.checkpoint = Checkpoint(self._identity(config))

        text = self.model.text
        known = None
        if config.contrastive and text.frozen:
            texts = all_texts(train_data, train.text_views) + all_texts(validation_data, train.text_views[:1])
            known = KnownTexts(texts, text, self.bf16, self.rank)
        tokens = config.captions or (config.contrastive and not text.frozen)
        self.batches = Batches(train_data, train.text_views, text, tokens, known)
        self.validation = Batches(validation_data, train.text_views[:1], text, tokens, known)

        self.objective = Objective(
            self.model, Weights(train.lambda_con, train.lambda_cap), -(-train.caption_tokens // self.world), self.bf16
        )
        optimizer = torch.optim.AdamW(_groups(self.model, train.weight_decay), lr=train.lr)
        self.wrapped, self.optimizer = self.accelerator.prepare(self.objective, optimizer)
        self.per_epoch = sampler.steps_per_epoch(train_data.n, train.batch_size)
        self.total = self.per_epoch * train.epochs
        self.done = 0
        self.sums = torch.zeros(len(LOSSES), dtype=torch.float64, device=self.device)  # of the epoch's losses so far
        self.log = Log()
        self.bar = tqdm(disable=True)
        self.speed = Speed()

    def _identity(self, config: Config) -> dict[str, Any]:
        code = sorted(Path(__file__).parent.glob("*.py")) + sorted(Path(__file__).parents[1].glob("model/*.py"))
        weights = [part.detach().cpu().numpy().tobytes() for part in self.model.state_dict().values()]
        return {
            "config": config.model_dump(mode="json"),
            "train": self.train.model_dump(mode="json"),
            "data": [self.data.fingerprint, self.validation_data.fingerprint],
            "first weights": files.content_hash(*weights),
            "code": files.files_hash(code),
            "precision": "bf16" if self.bf16 else "fp32",
            "device": self.device.type,
        }

    def resume(self) -> None:
        """Go back to where the last run of the same identity was killed, if there was one."""
        state = self.checkpoint.load()
        if state is not None:
            self.done = state["done"]
            self.model.load_state_dict(
                state["model"], strict=False
            )  # frozen weights are not kept: the identity vouches for them
            self.optimizer.load_state_dict(state["optimizer"])
            self.sums = state["sums"].to(self.device)
            self.log = Log(state["log"])
        places = self.accelerator.gather(torch.tensor([self.done], device=self.device))
        if len(set(places.tolist())) > 1:
            raise TrainingError(
                f"processes would resume at different steps {places.tolist()}: set DVC_ROOT to a folder that all nodes share"
            )
        if self.accelerator.is_main_process:
            resumed = f", resumed after step {self.done}" if self.done else ""
            precision = "bf16" if self.bf16 else "fp32"
            print(f"pretraining on {self.world} x {self.device.type} ({precision}): {self.total} steps{resumed}", flush=True)

    def progress_bar(self) -> tqdm:
        """On the main process only."""
        hidden = not self.accelerator.is_main_process
        return tqdm(total=self.total, initial=self.done, desc="pretraining", unit="step", disable=hidden, mininterval=1)

    def batches_to_do(self) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        """The batches of this process from `done` on, and their rows."""
        n, train = self.data.n, self.train
        views = (-1, sampler.views_of(0, 1, train.seed, 0))
        for step in range(self.done, self.total):
            epoch, inner = divmod(step, self.per_epoch)
            if views[0] != epoch:
                views = (epoch, sampler.views_of(n, len(train.text_views), train.seed, epoch))
            rows = sampler.batch_rows(n, train.batch_size, train.seed, epoch, inner, self.rank, self.world)
            yield self.batches.batch(rows, views[1]), rows

    def step(self, batch: dict[str, Tensor], rows: Tensor) -> None:
        """One optimiser step, and what is due after it: log, validation, checkpoint."""
        train, epoch = self.train, self.done // self.per_epoch
        torch.manual_seed(sampler.step_seed(train.seed, self.done, self.rank))
        rate = learning_rate(self.done, self.per_epoch, train.lr, train.warmup_epochs, train.decay_every, train.decay_factor)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.wrapped.train()
        out = self.wrapped({name: tensor.to(self.device, non_blocking=True) for name, tensor in batch.items()})
        self.accelerator.backward(out["loss"])
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), train.clip_norm)
        if not bool(
            torch.isfinite(out["loss"].detach()) & torch.isfinite(norm)
        ):  # the norm is shared: all processes stop together
            losses = {name: out[name].item() for name in LOSSES if name in out}
            records = ", ".join(self.data.keys[row] for row in rows.tolist())
            raise TrainingError(
                f"step {self.done} (epoch {epoch}): {losses} with gradient norm {norm.item()} is not finite, "
                f"nothing was updated. Records: {records}. Look at their signals, or lower train.lr"
            )
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.model.clamp_logit_scale()

        self.done += 1
        self.sums += torch.stack(
            [out[name].detach().double() if name in out else self.sums.new_zeros(()) for name in LOSSES]
        )
        self.speed.count(len(rows), int(batch["mask_BL"].sum()) if "mask_BL" in batch else 0)
        if self.done % train.log_every == 0 or self.done == self.total:
            self._log_step(out, epoch, float(norm), rate)
        if self.done % self.per_epoch == 0:
            self._end_epoch(epoch)
        if self.done % train.checkpoint_every == 0 and self.done < self.total:
            self._save()
        self.bar.update()

    def _log_step(self, out: dict[str, Tensor], epoch: int, norm: float, rate: float) -> None:
        names = [name for name in LOSSES if name in out]
        means = self.accelerator.reduce(torch.stack([out[name].detach().float() for name in names]), "mean")
        row: dict[str, int | float] = {"step": self.done, "epoch": epoch, **dict(zip(names, means.tolist(), strict=True))}
        row |= {"logit_scale": self.model.logit_scale.item()} if self.train.lambda_con else {}
        self.log.steps.append(row | {"grad_norm": norm, "lr": rate})
        self.log.speed.append({"step": self.done} | self.speed.rates(self.accelerator))
        self.bar.set_postfix({name: f"{row[name]:.3f}" for name in names}, refresh=False)

    def _end_epoch(self, epoch: int) -> None:
        self._share_sums()
        if self.done < self.total:
            self.sums.zero_()
        row = validate(self.objective, self.validation, self.train.batch_size, self.accelerator)
        if row:
            self.log.validation.append({"step": self.done, "epoch": epoch, **row})
        self.speed.restart()

    def _share_sums(self) -> None:
        self.sums = self.accelerator.reduce(self.sums, "mean")

    def _save(self) -> None:
        self._share_sums()
        if not self.accelerator.is_main_process:
            return
        frozen = {name for name, part in self.model.named_parameters() if not part.requires_grad}
        self.checkpoint.save(
            {
                "done": self.done,
                "model": {name: part for name, part in self.model.state_dict().items() if name not in frozen},
                "optimizer": self.optimizer.state_dict(),
                "sums": self.sums,
                "log": self.log.state(),
            }
        )
        self.log.write(self.logs)

    def result(self) -> Result:
        """The trained model with its metrics (training losses are means over the last epoch)."""
        names = ["loss"] + ["loss_con"] * (self.train.lambda_con > 0) + ["loss_cap"] * (self.train.lambda_cap > 0)
        means = dict(zip(LOSSES, (self.sums / self.per_epoch).tolist(), strict=True))
        metrics: dict[str, int | float] = {name: means[name] for name in names}
        if self.log.validation:
            metrics |= {
                f"validation_{name}": value
                for name, value in self.log.validation[-1].items()
                if name not in ("step", "epoch")
            }
        metrics |= {"logit_scale": self.model.logit_scale.item()} if self.train.lambda_con else {}
        metrics |= {
            "steps": self.total,
            "parameters_total": sum(part.numel() for part in self.model.parameters()),
            "parameters_signal_encoder": sum(part.numel() for part in self.model.encoder.parameters()),
            "n_train": self.data.n,
            "n_validation": self.validation_data.n,
        }
        if self.accelerator.is_main_process:
            self.log.write(self.logs)
        return Result(self.model, self.log, metrics, self.checkpoint, self.accelerator.is_main_process)


def use_all_cores() -> None:
    """Share the machine's cores among its processes: `accelerate launch` leaves each one thread (OMP_NUM_THREADS=1)."""
    if any(name.startswith("ACCELERATE_") for name in os.environ):
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        torch.set_num_threads(max(1, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))


def multiplies_bf16_faster(device: torch.device) -> bool:
    """CUDA, and CPUs with bfloat16 instructions (AVX512-BF16, AMX), where a step takes half of its time in float32."""
    return device.type == "cuda" or (device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices and kernels decay; norms, biases, GRN and the logit scale do not."""
    learnt = [part for part in model.parameters() if part.requires_grad]
    return [
        {"params": [part for part in learnt if part.ndim >= 2], "weight_decay": weight_decay},
        {"params": [part for part in learnt if part.ndim < 2], "weight_decay": 0.0},
    ]

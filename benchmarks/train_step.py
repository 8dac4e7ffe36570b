"""How fast a training step is, and what of the device it uses: `python -m benchmarks.train_step --device cuda --size base`.

Whole steps as the training loop takes them (forward, both losses, backward, clipping, AdamW), on made-up pairs that are read
by the loop's own loader. See docs/speed.md.
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from transformers import AutoTokenizer, BertConfig, BertModel

from benchmarks import flops
from benchmarks.made_up_pairs import MadeUpPairs
from benchmarks.report import report
from esi import params
from esi.ecg.leads import LEADS
from esi.model.config import Config
from esi.model.encoders import ENCODERS
from esi.model.esi import ESI
from esi.model.text_tower import TextTower
from esi.pretrain.accumulate import Batch
from esi.pretrain.batches import PairTensors, views_of
from esi.pretrain.known_texts import KnownTexts
from esi.pretrain.objective import EsiObjective
from esi.pretrain.optimiser import adamw
from esi.text.packaged import PACKAGED, bert_source
from esi.train import sampler
from esi.train.batches import ahead

BASE_BERT = "base"  # a BERT of the size of BioLinkBERT-base with random weights: as fast as the trained one
# Dense bfloat16 operations a second, from the makers' data sheets, by what the device's name holds; the first that fits.
PEAK = {"H100 PCIe": 756e12, "H100 NVL": 835e12, "H100": 989e12, "H200 NVL": 835e12, "H200": 989e12, "A100": 312e12}
PAPER_SAMPLES = 660_000 * 30  # pairs x epochs (paper section 4.1)
PROFILED_STEPS = 3
TOP = 15


def text_tower(name: str, layers_trained: int, tokens: int) -> TextTower:
    """The tower called `name`, or a fresh BERT of base size."""
    if name != BASE_BERT:
        return TextTower.load(name, layers_trained, tokens)
    tokenizer = AutoTokenizer.from_pretrained(bert_source(PACKAGED))
    bert = BertModel(BertConfig(vocab_size=len(tokenizer)), add_pooling_layer=False)
    return TextTower(bert, tokenizer, layers_trained, tokens)


class Step:
    """A model in training, one batch at a time, as `esi.train.loop` does it on one process.

    Args:
        arguments: of the command line.
        folder: for the made-up signals.
    """

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        settings = params.load()
        self.device = torch.device(arguments.device)
        self.train = settings.train.model_copy(
            update={"batch_size": arguments.batch, "caption_tokens": arguments.caption_tokens, "lambda_con": 1.0}
            | {"lambda_cap": 1.0, "text_views": ["full"], "mask_leads": 0.0}
        )
        layers = {"signal_encoder": arguments.size, "text_layers_trained": arguments.text_layers_trained}
        config = Config(
            signal=settings.signal,
            model=settings.model.model_copy(update=layers),
            leads=tuple(LEADS),
            max_tokens=arguments.text_tokens,
            contrastive=True,
            captions=True,
        )
        torch.manual_seed(0)
        tower = text_tower(arguments.text_tower, arguments.text_layers_trained, arguments.text_tokens)
        self.model = ESI(config, tower, arguments.checkpoint_activations).to(self.device)
        bf16 = arguments.precision == "bf16"
        fewest = arguments.fewest_text_tokens or arguments.text_tokens
        self.pairs = MadeUpPairs(
            folder, arguments.pairs, arguments.samples, tower.tokenizer, (fewest, arguments.text_tokens)
        )
        known = KnownTexts([(self.pairs, ["full"])], tower, bf16, 0) if tower.frozen else None
        self.tensors = PairTensors(self.pairs, ["full"], tower, True, known)
        self.objective = EsiObjective(self.model, self.train, bf16).train()
        self.optimizer = adamw(self.model, self.train, tower)
        if arguments.compile:
            self.model.encoder.compile()

    def made(self, steps: int) -> Iterator[Batch]:
        """Batches of random rows, on the CPU."""
        views = views_of(self.pairs.n, 1, 0, 0)
        per_epoch = sampler.steps_per_epoch(self.pairs.n, self.train.batch_size)
        for step in range(steps):
            epoch, inner = divmod(step, per_epoch)
            yield self.tensors.batch(sampler.batch_rows(self.pairs.n, self.train.batch_size, 0, epoch, inner), views, epoch)

    def __call__(self, batch: Batch) -> Tensor:
        """One optimiser step; waits until the device has done it. Returns the loss.

        Raises:
            FloatingPointError: it is not finite: such steps are not those that are to be timed.
        """
        out = self.objective.loss(self.objective.placed(batch, self.device))
        out["loss"].backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.train.clip_norm)
        if not bool(torch.isfinite(out["loss"]) & torch.isfinite(norm)):  # the loop looks at each step too
            raise FloatingPointError(f"loss {out['loss'].item()}, gradient norm {norm.item()}")
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.model.clamp_logit_scale()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return out["loss"].detach()


def timed(step: Step, steps: int, warm_up: int) -> dict[str, float]:
    """Medians over `steps`: ms a step, ms of it spent waiting for its batch, and ms that making one takes meanwhile."""
    made, whole, waits = [], [], []

    def watched() -> Iterator[Batch]:
        source = step.made(steps + warm_up)
        while True:
            start = time.perf_counter()
            batch = next(source, None)
            if batch is None:
                return
            made.append(time.perf_counter() - start)
            yield batch

    start = time.perf_counter()
    for batch in ahead(watched()):
        arrived = time.perf_counter()
        step(batch)
        done = time.perf_counter()
        whole.append(done - start)
        waits.append(arrived - start)
        start = done
    return {
        "first_step_seconds": round(whole[0], 2),
        "ms_a_step": round(1000 * median(whole[warm_up:]), 3),
        "ms_waiting_for_data": round(1000 * median(waits[warm_up:]), 3),
        "data_loader_share": round(sum(waits[warm_up:]) / sum(whole[warm_up:]), 5),
        "ms_making_a_batch_beside_the_step": round(1000 * median(made[warm_up:]), 3),
    }


def peak_memory_mib(device: torch.device) -> int:
    """The most that the device's allocator held; on a CPU, the most that the whole process held."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() // 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**10


def peak_operations(name: str) -> float | None:
    """Of a device by its name, dense bfloat16 operations a second; None where it is not known."""
    return next((peak for part, peak in PEAK.items() if part in name), None)


def top_kernels(step: Step) -> list[dict[str, Any]]:
    """The kernels that take most of a step on the device, by their own time."""
    cuda = step.device.type == "cuda"
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * cuda
    batches = list(step.made(PROFILED_STEPS))
    with profile(activities=activities) as profiler:
        for batch in batches:
            step(batch)
    of = {
        event.key: (event.self_device_time_total if cuda else event.self_cpu_time_total, event.count)
        for event in profiler.key_averages()
        if not event.is_user_annotation and (not cuda or event.device_type == DeviceType.CUDA)
    }
    total = sum(microseconds for microseconds, _ in of.values())
    top = sorted(of.items(), key=lambda item: -item[1][0])[:TOP]
    return [
        {
            "name": name[:120],
            "ms_a_step": round(microseconds / 1000 / PROFILED_STEPS, 3),
            "share": round(microseconds / total, 4),
            "calls_a_step": count / PROFILED_STEPS,
        }
        for name, (microseconds, count) in top
    ]


def projected_hours(samples_a_second: float) -> dict[str, float | str]:
    """The paper's whole run (660,000 pairs x 30 epochs) on several such devices."""
    hours = {f"hours_on_{devices}": round(PAPER_SAMPLES / samples_a_second / devices / 3600, 2) for devices in (1, 4, 8)}
    return hours | {"assumption": "as many times faster as there are devices: only one was measured"}


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    result.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    result.add_argument("--size", choices=list(ENCODERS), default="tiny", help="signal encoder")
    result.add_argument("--samples", type=int, default=5000)
    result.add_argument("--batch", type=int, default=8)
    result.add_argument("--text-tokens", type=int, default=128)
    result.add_argument(
        "--fewest-text-tokens", type=int, help="lengths are drawn from here to --text-tokens; default: all that"
    )
    result.add_argument("--text-tower", default=BASE_BERT, help="'base' (random weights), 'packaged', a folder or a hub id")
    result.add_argument("--text-layers-trained", type=int, default=-1, help="-1: all (the paper); 0: frozen")
    result.add_argument("--caption-tokens", type=int, default=0, help="as train.caption_tokens; 0: all (the paper)")
    result.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    result.add_argument("--compile", action="store_true", help="torch.compile the signal encoder")
    result.add_argument("--checkpoint-activations", action="store_true")
    result.add_argument("--profile", action="store_true", help="also list the kernels that take most of a step")
    result.add_argument("--pairs", type=int, default=512, help="made-up pairs in the memory map")
    result.add_argument("--steps", type=int, default=10)
    result.add_argument("--warm-up", type=int, default=3)
    return result


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures of one setting."""
    step = Step(arguments, folder)
    cuda = step.device.type == "cuda"
    name = torch.cuda.get_device_name() if cuda else f"CPU, {torch.get_num_threads()} threads"
    figures: dict[str, Any] = {"setting": vars(arguments), "device_name": name, "torch": torch.__version__}
    figures |= timed(step, arguments.steps, arguments.warm_up)
    figures["samples_a_second"] = round(1000 * arguments.batch / figures["ms_a_step"], 2)
    figures["peak_memory_mib"] = peak_memory_mib(step.device)
    figures["peak_memory_of"] = "the device's allocator" if cuda else "the whole process"
    with torch.no_grad():
        ecg_tokens = step.model.encoder(torch.zeros(1, len(LEADS), arguments.samples, device=step.device))[0].shape[1]
    parts = flops.training(step.model, arguments.samples, arguments.text_tokens, ecg_tokens)
    figures["gflop_a_sample"] = {part: round(count / 1e9, 2) for part, count in parts.items()}
    per_second = sum(parts.values()) * figures["samples_a_second"]
    figures["tflop_a_second"] = round(per_second / 1e12, 3)
    peak = peak_operations(name) if cuda and arguments.precision == "bf16" else None
    if peak:
        figures |= {"peak_tflop_a_second": peak / 1e12, "mfu": round(per_second / peak, 4)}
    figures["paper_run"] = projected_hours(figures["samples_a_second"])
    if arguments.profile:
        figures["top_kernels"] = top_kernels(step)
    return figures


def main() -> None:
    arguments = parser().parse_args()
    with tempfile.TemporaryDirectory() as name:
        os.environ["DVC_ROOT"] = name  # the cache of a frozen tower's texts goes with it
        figures = measure(arguments, Path(name))
    mfu = f", MFU {figures['mfu']:.1%}" if "mfu" in figures else ""
    report(
        f"train_step_{arguments.device}_{arguments.size}",
        f"{figures['samples_a_second']} samples/s ({figures['ms_a_step']} ms a step of {arguments.batch}, 12 x "
        f"{arguments.samples}, {arguments.precision}){mfu}, {figures['peak_memory_mib']} MiB, "
        f"{figures['data_loader_share']:.1%} waiting for data; the paper's run: {figures['paper_run']['hours_on_1']} h",
        figures,
    )


if __name__ == "__main__":
    main()

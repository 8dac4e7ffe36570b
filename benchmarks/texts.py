"""What the texts of 660,000 pairs cost a training process, and what unpadded texts save: `python -m benchmarks.texts`.

Made-up pairs (1-6 of 300 findings, by Zipf's law) are opened by processes of their own, as training opens them and as lists
of strings; then known texts of a tower that computes nothing are looked up. The packaged text tower, wholly trained, reads
batches of the project's own pairs table, packed and padded.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl
import torch

from benchmarks.report import report
from esi import params
from esi.ecg.signals import SignalStore
from esi.files import write_table
from esi.model.text_tower import TextTower
from esi.pairs.build import build_pairs
from esi.pairs.columns import PairColumns
from esi.pairs.dataset import PairData
from esi.pretrain.known_texts import KnownTexts
from esi.settings.data import Signal
from esi.settings.pairs import Pairs

BATCH = 48  # the paper's, a GPU
VIEWS = ["full", "findings", "descriptions"]
COLUMN = {"full": "text", "findings": "findings", "descriptions": "descriptions"}
WORDS = ["left", "right", "bundle", "branch", "block", "atrial", "fibrillation", "ST", "inferior", "wall", "old", "axis"]


def made_up_pairs(path: Path, n: int) -> float:
    """Write a pairs table as the pairs stage does; pairs a second."""
    rng = np.random.default_rng(0)
    names = [f"{' '.join(rng.choice(WORDS, 3))} {number}" for number in range(300)]
    described = {name: ". ".join(" ".join(rng.choice(WORDS, 12)) for _ in range(5)).replace(". ", ". A ") for name in names}
    weights = 1 / np.arange(1, len(names) + 1)
    findings = rng.choice(len(names), (n, 6), p=weights / weights.sum())
    counts = rng.integers(1, 7, n)
    records = pl.DataFrame(
        {
            "dataset": ["mimic"] * n,
            "record_id": [f"{40_000_000 + row}" for row in range(n)],
            "subject_id": [f"{10_000_000 + row // 5}" for row in range(n)],
            "age": rng.integers(18, 95, n).astype(float),
            "sex": rng.choice(["female", "male"], n),
            "split": ["train"] * n,
            "statements": [[names[i] for i in row[:count]] for row, count in zip(findings, counts, strict=True)],
            "signal_hash": [f"{row:064x}" for row in range(n)],
        }
    )
    settings = Pairs(
        sets=["mimic"], descriptions=True, demographics=True, max_tokens=70, validation_share=0.0, limit=None, shuffled=0.0
    )
    start = time.perf_counter()
    table, _ = build_pairs(records, described, settings, lambda text: text.count(" ") + 3)
    seconds = time.perf_counter() - start
    write_table(path, table)
    return n / seconds


def memory() -> float:
    """MB of this process's own; the pages of mapped files belong to the machine, which takes them back when it needs to."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:")) / 1e3


def open_mapped(path: Path) -> PairData:
    """Open pairs as `load_pairs` does, with signals of size zero."""
    columns = PairColumns(path, "train")
    ids = columns["record_id"].to_pylist()
    signals = np.broadcast_to(np.zeros((1, 12, 10), np.int16), (len(ids), 12, 10))
    store = SignalStore(signals, np.full(len(ids), 10), {record: row for row, record in enumerate(ids)}, "made up")
    return PairData(columns, {"mimic": store}, Signal(rate=500, highpass_hz=0))


def open_as_lists(path: Path) -> dict[str, list[str]]:
    """Open pairs as lists of strings."""
    pairs = pl.read_parquet(path).filter(pl.col("split") == "train")
    return {name: pairs[name].to_list() for name in ("record_id", *COLUMN.values())}


class NoTower(torch.nn.Module):
    """The interface of a text tower of 768 dimensions that computes nothing."""

    dim = 768

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def identity(self) -> str:
        return "none"

    def tokenize(self, texts: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.zeros(len(texts), 1, dtype=torch.int64), torch.ones(len(texts), 1, dtype=torch.bool)

    def forward(self, ids_BL: torch.Tensor, mask_BL: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(ids_BL), self.dim)


def seconds_of(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def measure(what: str, path: Path) -> dict[str, float]:
    """To be run in a process of its own: "lists", "mapped" or "known"."""
    before = memory()
    if what == "lists":
        seconds, lists = seconds_of(partial(open_as_lists, path))
        return {"seconds_to_open": seconds, "megabytes": memory() - before, "pairs": len(lists["record_id"])}
    seconds, data = seconds_of(partial(open_mapped, path))
    batches = [torch.from_numpy(part) for part in np.random.default_rng(0).integers(0, data.n, (100, BATCH))]
    if what == "mapped":
        opened = {"seconds_to_open": seconds, "megabytes": memory() - before}
        times = [seconds_of(partial(data.texts, "full", rows))[0] for rows in batches]
        return opened | {"random_texts_per_second": BATCH / median(times)}
    sources = [(data, VIEWS)]
    before = memory()
    make: Callable[[], KnownTexts] = partial(KnownTexts, sources, NoTower(), False, 0)  # type: ignore[arg-type]
    first, _ = seconds_of(make)
    seconds, known = seconds_of(make)
    texts = [data.texts("full", rows) for rows in batches]
    return {
        "distinct_texts": len(known._hash_U),
        "seconds_to_write_without_the_tower": first,
        "seconds_to_open": seconds,
        "megabytes": memory() - before,
        "gigabytes_of_vectors": sum(file.stat().st_size for file in known.folder.iterdir()) / 1e9,
        "vectors_per_second": BATCH / median(seconds_of(partial(known, part))[0] for part in texts),
    }


def in_a_process(what: str, path: Path, cache: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", f"from benchmarks.texts import *; print(json.dumps(measure({what!r}, Path({str(path)!r}))))"],
        env=os.environ | {"DVC_ROOT": str(cache)},
        check=True,
        capture_output=True,
        text=True,
    )
    return {name: round(value, 1) for name, value in json.loads(done.stdout.splitlines()[-1]).items()}


def tower_rates(pairs: Path, batches: int) -> dict[str, Any]:
    """Texts a second of one core of the packaged tower, wholly trained, forward and backward, packed and padded."""
    torch.set_num_threads(1)  # seconds of the processor are then those of the clock, without other load
    tower = TextTower.load("packaged", -1, params.load().pairs.max_tokens).eval()
    table = pl.read_parquet(pairs)
    rng = np.random.default_rng(0)
    figures: dict[str, Any] = {}
    for name, views in (("three_views", VIEWS), ("full_texts", VIEWS[:1])):
        made = []
        for _ in range(batches):
            chosen = zip(rng.integers(0, table.height, BATCH), rng.integers(0, len(views), BATCH), strict=True)
            made.append(tower.tokenize([table[COLUMN[views[view]]][int(row)] for row, view in chosen]))
        seconds: dict[str, list[float]] = {"packed": [], "padded": []}
        for ids, mask in [made[0], *made]:
            for how, times in seconds.items():  # in turn, so that other load falls on both
                tower.packs = how == "packed"
                tower.zero_grad()
                start = time.process_time()
                tower(ids, mask).sum().backward()
                times.append(time.process_time() - start)
        rates = {how: round(BATCH / median(times[1:]), 1) for how, times in seconds.items()}
        figures[name] = rates | {"ratio": round(rates["packed"] / rates["padded"], 2)}
    with torch.no_grad():
        vectors = tower(*made[0])
        half = vectors.half().float()
        cosines = [torch.nn.functional.cosine_similarity(part[:, None], part[None], dim=2) for part in (vectors, half)]
    figures["largest_cosine_error_of_float16"] = float((cosines[0] - cosines[1]).abs().max())
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=660_000)
    parser.add_argument("--table", type=Path, default=Path("data/pairs/pairs.parquet"), help="real texts for the tower")
    parser.add_argument("--batches", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        figures: dict[str, Any] = {"pairs": arguments.pairs}
        figures["pairs_composed_per_second"] = round(made_up_pairs(folder / "pairs.parquet", arguments.pairs))
        figures["table_megabytes"] = round((folder / "pairs.parquet").stat().st_size / 1e6)
        for process in ("lists", "mapped", "mapped_again", "known"):
            figures[process] = in_a_process(process.split("_")[0], folder / "pairs.parquet", folder)
    figures["tower"] = tower_rates(arguments.table, arguments.batches)
    report(
        "texts",
        f"{arguments.pairs} pairs: {figures['mapped_again']['megabytes']:.0f} MB a process in "
        f"{figures['mapped_again']['seconds_to_open']} s (lists of strings {figures['lists']['megabytes']:.0f} MB in "
        f"{figures['lists']['seconds_to_open']} s); packed texts {figures['tower']['three_views']['ratio']} times as fast "
        f"as padded in three views, {figures['tower']['full_texts']['ratio']} in full ones",
        figures | {"threads": torch.get_num_threads()},
    )


if __name__ == "__main__":
    main()

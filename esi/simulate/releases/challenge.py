"""Simulated sets in the layouts of the PhysioNet/CinC Challenge: Chapman-Shaoxing-Ningbo and CPSC2018 (ICBEB)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from esi.ecg.leads import LEADS
from esi.simulate.heart.subjects import Subjects
from esi.simulate.record.truth import TruthTable
from esi.simulate.releases import labels
from esi.simulate.releases.batches import Batch
from esi.simulate.releases.waveform_files import quantise, write_mat


def write_chapman(
    folder: Path, batches: Iterator[Batch], subjects: Subjects, rng: np.random.Generator, progress: Callable[[int], object]
) -> Counter[str]:
    """WFDBRecords/01/010/JS00001.hea, 100 records a folder; returns how many records carry each SNOMED CT number."""
    counts: Counter[str] = Counter()
    truths = TruthTable(folder)
    members: dict[str, list[str]] = {}
    for batch in batches:
        digital = quantise(batch.drawn.signal_mV, 1000)
        for place, number in enumerate(batch.numbers):
            name = f"JS{number + 1:05d}"
            place_in = f"WFDBRecords/{number // 1000 + 1:02d}/{number // 1000 + 1:02d}{number % 1000 // 100}/"
            members.setdefault(place_in, []).append(name)
            (folder / place_in).mkdir(parents=True, exist_ok=True)
            codes = labels.chapman_codes(rng, batch.drawn.present[place])
            comments = _comments(subjects, int(batch.owners[place]), codes)
            write_mat(folder / place_in, name, digital[place], LEADS, 500, " 23-Mar-2021 20:20:47", comments)
            counts.update(codes)
        truths.add([f"JS{number + 1:05d}" for number in batch.numbers], batch.drawn.truth)
        progress(len(batch.numbers))
    truths.close()
    (folder / "RECORDS").write_text("".join(f"{each}\n" for each in members), encoding="ascii")
    for place_in, names in members.items():
        (folder / place_in / "RECORDS").write_text("".join(f"{name}\n" for name in names), encoding="ascii")
    return counts


def write_cpsc(
    folder: Path, batches: Iterator[Batch], subjects: Subjects, rng: np.random.Generator, progress: Callable[[int], object]
) -> Counter[str]:
    """A0001.hea and A0001.mat in one folder, 6 to 60 s long; returns how many records carry each SNOMED CT number."""
    counts: Counter[str] = Counter()
    truths = TruthTable(folder)
    for batch in batches:
        digital = quantise(batch.drawn.signal_mV, 1000)
        for place, number in enumerate(batch.numbers):
            codes = labels.cpsc_codes(batch.drawn.present[place])
            comments = _comments(subjects, int(batch.owners[place]), codes)
            samples = round(float(batch.seconds[place]) * 500)
            suffix = " 05-Feb-2020 11:39:16"
            write_mat(folder, f"A{number + 1:04d}", digital[place][:, :samples], LEADS, 500, suffix, comments)
            counts.update(codes)
        truths.add([f"A{number + 1:04d}" for number in batch.numbers], batch.drawn.truth)
        progress(len(batch.numbers))
    truths.close()
    return counts


def draw_lengths(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    """Lengths of CPSC2018's records in s: a third of them 10 s, most of the others 8 to 20 s, all within 6 and 60 s."""
    spread = np.clip(np.exp(rng.normal(np.log(13.5), 0.45, count)), 6, 60)
    return np.round(np.where(rng.random(count) < 0.35, 10.0, spread) * 500) / 500


def _comments(subjects: Subjects, owner: int, codes: list[str]) -> list[str]:
    sex = "Male" if subjects.male[owner] else "Female"
    return [
        f"Age: {subjects.age[owner]}",
        f"Sex: {sex}",
        f"Dx: {','.join(codes)}",
        "Rx: Unknown",
        "Hx: Unknown",
        "Sx: Unknown",
    ]

"""Write the simulated cohort: four sets in the layouts of their public releases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from esi.errors import EsiError
from esi.files import replacing_folder
from esi.simulate.conditions.priors import SetName
from esi.simulate.heart.subjects import Subjects, draw_subjects
from esi.simulate.record.findings import RARE, frequencies
from esi.simulate.releases import challenge, mimic, ptbxl
from esi.simulate.releases.batches import Batch, draw_batches, draw_owners

Writer = Callable[[Path, Iterator[Batch], Subjects, np.random.Generator, Callable[[int], object]], Counter[str]]


class LabelCount(NamedTuple):
    dataset: str
    label: str
    records: int


WRITERS: dict[SetName, Writer] = {
    "ptbxl": ptbxl.write,
    "chapman": challenge.write_chapman,
    "mimic": mimic.write,
    "icbeb": challenge.write_cpsc,
}


def simulate_cohort(
    folder: Path,
    records: Mapping[SetName, int],
    seed: int,
    rare: float = RARE,
    prevalence: Mapping[SetName, Mapping[str, float]] | None = None,
) -> tuple[dict[str, int], list[LabelCount]]:
    """Write the sets named in `records`, each to `folder`/<set>, whole or not at all.

    A set depends on the seed, its own size and prevalences only. The same seed gives the same bytes on the same kind of
    processor.

    Args:
        folder: where the sets go; an existing `folder`/<set> is replaced.
        records: how many records of "ptbxl", "chapman", "mimic" and "icbeb"; a set that is not named is left alone.
        seed: any integer from 0.
        rare, prevalence: no condition is rarer than the one; the other replaces shares of records, by set and condition
            (`findings.frequencies`).

    Returns:
        For each set `<set>_records` and `<set>_subjects`; and for each set and label, in order, the records that carry it
        (labels are SCP codes and superclasses, SNOMED CT numbers; for "mimic" names of `conditions`).

    Raises:
        EsiError: an unknown set or condition, a number below 1, or a prevalence that cannot be had.
    """
    unknown = sorted(set(records) - set(WRITERS))
    if unknown:
        raise EsiError(f"simulate.records names {unknown}: the simulator writes {sorted(WRITERS)}")
    asked = prevalence or {}
    frequent = {name: frequencies(name, rare, asked.get(name)) for name in sorted({*records, *asked})}
    figures: dict[str, int] = {}
    labels: list[LabelCount] = []
    # A product of matrices rounds by how many threads share it: 212 of 800 records of "icbeb" differed between one and two.
    with threadpool_limits(1, "blas"), tqdm(total=sum(records.values()), unit="record", desc="simulate") as bar:
        for number, (name, writer) in enumerate(WRITERS.items()):
            if name not in records:
                continue
            if records[name] < 1:
                raise EsiError(f"simulate.records.{name} is {records[name]}: give 1 or more, or leave the set out")
            signal_rng, text_rng = (np.random.default_rng([seed, number, part]) for part in range(2))
            owners = draw_owners(signal_rng, records[name], name)
            subjects = draw_subjects(signal_rng, int(owners[-1]) + 1, name)
            seconds = challenge.draw_lengths(signal_rng, len(owners)) if name == "icbeb" else np.full(len(owners), 10.0)
            with replacing_folder(Path(folder) / name) as target:
                batches = draw_batches(signal_rng, subjects, owners, frequent[name], seconds)
                counts = writer(target, batches, subjects, text_rng, bar.update)
            figures |= {f"{name}_records": len(owners), f"{name}_subjects": len(subjects)}
            labels += [LabelCount(name, label, counts[label]) for label in sorted(counts)]
    return figures, labels

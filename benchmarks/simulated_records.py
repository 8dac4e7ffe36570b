"""Labelled simulated records in memory, as the model would see them after ingest: nothing is written to the disk.

Legend: N records, K classes, C leads, T samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from esi.ecg.signals import process
from esi.evaluate.tasks import Task
from esi.settings.data import Signal
from esi.simulate.conditions.catalogue import NORMAL_SNOMED
from esi.simulate.conditions.priors import SetName
from esi.simulate.heart.subjects import draw_subjects
from esi.simulate.releases import labels
from esi.simulate.releases.batches import draw_batches, draw_owners
from esi.simulate.releases.waveform_files import quantise

SECONDS = 10.0
KINDS: tuple[SetName, ...] = ("ptbxl", "icbeb")
MICROVOLTS = 1000.0  # a millivolt


@dataclass(frozen=True)
class SimulatedRecords:
    """Records of one kind of set.

    Attributes:
        signals_NCT: int16 microvolts, 10 s at the asked rate. owners_N: the subject of each.
        codes: of each record, SCP codes and the SNOMED CT numbers of CPSC2018's classes.
    """

    signals_NCT: np.ndarray
    owners_N: np.ndarray
    codes: list[list[str]]

    def labels(self, tasks: Sequence[Task]) -> np.ndarray:
        """The classes of all tasks side by side, float32 [N, K]."""
        return np.concatenate([task.labels(self.codes) for task in tasks], axis=1).astype(np.float32)


def draw(kind: SetName, records: int, seed: int, signal: Signal) -> SimulatedRecords:
    """Draw records of the kind that `kind` holds, all of 10 s. The same arguments give the same bytes.

    A record is CPSC2018's "Normal" only where it shows nothing at all: CPSC2018 labels nothing but its nine classes, but its
    cardiologists would not call an old infarct normal.
    """
    rng, label_rng = (np.random.default_rng([seed, KINDS.index(kind), part]) for part in range(2))
    owners_N = draw_owners(rng, records, kind)
    subjects = draw_subjects(rng, int(owners_N[-1]) + 1, kind)
    signals_NCT = np.zeros((records, 12, round(SECONDS * signal.rate)), np.int16)
    codes: list[list[str]] = [[] for _ in range(records)]
    # A product of matrices rounds by how many threads share it (esi/simulate/releases/cohort.py).
    with threadpool_limits(1, "blas"), tqdm(total=records, desc=f"simulate {kind}", unit="record") as bar:
        for batch in draw_batches(rng, subjects, owners_N, kind, np.full(records, SECONDS)):
            digital = quantise(batch.drawn.signal_mV, MICROVOLTS)
            signals_NCT[batch.numbers] = process(digital, np.full(len(digital), digital.shape[2]), signal)
            for place, number in enumerate(batch.numbers):
                present = batch.drawn.present[place]
                scp = labels.scp_codes(label_rng, present, subjects.shape[batch.owners[place], :, 0])
                cpsc = labels.cpsc_codes(present)
                codes[number] = [*scp, *(code for code in cpsc if code != NORMAL_SNOMED or labels.is_normal(present))]
            bar.update(len(batch.numbers))
    return SimulatedRecords(signals_NCT, owners_N, codes)

"""When the heart beats, and which kind of beat each is.

Shapes: N records, K beats a record (columns), B beats of the whole batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from esi.ecg.simulate.conditions import INDEX
from esi.ecg.simulate.subjects import Subjects

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

CONDUCTED, ATRIAL, VENTRICULAR = 0, 1, 2  # kinds of beats


@dataclass(frozen=True)
class Rhythm:
    """The beats [B] of a batch; they reach a little beyond both ends of the records."""

    record: NDArray[np.int64]  # row of the batch
    time: Floats  # onset of QRS, s from the record's start
    kind: NDArray[np.int64]  # CONDUCTED, ATRIAL or VENTRICULAR
    has_p: Bools
    rr: Floats  # s since the beat before, which sets the QT interval
    breath: Floats  # -1..1, phase of breathing
    breath_hz: Floats  # [N]


def draw_rhythm(rng: np.random.Generator, subjects: Subjects, present: Bools, seconds: Floats) -> Rhythm:
    """Draw the beats of one record of each subject.

     Sinus rhythm varies with breathing, less so in the old, and at 0.1 Hz (Task Force of ESC and NASPE, Circulation
     1996;93:1043). In atrial fibrillation the RR intervals are independent, with a coefficient of variation around 0.22
    . A premature ventricular beat is followed by a compensatory pause; a premature atrial one resets
     the sinus node.

     Args:
         present: the conditions [N, C].
         seconds: the length of each record [N].
    """
    count = len(subjects)
    af = present[:, INDEX["AFIB"]]
    mean_rr = 60 / _rate(rng, subjects, present)
    columns = int(np.max(seconds / mean_rr)) + 5
    breath_hz = rng.uniform(0.17, 0.32, count)
    phase = rng.uniform(0, 2 * np.pi, (count, 2))

    steps = (np.arange(columns) * mean_rr[:, None]) * 2 * np.pi
    swing = 0.045 * np.clip((85 - subjects.age) / 50, 0.15, 1.2)
    wandering = present[:, INDEX["SARRH"]]
    swing[wandering] = rng.uniform(0.11, 0.19, wandering.sum())
    swing[present[:, INDEX["STACH"]]] *= 0.3  # a fast sinus node hardly varies
    sinus = 1 + swing[:, None] * np.sin(steps * breath_hz[:, None] + phase[:, :1])
    sinus += 0.3 * swing[:, None] * np.sin(steps * 0.1 + phase[:, 1:]) + 0.008 * rng.standard_normal((count, columns))
    spread = rng.uniform(0.17, 0.28, (count, 1))
    fibrillating = np.exp(spread * rng.standard_normal((count, columns)) - spread**2 / 2)
    rr = mean_rr[:, None] * np.where(af[:, None], fibrillating, sinus)
    rr = np.maximum(rr, 0.29)

    inside = np.cumsum(rr, axis=1) < seconds[:, None]  # the mean rate is that of the beats that are seen
    rr *= (mean_rr * inside.sum(axis=1) / np.where(inside, rr, 0).sum(axis=1))[:, None]
    time = np.cumsum(rr, axis=1) - rr[:, :1] * (1 + rng.random((count, 1)))
    kind = np.full((count, columns), CONDUCTED)
    for row in np.flatnonzero(present[:, INDEX["PAC"]] | present[:, INDEX["PVC"]]):
        if present[row, INDEX["PVC"]]:
            _insert(rng, time[row], kind[row], seconds[row], VENTRICULAR)
        if present[row, INDEX["PAC"]]:
            _insert(rng, time[row], kind[row], seconds[row], ATRIAL)

    before = np.diff(time, axis=1, prepend=time[:, :1] - mean_rr[:, None])
    # Repolarisation follows the rate with a memory of many beats (Franz et al., J Clin Invest 1988;82:972).
    lasting = 0.75 * mean_rr[:, None] + 0.25 * before
    kept = time < seconds[:, None] + 0.5
    record = np.broadcast_to(np.arange(count)[:, None], time.shape)[kept]
    return Rhythm(
        record=record,
        time=time[kept],
        kind=kind[kept],
        has_p=(~af[record]) & (kind[kept] != VENTRICULAR),
        rr=lasting[kept],
        breath=np.sin(2 * np.pi * breath_hz[record] * time[kept] + phase[record, 0]),
        breath_hz=breath_hz,
    )


def _rate(rng: np.random.Generator, subjects: Subjects, present: Bools) -> Floats:
    """Mean heart rate of each record, beats a minute, inside the limits of its rhythm (sinus: 60 and 100)."""
    usual = 74 + 9 * subjects.pulse + 4 * rng.standard_normal(len(subjects))
    tail = np.abs(rng.standard_normal(len(subjects)))
    rate = np.clip(usual, 62, 97)
    rate = np.where(present[:, INDEX["SBRAD"]], np.clip(57 - 5 * tail, 40, 57), rate)
    rate = np.where(present[:, INDEX["STACH"]], np.clip(104 + 13 * tail, 104, 150), rate)
    rate = np.where(present[:, INDEX["SARRH"]], np.clip(usual - 4, 58, 88), rate)
    return np.where(
        present[:, INDEX["AFIB"]], np.clip(88 + 12 * subjects.pulse + 18 * rng.standard_normal(len(subjects)), 48, 150), rate
    )


def _insert(rng: np.random.Generator, time: Floats, kind: NDArray[np.int64], seconds: float, ectopic: int) -> None:
    """Make one to four beats of a record premature, in place; at least one of them lies wholly inside it."""
    seen = np.flatnonzero((time > 1.1) & (time < seconds - 0.7) & (kind == CONDUCTED))
    if not len(seen):
        seen = np.array([int(np.argmin(np.abs(time - seconds / 2)))])
    for beat in rng.permutation(seen)[: 1 + min(3, rng.poisson(0.12 * seconds))]:
        if beat == 0 or (kind[max(beat - 1, 0) : beat + 2] != CONDUCTED).any():
            continue
        early = max(0.36, rng.uniform(0.55, 0.75) * (time[beat] - time[beat - 1]))
        early = min(early, 0.85 * (time[beat] - time[beat - 1]))
        new = time[beat - 1] + early
        if ectopic == ATRIAL:  # the pause is hardly longer than a cycle
            time[beat + 1 :] -= 0.92 * (time[beat] - new)
        time[beat] = new
        kind[beat] = ectopic

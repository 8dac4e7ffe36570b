"""One record's rhythm while it is put together: atrial activations, the beats they conduct, and beats from elsewhere.

Atria, AV node and ventricles are kept apart, so that a blocked P wave, AV dissociation or the pause behind an extra beat
come about as they do in the heart. Times in s from the start of the record; a strip reaches a little beyond both ends.
Legend: A atrial activations, K beats.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# Kinds of beats: of the basic rhythm, premature from the atria, premature from a ventricle, escape from the AV junction and
# from a ventricle, paced in a ventricle.
CONDUCTED, ATRIAL, VENTRICULAR, JUNCTIONAL, ESCAPE, PACED = range(6)


class PWave(IntEnum):
    """Where an atrial activation comes from, which shapes its P wave."""

    SINUS = 0
    ECTOPIC = 1  # the subject's premature focus
    SECOND = 2  # two more foci, of a multifocal rhythm
    THIRD = 3
    RETROGRADE = 4  # from the AV node upwards
    NONE = 5  # no P wave of its own: fibrillation, flutter, or hidden in QRS


class Look(IntEnum):
    """Which beat of the subject is drawn (`ectopic_beats`)."""

    OWN = 0
    ABERRANT = 1  # conducted with a right bundle branch block
    PREMATURE = 2  # from a ventricle
    OTHER = 3  # from another place in the ventricles
    ESCAPE = 4
    PACED = 5


@dataclass
class Strip:
    """The rhythm of one record; its rules change it in place."""

    seconds: float
    p: Floats  # [A] onset of each atrial activation
    pr: Floats  # [A] from there to the QRS it conducts; NaN: blocked
    p_wave: Ints  # [A] PWave
    kind: Ints  # [A] kind of the beat that it conducts
    look: Ints  # [A] Look of that beat
    others: list[tuple[float, int, int]] = field(default_factory=list)  # onset of QRS, kind, Look
    spikes: list[float] = field(default_factory=list)  # of a pacemaker
    escape_s: float = 1.0  # how long a pacemaker or an escape rhythm waits behind a beat
    fibrillates: bool = False

    @property
    def qrs(self) -> Floats:
        """[A] onset of the QRS that each atrial activation conducts, NaN where it is blocked."""
        return self.p + self.pr

    @property
    def cycle(self) -> float:
        """Median time between atrial activations."""
        return float(np.median(np.diff(self.p)))

    def seen(self, start: float = 1.1, end: float = 0.7) -> Ints:
        """The conducted activations [.] whose QRS stands clear of both ends of the record; the first and last never do."""
        qrs = self.qrs
        inside = np.flatnonzero((qrs > start) & (qrs < self.seconds - end))
        return inside[(inside > 0) & (inside < len(qrs) - 1)]

    def add_p(self, times: Floats, p_wave: PWave) -> None:
        """Add activations that conduct nothing."""
        order = np.argsort(np.concatenate([self.p, times]), kind="stable")
        self.p = np.concatenate([self.p, times])[order]
        self.pr = np.concatenate([self.pr, np.full(len(times), np.nan)])[order]
        self.p_wave = np.concatenate([self.p_wave, np.full(len(times), p_wave)])[order]
        self.kind = np.concatenate([self.kind, np.full(len(times), CONDUCTED)])[order]
        self.look = np.concatenate([self.look, np.full(len(times), Look.OWN)])[order]

    def delay(self, first: int, seconds: float) -> None:
        """Move everything from activation number `first` on to a later time (earlier if negative)."""
        start = float(self.p[first]) if first < len(self.p) else np.inf
        self.others = [(each[0] + seconds, *each[1:]) if each[0] > start else each for each in self.others]
        self.p[first:] += seconds

    def beats(self) -> tuple[Floats, Ints, Ints, Floats]:
        """Onset of QRS, kind, Look and PR (s; NaN: no P wave conducted it) of all beats [K], in the order of time."""
        conducted = ~np.isnan(self.pr)
        time = np.concatenate([self.qrs[conducted], [each[0] for each in self.others]])
        kind = np.concatenate([self.kind[conducted], np.array([each[1] for each in self.others], np.int64)])
        look = np.concatenate([self.look[conducted], np.array([each[2] for each in self.others], np.int64)])
        pr = np.where(np.isin(self.p_wave, (PWave.NONE, PWave.RETROGRADE)), np.nan, self.pr)[conducted]
        pr = np.concatenate([pr, np.full(len(self.others), np.nan)])
        order = np.argsort(time, kind="stable")
        return time[order], kind[order], look[order], pr[order]


def conducted_strip(qrs: Floats, pr: float, seconds: float, p_wave: PWave = PWave.SINUS) -> Strip:
    """A strip in which every activation conducts a beat of the basic rhythm, `pr` s later, at the times `qrs` [A]."""
    return Strip(
        seconds,
        p=qrs - pr,
        pr=np.full(len(qrs), pr),
        p_wave=np.full(len(qrs), int(p_wave)),
        kind=np.full(len(qrs), CONDUCTED),
        look=np.full(len(qrs), int(Look.OWN)),
    )

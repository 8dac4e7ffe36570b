"""Beats that do not take the usual way: aberrant, ventricular, escape, paced; and P waves from elsewhere in the atria.

Legend: R rows (the records that show such a beat), E events of a beat (`beat.Event`).
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from esi.simulate.conditions.catalogue import INDEX
from esi.simulate.heart import beat, conduction
from esi.simulate.heart.beat import QRS, Beats, Event, Floats, P, X, Y, healthy, rotate
from esi.simulate.heart.subjects import Subjects
from esi.simulate.rhythm.strip import Look, PWave

Ints = NDArray[np.int64]

# Where a ventricular beat starts, as the direction in which it spreads: the right and left ventricle, high and low. Most
# extra beats come from the right outflow tract (left bundle branch block shape, inferior axis) or the left ventricle's
# conduction system.
_ORIGINS = np.array([(0.75, 0.9, 0.55), (0.9, -0.7, 0.5), (-0.6, 0.9, -0.75), (-0.5, -0.8, -0.85)])


class Pool:
    """The beats of a batch: each record's own, and of the other looks those that some record shows."""

    def __init__(self, own: Beats, leads: Floats, subjects: Subjects, record: Ints, look: Ints) -> None:
        """Args: own: calibrated, one a record [N]. leads: [N, 8, 3]. record, look: of each beat that is to be drawn [B]."""
        parts, owners, size = [own], [np.arange(len(own))], len(own)
        self._place = np.zeros((len(Look), len(own)), np.int64)
        self._place[Look.OWN] = owners[0]
        for kind in Look:
            rows = np.unique(record[look == kind])
            if kind != Look.OWN and len(rows):
                beats = _beats(kind, _rows(own, rows), subjects.take(rows))
                beat.calibrate(beats, leads[rows])
                self._place[kind, rows] = size + np.arange(len(rows))
                size += len(rows)
                parts.append(beats)
                owners.append(rows)
        self.beats = Beats(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(Beats)))
        self.record = np.concatenate(owners)  # of each row of `beats`

    def rows(self, record: Ints, look: Ints) -> Ints:
        """The rows of `beats` that belong to these records and looks."""
        return np.asarray(self._place[look, record])


def _rows(beats: Beats, rows: Ints) -> Beats:
    return Beats(*(getattr(beats, each.name)[rows] for each in fields(Beats)))


def _beats(look: Look, own: Beats, subjects: Subjects) -> Beats:
    if look == Look.ABERRANT:
        narrow = np.flatnonzero(own.qrs_ms < 118)
        conduction.right_bundle_block(own, narrow, subjects.shape[narrow, INDEX["PAC"]])
        return own
    if look == Look.PACED:
        return _paced(subjects)
    u = subjects.shape[:, INDEX["3AVB" if look == Look.ESCAPE else "PVC"]]
    origin = np.minimum((4 * u[:, 1]).astype(int), 3)
    if look == Look.OTHER:
        origin = (origin + 1 + (3 * u[:, 2]).astype(int)) % 4
    return _from_ventricle(subjects, _ORIGINS[origin], u, 132 + 34 * u[:, 3])


def _from_ventricle(subjects: Subjects, direction: Floats, u: Floats, qrs_ms: Floats) -> Beats:
    """Wide beats that spread in a `direction` [R, 3], with ST and T against QRS and without P. `u` [R, 4] vary them."""
    beats = healthy(len(subjects))
    beats.vector[:] = 0
    size = (1.1 + 0.7 * u[:, 0])[:, None]
    turned = rotate(direction * size, np.stack([50 * u[:, 2] - 25, 50 * u[:, 3] - 25, np.zeros(len(u))], 1))
    slow = 0.35 * rotate(turned, np.stack([40 * u[:, 0] - 20, 60 * u[:, 1] - 30, np.zeros(len(u))], 1))
    wide = [Event.ANTERIOR, Event.MAIN, Event.POSTERIOR, Event.TERMINAL]
    beats.vector[:, Event.ANTERIOR] = slow  # muscle first conducts slowly, and not quite in the main direction
    beats.vector[:, Event.MAIN] = 0.80 * turned
    beats.vector[:, Event.POSTERIOR] = 0.50 * turned + np.array([0.0, 0.0, 0.15])
    beats.vector[:, Event.TERMINAL] = 0.06 * turned + 0.3 * slow  # QRS ends as slowly as it began
    beats.time[:, wide] = (28, 62, 94, 126)
    beats.rise[:, wide] = (13, 17, 17, 17)
    beats.fall[:, QRS] = beats.rise[:, QRS]
    beats.vector[:, Event.ST_EARLY] = -0.07 * turned
    beats.vector[:, Event.ST_LATE] = -0.15 * turned
    beats.vector[:, Event.T] = -(0.38 + 0.14 * u[:, 1:2]) * turned
    beats.fall[:, Event.ST_LATE] = 55  # ST runs into T without a step
    beats.rise[:, Event.T] = 68
    beats.qrs_ms[:] = qrs_ms
    beats.qtc_ms[:] = subjects.qtc_ms + 45
    return beats


def _paced(subjects: Subjects) -> Beats:
    """From the right ventricle: like a left bundle branch block, with a superior axis and QRS of 145 to 185 ms.

    The nearer the lead lies to the apex, the more QRS is negative in V5 and V6 too.
    """
    u = subjects.shape[:, INDEX["PACE"]].copy()
    direction = np.stack([0.65 - 0.6 * u[:, 2], np.full(len(u), -0.95), np.full(len(u), 0.75)], 1)
    u[:, 2] = 0.3 + 0.4 * u[:, 2]
    return _from_ventricle(subjects, direction, u, 145 + 40 * u[:, 3])


def p_waves(own: Beats, subjects: Subjects, record: Ints, p_wave: Ints) -> tuple[Floats, Floats]:
    """Vectors [A, 2, 3] and the times from right to left atrium [A] in ms of some P waves.

    Those of the other foci spread in other directions; retrograde ones spread upwards.
    """
    vector = own.vector[record][:, P].copy()
    gap = own.p_gap_ms[record].copy()
    for wave in (PWave.ECTOPIC, PWave.SECOND, PWave.THIRD):
        rows = np.flatnonzero(p_wave == wave)
        u = np.roll(subjects.shape[record[rows], INDEX["PAC" if wave == PWave.ECTOPIC else "SVARR"]], int(wave), axis=1)
        vector[rows, 0, Y] *= 1.2 - 2.4 * u[:, 1]
        vector[rows, 1, Y] *= 1.0 - 2.2 * u[:, 1]
        vector[rows, 1, X] *= 1.2 - 1.6 * u[:, 2]
        gap[rows] *= 0.75 + 0.5 * u[:, 3]
    back = np.flatnonzero(p_wave == PWave.RETROGRADE)
    vector[back, :, Y] = -np.abs(vector[back, :, Y]) - 0.02
    vector[back, :, X] *= 0.3
    gap[back] *= 0.6
    return vector, gap

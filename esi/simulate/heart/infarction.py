"""Rules of myocardial infarction: what a scar takes from QRS, and the ST and T of its age.

Q and R: Thygesen et al., Fourth Universal Definition of Myocardial Infarction, Circulation 2018;138:e618. ST and T: Wagner
et al., AHA/ACCF/HRS Recommendations VI, Circulation 2009;119:e262. Sizes follow medians of PTB-XL's records of each code
(training folds): most of its infarcts have no deep Q but a lost R, an S behind it and a flat T (IMI: R in aVF 0.13 mV
against 0.47 of NORM, q below 0.05 mV in half of them; ASMI: R in V3 0.15 mV against 0.78). T in V5 is 0.13 mV, half of
NORM's, whatever the wall.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from esi.simulate.heart.beat import ST, Beats, Event, Floats, Rows, X, Y, Z
from esi.simulate.heart.rule import (
    ANTERIOR,
    ANTEROLATERAL,
    INFERIOR,
    INFEROLATERAL,
    LATERAL,
    POSTERIOR,
    SEPTAL,
    Rule,
    add,
    towards,
    turn_t,
)

ACUTE, RECENT = 0.12, 0.40  # of `u[:, 1]`: acute below the first, recent below the second, old above


@dataclass(frozen=True)
class Wall:
    """Where an infarct lies, and what a large one (extent 1) does to QRS."""

    direction: Floats
    q_mV: float
    q_at_ms: float
    lost: tuple[float, float, float]  # shares of the forces of SEPTAL, ANTERIOR and MAIN towards the wall
    away: float  # mV that MAIN points away from the wall: R becomes S
    turn: tuple[float, float, float]  # added to MAIN and POSTERIOR: what else moves
    t_lost: float  # share of T towards the wall, of an old infarct


_INFERIOR = Wall(INFERIOR, 0.30, 23, (0.5, 0.9, 0.75), 0.30, (0.08, 0.0, 0.10), 0.8)
_SEPTAL = Wall(SEPTAL, 0.24, 18, (0.5, 0.9, 0.6), 0.20, (-0.10, -0.32, 0.10), 0.15)
_ANTERIOR = Wall(ANTERIOR, 0.26, 26, (0.3, 0.8, 0.5), 0.16, (0.0, -0.12, 0.05), 0.3)
_LATERAL = Wall(LATERAL, 0.34, 22, (0.2, 0.9, 0.50), 0.08, (0.04, -0.35, 0.05), 0.9)
_ANTEROLATERAL = Wall(ANTEROLATERAL, 0.38, 25, (0.5, 1.0, 0.65), 0.25, (0.0, -0.50, 0.20), 0.6)
_INFEROLATERAL = Wall(INFEROLATERAL, 0.36, 24, (0.4, 1.0, 0.75), 0.25, (0.05, -0.05, 0.10), 0.9)
_POSTERIOR = Wall(POSTERIOR, 0.32, 30, (0.0, 0.5, 0.9), 0.30, (0.0, 0.0, -0.42), 0.0)


def _infarct(wall: Wall, also: Wall | None = None) -> Rule:
    """The rule of an infarct of a wall, and of a second one that went with it."""

    def rule(beats: Beats, rows: Rows, u: Floats) -> None:
        extent = 0.08 + 0.92 * u[:, 0]
        scar(beats, rows, wall, extent, u)
        repolarisation(beats, rows, wall, extent, u)
        if also is not None:
            scar(beats, rows, also, 0.85 * extent, u[:, [0, 1, 3, 2]])
            repolarisation(beats, rows, also, 0.6 * extent, u)

    rule.__doc__ = "An infarct between hardly there (severity 0) and large (1); its age is drawn from `u[:, 1]`."
    return rule


def scar(beats: Beats, rows: Rows, wall: Wall, extent: Floats, u: Floats) -> None:
    """Take the forces towards a wall by `extent` [rows], 0..1: Q or a lost R, often a fragmented QRS."""
    for event, lost in zip((Event.SEPTAL, Event.ANTERIOR, Event.MAIN), wall.lost, strict=True):
        force = np.maximum(towards(beats, rows, event, wall.direction), 0)
        add(beats, rows, [event], wall.direction, -np.minimum(1, 1.25 * extent) * lost * force)
    add(beats, rows, [Event.MAIN], wall.direction, -wall.away * extent)
    beats.vector[rows[:, None], [Event.MAIN, Event.POSTERIOR]] += (extent[:, None] * np.array(wall.turn))[:, None, :]
    beats.vector[rows, Event.BASAL] += extent[:, None] * np.array([-0.12, -0.04, 0.22])  # S in V4-V6
    # Deep Qs are few: the square of a uniform number.
    depth = wall.q_mV * extent * 1.1 * u[:, 2] ** 2
    add(beats, rows, [Event.SCAR], wall.direction, -depth)
    beats.time[rows, Event.SCAR] = wall.q_at_ms
    beats.rise[rows, Event.SCAR] = beats.fall[rows, Event.SCAR] = 7 + 5 * extent
    beats.time[rows, Event.MAIN] += 5 * extent * u[:, 2]
    # A fragment within QRS (Das et al., Circulation 2006;113:2495).
    angle = 2 * np.pi * u[:, 3]
    beats.vector[rows, Event.NOTCH] += (0.20 * extent * (u[:, 3] > 0.4))[:, None] * np.stack(
        [np.cos(angle), np.sin(angle), 0.6 * np.sin(2 * angle)], axis=1
    )
    beats.time[rows, Event.NOTCH] = 48 + 24 * u[:, 2]
    beats.qrs_ms[rows] = np.minimum(beats.qrs_ms[rows] + 9 * extent, np.maximum(beats.qrs_ms[rows], 118))


def repolarisation(beats: Beats, rows: Rows, wall: Wall, extent: Floats, u: Floats) -> None:
    """ST and T of an infarct: ST elevation with the mirror image opposite while acute, then T inverted, later flat."""
    age = u[:, 1]
    acute, recent = age < ACUTE, (age >= ACUTE) & (age < RECENT)
    old = ~acute & ~recent
    lift = np.where(acute, 0.10 + 0.16 * extent, np.where(recent, 0.02 * extent, 0.02 * u[:, 2] * extent))
    add(beats, rows, ST, wall.direction, lift)
    beats.fall[rows[acute], Event.ST_LATE] = 55  # one dome with T
    beats.rise[rows[acute], Event.T] = np.maximum(beats.rise[rows[acute], Event.T], 60)
    kept = np.where(acute, 1.0, np.where(recent, 1 - extent, 1 - wall.t_lost * (0.5 + 0.8 * u[:, 3]) * extent))
    size = np.where(acute, 0.14 * extent, np.where(recent, -0.41 * extent, -0.06 * wall.t_lost * u[:, 3] * extent))
    turn_t(beats, rows, wall.direction, kept, size)
    # T of the left ventricle is low whatever the wall; in V1 and V2 it stays.
    upright = beats.vector[rows, Event.T, X] > 0
    beats.vector[rows, Event.T, X] *= 1 - (0.25 + 0.85 * u[:, 3]) * np.minimum(1, 1.3 * extent) * (~acute & upright)
    beats.vector[rows, Event.T, Y] *= 1 - 0.30 * extent * old
    sag = 0.045 * extent * u[:, 3] * ~acute
    add(beats, rows, ST, LATERAL, -sag)


inferior = _infarct(_INFERIOR)
anteroseptal = _infarct(_SEPTAL, _ANTERIOR)
anterior = _infarct(_ANTERIOR)
lateral = _infarct(_LATERAL)
anterolateral = _infarct(_ANTEROLATERAL, _SEPTAL)
inferolateral = _infarct(_INFEROLATERAL, _INFERIOR)
posterior = _infarct(_POSTERIOR)
inferoposterior = _infarct(_INFERIOR, _POSTERIOR)
inferoposterolateral = _infarct(_INFEROLATERAL, _POSTERIOR)


def q_waves(beats: Beats, rows: Rows, u: Floats) -> None:
    """Q in inferior, anterior or lateral leads while R, ST and T stay."""
    for wall, low, high in ((_INFERIOR, 0.0, 0.55), (_SEPTAL, 0.55, 0.8), (_LATERAL, 0.8, 1.01)):
        chosen = (u[:, 1] >= low) & (u[:, 1] < high)
        at, extent = rows[chosen], u[chosen, 0]
        lost = 0.3 + 0.5 * extent
        for event in (Event.SEPTAL, Event.ANTERIOR):
            add(beats, at, [event], wall.direction, -lost * np.maximum(towards(beats, at, event, wall.direction), 0))
        add(beats, at, [Event.SCAR], wall.direction, -(0.12 + 0.26 * extent))
        beats.time[at, Event.SCAR] = wall.q_at_ms
        beats.rise[at, Event.SCAR] = beats.fall[at, Event.SCAR] = 7 + 4 * extent


def abnormal_qrs(beats: Beats, rows: Rows, u: Floats) -> None:
    """Late R progression, a notch or a slur, an axis to the left: what programs call an abnormal QRS."""
    late = 0.1 + 0.9 * u[:, 0]
    beats.vector[rows, Event.ANTERIOR, X] *= 1 - 0.5 * late * u[:, 1]
    beats.vector[rows, Event.ANTERIOR, Z] += 0.30 * late * u[:, 1]
    beats.vector[rows, Event.MAIN, Z] += 0.18 * late * u[:, 1]
    beats.vector[rows, Event.MAIN, Y] -= 0.45 * late * u[:, 2]
    angle = 2 * np.pi * u[:, 3]
    notch = np.stack([np.cos(angle), np.sin(angle), np.cos(2 * angle)], axis=1)
    beats.vector[rows, Event.NOTCH] += (0.06 + 0.22 * u[:, 0])[:, None] * notch
    beats.time[rows, Event.NOTCH] = 30 + 36 * u[:, 1]


def aneurysm(beats: Beats, rows: Rows, u: Floats) -> None:
    """QS in V1-V4 with an ST elevation that stays, and T inverted at its end."""
    extent = 0.6 + 0.4 * u[:, 0]
    scar(beats, rows, _SEPTAL, extent, u)
    scar(beats, rows, _ANTERIOR, extent, u)
    add(beats, rows, ST, ANTERIOR, 0.06 + 0.16 * u[:, 0])
    turn_t(beats, rows, ANTERIOR, np.full(len(rows), 0.6), 0.05 * u[:, 3])
    add(beats, rows, [Event.T_END], ANTERIOR, -(0.05 + 0.16 * u[:, 1]))
    beats.vector[rows, Event.T, X] *= 0.3

"""The people of a simulated set: age, sex, a heart of their own, and what they are inclined to.

Legend: S subjects, N records, C conditions (the rows of `conditions.CONDITIONS`), K rows of `priors.effects()`, E events of
a beat (`beat.Event`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from esi.simulate.conditions.catalogue import CONDITIONS
from esi.simulate.conditions.priors import SetName, draw_people, effects
from esi.simulate.heart import beat
from esi.simulate.heart.beat import Event

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


# How far the vector of each event lies from the usual one, beyond turning and size: from the same fit as `_draw_leads`, mV.
_OFFSETS = {
    Event.P_RIGHT: 0.015, Event.P_LEFT: 0.02, Event.SEPTAL: 0.04, Event.ANTERIOR: 0.07, Event.MAIN: 0.09,
    Event.POSTERIOR: 0.09, Event.BASAL: 0.07, Event.ST_EARLY: 0.022, Event.ST_LATE: 0.028, Event.T: 0.055,
}  # fmt: skip
OFFSET_MV = np.array([_OFFSETS.get(event, 0.0) for event in Event])


# From Dower's leads towards what the median coefficients of the fit in `_draw_leads` are: I, II, V1..V6.
NEARER = np.array(
    [
        [0.00, 0.12, -0.06],
        [0.10, -0.25, 0.00],
        [0.09, -0.02, 0.22],
        [0.00, -0.06, -0.10],
        [-0.04, 0.03, 0.12],
        [-0.08, 0.03, 0.08],
        [-0.08, 0.04, -0.02],
        [-0.02, 0.05, -0.10],
    ]
)


# How chest leads share their deviations: with it R in neighbouring leads correlates as in real normal ECGs, by 0.6 in V1-V3
# and by 0.9 in V5-V6.
TOGETHER = np.eye(8)
TOGETHER[2:, 2:] += np.diag([0.3, 0.3, 0.4, 0.6, 0.9], 1) + np.diag([0.3, 0.3, 0.4, 0.6, 0.9], -1)
TOGETHER /= np.linalg.norm(TOGETHER, axis=1, keepdims=True)


@dataclass(frozen=True)
class Subjects:
    """Arrays with one row a subject; nothing here changes between the records of a subject."""

    age: NDArray[np.int64]  # years
    male: Bools
    luck: Floats  # [S, K] uniform: which conditions it is inclined to (`findings.draw_conditions`)
    shape: Floats  # [S, C, 4] uniform: how each condition looks in this heart; the first is its severity
    pulse: Floats  # standard normal: slow or fast among people
    ectopy: Floats  # standard normal: inclination to extra beats
    angles: Floats  # [S, 3] degrees: turn of the heart in the frontal, transverse and sagittal plane
    t_angles: Floats  # [S, 3] degrees: turn of T on its own
    gain: Floats  # of QRS
    t_gain: Floats
    p_gain: Floats
    qrs_ms: Floats
    pr_ms: Floats
    qtc_ms: Floats  # Fridericia
    event_gain: Floats  # [S, E, 3]
    event_shift: Floats  # [S, E] ms
    event_offset: Floats  # [S, E, 3] mV
    event_width: Floats  # [S, E]
    leads: Floats  # [S, 8, 3] what I, II, V1..V6 see of the dipole (`beat.DOWER` and this chest)
    variant: Floats  # [S, 8] uniform: normal variants of QRS, T and U (`morphology`)

    def __len__(self) -> int:
        return len(self.age)

    def take(self, rows: NDArray[np.int64]) -> Subjects:
        """The subjects at `rows`, in that order."""
        return Subjects(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def draw_subjects(rng: np.random.Generator, count: int, name: SetName) -> Subjects:
    """Draw `count` people for one set.

    PR, QRS and QTc follow the reference values by age and sex of Mason et al., J Electrocardiol 2007;40:228 and Rijnbeek
    et al., J Electrocardiol 2014;47:914 (PR and QRS longer in men, QTc longer in women by about 10 ms, all growing with
    age); the frontal axis turns left and voltages fall with age, and voltages are lower in women (Macfarlane & Lawrie,
    Comprehensive Electrocardiology, 2nd ed. 2011, normal limits).
    """
    age, male = draw_people(rng, count, name)
    decades = (age - 60) / 10
    angles = rng.normal((0.0, 0.0, 0.0), (20.0, 13.0, 10.0), (count, 3))
    angles[:, 0] -= 6.0 * (decades + 2.0)
    shape = rng.random((count, len(CONDITIONS), 4))
    if name == "icbeb":  # CPSC2018 has no doubtful labels; a third of PTB-XL's diagnoses are below 100 %
        shape[..., 0] = (1 + 2 * shape[..., 0]) / 3
    return Subjects(
        age=age,
        male=male,
        luck=rng.random((count, len(effects()))),
        shape=shape,
        pulse=rng.standard_normal(count),
        ectopy=rng.standard_normal(count),
        angles=angles,
        t_angles=rng.normal(0.0, (11.0, 13.0, 10.0), (count, 3)),
        gain=np.exp(rng.normal(np.where(male, 0.06, -0.09) - 0.03 * decades, 0.27)),
        t_gain=np.clip(np.exp(rng.normal(np.where(male, 0.12, -0.08) - 0.04 * decades, 0.30)), 0.5, 1.5),
        p_gain=np.exp(rng.normal(0.0, 0.28, count)),
        qrs_ms=np.clip(rng.normal(np.where(male, 96, 88) + 0.5 * decades, 7.0), 72, 112),
        pr_ms=np.clip(rng.normal(np.where(male, 162, 156) + 3.0 * decades, 18.0), 118, 192),
        qtc_ms=np.clip(rng.normal(np.where(male, 408, 419) + 3.0 * decades, 15.0), 360, 455),
        event_gain=np.clip(np.exp(rng.normal(0.0, 0.24, (count, len(Event), 3))), 0.6, 1.6),
        event_shift=rng.normal(0.0, 2.0, (count, len(Event))),
        event_offset=rng.standard_normal((count, len(Event), 3)) * OFFSET_MV[:, None],
        event_width=np.exp(rng.normal(0.0, 0.15, (count, len(Event)))),
        leads=_draw_leads(rng, count),
        variant=rng.random((count, 8)),
    )


def _draw_leads(rng: np.random.Generator, count: int) -> Floats:
    """What the leads of `count` chests see [S, 8, 3].

    142 normal ECGs of PTB-XL (500 Hz, none of its test fold) are reproduced to 19 uV by the beat's Gaussians where every
    coefficient may leave Dower's by about 0.2 (standard deviation), those that are near 0 there as well: electrodes lie
    elsewhere on every chest, and hearts in another place. Neighbouring chest leads leave it together.
    """
    moved = TOGETHER @ rng.normal(0.0, 0.13, (count, 8, 3))
    return (beat.DOWER + NEARER + moved) * np.exp(TOGETHER @ rng.normal(0.0, 0.13, (count, 8, 1)))

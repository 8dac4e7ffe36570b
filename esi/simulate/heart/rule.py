"""What the rules of conditions share: their signature, and walls of the heart as directions.

A rule shapes P, QRS, ST and T of one condition: it changes the beats at `rows` in place. `u` [rows, 4] are uniform numbers
of the subject and the condition, the same in every record; `u[:, 0]` is the severity, 0 hardly there. Axes and events are
those of `beat`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from esi.simulate.heart.beat import Beats, Event, Floats, Rows

Rule = Callable[[Beats, Rows, Floats], None]


def _unit(x: float, y: float, z: float) -> Floats:
    return np.array([x, y, z]) / np.linalg.norm([x, y, z])


# The direction from the heart's centre to each wall: the sum of the rows of Dower's matrix that look at it.
INFERIOR = _unit(-0.08, 1.0, -0.05)  # II, III, aVF
LATERAL = _unit(0.97, -0.12, 0.08)  # I, aVL, V5, V6
SEPTAL = _unit(0.05, 0.05, -1.0)  # V1-V3
ANTERIOR = _unit(0.50, 0.08, -0.85)  # V2-V5
ANTEROLATERAL = _unit(0.90, -0.02, -0.42)  # V3-V6, I, aVL
INFEROLATERAL = _unit(0.75, 0.65, 0.08)
APICAL = _unit(0.85, 0.25, 0.35)  # V5, V6, I, II; its mirror image in V1 and V2
POSTERIOR = _unit(0.10, 0.10, 1.0)  # its mirror image is seen in V1-V3


def towards(beats: Beats, rows: Rows, event: Event, wall: Floats) -> Floats:
    """How much of an event points to a wall ([rows], mV): to one [3], or to each row's own [rows, 3]."""
    return np.asarray((beats.vector[rows, event] * wall).sum(axis=1))


def add(beats: Beats, rows: Rows, events: list[Event], wall: Floats, size: Floats) -> None:
    """Let events point to a wall by `size` [rows] mV more."""
    beats.vector[rows[:, None], events] += (size[:, None] * wall)[:, None, :]


def depress(beats: Beats, rows: Rows, event: Event, wall: Floats, size: Floats) -> None:
    """Let an event point away from a wall by `size` [rows] mV or more; nothing of what pointed there is left."""
    add(beats, rows, [event], wall, -size - np.maximum(towards(beats, rows, event, wall), 0))


def turn_t(beats: Beats, rows: Rows, wall: Floats, kept: Floats, size: Floats) -> None:
    """Of T keep a share towards a wall ([rows], 0..1) and add `size` [rows] mV; what points elsewhere stays."""
    old = towards(beats, rows, Event.T, wall)
    add(beats, rows, [Event.T], wall, (kept - 1) * old + size)

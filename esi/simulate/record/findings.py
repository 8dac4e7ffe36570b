"""Which conditions the records of a set show: prevalence by age and sex, co-occurrence, and what stays with a subject.

The conditions are drawn one after the other in the order of `priors.effects()`, each by a logistic model of age, sex and
those drawn before it. Their intercepts are solved on a fixed sample of people, so that each condition is as frequent as a
set's prevalences ask, whatever was drawn before it.

Legend: N records, S subjects, C conditions (the rows of `conditions.CONDITIONS`), K rows of `priors.effects()`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from esi.errors import EsiError
from esi.simulate.conditions.catalogue import CONDITIONS, HIDES, INDEX, RHYTHMS
from esi.simulate.conditions.priors import (
    CPSC_SECOND_CLASS,
    CPSC_UNLABELLED,
    NEVER,
    SetName,
    draw_people,
    effects,
    prevalence,
)

if TYPE_CHECKING:
    from esi.simulate.heart.subjects import Subjects

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

RARE = 0.01  # a cohort of 1,200 then holds a dozen of the rarest condition
SAMPLE = 20_000  # people on whom intercepts are solved; a condition of 1 % is then off by less than 3 % of itself
ROW = {row.condition: number for number, row in enumerate(effects())}


@dataclass(frozen=True)
class Frequencies:
    """How often each row occurs in one set."""

    name: SetName
    intercepts: Floats  # [K] log odds at 60 years, halfway between the sexes
    classes: dict[str, float]  # of CPSC2018, which chooses its records by class; empty for the others


def frequencies(name: SetName, rare: float = RARE, asked: Mapping[str, float] | None = None) -> Frequencies:
    """The frequencies of one set.

    Args:
        rare: no condition is rarer than this share of the records, so that a small cohort holds some of each; of "icbeb",
            whose records are chosen by class, nothing is raised.
        asked: shares of records that replace those of `tables/prevalence.csv`, by condition (or "NORM"); `rare` does not
            touch them. For "icbeb" the nine classes are weights, each under the condition that names it there.

    Raises:
        EsiError: an unknown condition, or a share asked for that cannot be had beside the other conditions; what was not
            asked for gives way.
    """
    return _frequencies(name, rare, tuple(sorted((asked or {}).items())))


@cache
def _frequencies(name: SetName, rare: float, asked: tuple[tuple[str, float], ...]) -> Frequencies:
    where = f"simulate.prevalence.{name}"
    for condition, share in asked:
        if condition not in ROW:
            raise EsiError(f"{where}.{condition}: no such condition; the simulator draws {sorted(ROW)}")
        if not 0 <= share < 1:
            raise EsiError(f"{where}.{condition} is {share}: give the share of records that show it, from 0 to below 1")
    wanted = {row: shares[name] for row, shares in prevalence().items() if name in shares}
    classes: dict[str, float] = {}
    if name == "icbeb":
        heads = dict(wanted)
        within = [each for each, _ in asked if each not in heads and _cpsc(each)]
        if within:
            head = next(row for row in heads if _cpsc(row) == _cpsc(within[0]))
            raise EsiError(f"{where}.{within[0]} is part of CPSC2018's class {_cpsc(within[0])}: set {where}.{head}")
        classes = {_cpsc(row) or "Normal": dict(asked).get(row, share) for row, share in heads.items()}
        if not sum(classes.values()):
            raise EsiError(f"{where} leaves no class of CPSC2018: give at least one a share above 0")
        asked = tuple((row, share) for row, share in asked if row not in heads)
        wanted = {}
    chosen = {row for row in ROW if classes and (row == "NORM" or _cpsc(row))}
    rng = np.random.default_rng(0)
    age, male = draw_people(rng, SAMPLE, "ptbxl")
    even = rng.permuted(np.tile((np.arange(SAMPLE) + 0.5) / SAMPLE, (len(ROW), 1)), axis=1).T
    usual = {row: shares["ptbxl"] for row, shares in prevalence().items()}
    intercepts = np.zeros(len(ROW))
    _walk(even, (age - 60) / 10, male, intercepts, targets=usual)
    rest = {row: rare for row, share in usual.items() if share < rare and row not in wanted and not classes}
    if classes:
        beside = [number for row, number in ROW.items() if row not in chosen and row not in RHYTHMS]
        intercepts[beside] += np.log(CPSC_UNLABELLED)
    raised = {row: share if row == "NORM" else max(share, rare) for row, share in wanted.items()}
    age, male = draw_people(rng, SAMPLE, name)
    forced, barred = _classes(rng, SAMPLE, classes)
    targets = {**rest, **raised, **dict(asked)}
    normal = targets.get("NORM", 0.0)
    for _ in range(3 if normal else 1):
        drawn = _walk(even, (age - 60) / 10, male, intercepts, forced, barred, targets, dict(asked), where)
        # Records that by chance show nothing that denies NORM are normal too: so many fewer are drawn as normal.
        unseen = ~drawn[:, [ROW["NORM"], *np.flatnonzero(_never()[ROW["NORM"]])]].any(axis=1)
        targets["NORM"] = max(normal - unseen.mean(), 0.01 * normal)
    return Frequencies(name, intercepts, classes)


def draw_conditions(rng: np.random.Generator, subjects: Subjects, which: Frequencies | SetName) -> Bools:
    """The conditions [N, C] of one record of each subject; exactly one rhythm each.

    A subject's `luck` decides again in the share of its records that `priors.Effects.kept` gives; fresh luck does in the
    others: an infarct scar stays for good, extra beats come and go.

    Args:
        which: the set's frequencies; a set's name stands for its own, without changes.
    """
    which = which if isinstance(which, Frequencies) else frequencies(which)
    count = len(subjects)
    keeps = rng.random((count, len(ROW))) < np.array([row.kept for row in effects()])
    luck = np.where(keeps, subjects.luck, rng.random((count, len(ROW))))
    forced, barred = _classes(rng, count, which.classes)
    drawn = _walk(luck, (subjects.age - 60) / 10, subjects.male, which.intercepts.copy(), forced, barred)
    return _as_conditions(drawn)


def seen(present: Bools) -> Bools:
    """What of the conditions [N, C] shapes the ECG, [N, C]: those that none hides (`conditions.HIDES`)."""
    seen = present.copy()
    for name, hidden in HIDES:
        rows = np.flatnonzero(seen[:, INDEX[name]])
        seen[rows[:, None], [INDEX[each] for each in hidden]] = False
    return seen


def _walk(
    luck: Floats,
    decades: Floats,
    male: Bools,
    intercepts: Floats,
    forced: Bools | None = None,
    barred: Bools | None = None,
    targets: Mapping[str, float] | None = None,
    must: Collection[str] = (),
    where: str = "",
) -> Bools:
    """Draw all rows [N, K] by `luck` [N, K] (uniform; small is present), in order.

    Args:
        forced, barred: [N, K] conditions that are present, or absent, without a draw.
        targets: shares to solve the rows' `intercepts` for, in place; the other rows keep theirs.
        must: rows whose target is an error where it cannot be had; `where` names the setting that asks for them.
    """
    forced = np.zeros(luck.shape, bool) if forced is None else forced
    barred = np.zeros(luck.shape, bool) if barred is None else barred
    drawn = forced.copy()
    for number, row in enumerate(effects()):
        shift = row.age * decades + row.age2 * decades**2 + row.male * (male - 0.5)
        for given, effect in row.given:
            shift = shift + effect * drawn[:, given]
        able = ~(forced | barred)[:, number] & (shift > NEVER / 2)
        if targets and row.condition in targets:
            asked = targets[row.condition]
            intercepts[number] = _solve(shift[able], asked * len(luck) - forced[:, number].sum())
            if row.condition in must and asked > able.mean():
                raise EsiError(
                    f"{where}.{row.condition} asks for {asked:.3g} of the records, but beside the other conditions only "
                    f"{able.mean():.3g} can show it: lower it, or lower what excludes it"
                )
        drawn[:, number] |= able & (luck[:, number] < _sigmoid(shift + intercepts[number]))
    return drawn


def _solve(shift: Floats, total: float) -> float:
    """The intercept for which the probabilities add up to `total`, by bisection between odds of 1e-9 and 1e9."""
    low, high = -20.0, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _sigmoid(shift + middle).sum() < total else (low, middle)
    return (low + high) / 2


def _classes(rng: np.random.Generator, count: int, classes: Mapping[str, float]) -> tuple[Bools, Bools]:
    """What CPSC2018's choice of records by class forces and bars [count, K]: one class each, seldom a second beside it."""
    forced, barred = np.zeros((2, count, len(ROW)), bool)
    if not classes:
        return forced, barred
    weights = np.array(list(classes.values())) / sum(classes.values())
    shows = np.array([[_cpsc(row) == each or (row, each) == ("NORM", "Normal") for row in ROW] for each in classes])
    # Early repolarisation is as frequent in the class STE as other elevation: nobody has counted.
    likely = [prevalence()["STE_" if row == "ERV" else row]["ptbxl"] for row in ROW]
    within = np.where(shows, likely, 0).cumsum(axis=1)
    never = _never()
    first = np.zeros(0, np.int64)
    for turn in range(2):
        picked = rng.choice(len(weights), count, p=weights)
        row = (rng.random((count, 1)) * within[picked, -1:] >= within[picked]).sum(axis=1)
        if turn == 0:
            first, on = row, np.ones(count, bool)
        else:
            on = (rng.random(count) < CPSC_SECOND_CLASS) & (row != ROW["NORM"]) & (first != ROW["NORM"])
            on &= ~never[first, row]
        forced[np.flatnonzero(on), row[on]] = True
    barred[:, shows[:, :].any(axis=0)] = True
    barred[:, ROW["NORM"]] = False
    barred |= forced.astype(float) @ never > 0
    return forced, barred & ~forced


@cache
def _never() -> Bools:
    """Rows [K, K] that are not drawn together."""
    never = np.zeros((len(ROW), len(ROW)), bool)
    for number, row in enumerate(effects()):
        for given, effect in row.given:
            never[given, number] = never[number, given] = effect == NEVER
    return never


def _as_conditions(drawn: Bools) -> Bools:
    """Rows [N, K] as conditions [N, C], of which there are more: one code may name several pictures."""
    present = np.zeros((len(drawn), len(CONDITIONS)), bool)
    for row, number in ROW.items():
        if row != "NORM":
            present[:, INDEX[row]] = drawn[:, number]
    # PTB-XL writes 91 % of its ISC_ beside LVH.
    strain = present[:, INDEX["ISC_"]] & present[:, [INDEX["LVH"], INDEX["VCLVH"], INDEX["RVH"]]].any(axis=1)
    present[strain, INDEX["STRAIN"]], present[strain, INDEX["ISC_"]] = True, False
    # Bigeminy and trigeminy are atrial where only atrial extra beats are named.
    atrial = present[:, INDEX["PAC"]] & ~present[:, INDEX["PVC"]]
    for name in ("BIGU", "TRIGU"):
        swapped = atrial & present[:, INDEX[name]]
        present[swapped, INDEX[f"A{name}"]], present[swapped, INDEX[name]] = True, False
    present[:, INDEX["SR"]] = ~present[:, [INDEX[name] for name in RHYTHMS if name != "SR"]].any(axis=1)
    return present


def _cpsc(row: str) -> str | None:
    """The class of CPSC2018 that a row shows."""
    return CONDITIONS[INDEX[row]].cpsc if row != "NORM" else None


def _sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))

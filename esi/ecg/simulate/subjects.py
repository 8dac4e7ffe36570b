"""The people of a simulated set: age, sex, a heart of their own, and the findings that they keep between records.

Shapes: S subjects, N records, C conditions (the rows of `conditions.CONDITIONS`), E events of a beat (`beat.Event`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from esi.ecg.simulate.beat import Event
from esi.ecg.simulate.conditions import CONDITIONS, EXCLUSIVE, FINDINGS, INDEX, RHYTHMS
from esi.ecg.simulate.priors import CPSC_PRIORS, CPSC_SECOND_CLASS, FINDING_PRIORS, SETTINGS, TOGETHER, SetName

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Subjects:
    """Arrays with one row a subject; nothing here changes between the records of a subject."""

    age: NDArray[np.int64]  # years
    male: Bools
    findings: Bools  # [S, C]
    af: Bools  # has atrial fibrillation, permanent or paroxysmal
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
    lead_gain: Floats  # [S, 8, 3]

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
    setting = SETTINGS[name]
    age = np.clip(np.round(rng.normal(setting.age_mean, setting.age_sd, count)), 18, 95).astype(np.int64)
    male = rng.random(count) < setting.male
    decades = (age - 60) / 10
    findings = _cpsc_findings(rng, count) if name == "icbeb" else _findings(rng, decades, male, name)
    af = findings[:, INDEX["AFIB"]].copy()
    if name != "icbeb":
        af = rng.random(count) < _probability(setting.af_at_60, 0.55 * decades)
    angles = rng.normal((0.0, 0.0, 0.0), (20.0, 13.0, 10.0), (count, 3))
    angles[:, 0] -= 6.0 * (decades + 2.0)
    return Subjects(
        age=age,
        male=male,
        findings=findings,
        af=af,
        shape=rng.random((count, len(CONDITIONS), 4)),
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
        lead_gain=np.exp(rng.normal(0.0, 0.13, (count, 8, 1))) * rng.normal(1.0, 0.08, (count, 8, 3)),
    )


def draw_conditions(rng: np.random.Generator, subjects: Subjects, name: SetName) -> Bools:
    """The conditions [N, C] of one record of each subject: its findings, and the rhythm and extra beats of the moment."""
    setting = SETTINGS[name]
    count = len(subjects)
    present = subjects.findings.copy()
    if name == "icbeb":
        fibrillating = subjects.af
    else:
        fibrillating = subjects.af & (rng.random(count) < 0.85)
        pac, pvc = INDEX["PAC"], INDEX["PVC"]
        inclined = 0.9 * subjects.ectopy + 0.02 * (subjects.age - 60)
        present[:, pac] = rng.random(count) < _probability(setting.pac, inclined)
        present[:, pvc] = rng.random(count) < _probability(setting.pvc, inclined)
    for finding in ("1AVB", "LPR", "LAE", "PAC"):  # are seen in P waves, which AF does not have
        present[fibrillating, INDEX[finding]] = False

    slow, fast, irregular = setting.sinus
    # Two records of a subject agree in heart rate with r = 0.7.
    level = _normal_cdf(0.84 * subjects.pulse + 0.54 * rng.standard_normal(count))
    youth = np.clip((75 - subjects.age) / 20, 0.3, 2.0)  # respiratory sinus arrhythmia fades with age
    wanders = (level > slow) & (level < 1 - fast) & (rng.random(count) < irregular / (1 - slow - fast) * youth)
    rhythm = np.select(
        [fibrillating, level < slow, level > 1 - fast, wanders],
        [INDEX["AFIB"], INDEX["SBRAD"], INDEX["STACH"], INDEX["SARRH"]],
        INDEX["SR"],
    )
    present[:, [INDEX[each] for each in RHYTHMS]] = False
    present[np.arange(count), rhythm] = True
    return present


def _findings(rng: np.random.Generator, decades: Floats, male: Bools, name: SetName) -> Bools:
    """Lasting findings [S, C], drawn in the order of the table: each knows which ones came before it."""
    present = np.zeros((len(decades), len(CONDITIONS)), bool)
    for finding in FINDINGS:
        prior = FINDING_PRIORS[finding]
        shift = prior.decade * decades + prior.male * (male - 0.5)
        for given, then, log_odds in TOGETHER:
            if then == finding:
                shift = shift + log_odds * present[:, INDEX[given]]
        chance = _probability(getattr(prior, name), shift)
        present[:, INDEX[finding]] = (rng.random(len(decades)) < chance) & ~_excluded(present, finding)
    return present


def _cpsc_findings(rng: np.random.Generator, count: int) -> Bools:
    """Conditions [S, C] of CPSC2018's nine classes: one class a subject, seldom a second that can be seen beside it."""
    names = list(CPSC_PRIORS)
    weights = np.array([records for _, records in CPSC_PRIORS.values()], float)
    weights /= weights.sum()
    first = rng.choice(len(names), count, p=weights)
    second = np.where(rng.random(count) < CPSC_SECOND_CLASS, rng.choice(len(names), count, p=weights), first)
    present = np.zeros((count, len(CONDITIONS)), bool)
    for row, classes in enumerate(zip(first, second, strict=True)):
        if names[classes[0]] == "Normal":
            continue
        for number in classes:
            shown, _ = CPSC_PRIORS[names[number]]
            if shown:
                finding = str(rng.choice(list(shown), p=list(shown.values())))
                in_af = present[row, INDEX["AFIB"]] and finding in ("1AVB", "PAC")
                if not in_af and not _excluded(present[row : row + 1], finding)[0]:
                    present[row, INDEX[finding]] = True
    return present


def _excluded(present: Bools, finding: str) -> Bools:
    """Which rows hold something beside which `finding` cannot be seen."""
    excluded = np.zeros(len(present), bool)
    for group in EXCLUSIVE:
        if finding in group:
            excluded |= present[:, [INDEX[other] for other in group if other != finding]].any(axis=1)
    return excluded


def _probability(at_zero: float, log_odds: Floats) -> Floats:
    odds = at_zero / (1 - at_zero) * np.exp(log_odds)
    return odds / (1 + odds)


def _normal_cdf(x: Floats) -> Floats:
    """Standard normal distribution function, by Zelen & Severo's approximation 26.2.17 (error below 1e-7)."""
    t = 1 / (1 + 0.2316419 * np.abs(x))
    tail = np.exp(-x * x / 2) / np.sqrt(2 * np.pi)
    tail = tail * t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    return np.where(x > 0, 1 - tail, tail)

"""Fit how the conditions of PTB-XL occur together, by age and sex, to its table of records.

`python -m tools.fit_priors ptbxl_database.csv` writes `tables/priors.csv`, `likelihoods.csv` and `ages.csv`. Rows
of folds 9 and 10 count towards nothing but the table's totals: what is fitted never sees the records that test it.

The table may be a part of the release. Codes whose rows are all there (as many as `tables/prevalence.csv` says that the
release has) mark rows that stand for themselves; the other rows also stand for those that are missing, with weights that
give every code its count in the release (calibration weights by exponential tilting: Deville & Särndal, J Am Stat Assoc
1992;87:376).

Legend: R rows of PTB-XL's table, K conditions.
"""

from __future__ import annotations

import ast
import csv
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from esi.command import run
from esi.ecg.reference import scp_statements
from esi.errors import EsiError
from esi.simulate.conditions.priors import NEVER, PTBXL_RECORDS, TABLES, WITHOUT_P, denies_normal, prevalence

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FITTED_FOLDS = range(1, 9)
# Exactly one of these and sinus rhythm (what is left) a record; where PTB-XL writes two, the first of the two is drawn.
RHYTHMS = ("PACE", "AFLT", "AFIB", "PSVT", "SVTAC", "SVARR", "STACH", "SBRAD", "SARRH")
# What is seen in P waves that the ventricles follow.
IN_P = ("3AVB", "2AVB", "1AVB", "LPR", "WPW", "LAO/LAE", "RAO/RAE", "PAC", "STACH", "SBRAD", "SARRH")
# Pairs that no ECG shows, whatever a table says.
CONTRADICTIONS = (
    ("1AVB", "WPW"), ("LPR", "WPW"), ("2AVB", "3AVB"), ("1AVB", "3AVB"), ("LPR", "3AVB"), ("3AVB", "WPW"), ("2AVB", "WPW"),
    ("CLBBB", "CRBBB"), ("CLBBB", "ILBBB"), ("CLBBB", "IRBBB"), ("CLBBB", "IVCD"), ("CLBBB", "WPW"), ("CLBBB", "LAFB"),
    ("CLBBB", "LPFB"), ("CRBBB", "IRBBB"), ("CRBBB", "ILBBB"), ("CRBBB", "WPW"), ("CRBBB", "IVCD"), ("ILBBB", "IRBBB"),
    ("ILBBB", "WPW"), ("LAFB", "LPFB"), ("WPW", "LAFB"), ("WPW", "LPFB"), ("WPW", "IRBBB"), ("WPW", "IVCD"),
    ("LVH", "LVOLT"), ("VCLVH", "LVOLT"), ("RVH", "LVOLT"), ("HVOLT", "LVOLT"), ("SEHYP", "LVOLT"),
    ("PAUSE", "PACE"), ("PAUSE", "PSVT"), ("PAUSE", "SVTAC"), ("PAUSE", "AFLT"), ("PAUSE", "STACH"), ("PAUSE", "3AVB"),
    ("PAUSE", "2AVB"), ("ERV", "CLBBB"), ("ERV", "CRBBB"), ("ERV", "LVH"), ("ERV", "STE_"), ("ERV", "WPW"), ("ERV", "PACE"),
)  # fmt: skip
# Early repolarisation, a trait of young men (Tikkanen et al., N Engl J Med 2009;361:2529), and pauses have no code.
WITHOUT_CODE = {"ERV": {"age": -0.4, "age2": 0.0, "male": 1.5}, "PAUSE": {"age": 0.3, "age2": 0.0, "male": 0.0}}
# What stays with a heart. Two records of a subject that differ in one of these are mostly two readings of one picture.
LASTING = (
    "NORM", "PACE", "LPR", "1AVB", "WPW", "CLBBB", "CRBBB", "ILBBB", "IRBBB", "IVCD", "LAFB", "LPFB", "IPLMI", "IPMI",
    "ILMI", "ALMI", "IMI", "ASMI", "AMI", "LMI", "PMI", "LVH", "VCLVH", "SEHYP", "RVH", "HVOLT", "LVOLT", "LAO/LAE",
    "RAO/RAE", "QWAVE", "ABQRS", "ANEUR", "ERV",
)  # fmt: skip
LASTING_ALIKE = 0.98
MOMENTARY = (*RHYTHMS, "PAUSE", "PVC", "PAC", "BIGU", "TRIGU", "PRC(S)")
FEWEST = 4  # rows in which a pair is seen, or would be by chance, for its odds ratio to be fitted
CLEAR = 2.5  # standard errors that the pair's count is away from chance
SLIGHT = 0.2  # log odds ratios below are left out
VARIANCE = 4.0  # of the normal prior of every log odds ratio


def main(table: str) -> None:
    """Read PTB-XL's table, write the three tables of the simulator, and print what stands in for what is missing."""
    names = list(prevalence())
    with Path(table).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows or not {"scp_codes", "age", "sex", "strat_fold", "patient_id"} <= set(rows[0]):
        raise EsiError(f"{table} is not PTB-XL's ptbxl_database.csv: it lacks scp_codes, age, sex, strat_fold or patient_id")
    codes = [ast.literal_eval(row["scp_codes"]) for row in rows]
    shown = np.array([[name in each for name in names] for each in codes])
    released = np.array([round(prevalence()[name]["ptbxl"] * PTBXL_RECORDS) for name in names])
    weight = row_weights(shown, released)
    error = np.abs(weight @ shown - released) * shown.any(axis=0)
    worst = int(error.argmax())
    print(f"{len(rows)} rows stand for {weight.sum():.0f}; largest error of a count: {names[worst]} by {error[worst]:.0f}")

    known_age = [float(row["age"] or "nan") for row in rows]
    age = np.array([95.0 if each > 89 else each for each in known_age])  # the release writes 300 for over 89
    age[np.isnan(age)] = np.nanmedian(age)
    men = np.array([row["sex"] == "0" for row in rows])
    fitted = np.array([int(row["strat_fold"]) in FITTED_FOLDS for row in rows])
    repeated = persistence(shown, [row["patient_id"] if here else "" for row, here in zip(rows, fitted, strict=True)])
    lines = []
    for place, name in enumerate(names):
        effects = fit(names, place, shown[fitted], (age[fitted] - 60) / 10, men[fitted], weight[fitted])
        base = [f"{effects.pop(each):.2f}" for each in ("age", "age2", "male")]
        given = " ".join(f"{other}:{effect:.2f}" for other, effect in effects.items())
        # Of what differs in ST and T half is put down to the readers, who seldom agree on it.
        alike = LASTING_ALIKE if name in LASTING else repeated[place] if name in MOMENTARY else (1 + repeated[place]) / 2
        lines.append([name, *base, f"{np.sqrt(alike):.3f}", given])  # both records must keep it
    _write("priors.csv", ["condition", "age", "age2", "male", "kept", "given"], lines)

    usable = [row for row, here in zip(codes, fitted, strict=True) if here]
    graded = Counter((code, _grade(value)) for row in usable for code, value in row.items())
    grades = (0, 15, 35, 50, 80, 100)
    counts = [[code, *(graded[code, grade] for grade in grades)] for code in scp_statements()]
    _write("likelihoods.csv", ["code", *map(str, grades)], counts)

    shares = np.linspace(0, 1, 21)
    ages = [
        np.quantile(age[fitted & sex], shares, weights=weight[fitted & sex], method="inverted_cdf") for sex in (men, ~men)
    ]
    mean = np.average(age[fitted], weights=weight[fitted])
    sd = np.sqrt(np.average((age[fitted] - mean) ** 2, weights=weight[fitted]))
    print(f"age {mean:.1f} +- {sd:.1f}, men {np.average(men[fitted], weights=weight[fitted]):.3f}")
    lines = [[f"{share:.2f}", f"{man:.1f}", f"{woman:.1f}"] for share, man, woman in zip(shares, *ages, strict=True)]
    _write("ages.csv", ["share", "men", "women"], lines)


def row_weights(shown: Bools, released: NDArray[np.int64]) -> Floats:
    """How many records of the release each row [R] stands for.

    Args:
        shown: the codes of each row [R, K].
        released: rows of the whole release with each code [K].
    """
    here = shown.sum(axis=0)
    alone = shown[:, here >= released].any(axis=1)
    weight = np.ones(len(shown))
    if alone.all() or len(shown) >= PTBXL_RECORDS:
        return weight
    open_codes = (here < released) & shown[~alone].any(axis=0)
    x = np.column_stack([np.ones((~alone).sum()), shown[~alone][:, open_codes]])
    missing = (released - shown[alone].sum(axis=0))[open_codes]
    target = np.concatenate([[PTBXL_RECORDS - alone.sum()], missing]).astype(float)
    base, tilt = target[0] / len(x), np.zeros(x.shape[1])
    for _ in range(50):  # Newton; a small ridge keeps codes of a row or two from taking all
        share = base * np.exp(np.clip(x @ tilt, -3, 3))
        step = np.linalg.solve(x.T @ (share[:, None] * x) + 2.0 * np.eye(len(tilt)), target - share @ x - 2.0 * tilt)
        tilt += np.clip(step, -1, 1)
    weight[~alone] = base * np.exp(np.clip(x @ tilt, -3, 3))
    return weight


def fit(names: list[str], place: int, shown: Bools, decades: Floats, men: Bools, weight: Floats) -> dict[str, float]:
    """Log odds of one condition: "age" (a decade from 60), "age2", "male" (against women), and of each condition before it.

    A logistic regression with a normal prior, on the rows in which the condition can be.
    """
    name = names[place]
    never = [other for other in names[:place] if cannot_meet(other, name)]
    able = ~shown[:, [names.index(other) for other in never]].any(axis=1)
    if name in WITHOUT_CODE:
        return {**WITHOUT_CODE[name], **dict.fromkeys(never, NEVER)}
    y, w = shown[able, place], weight[able]
    before = []
    for other in range(place):
        pair, chance = (shown[able, other] & y).sum(), shown[able, other].sum() * y.mean()
        if names[other] not in never and max(pair, chance) >= FEWEST and abs(pair - chance) > CLEAR * np.sqrt(chance + 0.5):
            before.append(other)
    base = np.column_stack([decades, decades**2 / 4, men - 0.5])[able]
    while True:
        # C is the prior's variance: scikit-learn adds |beta|^2 / 2C to the negative log-likelihood.
        model = LogisticRegression(C=VARIANCE, max_iter=1000).fit(np.column_stack([base, shown[able][:, before]]), y, w)
        effects = model.coef_[0]
        clear = np.abs(effects[3:]) >= SLIGHT
        if clear.all():
            break
        before = [other for other, here in zip(before, clear, strict=True) if here]
    return {
        "age": effects[0],
        "age2": effects[1] / 4,
        "male": effects[2],
        **dict.fromkeys(never, NEVER),
        **{names[other]: effect for other, effect in zip(before, effects[3:], strict=True)},
    }


def cannot_meet(first: str, second: str) -> bool:
    """Whether two conditions are never drawn together."""
    pair = {first, second}
    return (
        pair <= set(RHYTHMS)
        or any(pair == set(each) for each in CONTRADICTIONS)
        or (bool(pair & set(WITHOUT_P)) and bool(pair & set(IN_P)))
        or ("NORM" in pair and denies_normal((pair - {"NORM"}).pop()))
    )


def persistence(shown: Bools, subjects: list[str]) -> Floats:
    """How far each condition [K] stays with a subject, from one record to the next: 1 always, 0 as among strangers.

    One minus the ratio of how often two consecutive records differ to how often strangers would; four records as if by half
    steady those of the rare conditions.
    """
    last: dict[str, int] = {}
    pairs = []
    for row, subject in enumerate(subjects):
        if subject:
            if subject in last:
                pairs.append((last[subject], row))
            last[subject] = row
    first, second = (shown[list(side)] for side in zip(*pairs, strict=True))
    share = (first.mean(axis=0) + second.mean(axis=0)) / 2
    differ, chance = (first != second).sum(axis=0), 2 * share * (1 - share) * len(first)
    return np.clip(1 - (differ + 2) / (chance + 4), 0, 1)


def _grade(likelihood: float) -> int:
    """The nearest of the likelihoods that PTB-XL's cardiologists gave."""
    return min((0, 15, 35, 50, 80, 100), key=lambda grade: abs(grade - likelihood))


def _write(name: str, columns: list[str], rows: Sequence[Sequence[object]]) -> None:
    with (TABLES / name).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(columns)
        table.writerows(rows)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("give the path of PTB-XL's ptbxl_database.csv")
    run(main, sys.argv[1])

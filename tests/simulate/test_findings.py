"""Conditions are as frequent, and occur together, as the tables say; the tables are what the real table holds."""

from __future__ import annotations

import ast
import csv
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from esi.ecg.reference import scp_statements
from esi.errors import EsiError
from esi.simulate.conditions.catalogue import CONDITIONS, INDEX, RHYTHMS
from esi.simulate.conditions.priors import CPSC_SECOND_CLASS, PTBXL_RECORDS, SetName, effects, likelihood, prevalence
from esi.simulate.heart.subjects import Subjects, draw_subjects
from esi.simulate.record.findings import RARE, draw_conditions, frequencies
from esi.simulate.releases.labels import is_normal
from tools import fit_priors

TABLE = Path(__file__).parents[2].parent / "shared/real/meta/ptbxl_database_12245_rows.csv"
SEVERAL = {"ISC_": "STRAIN", "BIGU": "ABIGU", "TRIGU": "ATRIGU"}  # one code, two pictures
ROWS = [row.condition for row in effects()]


@cache
def drawn(name: SetName = "ptbxl", rare: float = 0.0, count: int = 50_000, seed: int = 0) -> tuple[Subjects, np.ndarray]:
    """Subjects, and which rows of the table [N, K] one record of each shows."""
    rng = np.random.default_rng(seed)
    subjects = draw_subjects(rng, count, name)
    present = draw_conditions(rng, subjects, frequencies(name, rare))
    return subjects, rows_of(present)


def rows_of(present: np.ndarray) -> np.ndarray:
    shown = np.zeros((len(present), len(ROWS)), bool)
    for number, row in enumerate(ROWS):
        if row == "NORM":
            shown[:, number] = [is_normal(each) for each in present]
        else:
            shown[:, number] = present[:, INDEX[row]] | (present[:, INDEX[SEVERAL[row]]] if row in SEVERAL else False)
    return shown


def log_odds_ratio(both: float, first: float, second: float, total: float) -> float:
    cells = np.array([both, first - both, second - both, total - first - second + both]) + 0.5
    return float(np.log(cells[0] * cells[3] / cells[1] / cells[2]))


def test_every_row_is_a_condition_and_every_condition_and_statement_is_drawn() -> None:
    assert list(prevalence()) == ROWS
    assert set(ROWS) - {"NORM"} | {"SR"} | set(SEVERAL.values()) == {condition.name for condition in CONDITIONS}
    assert set(scp_statements()) <= {*ROWS, "SR"}
    for number, row in enumerate(effects()):
        assert all(given < number for given, _ in row.given), row.condition
        assert 0 <= row.kept <= 1


def test_prevalences_are_those_of_the_release() -> None:
    _, shown = drawn()
    for row, share in zip(ROWS, shown.mean(axis=0), strict=True):
        wanted = prevalence()[row]["ptbxl"]
        # What intercepts are solved on is a sample of 20,000.
        allowed = 4 * np.sqrt(wanted / len(shown) + wanted / 20_000) + 0.01 * wanted
        assert abs(share - wanted) < allowed, f"{row}: {share:.5f} of the records, {wanted:.5f} in PTB-XL"


def test_superclasses_are_as_frequent_as_in_the_release() -> None:
    _, shown = drawn()
    # Wagner et al. 2020, table 2, of 21,837 records
    for name, records in {"NORM": 9528, "MI": 5486, "STTC": 5250, "CD": 4907, "HYP": 2655}.items():
        within = [row in scp_statements() and scp_statements()[row].superclass == name for row in ROWS]
        assert shown[:, within].any(axis=1).mean() == pytest.approx(records / PTBXL_RECORDS, rel=0.07), name


def test_no_condition_is_rarer_than_asked_and_the_others_stay() -> None:
    _, shown = drawn(rare=RARE)
    for row, share in zip(ROWS, shown.mean(axis=0), strict=True):
        assert share == pytest.approx(max(prevalence()[row]["ptbxl"], RARE), rel=0.2), row


@pytest.mark.parametrize("name", ["ptbxl", "chapman", "mimic", "icbeb"])
def test_what_contradicts_does_not_meet(name: SetName) -> None:
    subjects = draw_subjects(np.random.default_rng(1), 20_000, name)
    present = draw_conditions(np.random.default_rng(2), subjects, name)

    def both(first: str, second: str) -> bool:
        return bool((present[:, INDEX[first]] & present[:, INDEX[second]]).any())

    assert (present[:, [INDEX[each] for each in RHYTHMS]].sum(axis=1) == 1).all()
    for first, second in [("CLBBB", "CRBBB"), ("WPW", "CLBBB"), ("LVH", "LVOLT"), ("LAFB", "LPFB"), ("2AVB", "3AVB")]:
        assert not both(first, second), f"{first} beside {second}"
    for rhythm in ("AFIB", "AFLT", "PACE", "PSVT", "SVTAC"):
        for finding in ("1AVB", "LPR", "WPW", "LAO/LAE", "RAO/RAE", "PAC", "ABIGU", "2AVB", "3AVB"):
            assert not both(rhythm, finding), f"{finding} in {rhythm}"
    assert both("CRBBB", "LAFB")
    assert both("IMI", "ASMI")


def test_prevalences_can_be_asked_for() -> None:
    which = frequencies("mimic", RARE, {"AFIB": 0.3, "PSVT": 0.0, "NORM": 0.5})
    present = draw_conditions(np.random.default_rng(3), draw_subjects(np.random.default_rng(4), 20_000, "mimic"), which)
    shown = dict(zip(ROWS, rows_of(present).mean(axis=0), strict=True))
    assert shown["AFIB"] == pytest.approx(0.3, abs=0.015)
    assert shown["NORM"] == pytest.approx(0.5, abs=0.015)
    assert shown["PSVT"] == 0
    assert shown["WPW"] == pytest.approx(RARE, rel=0.3)


@pytest.mark.parametrize(
    ("name", "asked", "message"),
    [
        ("ptbxl", {"AF": 0.1}, r"simulate\.prevalence\.ptbxl\.AF: no such condition; the simulator draws .*AFIB"),
        ("ptbxl", {"AFIB": 1.2}, r"simulate\.prevalence\.ptbxl\.AFIB is 1\.2: give the share"),
        ("ptbxl", {"NORM": 0.9, "IMI": 0.4}, r"simulate\.prevalence\.ptbxl\.IMI asks for 0\.4 .* only 0\.\d+ can show it"),
        ("icbeb", {"ISCAL": 0.1}, r"ISCAL is part of CPSC2018's class STD: set simulate\.prevalence\.icbeb\.STD_"),
    ],
)
def test_what_cannot_be_had_is_said(name: SetName, asked: dict[str, float], message: str) -> None:
    with pytest.raises(EsiError, match=message):
        frequencies(name, RARE, asked)


def test_classes_of_cpsc2018() -> None:
    subjects = draw_subjects(np.random.default_rng(0), 20_000, "icbeb")
    present = draw_conditions(np.random.default_rng(1), subjects, frequencies("icbeb", RARE, {"CLBBB": 0.1}))
    classes = {each.cpsc for each in CONDITIONS} - {None}
    shows = {name: present[:, [each.cpsc == name for each in CONDITIONS]].any(axis=1) for name in classes}
    wanted = {
        CONDITIONS[INDEX[row]].cpsc: share["icbeb"]
        for row, share in prevalence().items()
        if "icbeb" in share and row != "NORM"
    }
    wanted["LBBB"] = 0.1
    total = sum(wanted.values()) + prevalence()["NORM"]["icbeb"]
    for name, share in wanted.items():
        assert shows[name].mean() == pytest.approx(share / total * (1 + CPSC_SECOND_CLASS), rel=0.12), name
    normal = ~np.any(list(shows.values()), axis=0)
    assert normal.mean() == pytest.approx(prevalence()["NORM"]["icbeb"] / total, rel=0.1)
    assert np.mean(np.sum(list(shows.values()), axis=0) > 1) < CPSC_SECOND_CLASS
    assert present[:, INDEX["LVH"]].mean() > 0.03, "what is not labelled occurs too"


def test_scars_stay_and_extra_beats_come_and_go() -> None:
    subjects, _ = drawn()
    first, second = (draw_conditions(np.random.default_rng(seed), subjects, "ptbxl") for seed in (5, 6))

    def again(name: str) -> float:
        return float(second[first[:, INDEX[name]], INDEX[name]].mean())

    assert min(again(name) for name in ("IMI", "LVH", "CLBBB", "CRBBB", "PACE")) > 0.9
    assert again("AFIB") == pytest.approx(0.8, abs=0.1)
    assert 0.2 < again("PVC") < 0.5
    assert 0.1 < again("STACH") < 0.5


def test_likelihoods_are_as_frequent_as_written_and_the_mild_are_less_likely() -> None:
    severity = (np.arange(2000) + 0.5) / 2000
    given = np.array([likelihood("IMI", each) for each in severity])
    assert (np.diff(given) >= 0).all()
    assert np.mean(given == 15) == pytest.approx(0.29, abs=0.03)  # 675 of 2,294
    assert np.mean(given == 100) == pytest.approx(0.42, abs=0.03)
    assert {likelihood("SR", each) for each in severity} == {0.0}


def test_fit_finds_the_odds_that_a_table_was_drawn_with() -> None:
    rng = np.random.default_rng(0)
    count = 60_000
    decades, men = rng.normal(0, 1.7, count), rng.random(count) < 0.5
    imi = rng.random(count) < 0.2
    odds = np.exp(-3 + 0.4 * decades + 0.8 * (men - 0.5) + 1.5 * imi)
    shown = np.column_stack([imi, rng.random(count) < odds / (1 + odds)])
    found = fit_priors.fit(["IMI", "LAFB"], 1, shown, decades, men, np.ones(count))
    assert found == pytest.approx({"age": 0.4, "age2": 0.0, "male": 0.8, "IMI": 1.5}, abs=0.1)


def test_rows_stand_for_those_that_are_missing() -> None:
    """A release of which every row with the second code, and a tenth of the others, are there."""
    rng = np.random.default_rng(0)
    whole = rng.random((PTBXL_RECORDS, 3)) < (0.3, 0.2, 0.1)
    whole[:, 2] |= whole[:, 0] & (rng.random(PTBXL_RECORDS) < 0.3)
    part = whole[whole[:, 1] | (rng.random(PTBXL_RECORDS) < 0.1)]
    weight = fit_priors.row_weights(part, whole.sum(axis=0))
    np.testing.assert_allclose(weight @ part, whole.sum(axis=0), rtol=0.002)
    assert weight.sum() == pytest.approx(PTBXL_RECORDS, rel=0.002)
    assert (weight[part[:, 1]] == 1).all()
    both = (weight * (part[:, 0] & part[:, 2])).sum()
    assert both == pytest.approx((whole[:, 0] & whole[:, 2]).sum(), rel=0.1)


@pytest.mark.skipif(not TABLE.exists(), reason="../shared/real is not here: co-occurrence cannot be compared")
def test_age_sex_and_co_occurrence_are_those_of_the_real_table() -> None:
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    codes = [ast.literal_eval(row["scp_codes"]) for row in rows]
    real = np.array([[name in each for name in ROWS] for each in codes])
    weight = fit_priors.row_weights(real, np.array([round(prevalence()[row]["ptbxl"] * PTBXL_RECORDS) for row in ROWS]))
    subjects, shown = drawn()

    joint, ours = real.T @ (weight[:, None] * real), shown.T.astype(float) @ shown
    seen = np.tril(real.T.astype(int) @ real, -1)
    commonest = np.column_stack(np.unravel_index(np.argsort(-seen, axis=None)[:200], seen.shape))
    pairs = np.array(
        [
            [
                log_odds_ratio(each[i, j], each[i, i], each[j, j], total)
                for each, total in ((joint, weight.sum()), (ours, 50_000))
            ]
            for i, j in commonest
            if "NORM" not in (ROWS[i], ROWS[j])
        ]
    )
    differ = np.abs(pairs[:, 1] - pairs[:, 0])
    assert len(pairs) > 170
    assert np.median(differ) < 0.2
    assert np.percentile(differ, 90) < 0.6
    assert np.corrcoef(pairs.T)[0, 1] > 0.95

    age = np.array([min(float(row["age"] or 60), 95) for row in rows])
    men = np.array([row["sex"] == "0" for row in rows])
    slopes = []
    for place in np.flatnonzero(real.sum(axis=0) > 100):
        for x, y, w in (
            (np.column_stack([(age - 60) / 10, men]), real[:, place], weight),
            (np.column_stack([(subjects.age - 60) / 10, subjects.male]), shown[:, place], None),
        ):
            slopes.append(LogisticRegression(C=100).fit(x, y, w).coef_[0])
    difference = np.abs(np.array(slopes[::2]) - np.array(slopes[1::2]))
    assert np.median(difference[:, 0]) < 0.08
    assert difference[:, 0].max() < 0.3
    assert np.median(difference[:, 1]) < 0.15

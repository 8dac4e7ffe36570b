"""How often each condition occurs in each simulated set, by age and sex, and what occurs with what.

`tables/prevalence.csv` gives the share of a set's records that show each condition, in the order in which conditions are
drawn; an empty field means as often as in PTB-XL beside the same other conditions.

- PTB-XL: the counts of its first release, 21,837 records (Wagner et al., Scientific Data 2020;7:154).
- Chapman-Shaoxing-Ningbo: the counts of the PhysioNet/CinC Challenge 2021's mapping tables, 45,152 records; AFIB and AFLT
  from the 10,247 of Chapman-Shaoxing, for Ningbo's labels do not separate them. That set hardly labels infarcts and
  ischaemia: they are set low.
- MIMIC-IV-ECG: its machines' measurements on 2,000 records, where they tell (STACH 9.9 %: RR < 600 ms with P waves; SBRAD
  13.2 %; 1AVB 5.2 %: PR > 210 ms); the others, an emergency hospital's, are assumed.
- CPSC2018: its nine classes in 6,877 records, the Challenge's counts, each under a condition that shows it.
- ERV and PAUSE have no SCP code: 2 % (Tikkanen et al., N Engl J Med 2009;361:2529 saw 5.8 % in the middle-aged) and 0.2 %.

`tables/priors.csv`, `ages.csv` and `likelihoods.csv` are fitted by `fit_priors`.
"""

from __future__ import annotations

import csv
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from esi.ecg.reference import scp_statements

SetName = Literal["ptbxl", "chapman", "mimic", "icbeb"]
TABLES = Path(__file__).parent / "tables"
DATA_FILES = ("tables/*.csv",)  # for `esi.closure`
PTBXL_RECORDS = 21_837
NEVER = -30.0  # log odds of what is not drawn together
WITHOUT_P = ("PACE", "AFLT", "AFIB", "PSVT", "SVTAC")  # rhythms without P waves that the ventricles follow


class Effects(NamedTuple):
    """What moves the log odds of one condition."""

    condition: str
    age: float  # a decade from 60 years
    age2: float  # that squared
    male: float  # men against women
    kept: float  # share of a subject's records that repeat its own draw of this condition
    given: tuple[tuple[int, float], ...]  # rows of conditions drawn before, and the log odds ratio of each


class Setting(NamedTuple):
    """The people of one set."""

    age_mean: float
    age_sd: float
    male: float
    more_records: float  # probability that a subject has one more record, after each one


SETTINGS: dict[SetName, Setting] = {
    "ptbxl": Setting(58.9, 17.6, 0.517, 0.135),  # 18,885 subjects
    "chapman": Setting(59, 18, 0.56, 0.0),
    "mimic": Setting(62, 17, 0.51, 0.62),
    "icbeb": Setting(60, 19, 0.54, 0.0),
}
CPSC_SECOND_CLASS = 0.07  # share of CPSC2018's records with a second class
# Odds of what CPSC2018 does not label against PTB-XL's abnormal records: records were chosen as examples of their class.
# An assumption, no count.
CPSC_UNLABELLED = 0.25


def _rows(name: str) -> list[dict[str, str]]:
    with (TABLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@cache
def prevalence() -> dict[str, dict[str, float]]:
    """Share of each set's records with each condition, in the order of drawing; a set that has no figure is left out."""
    return {
        row.pop("condition"): {name: float(share) for name, share in row.items() if share} for row in _rows("prevalence.csv")
    }


@cache
def effects() -> tuple[Effects, ...]:
    """The fitted table, in the order of drawing."""
    rows = _rows("priors.csv")
    place = {row["condition"]: number for number, row in enumerate(rows)}
    pairs = [[each.rsplit(":", 1) for each in row["given"].split()] for row in rows]
    return tuple(
        Effects(
            row["condition"],
            float(row["age"]),
            float(row["age2"]),
            float(row["male"]),
            float(row["kept"]),
            tuple((place[other], float(effect)) for other, effect in given),
        )
        for row, given in zip(rows, pairs, strict=True)
    )


@cache
def _likelihoods() -> dict[str, tuple[list[int], NDArray[np.float64]]]:
    rows = _rows("likelihoods.csv")
    grades = [int(column) for column in rows[0] if column != "code"]
    return {row["code"]: (grades, np.cumsum([float(row[str(grade)]) for grade in grades])) for row in rows}


def likelihood(code: str, severity: float) -> float:
    """The likelihood in per cent that PTB-XL gives an SCP code, 0 for unknown.

    Args:
        severity: 0..1; uniform severities give the likelihoods that the table's records have, and milder findings the
            lower ones.
    """
    grades, counts = _likelihoods()[code]
    return float(grades[int(np.searchsorted(counts, severity * counts[-1], side="right"))])


def denies_normal(code: str) -> bool:
    """Whether PTB-XL would not call an ECG normal that has this: any diagnosis, rhythms without a sinus P wave, a pause."""
    return code in (*WITHOUT_P, "PAUSE") or (code in scp_statements() and scp_statements()[code].diagnostic)


def draw_people(rng: np.random.Generator, count: int, name: SetName) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Ages in years and who is a man, both [count].

    Each set has its own mean and spread of ages; how they are spread around it, in men and in women, is PTB-XL's.
    """
    setting, table = SETTINGS[name], _rows("ages.csv")
    share, men, women = (np.array([float(row[column]) for row in table]) for column in ("share", "men", "women"))
    male = rng.random(count) < setting.male
    drawn = rng.random(count)
    age = np.where(male, np.interp(drawn, share, men), np.interp(drawn, share, women))
    age = setting.age_mean + setting.age_sd / SETTINGS["ptbxl"].age_sd * (age - SETTINGS["ptbxl"].age_mean)
    return np.clip(np.round(age), 18, 95).astype(np.int64), male

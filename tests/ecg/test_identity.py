"""A person is the same under every name, rate and layout of a release, and a simulated one is no real one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from esi.ecg import identity
from esi.ecg.identity import people
from esi.ecg.releases import list_entries
from esi.settings.data import Ingest
from esi.simulate.record import truth
from esi.simulate.releases.cohort import simulate_cohort
from tests.ecg.test_ingest import settings


def keys(format_: str, record_id: str, subject_id: str, **others: Any) -> set[str]:
    if format_ == "ptbxl":
        others = {"rate": 100} | others
    if format_ == "mimic":
        others = {"patients": None} | others
    if format_ == "wfdb-folder":
        columns = {"record": "record", "labels": "labels"}
        others = {"table": "labels.csv", "columns": columns, "separator": ";", "labels_are": "text"} | others
    entry = pl.DataFrame({"record_id": [record_id], "subject_id": [subject_id]})
    return set(people(settings(Path("nowhere"), format_, **others), entry)[0])


SAME = [
    (("ptbxl", "1", "15709"), ("wfdb-folder", "x/7", "15709.0", "ptb-xl")),
    (("ptbxl", "1", "15709"), ("challenge", "HR00001", "HR00001")),
    (("ptbxl", "1", "15709"), ("wfdb-folder", "records500/00000/00001_hr", "record-records500/00000/00001_hr")),
    (("challenge", "HR00001", "HR00001"), ("wfdb-folder", "records100/00000/00001_lr", "p")),
    (("cpsc2018", "A0001", "A0001"), ("challenge", "A0001", "A0001")),
    (("cpsc2018", "A0001", "A0001"), ("challenge", "A0001-w3", "A0001")),
    (("challenge", "JS00001", "JS00001"), ("wfdb-folder", "WFDBRecords/01/010/JS00001", "record-JS00001")),
    (("challenge", "E07509", "E07509"), ("wfdb-folder", "g1/E07509", "me")),
    (("mimic", "40689238", "10000032"), ("wfdb-folder", "a/40689238", "x", "mimic-iv-ecg")),
    (("wfdb-folder", "first", "7"), ("wfdb-folder", "other-table/second", "7")),  # or two: not in silence
]
OTHER = [
    (("ptbxl", "1", "7"), ("challenge", "A0001", "A0001")),
    (("ptbxl", "1", "7"), ("mimic", "40689238", "7")),
    (("ptbxl", "1", "7"), ("wfdb-folder", "a", "7")),
    (("ptbxl", "1", "7"), ("ptbxl", "2", "1")),
    (("challenge", "A0001", "A0001"), ("challenge", "Q0001", "Q0001")),
    (("wfdb-folder", "a", "7"), ("wfdb-folder", "b", "7", "second hospital")),
    (("wfdb-folder", "a", "7"), ("wfdb-folder", "a", "8")),  # only a public release names its records for good
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_person(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert shared(one, other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_other_people(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert not shared(one, other)


def shared(*records: tuple[str, ...]) -> set[str]:
    first, second = (keys(*record[:3], release=record[3] if len(record) > 3 else None) for record in records)
    return first & second


def test_simulated_people_are_those_of_their_cohort_alone(tmp_path: Path) -> None:
    assert identity.GROUND_TRUTH == truth.FILE_NAME
    assert set(truth.SCHEMA.names) >= identity.BEATS
    found = {}
    for name, seed in (("one", 1), ("again", 1), ("two", 2)):
        simulate_cohort(tmp_path / name, {"ptbxl": 20}, seed=seed)
        for rate in (100, 500):
            found[name, rate] = of(settings(tmp_path / name / "ptbxl", "ptbxl", rate=rate))
    (tmp_path / "one/ptbxl" / truth.FILE_NAME).unlink()
    real = of(settings(tmp_path / "one/ptbxl", "ptbxl", rate=100))
    assert found["one", 100] == found["one", 500] == found["again", 100]
    assert not found["one", 100] & found["two", 100]
    assert not found["one", 100] & real
    (tmp_path / "one/ptbxl" / truth.FILE_NAME).write_bytes(b"somebody else's")
    assert of(settings(tmp_path / "one/ptbxl", "ptbxl", rate=100)) == real


def of(release: Ingest) -> set[str]:
    return {key for each in people(release, list_entries(release)) for key in each}

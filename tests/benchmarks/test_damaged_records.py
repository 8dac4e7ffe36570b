"""Damaged records through whole readers, a few of the benchmark's thousands; and that the benchmark would see a fault."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks import damaged_records
from benchmarks.damaged_originals import Original, originals
from benchmarks.damaged_records import examine, outcomes
from benchmarks.damages import DAMAGES
from esi.ecg.wfdb import files as wfdb_files

RECORDS = 110  # all layouts, and each damage twice


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Original]]:
    return originals(tmp_path_factory.mktemp("sound"), 4, 1)


@pytest.fixture(autouse=True)
def _own_cache(own_cache: Path) -> None:
    """What is examined sets DVC_ROOT, which is put back after each test."""


def test_no_damage_crashes_stops_loses_or_passes(sound: dict[str, list[Original]]) -> None:
    figures = examine(sound, RECORDS, 1, watched=False)
    assert {name: figures[name] for name in ("stopped", "lost", "changed_unmarked")} == {
        "stopped": 0, "lost": 0, "changed_unmarked": 0,
    }, figures["unmarked"]  # fmt: skip
    assert figures["marked"] > 10
    assert figures["quarantined"] > 30
    known = ("crashes", "hangs", "stopped", "lost", "quarantined", "marked", "unchanged", "header_values_changed")
    assert sum(figures[name] for name in known) == RECORDS


def test_a_reader_that_looks_at_no_checksum_is_seen(
    sound: dict[str, list[Original]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wfdb_files, "_errors", lambda digital_FS, channels: 0)
    figures = examine({"ptbxl": sound["ptbxl"]}, 2 * len(DAMAGES), 1, watched=False)
    assert figures["changed_unmarked"] > 3
    assert figures["unmarked"]["ptbxl: exchanged lines"] == 2


@pytest.mark.parametrize("failure", ["hang", "crash", "stop"])
def test_a_record_that_hangs_crashes_or_stops_its_set_is_found(
    sound: dict[str, list[Original]], monkeypatch: pytest.MonkeyPatch, failure: str
) -> None:
    """By halving: of four records the third is the one."""

    def ingest(settings: dict, folder: Path) -> str | None:
        if any(path.read_bytes() == b"bad" for path in folder.rglob("*.dat")):
            return failure
        return damaged_records._ingest(settings, folder)

    monkeypatch.setattr(damaged_records, "_ingest_watched", ingest)
    good = sound["mimic"][0].files
    bad = {name: content if name == "r.hea" else b"bad" for name, content in good.items()}
    found = outcomes("mimic", good, [good, good, bad, good])
    assert [outcome.reason for outcome in found] == [None, None, failure, None]
    assert len({outcome.signal for outcome in found}) == 2


def sleep_for_ever(settings: dict, folder: Path) -> None:
    time.sleep(1000)


def raise_anything(settings: dict, folder: Path) -> None:
    raise IndexError(folder)


@pytest.mark.parametrize(("what", "failure"), [(sleep_for_ever, "hang"), (raise_anything, "crash")])
def test_a_process_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what, failure: str) -> None:
    monkeypatch.setattr(damaged_records, "_exit_with", what)
    monkeypatch.setattr(damaged_records, "WATCH_S", 30 if failure == "crash" else 0.1)
    assert damaged_records._ingest_watched({}, tmp_path) == failure

"""What stops an ingest, and the sentence that says so."""

from __future__ import annotations

import errno
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import polars as pl
import pytest

from esi.ecg import ingest as module
from esi.ecg.entries import ReleaseError
from esi.ecg.ingest import ingest
from esi.ecg.quarantine import summary
from esi.ecg.tables import QUARANTINE_SCHEMA
from esi.errors import EsiError
from esi.settings.data import Ingest
from tests.ecg.test_ingest import LIMITS, settings, write_record, write_release


@pytest.fixture(autouse=True)
def _own_cache(own_cache: Path) -> None:
    """No shard of another run is found."""


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device"),
            r"tables cannot be written \(No space left on device\): mend",
        ),
        (BrokenProcessPool(), "the system ended one of the processes, most likely for want of memory"),
    ],
)
def test_what_the_machine_refuses_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception, words: str
) -> None:
    raw = write_release(tmp_path / "raw", 4)

    def failing(*_: object) -> None:
        raise failure

    monkeypatch.setattr(module, "write_shard", failing)
    with pytest.raises(EsiError, match=words):
        ingest("mine", settings(raw), LIMITS, tmp_path)


def test_ids_that_would_meet_are_refused(tmp_path: Path) -> None:
    for name in ("a", "a-w1", "b-w2"):
        write_record(tmp_path, name)
    assert ingest("mine", settings(tmp_path), LIMITS, tmp_path)["records"] == 3
    with pytest.raises(ReleaseError, match=r"record ids \['a-w1'\] stand there more than once"):
        ingest("mine", settings(tmp_path, windows="all"), LIMITS, tmp_path)
    (tmp_path / "deeper").mkdir()
    write_record(tmp_path / "deeper", "a")
    with pytest.raises(ReleaseError, match=r"record ids \['a'\] stand there more than once"):
        ingest("mine", settings(tmp_path), LIMITS, tmp_path)


def test_a_table_without_a_record_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("record,labels\n")
    columns = {"record": "record", "labels": "labels"}
    mine = settings(tmp_path, "wfdb-folder", table="labels.csv", columns=columns, separator=";", labels_are="text")
    with pytest.raises(ReleaseError, match="its table lists no record"):
        ingest("mine", mine, LIMITS, tmp_path)


COLUMNS = {"record": "record", "labels": "labels", "age": "age"}


def own_set(folder: Path, *rows: str) -> Ingest:
    """A folder of the records a to e with a table of these rows."""
    for name in "abcde":
        write_record(folder, name)
    (folder / "labels.csv").write_text("\n".join(["record,labels,age", *rows]) + "\n")
    others = {"table": "labels.csv", "columns": COLUMNS, "separator": ";", "labels_are": "text"}
    return settings(folder, "wfdb-folder", **others)


def test_broken_rows_missing_and_broken_files_have_one_rule(tmp_path: Path) -> None:
    mine = own_set(tmp_path, "a,x,64", "b,x,old", "zz,x,64", "d,x,64", "e,x", "/etc/e,x,64", "c,x,64", "./a,x,64")
    (tmp_path / "d.dat").write_bytes(b"")
    (tmp_path / "out").mkdir()
    figures = ingest("mine", mine, LIMITS, tmp_path / "out")
    rows = pl.read_parquet(tmp_path / "out/quarantine.parquet").select("record_id", "reason").rows()
    assert sorted(rows) == [
        ("/etc/e", "broken row"), ("b", "broken row"), ("d", "cut short"), ("e", "broken row"), ("zz", "missing file"),
    ]  # fmt: skip
    assert (figures["records"], figures["quarantined"], figures["quarantined_broken_row"]) == (2, 5, 3)
    messages = " ".join(pl.read_parquet(tmp_path / "out/quarantine.parquet")["message"])
    assert f"{tmp_path}/" not in messages


def test_a_table_of_which_most_rows_are_broken_is_refused(tmp_path: Path) -> None:
    half = own_set(tmp_path, "a,x,64", "b,x,old")
    (tmp_path / "out").mkdir()
    assert ingest("mine", half, LIMITS, tmp_path / "out")["quarantined"] == 1
    more = own_set(tmp_path, "a,x,64", "b,x,old", "c,x,300")
    words = r"labels.csv: row 2 below the header: age 'old' .* \(and 1 more of 3 rows cannot be used"
    with pytest.raises(ReleaseError, match=words):
        ingest("mine", more, LIMITS, tmp_path)


def test_the_screen_shows_each_reason_with_its_first_record(tmp_path: Path) -> None:
    rows = [("mine", f"r{number}", "flat", f"r{number}.hea: 12 leads are flat") for number in range(3)]
    rows += [("mine", "bad\x1b[31m", "broken row", "long " * 500), ("mine", "z", "leads", "z.hea: lead V1 is missing")]
    pl.DataFrame(rows, QUARANTINE_SCHEMA.names, orient="row").write_parquet(tmp_path / "q.parquet")
    first, *lines = summary(tmp_path / "q.parquet", 7).split("\n")
    assert first == f"5 ECGs cannot be used, beside 7 that can (all of them in {tmp_path}/q.parquet):"
    assert lines[0] == "  3 flat, first r0: r0.hea: 12 leads are flat"
    assert lines[1].startswith("  1 broken row, first bad [31m: long long")
    assert lines[2] == "  1 leads, first z: z.hea: lead V1 is missing"
    assert max(map(len, lines)) < 300
    many = [("mine", f"r{number}", f"reason {number:02}", "m") for number in range(40)]
    pl.DataFrame(many, QUARANTINE_SCHEMA.names, orient="row").write_parquet(tmp_path / "q.parquet")
    lines = summary(tmp_path / "q.parquet", 7).split("\n")
    assert len(lines) == 14
    assert lines[-1] == "  and 28 more reasons"
    pl.DataFrame([], dict.fromkeys(QUARANTINE_SCHEMA.names, pl.String)).write_parquet(tmp_path / "q.parquet")
    assert summary(tmp_path / "q.parquet", 7) == ""

"""What stops an ingest, and the sentence that says so."""

from __future__ import annotations

import errno
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from esi.ecg import ingest as module
from esi.ecg.entries import ReleaseError
from esi.ecg.ingest import ingest
from esi.errors import EsiError
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

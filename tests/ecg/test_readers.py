"""What every reader promises: a new one is tested here as soon as `written_releases.py` can write its format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest

from esi.ecg import ingest as module
from esi.ecg import shards
from esi.ecg.entries import SCHEMA, ReleaseError
from esi.ecg.identity import people
from esi.ecg.ingest import ingest
from esi.ecg.leads import LEADS, RATE, lead_order
from esi.ecg.releases import READERS, check_release, list_entries, reader_of
from esi.ecg.standard import windows
from esi.ecg.tables import signals_of, table_paths
from esi.errors import EsiError
from esi.settings.data import Ingest
from esi.settings.registry import keys
from tests.ecg.test_ingest import LIMITS, bytes_of, settings
from tests.ecg.written_releases import WRITERS, Written, signal_of

every_format = pytest.mark.parametrize("format_", READERS)


@pytest.fixture(autouse=True)
def _own_cache(own_cache: Path) -> None:
    """No shard of another run is found."""


@pytest.fixture
def raw(tmp_path: Path, format_: str) -> tuple[Written, Ingest]:
    """A release of the format, and the settings that point to it."""
    if format_ in ("code15", "sph"):
        pytest.importorskip("h5py", reason="h5py is not installed: pip install -e '.[hdf5]'")
    (tmp_path / "raw").mkdir()
    written = WRITERS[format_](tmp_path / "raw")
    return written, settings_of(tmp_path / "raw", written)


def settings_of(root: Path, written: Written, **others: object) -> Ingest:
    return settings(root, **{**written.settings, **others})


def test_every_format_is_known_to_the_settings_and_written_here() -> None:
    assert keys("esi.ecg.releases", "READERS") == tuple(READERS)
    assert set(WRITERS) == set(READERS)


@every_format
def test_the_tables_give_every_record_with_its_person_and_statements(raw: tuple[Written, Ingest]) -> None:
    written, given = raw
    check_release(given)
    entries = list_entries(given)
    assert entries.schema == SCHEMA
    assert entries["record_id"].to_list() == written.ids
    assert entries["subject_id"].to_list() == (written.subjects or written.ids)
    assert list(entries.select("age", "sex").iter_rows()) == written.people
    assert entries["fault"].null_count() == entries.height
    assert entries["statements"][0].to_list() == written.statements
    for path, place in entries.select("path", "place").iter_rows():
        assert (given.root / path).is_file()
        assert (place is None) == (written.records_a_file == 1)


@every_format
def test_a_record_opens_in_millivolts_with_its_leads_by_name(raw: tuple[Written, Ingest]) -> None:
    written, given = raw
    with reader_of(given) as reader:
        for number, (path, place) in enumerate(list_entries(given).select("path", "place").iter_rows()):
            record = reader.open(path, place)
            order = lead_order(record.names)
            assert record.rate == written.rate
            (ecg,) = windows(record.signals, record.names, record.rate, False, LIMITS)
            signal_CT = record.signals[:, :][order]
            assert signal_CT.dtype == np.float64
            own = without_zeros(signal_of(number, written.rate))
            np.testing.assert_allclose(without_zeros(signal_CT), own, rtol=0, atol=written.tolerance)
            assert given.root / path in reader.files(path)
            assert ecg.source_seconds == pytest.approx(6, abs=0.01)


def without_zeros(signal_CT: np.ndarray) -> np.ndarray:
    """Without the padding that a format has, and without every other column of zeros."""
    return signal_CT[:, (signal_CT != 0).any(axis=0)]


@every_format
def test_tables_hold_the_leads_in_one_order_at_one_rate(raw: tuple[Written, Ingest], tmp_path: Path) -> None:
    written, given = raw
    rows = ingested(given, tmp_path / "out")
    assert rows["record_id"].to_list() == written.ids
    heights = [np.ptp(signals[:, 500:2500], axis=1) / 2e3 for signals in rows["signals"]]
    for number, found in enumerate(heights):
        np.testing.assert_allclose(found, (1 + np.arange(len(LEADS))) * 0.1 + 0.01 * number, rtol=0.02)
    assert rows["valid_samples"].is_between(6 * RATE - 5, 6 * RATE).all()


def ingested(given: Ingest, out: Path, workers: int = 1) -> pl.DataFrame:
    out.mkdir()
    ingest("mine", given, LIMITS, out, workers)
    table = pq.read_table(table_paths(out)[0])
    signals = signals_of(table["signal"].combine_chunks())
    return pl.from_arrow(table.drop_columns("signal")).with_columns(  # type: ignore[union-attr, return-value]
        pl.Series("signals", [np.array(each) for each in signals], dtype=pl.Object)
    )


@every_format
@pytest.mark.parametrize("damage", ["absent", "cut", "empty"])
def test_a_file_that_cannot_be_read_costs_its_records_alone(
    raw: tuple[Written, Ingest], tmp_path: Path, damage: str
) -> None:
    written, given = raw
    file = written.files[written.ids[1]]
    if damage == "absent":
        file.unlink()
    else:
        content = file.read_bytes()
        file.write_bytes(content[: len(content) // 3] if damage == "cut" else b"")
    lost = [name for name in written.ids if written.files[name] == file]
    check_release(given)
    rows = ingested(given, tmp_path / "out")
    assert rows["record_id"].to_list() == [name for name in written.ids if name not in lost]
    quarantine = pl.read_parquet(tmp_path / "out/quarantine.parquet")
    assert sorted(quarantine["record_id"]) == sorted(lost)
    if damage == "absent":
        assert set(quarantine["reason"]) == {"missing file"}
    assert all(str(tmp_path) not in message for message in quarantine["message"])
    assert all(file.stem in message for message in quarantine["message"])


@every_format
def test_what_is_not_there_is_one_sentence(format_: str, tmp_path: Path) -> None:
    written = WRITERS[format_](tmp_path)
    given = settings_of(tmp_path / "elsewhere", written)
    with pytest.raises(ReleaseError, match=r"elsewhere.*(download|set the data set's ingest|put it there)"):
        check_release(given)
    (tmp_path / "elsewhere").mkdir()
    with pytest.raises(ReleaseError, match="elsewhere"):
        list_entries(given)


@every_format
def test_a_killed_run_goes_on_with_the_missing_shards(
    raw: tuple[Written, Ingest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, given = raw
    monkeypatch.setattr(module, "SHARD_RECORDS", 2)
    ingested(given, tmp_path / "whole", workers=2)
    real_read, read = shards._read, []

    def killed(reader: Any, path: str, place: int | None, *others: Any) -> Any:
        read.append((path, place))
        if len(read) == 4:
            raise KeyboardInterrupt
        return real_read(reader, path, place, *others)

    monkeypatch.setattr(shards, "_read", killed)
    (tmp_path / "out").mkdir()
    with pytest.raises(KeyboardInterrupt):
        ingest("mine", given, LIMITS, tmp_path / "out", 1)
    ingest("mine", given, LIMITS, tmp_path / "out", 1)
    assert read[4:] == read[2:4]
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "whole")


@every_format
def test_a_file_that_changed_is_read_anew(raw: tuple[Written, Ingest], tmp_path: Path) -> None:
    written, given = raw
    entries = list_entries(given)
    shard = shards.Shard("mine", reader_of(given), False, LIMITS, entries, tmp_path)
    before = shard.files()
    assert shard.files() == before
    written.files[written.ids[0]].write_bytes(b"another")
    assert shard.files() != before


@every_format
def test_people_have_the_keys_of_their_release(raw: tuple[Written, Ingest]) -> None:
    written, given = raw
    keys_of_first = people(given, list_entries(given))[0].to_list()
    subject = (written.subjects or written.ids)[0]
    assert keys_of_first[0] == f"{written.release}/subject/{subject}"
    assert (len(keys_of_first) == 1) == (written.release == "own")


@every_format
def test_a_map_of_the_sets_own_goes_first(raw: tuple[Written, Ingest]) -> None:
    written, given = raw
    (given.root / "map.csv").write_text(f"label,statement\n{written.label},Something else\n")
    entries = list_entries(settings_of(given.root, written, label_map="map.csv"))
    assert entries["statements"][0].to_list() == ["Something else", *written.statements[1:]]


@pytest.mark.parametrize("format_", ["code15"])
def test_a_file_of_many_records_is_opened_once_a_shard(
    raw: tuple[Written, Ingest], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import h5py

    _, given = raw
    opened: list[str] = []
    real = h5py.File
    monkeypatch.setattr(h5py, "File", lambda path, *others, **more: opened.append(path.name) or real(path, *others, **more))
    list_entries(given)
    assert opened == ["exams_part1.hdf5", "exams_part0.hdf5"]
    opened.clear()
    ingested(given, tmp_path / "out")
    assert opened[2:] == ["exams_part0.hdf5", "exams_part1.hdf5"], "each for both of its records"


def test_without_h5py_the_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("h5py")
    written = WRITERS["code15"](tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(EsiError, match=r"h5py, which is not installed: pip install -e '\.\[hdf5\]'"):
        check_release(settings_of(tmp_path, written))

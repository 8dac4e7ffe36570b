"""Samples against the checksums and initial values of their header lines: counted, marked, or quarantined by a setting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esi.ecg.ingest import ingest
from esi.ecg.leads import LEADS
from esi.ecg.tables import table_paths
from esi.ecg.wfdb.files import open_record
from tests.ecg import test_ingest
from tests.ecg.test_wfdb_formats import FORMATS, digital
from tests.ecg.wfdb_written import FLAC, Signal, write_record

SAMPLES = 300


@pytest.fixture(autouse=True)
def _own_cache(own_cache: Path) -> None:
    """No shard of another run is found."""


def written(folder: Path, form: str = "16", per_frame: int = 1, **line: int) -> Path:
    signals = [
        Signal(lead, digital(number, SAMPLES * per_frame, form), form, per_frame, file=f"{number // 8}.dat", line=dict(line))
        for number, lead in enumerate(LEADS)  # FLAC holds eight signals at most
    ]
    return write_record(folder, "r", 500, signals)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([form for form in FORMATS if form not in FLAC]), st.sampled_from([1, 3]), st.data())
def test_every_flipped_bit_of_a_signal_is_counted(tmp_path: Path, form: str, per_frame: int, data: st.DataObject) -> None:
    header = written(tmp_path, form, per_frame)
    assert open_record(header).checksum_errors == 0
    before = open_record(header).signals[:, :]
    content = bytearray((tmp_path / "0.dat").read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    (tmp_path / "0.dat").write_bytes(content)
    record = open_record(header)
    # 310 and 311 leave bits unused; the highest byte of formats 24 and 32 lies beyond the sum's 16 bits
    changed = not np.array_equal(before, record.signals[:, :], equal_nan=True)
    if form not in ("24", "32"):
        assert (record.checksum_errors or 0) >= changed


@pytest.mark.parametrize("form", FORMATS)
def test_exchanged_lines_are_counted(tmp_path: Path, form: str) -> None:
    """With its line a lead's name goes to other samples."""
    header = written(tmp_path, form)
    lines = header.read_text().splitlines()
    lines[3], lines[8] = lines[8], lines[3]
    header.write_text("\n".join(lines))
    assert (open_record(header).checksum_errors or 0) >= 2


def test_exchanged_names_alone_cannot_be_told(tmp_path: Path) -> None:
    """The checksum stays with its samples: nothing in a header says that they are V1's. So it is with gains and rates."""
    header = written(tmp_path)
    header.write_text(header.read_text().replace(" V1\n", " ?\n").replace(" V2\n", " V1\n").replace(" ?\n", " V2\n"))
    assert open_record(header).checksum_errors == 0


@pytest.mark.parametrize(
    ("line", "errors"),
    [({}, 0), ({"checksum": 1}, 12), ({"initial": 1}, 12), ({"initial": 0, "checksum": 0}, None)],
)
def test_sum_and_first_sample_are_looked_at_where_anybody_filled_them_in(
    tmp_path: Path, line: dict[str, int], errors: int | None
) -> None:
    assert open_record(written(tmp_path, **line)).checksum_errors == errors


@pytest.mark.parametrize("change", [0, -65536, 65536, 10 * 65536])
def test_a_sum_counts_by_its_last_16_bits(tmp_path: Path, change: int) -> None:
    """Headers have it signed (the Challenge), unsigned (PTB-XL), or whole."""
    header = written(tmp_path)
    lines = [line.split() for line in header.read_text().splitlines()]
    for line in lines[1:]:
        line[6] = str(int(line[6]) + change)
    header.write_text("\n".join(map(" ".join, lines)))
    assert open_record(header).checksum_errors == 0
    lines[4][6] = str(int(lines[4][6]) + 1)
    header.write_text("\n".join(map(" ".join, lines)))
    assert open_record(header).checksum_errors == 1


@pytest.mark.parametrize(
    ("fields", "errors"), [("16 0 7", 0), ("16 0 8", 1), ("16 0 7 330", 0), ("16 0 7 331", 1), ("16 0", None), ("", None)]
)
def test_a_line_may_end_before_its_sum(tmp_path: Path, fields: str, errors: int | None) -> None:
    (tmp_path / "r.dat").write_bytes(np.arange(7, 27, dtype="<i2").tobytes())
    (tmp_path / "r.hea").write_text(f"r 1 500 20\nr.dat 16 1000/mV {fields}\n")
    assert open_record(tmp_path / "r.hea").checksum_errors == errors


def test_no_real_header_contradicts_its_signals(real: Path) -> None:
    headers = sorted(real.rglob("*.hea"))[::5]
    assert {open_record(header).checksum_errors for header in headers} == {0}


def release(folder: Path) -> Path:
    """Six records: r1 with a flipped bit, r4 with two exchanged lines, r5 of a writer that computes no checksums."""
    folder.mkdir()
    for number in range(6):
        test_ingest.write_record(folder, f"r{number}")
    content = bytearray((folder / "r1.dat").read_bytes())
    content[5000] ^= 8
    (folder / "r1.dat").write_bytes(content)
    lines = (folder / "r4.hea").read_text().splitlines()
    lines[1], lines[2] = lines[2], lines[1]
    (folder / "r4.hea").write_text("\n".join(lines) + "\n")
    lines = (folder / "r5.hea").read_text().splitlines()
    lines[1:13] = [" ".join([*line.split()[:5], "0 0 0", line.split()[-1]]) for line in lines[1:13]]
    (folder / "r5.hea").write_text("\n".join(lines) + "\n")
    return folder


def test_they_are_marked_and_counted_and_lose_no_record(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    figures = ingest("mine", test_ingest.settings(release(tmp_path / "raw")), test_ingest.LIMITS, tmp_path / "out", 1)
    rows = pl.read_parquet(table_paths(tmp_path / "out")[0], columns=["record_id", "checksum_errors"])
    assert dict(rows.iter_rows()) == {"r0": 0, "r1": 1, "r2": 0, "r3": 0, "r4": 2, "r5": None}
    assert (figures["records"], figures["with_checksum_errors"], figures["without_checksums"]) == (6, 2, 1)


@pytest.mark.parametrize(("most", "lost"), [(0, ["r1", "r4"]), (1, ["r4"]), (2, [])])
def test_a_setting_quarantines(tmp_path: Path, most: int, lost: list[str]) -> None:
    limits = test_ingest.LIMITS.model_copy(update={"max_checksum_errors": most})
    (tmp_path / "out").mkdir()
    ingest("mine", test_ingest.settings(release(tmp_path / "raw")), limits, tmp_path / "out", 1)
    quarantine = pl.read_parquet(tmp_path / "out/quarantine.parquet")
    assert quarantine["record_id"].to_list() == lost
    assert set(quarantine["reason"]) <= {"checksum"}
    assert quarantine["message"].str.contains("are not what its header says").all()

"""Records in several segments, of a fixed and of a variable layout, with gaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb

from esi.ecg.leads import LEADS
from esi.ecg.wfdb.files import open_record, read_signals, signal_files
from esi.ecg.wfdb.header import RecordError
from tests.ecg.wfdb_written import Signal, write_record


def random(seed: int, samples: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(-2000, 2000, samples)


def write_segment(folder: Path, name: str, leads: tuple[str, ...], samples: int, per_frame: int = 1, rate: float = 500):
    """Returns the millivolts [leads, samples * per_frame]."""
    values = [random(number + len(name) + samples, samples * per_frame) for number in range(len(leads))]
    signals = [
        Signal(lead, one, "212", per_frame, file=f"{name}.dat") for lead, one in zip(leads, values, strict=True)
    ]  # each of its values fits in 12 bits
    write_record(folder, name, rate, signals)
    return np.stack(values) / 1000


@pytest.mark.parametrize("per_frame", [1, 4])
def test_a_fixed_layout_with_a_gap(tmp_path: Path, per_frame: int) -> None:
    """Its samples are missing, neither an error of Python's nor zeros."""
    first = write_segment(tmp_path, "a", LEADS, 100, per_frame)
    last = write_segment(tmp_path, "b.1", LEADS, 150, per_frame)  # a dotted name
    (tmp_path / "r.hea").write_text("r/3 12 500 300\na 100\n~ 50\nb.1 150\n")
    signal_CT, names, rate = read_signals(tmp_path / "r.hea")
    assert (names, rate) == (list(LEADS), 500 * per_frame)
    gap = np.full((12, 50 * per_frame), np.nan)
    np.testing.assert_array_equal(signal_CT, np.concatenate([first, gap, last], axis=1))
    record = open_record(tmp_path / "r.hea")
    for start, stop in ((0, 10), (90, 160), (100, 150), (140, 290), (0, 300 * per_frame), (260, 10_000)):
        np.testing.assert_array_equal(record.signals[:, start:stop], signal_CT[:, start:stop])
    assert record.checksum_errors == 0


def test_a_variable_layout(tmp_path: Path) -> None:
    """Its first segment, without samples, lists all signals; the others hold what was recorded."""
    (tmp_path / "layout.hea").write_text(
        "layout 4 500 0\n" + "".join(f"~ 0 1000/mV 16 0 0 0 0 {lead}\n" for lead in ("I", "II", "V1", "resp"))
    )
    first = write_segment(tmp_path, "a", ("II", "I"), 80)
    last = write_segment(tmp_path, "b", ("V1", "I", "resp"), 60)
    (tmp_path / "r.hea").write_text("r/4 4 500 170\nlayout 0\na 80\n~ 30\nb 60\n")
    expected = np.full((4, 170), np.nan)
    expected[[1, 0], :80] = first
    expected[[2, 0, 3], 110:] = last
    signal_CT, names, _ = read_signals(tmp_path / "r.hea")
    assert names == ["I", "II", "V1", "resp"]
    np.testing.assert_array_equal(signal_CT, expected)


def test_wfdb_reads_the_same(tmp_path: Path) -> None:
    write_segment(tmp_path, "a", LEADS, 100)
    write_segment(tmp_path, "b", LEADS, 200)
    (tmp_path / "r.hea").write_text("r/2 12 500 300\na 100\nb 200\n")
    record = wfdb.rdrecord(str(tmp_path / "r"))
    np.testing.assert_allclose(read_signals(tmp_path / "r.hea")[0], record.p_signal.T, atol=1e-12)


def test_a_wrong_sample_in_one_segment_is_counted(tmp_path: Path) -> None:
    write_segment(tmp_path, "a", LEADS, 100)
    write_segment(tmp_path, "b", LEADS, 100)
    (tmp_path / "r.hea").write_text("r/2 12 500 200\na 100\nb 100\n")
    data = bytearray((tmp_path / "b.dat").read_bytes())
    data[30] ^= 1
    (tmp_path / "b.dat").write_bytes(data)
    assert open_record(tmp_path / "r.hea").checksum_errors == 1


def test_the_files_of_all_segments_are_what_a_record_depends_on(tmp_path: Path) -> None:
    write_segment(tmp_path, "a", LEADS, 100)
    (tmp_path / "r.hea").write_text("r/3 12 500 300\na 100\n~ 50\nabsent 150\n")
    assert {file.name for file in signal_files(tmp_path / "r.hea")} == {"a.hea", "a.dat", "absent.hea"}


@pytest.mark.parametrize(
    ("header", "reason", "message"),
    [
        ("r/2 12 500 300\n~ 100\n~ 200", "cut short", "is made of gaps alone"),
        ("r/2 12 500 300\na 100\n~ 100", "bad header", "announces 300 samples, its segments have 200"),
        ("r/2 12 500 200\na 90\n~ 110", "bad header", "is no segment of 90 samples"),
        ("r/2 12 250 200\na 100\n~ 100", "bad header", "is no segment of 100 samples at 250 Hz"),
        ("r/2 12 500 200\na 100\nabsent 100", "missing file", "absent.hea: cannot be read"),
        ("r/2 12 500 200\na 100\nother 100", "bad header", "other.hea: has the signals"),
        ("r/2 12 500 200\na 100\nfewer 100", "bad header", "fewer.hea: has 2 signals, not 12"),
        ("r/2 12 500 300\na 100\nr 200", "bad header", "in segments of its own"),
        ("r/3 12 500 200\na 100\n~ 100", "bad header", "announces 3 segments and lists 2"),
        ("r/2 12 500 200\na 100\n../x 100", "bad header", "outside the data set's folder"),
        ("r/2 12 500 200\na 100\nb many", "bad header", "number of samples of segment b"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, header: str, reason: str, message: str) -> None:
    write_segment(tmp_path, "a", LEADS, 100)
    write_segment(tmp_path, "other", LEADS[::-1], 100)
    write_segment(tmp_path, "fewer", LEADS[:2], 100)
    (tmp_path / "r.hea").write_text(header)
    with pytest.raises(RecordError, match=message) as caught:
        read_signals(tmp_path / "r.hea")
    assert caught.value.reason == reason

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esi.ecg.leads import LEADS
from esi.ecg.wfdb_files import RecordError, parse_header, read_signals


def as_wfdb_reads(header: Path) -> tuple[np.ndarray, list[str], float]:
    record = wfdb.rdrecord(str(header.with_suffix("")))
    return record.p_signal.T, record.sig_name, record.fs


def test_real_records_are_read_as_wfdb_reads_them(real: Path) -> None:
    headers = [path for folder in ("ptb-xl/records100", "cinc2021") for path in sorted((real / folder).rglob("*.hea"))[::12]]
    headers += sorted((real / "ptb-xl/records500").rglob("*.hea"))[::20]
    readable = [header for header in headers if ".mat" not in header.read_text().split(maxsplit=1)[0]]
    assert len(readable) > 100
    for header in readable:
        ours, names, rate = read_signals(header)
        theirs, their_names, their_rate = as_wfdb_reads(header)
        np.testing.assert_array_equal(ours, theirs, err_msg=str(header))
        assert (names, rate) == (their_names, their_rate)


def test_a_public_header_that_wfdb_refuses_is_read(real: Path) -> None:
    header = real / "cinc2021/georgia/E07938.hea"
    with pytest.raises(Exception, match="record line"):
        wfdb.rdrecord(str(header.with_suffix("")))
    signal, names, rate = read_signals(header)
    assert (signal.shape, names, rate) == ((12, 5000), list(LEADS), 500)
    assert parse_header(header).comments["sex"] in ("Male", "Female")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    gain=st.floats(0.01, 5000).map(lambda value: round(value, 3)),
    baseline=st.integers(-2000, 2000),
    zero=st.integers(-100, 100),
    offset=st.integers(0, 64),
    spelling=st.sampled_from(["{gain}({baseline})/{units}", "{gain}/{units}", "{gain}"]),
    units=st.sampled_from(["mV", "uV"]),
    format_=st.sampled_from(["16", "16x1"]),
)
def test_odd_headers_are_read_as_wfdb_reads_them(
    tmp_path: Path, gain: float, baseline: int, zero: int, offset: int, spelling: str, units: str, format_: str
) -> None:
    digital = np.random.default_rng(0).integers(-32767, 32767, (50, 2)).astype("<i2")
    digital[3, 1] = -32768
    (tmp_path / "r.dat").write_bytes(b"\1" * offset + digital.tobytes())
    gains = spelling.format(gain=gain, baseline=baseline, units=units)
    lines = [f"r.dat {format_}{f'+{offset}' if offset else ''} {gains} 16 {zero} 0 0 0 {name}" for name in ("I", "V1 right")]
    (tmp_path / "r.hea").write_text("\n".join(["r 2 250 50 10:00:00 01/01/2020", *lines, "#Age: 60"]))
    ours, names, rate = read_signals(tmp_path / "r.hea")
    theirs, their_names, their_rate = as_wfdb_reads(tmp_path / "r.hea")
    scale = 1e-3 if "uV" in gains else 1.0
    np.testing.assert_allclose(ours, theirs * scale, rtol=1e-14)
    assert np.isnan(ours[1, 3])
    assert (names, rate) == (their_names, their_rate)


def test_other_formats_go_through_wfdb(tmp_path: Path) -> None:
    signal = np.random.default_rng(0).normal(size=(200, 2))
    wfdb.wrsamp("r", 500, ["mV", "mV"], ["I", "II"], signal, fmt=["212", "212"], write_dir=str(tmp_path))
    ours, names, _ = read_signals(tmp_path / "r.hea")
    np.testing.assert_allclose(ours, signal.T, atol=2e-3)
    assert names == ["I", "II"]


@pytest.mark.parametrize(
    ("header", "data", "reason"),
    [
        (None, b"", "missing file"),
        ("r 1 500 100\nr.dat 16 1000/mV 16 0 0 0 0 I", None, "missing file"),
        ("r 1 500 100\nr.dat 16 1000/mV 16 0 0 0 0 I", b"\0\0" * 99, "cut short"),
        ("r 2 500 100\nr.dat 16 1000/mV 16 0 0 0 0 I", b"\0\0" * 200, "bad header"),
        ("r 1 0 100\nr.dat 16 1000/mV 16 0 0 0 0 I", b"\0\0" * 100, "bad header"),
        ("hello", b"", "bad header"),
        ("", b"", "bad header"),
        ("r 1 500 100\nr.dat 999 1000/mV 16 0 0 0 0 I", b"\0\0" * 100, "unreadable"),
    ],
)
def test_a_broken_record_says_what_is_wrong(tmp_path: Path, header: str | None, data: bytes | None, reason: str) -> None:
    if header is not None:
        (tmp_path / "r.hea").write_text(header)
    if data is not None:
        (tmp_path / "r.dat").write_bytes(data)
    with pytest.raises(RecordError) as caught:
        read_signals(tmp_path / "r.hea")
    assert caught.value.reason == reason
    assert "r." in str(caught.value)


def test_the_error_crosses_process_borders() -> None:
    error = pickle.loads(pickle.dumps(RecordError("flat", "a.hea: 3 leads are flat")))
    assert (error.reason, str(error)) == ("flat", "a.hea: 3 leads are flat")

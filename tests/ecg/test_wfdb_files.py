from __future__ import annotations

import os
import pickle
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from esi.ecg.leads import LEADS
from esi.ecg.wfdb.files import RecordError, open_signals, parse_header, read_signals


def as_wfdb_reads(header: Path) -> tuple[np.ndarray, list[str], float]:
    record = wfdb.rdrecord(str(header.with_suffix("")))
    return record.p_signal.T, record.sig_name, record.fs


def test_every_real_record_is_read_as_wfdb_reads_it(real: Path) -> None:
    headers = sorted(real.rglob("*.hea"))
    readable = [header for header in headers if ".mat" not in header.read_text().split(maxsplit=1)[0]]
    assert (len(headers), len(readable)) == (2235, 2211)
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


TO_MILLIVOLTS = {"mV": 1, "mv": 1, "uV": 1e-3, "V": 1e3}
GAINS = st.sampled_from(
    ["", "0", "1000", "1000.0", "-200", "1e3", "2.5e-1", ".5", "1E3", "+5", "nan", "200,5", "e"]
) | st.floats(0.01, 5000).map(lambda value: f"{value:.6g}")
BASELINES = st.sampled_from(["", "(0)", "(-1024)", "(7)", "(3.5)", "()", "(99999999999)"])
UNITS = st.sampled_from(["", "/mV", "/mv", "/uV", "/V", "mV", "/mmHg", "/", "/m V"])
FORMATS = st.sampled_from(["16", "16x1", "16+24", "16x1+3", "16:0", "16:2", "16x2", "16+0", "212", "61", "16:1+8", "x16"])
TAILS = st.sampled_from(["16", "16 5", "16 -5 0 0 0", "16 0 3 -77 0", "12bit", "", "16 0 0", "16 0 x 0 0", "0\t0 0 0  0"])
NAMES = st.sampled_from(["I", "V1", "V1  right", "aVR ", "", "12", "-3", "a\tb", "lead II"])
WFDB_REFUSES = ["r {n} 250 0", "r.mat {n} 250 40", "r.2 {n} 250 40", "r {n} 250 40.0"]  # and WFDB's header(5) does not
RECORD_LINES = st.just("r {n} 250 40") | st.sampled_from(
    [
        "r {n} 250", "r {n} 250 40 10:00:00 01/01/2020", "r {n} 250/360(5) 40", "r {n} 33.3 40", "r {n} 250 41",
        "r {n} 250 -1", "r {n} 2.5e2 40", "r {n}", "r {n} nan 40", "r {n} 0 40", "  r  {n}\t250 40", "r 2 250 40",
        "r/2 {n} 250 40", "r {n} 250 39", "{n}", "r {n} 250 40 25-Mar-2021 16:25:18", "r x 250 40", *WFDB_REFUSES,
    ]
)  # fmt: skip


@st.composite
def odd_headers(draw: st.DrawFn) -> str:
    """Headers as the public releases have them, and as nobody should have written them."""
    count = draw(st.integers(1, 15))
    alike = draw(st.booleans())
    kinds = (st.just("16") | FORMATS, GAINS, BASELINES, UNITS, TAILS)
    shared = [draw(kind) for kind in kinds]
    lines = [draw(RECORD_LINES).format(n=count)]
    for number in range(count + draw(st.sampled_from([0, 0, 0, 0, 1, -1]))):
        form, gain, baseline, units, tail = shared if alike else [draw(kind) for kind in kinds]
        file = "r.dat" if alike or number % 3 else draw(st.sampled_from(["r.dat", "s.dat", "absent.dat", "~"]))
        lines.append(f"{file} {form} {gain}{baseline}{units} {tail} {draw(NAMES)}")
    for comment in draw(st.lists(st.sampled_from(["#Age: 60", " # Dx: 1", "", "#", "# Müller 12 500"]), max_size=3)):
        lines.insert(draw(st.integers(0, len(lines))), comment)
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(odd_headers())
def test_an_odd_header_is_read_as_wfdb_reads_it_or_refused(tmp_path: Path, header: str) -> None:
    digital = np.random.default_rng(0).integers(-32768, 32767, 40 * 15 + 24).astype("<i2")
    digital[::7] = -32768
    (tmp_path / "r.dat").write_bytes(digital.tobytes())
    (tmp_path / "s.dat").write_bytes(digital[::-1].tobytes())
    (tmp_path / "r.hea").write_bytes(header.encode())
    try:
        ours, names, rate = read_signals(tmp_path / "r.hea")
    except RecordError as error:
        event(error.reason)
        return
    event("read")
    record_line = next(line for line in header.splitlines() if line.strip() and not line.strip().startswith("#"))
    if record_line in [line.format(n=len(names)) for line in WFDB_REFUSES]:
        with pytest.raises(ValueError, match=r"invalid syntax|sampto|time data"):
            wfdb.rdrecord(str(tmp_path / "r"))
        return
    record = wfdb.rdrecord(str(tmp_path / "r"), smooth_frames=False)
    per_frame = max(record.samps_per_frame)
    kept = [number for number, count in enumerate(record.samps_per_frame) if count == per_frame]
    scaled = [record.e_p_signal[number] * TO_MILLIVOLTS.get(record.units[number], 1) for number in kept]
    np.testing.assert_array_equal(ours, np.stack(scaled))
    assert (names, rate) == ([record.sig_name[number] or "" for number in kept], record.fs * per_frame)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    count=st.integers(1, 15),
    gain=st.sampled_from(["1000", "1000.0", "-200", "1e3", "2.5e-1", "0"]) | st.floats(0.01, 5000).map(lambda x: f"{x:.6f}"),
    baseline=st.just("") | st.integers(-2000, 2000).map("({})".format),
    units=st.sampled_from(["", "/mV", "/uV", "/V"]),
    zero=st.integers(-100, 100),
    offset=st.integers(0, 64),
    samples=st.sampled_from([" 40", "", " 39", " 40 10:00:00 01/01/2020"]),
)
def test_what_public_headers_hold_is_always_read(
    tmp_path: Path, count: int, gain: str, baseline: str, units: str, zero: int, offset: int, samples: str
) -> None:
    digital = np.random.default_rng(0).integers(-32767, 32767, (40, count)).astype("<i2")
    digital[3, count // 2] = -32768
    (tmp_path / "r.dat").write_bytes(b"\1" * offset + digital.tobytes())
    line = f"r.dat 16{f'+{offset}' if offset else ''} {gain}{baseline}{units} 16 {zero} 0 0 0 "
    (tmp_path / "r.hea").write_text(
        "\n".join([f"r {count} 250{samples}", *(f"{line}{i}a" for i in range(count)), "#Age: 60"])
    )
    ours, names, rate = read_signals(tmp_path / "r.hea")
    theirs, their_names, their_rate = as_wfdb_reads(tmp_path / "r.hea")
    np.testing.assert_array_equal(ours, theirs * TO_MILLIVOLTS[units[1:] or "mV"])
    assert np.isnan(ours[count // 2, 3])
    assert (names, rate) == (their_names, their_rate)


@pytest.mark.parametrize(
    ("units", "encoding", "scale"),
    [
        ("mV", "utf-8", 1), ("mv", "utf-8-sig", 1), ("V", "utf-8", 1e3), ("uV", "utf-8", 1e-3), ("\u00b5V", "utf-8", 1e-3),
        ("\u03bcV", "utf-8", 1e-3), ("\u00b5V", "latin-1", 1e-3), ("nV", "utf-8", 1e-6), ("millivolt", "utf-8", 1),
        ("MilliVolts", "utf-8", 1), ("microvolt", "utf-8", 1e-3), ("\u00b5volts", "utf-8", 1e-3), ("volt", "utf-8", 1e3),
    ],
)  # fmt: skip
@pytest.mark.parametrize("format_", ["16", "16x2"])
def test_units(tmp_path: Path, units: str, encoding: str, scale: float, format_: str) -> None:
    """wfdb drops what is not ASCII, and takes the micro sign's volts for volts."""
    (tmp_path / "r.dat").write_bytes(np.full(80, 100, "<i2").tobytes())
    (tmp_path / "r.hea").write_bytes(f"r 1 500 40\nr.dat {format_} 10(0)/{units} 16 0 0 0 0 I".encode(encoding))
    samples = 40 * int(format_[3:] or 1)
    np.testing.assert_allclose(read_signals(tmp_path / "r.hea")[0], np.full((1, samples), 10 * scale), rtol=1e-15)


def test_a_lead_in_other_units_is_refused_and_another_channel_is_not(tmp_path: Path) -> None:
    (tmp_path / "r.dat").write_bytes(np.full(80, 100, "<i2").tobytes())
    text = "r 2 500 40\nr.dat 16 10(0)/mV 16 0 0 0 0 {}\nr.dat 16 1(0)/mmHg 16 0 0 0 0 {}"
    (tmp_path / "r.hea").write_text(text.format("I", "ABP"))
    assert read_signals(tmp_path / "r.hea")[0][:, 0].tolist() == [10, 100]
    (tmp_path / "r.hea").write_text(text.format("ABP", "I"))
    with pytest.raises(RecordError, match="lead I is in mmHg, not in uV, mV or V") as caught:
        read_signals(tmp_path / "r.hea")
    assert caught.value.reason == "units"


@pytest.mark.parametrize("merged", ["00/mV 16 0 15 31255 0 I", "mat 16+24 1000/mV 16 0 15 31255 0 I"])
def test_ecg_arrhythmias_two_merged_lines_are_told_apart(tmp_path: Path, merged: str) -> None:
    """JS01052 and JS23074 of PhysioNet's ecg-arrhythmia 1.0.0 have lost the newline and what stood around it."""
    digital = np.random.default_rng(0).integers(-900, 900, (5000, 12)).astype("<i2")
    (tmp_path / "JS01052.mat").write_bytes(b"\0" * 24 + digital.tobytes())
    others = [f"JS01052.mat 16+24 1000/mV 16 0 7 -3 0 {lead}" for lead in LEADS[1:]]
    header = tmp_path / "JS01052.hea"
    header.write_text("\n".join([f"JS01052 12 500 5000{merged}", *others, "#Dx: 426177001"]))
    with pytest.raises((ValueError, IndexError)):
        wfdb.rdrecord(str(header.with_suffix("")))
    signal, names, rate = read_signals(header)
    np.testing.assert_array_equal(signal, digital.T / 1000)
    assert (names, rate) == (list(LEADS), 500)
    header.write_text(header.read_text().replace("1000/mV 16 0 7 -3 0 V6", "500/mV 16 0 7 -3 0 V6"))
    with pytest.raises(RecordError, match="announces 12 signals and describes 11"):
        read_signals(header)  # nobody knows whose gain the lost one has


def test_a_stretch_is_that_of_the_whole(tmp_path: Path) -> None:
    (tmp_path / "r.dat").write_bytes(np.random.default_rng(0).integers(-32768, 9, (700, 3)).astype("<i2").tobytes())
    (tmp_path / "r.hea").write_text("\n".join(["r 3 500 700", *(f"r.dat 16 {100 + i}({i})/uV 16" for i in range(3))]))
    whole, _, _ = read_signals(tmp_path / "r.hea")
    stored, _, _ = open_signals(tmp_path / "r.hea")
    assert stored.shape == whole.shape == (3, 700)
    np.testing.assert_array_equal(stored[:, 130:280], whole[:, 130:280])


@pytest.mark.parametrize("format_", ["16", "212", "16x2", "0/3"])
def test_a_header_that_announces_the_moon_takes_no_memory(tmp_path: Path, format_: str) -> None:
    (tmp_path / "r.dat").write_bytes(bytes(1000))
    lines = [f"r.dat {format_} 200/mV 16 0 0 0 0 I"] * 12 if format_ != "0/3" else ["r 9"] * 3
    first = "r 12 500 900000000000" if format_ != "0/3" else "r/3 12 500 900000000000"
    (tmp_path / "r.hea").write_text("\n".join([first, *lines]))
    tracemalloc.start()
    with pytest.raises(RecordError) as caught:
        read_signals(tmp_path / "r.hea")
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()
    assert caught.value.reason in ("cut short", "too long")


def test_what_wfdb_writes_in_another_format_is_read(tmp_path: Path) -> None:
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
        ("r 1 500 100\nr.dat 16 1000/mV 16 0 0 0 0 I\nr.dat 16 1000/mV 16 0 0 0 0 II", b"\0\0" * 200, "bad header"),
        ("r 0 500 100", b"", "bad header"),
        ("r 1 nan 100\nr.dat 16 1000/mV 16 0 0 0 0 I", b"\0\0" * 100, "bad header"),
        ("r 1 500 100\n../r.dat 16 1000/mV 16 0 0 0 0 I", b"\0\0" * 100, "bad header"),
        ("r 1 500\nr.dat 16+7 1000/mV 16 0 0 0 0 I", b"\0", "cut short"),
        ("r 1 500 1\nr.dat 16 1000/mV 16 0 0 0 0 I", b"\0", "cut short"),
        ("\0\0\0\0", b"", "bad header"),
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


def test_what_may_not_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "x.hea").mkdir()
    with pytest.raises(RecordError, match=r"x.hea: cannot be read: Is a directory"):
        read_signals(tmp_path / "x.hea")
    (tmp_path / "r.hea").write_text("r 1 500 1\nr.dat 16 1000/mV 16 0 0 0 0 I")
    (tmp_path / "r.dat").mkdir()
    (tmp_path / "locked.hea").touch(mode=0o000)
    with pytest.raises(RecordError, match=r"r.dat: cannot be read: Is a directory"):
        read_signals(tmp_path / "r.hea")
    if os.geteuid():
        with pytest.raises(RecordError, match=r"locked.hea: cannot be read: Permission denied"):
            read_signals(tmp_path / "locked.hea")

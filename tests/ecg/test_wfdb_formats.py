"""Every format of WFDB, with several samples a frame: each signal at its own rate and bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from esi.ecg.leads import LEADS
from esi.ecg.wfdb.files import open_record, read_signals
from esi.ecg.wfdb.formats import INVALID
from esi.ecg.wfdb.header import RecordError
from tests.ecg.wfdb_written import BITS, FLAC, Signal, write_record

FORMATS = [*BITS, *FLAC]
TINY = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def digital(seed: int, samples: int, form: str) -> np.ndarray:
    """Samples that the format can hold, its mark for an invalid one among them (format 8 has none)."""
    rng = np.random.default_rng(seed)
    if form == "8":
        return rng.integers(-127, 128, samples).cumsum()
    bits = BITS.get(form) or FLAC[form][1]
    values = rng.integers(-(1 << bits - 1), 1 << bits - 1, samples)
    values[rng.integers(samples)] = INVALID[form]
    return values


def millivolts(signal: Signal) -> np.ndarray:
    values = signal.digital_T / 1000
    values[signal.digital_T == INVALID[signal.format]] = np.nan
    end = len(values) - signal.skew * signal.per_frame  # what the file no longer holds
    values[end:] = np.nan
    return values


@st.composite
def records(draw: st.DrawFn, odd: bool) -> list[Signal]:
    """Of one lead or more; where `odd`, with what wfdb stumbles over: skew, a folder, a file's signals apart."""
    frames = draw(st.integers(1, 40))
    leads = draw(st.integers(1, 12))
    lead_rate = draw(st.sampled_from([1, 2, 3, 8]))
    files = {
        name: (draw(st.sampled_from(FORMATS)), draw(st.sampled_from([0, 0, 24, 7])))
        for name in ("a.dat", "b.dat", "d/c.dat" if odd else "c.dat")
    }
    names = [*LEADS[:leads], *(f"x{number}" for number in range(draw(st.integers(0, 3)) if odd else 0))]
    places = draw(st.lists(st.sampled_from(sorted(files)), min_size=len(names), max_size=len(names)))
    signals = []
    for number, (name, file) in enumerate(zip(names, places if odd else sorted(places), strict=True)):
        form, offset = files[file]
        per_frame = lead_rate if number < leads or form in FLAC else draw(st.sampled_from([1, 2, 4]))
        skew = draw(st.sampled_from([0, 0, 0, 1, 2])) if odd and frames > 2 else 0
        values = digital(draw(st.integers(0, 2**31)), frames * per_frame, form)
        signals.append(Signal(name, values, form, per_frame, skew, offset, file=file))
    for file, (form, _) in files.items():
        assume(form not in FLAC or sum(signal.file == file for signal in signals) <= 8)  # FLAC holds no more
    return signals


@TINY
@given(signals=records(odd=True), rate=st.sampled_from([62.5, 100.0, 250.0]), told=st.booleans())
def test_what_is_written_is_read_back_each_signal_at_its_own_rate(
    tmp_path: Path, signals: list[Signal], rate: float, told: bool
) -> None:
    told = told or len({signal.file for signal in signals}) > 1 or signals[0].format in ("310", "311", "212")  # whole blocks
    header = write_record(tmp_path, "r", rate, signals, samples=told)
    record = open_record(header)
    kept = [signal for signal in signals if signal.per_frame == signals[0].per_frame]
    assert record.names == [signal.name for signal in kept]
    assert record.rate == rate * signals[0].per_frame
    np.testing.assert_array_equal(record.signals[:, :], np.stack([millivolts(signal) for signal in kept]))
    assert record.checksum_errors == 0 or all(not any(signal.digital_T) for signal in signals)


@TINY
@given(signals=records(odd=False))
def test_wfdb_reads_the_same_digits(tmp_path: Path, signals: list[Signal]) -> None:
    """wfdb-python is the other reader of the written bytes: neither goes by a reading of signal(5) that is ours alone."""
    header = write_record(tmp_path, "r", 250, signals)
    record = wfdb.rdrecord(str(header.with_suffix("")), smooth_frames=False)
    theirs = np.stack(record.e_p_signal)
    ours, names, rate = read_signals(header)
    assert names == record.sig_name
    assert rate == record.fs * signals[0].per_frame
    np.testing.assert_array_equal(ours, theirs)


def test_an_ecg_of_eight_samples_a_frame_is_not_averaged(tmp_path: Path) -> None:
    values = [digital(number, 5000, "16") for number in range(12)]
    header = write_record(tmp_path, "r", 62.5, [Signal(lead, one, "16", 8) for lead, one in zip(LEADS, values, strict=True)])
    signal_CT, names, rate = read_signals(header)
    assert (names, rate, signal_CT.shape) == (list(LEADS), 500, (12, 5000))
    np.testing.assert_array_equal(np.nan_to_num(signal_CT, nan=-32.768), np.stack(values) / 1000)


def test_leads_at_different_rates_are_refused_by_name_and_rate(tmp_path: Path) -> None:
    signals = [Signal("I", digital(0, 800, "16"), "16", 8), Signal("V1", digital(1, 400, "16"), "16", 4)]
    with pytest.raises(RecordError, match=r"r.hea: has leads at different rates \(I at 500 Hz and V1 at 250 Hz\)") as caught:
        read_signals(write_record(tmp_path, "r", 62.5, signals))
    assert caught.value.reason == "rates"


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_cut_anywhere_is_refused(tmp_path: Path, form: str) -> None:
    """A header that announces frames gets all of them or a refusal: never invented samples at the end."""
    signals = [Signal(lead, digital(number, 21, form), form) for number, lead in enumerate(LEADS[:3])]
    header = write_record(tmp_path, "r", 500, signals)
    whole = (tmp_path / "r.dat").read_bytes()
    for size in range(0, len(whole), 7):
        (tmp_path / "r.dat").write_bytes(whole[:size])
        with pytest.raises(RecordError) as caught:
            read_signals(header)
        assert caught.value.reason in (("cut short", "unreadable") if form in FLAC else ("cut short",))


def test_flac_says_what_does_not_fit(tmp_path: Path) -> None:
    header = write_record(tmp_path, "r", 500, [Signal("I", digital(0, 40, "524"), "524")])
    header.write_text(header.read_text().replace(" 524 ", " 516 "))
    with pytest.raises(RecordError, match=r"r.dat: holds 1 signals as FLAC PCM_24, not 1 as FLAC of at most 16 bits"):
        read_signals(header)
    (tmp_path / "r.dat").write_bytes(b"no FLAC")
    with pytest.raises(RecordError, match=r"r.dat: is no whole FLAC file"):
        read_signals(header)
    (tmp_path / "r.dat").unlink()
    with pytest.raises(RecordError, match=r"r.dat: cannot be read"):
        read_signals(header)


def test_a_damaged_flac_is_refused_or_read_whole(tmp_path: Path) -> None:
    header = write_record(tmp_path, "r", 500, [Signal(lead, digital(7, 400, "516"), "516") for lead in LEADS[:4]])
    whole = (tmp_path / "r.dat").read_bytes()
    refused = 0
    for place in range(0, len(whole), 29):
        (tmp_path / "r.dat").write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            assert read_signals(header)[0].shape == (4, 400)
        except RecordError as error:
            refused += error.reason in ("cut short", "unreadable")
    assert refused > 0


def test_no_name_is_an_address(tmp_path: Path) -> None:
    header = write_record(tmp_path, "r", 500, [Signal("I", digital(0, 40, "212"), "212", file="simplecache::r.dat")])
    with pytest.raises(RecordError, match="rename it"):
        read_signals(header)


def test_signals_of_one_file_are_alike(tmp_path: Path) -> None:
    header = write_record(tmp_path, "r", 500, [Signal("I", digital(0, 40, "16")), Signal("II", digital(1, 40, "16"))])
    header.write_text(header.read_text().replace(" 16 ", " 212 ", 1))
    with pytest.raises(RecordError, match=r"r.dat: its header gives the signals in it different formats") as caught:
        read_signals(header)
    assert caught.value.reason == "bad header"


def test_files_of_different_length_are_refused_where_the_header_tells_none(tmp_path: Path) -> None:
    signals = [Signal("I", digital(0, 40, "16"), file="a.dat"), Signal("II", digital(1, 40, "16"), file="b.dat")]
    header = write_record(tmp_path, "r", 500, signals, samples=False)
    assert read_signals(header)[0].shape == (2, 40)
    (tmp_path / "b.dat").write_bytes((tmp_path / "b.dat").read_bytes()[:-2])
    with pytest.raises(RecordError, match="has files of 40 and 39 samples a lead"):
        read_signals(header)

"""Signal lines as devices write them, hostile headers, and where a header's files may lie."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.ecg.readers.challenge import _comments
from esi.ecg.wfdb import header as wfdb_header
from esi.ecg.wfdb.files import path_within, read_signals, signal_files
from esi.ecg.wfdb.header import MOST_BYTES, RecordError, parse_header


def channel(line: str) -> wfdb_header.Channel:
    return wfdb_header._channel(line)


@pytest.mark.parametrize(
    ("field", "gain", "baseline", "units"),
    [
        ("1000.0(0)/mV", 1000, 0, "mV"), ("1000.0(0.0)/mV", 1000, 0, "mV"), ("1000 (0)/mV", 1000, 0, "mV"),
        ("1000.0 ( -5 ) / mV", 1000, -5, "mV"), ("1000( 12 )/millivolt", 1000, 12, "millivolt"), ("200", 200, 0, "mV"),
        ("0(3)/uV", 200, 3, "uV"), ("2.5e-1/uV", 0.25, 0, "uV"), ("-200(1)/mV", -200, 1, "mV"), ("200mV", 200, 0, "mV"),
        ("1e6/nV", 1e6, 0, "nV"), ("1000/ mV", 1000, 0, "mV"), ("/uV", 200, 0, "uV"), ("1000/", 1000, 0, "mV"),
        ("4.88(512)/microvolts", 4.88, 512, "microvolts"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("tail", ["16 0 -5 77 0 V1", "16 0 -5 77 0\tV1", "16  0 -5.0 77.0 0 V1"])
def test_gains_with_baselines_and_spaces(field: str, gain: float, baseline: int, units: str, tail: str) -> None:
    found = channel(f"r.dat 16 {field} {tail}")
    assert (found.gain, found.baseline, found.units) == (gain, baseline, units)
    assert (found.initial, found.checksum, found.name) == (-5, 77, "V1")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("r.dat 16 1000(3.5)/mV 16 0 0 0 0 I", "'3.5' for a baseline .* no whole number"),
        ("r.dat 16 1000(0/mV 16 0 0 0 0 I", "bracket is not closed"),
        ("r.dat 16 200,5/mV 16 0 0 0 0 I", "for a gain"),
        ("r.dat 16 1-2/mV 16 0 0 0 0 I", "'1-2' for a gain: that is no number"),
        ("r.dat 16 1e300/mV 16 0 0 0 0 I", "a gain of 1e300: an ECG's is from 1e-06 to 1e"),
        ("r.dat 16 1000/mV 16 0 12x 0 0 I", "'12x' for a number"),
        ("r.dat 16x0 1000/mV 16 0 0 0 0 I", "no sample in a frame"),
        ("r.dat 16x 1000/mV 16 0 0 0 0 I", "number of samples a frame"),
        ("r.dat 16:b 1000/mV 16 0 0 0 0 I", "'b' for a skew"),
        ("r.dat", "without a format"),
    ],
)
def test_a_field_that_cannot_be_understood_is_named(tmp_path: Path, line: str, message: str) -> None:
    """wfdb's patterns skip it and take the default, 200 a millivolt."""
    (tmp_path / "r.hea").write_text(f"r 1 500 10\n{line}\n")
    with pytest.raises(RecordError, match=rf"r.hea: has .*{message}") as caught:
        parse_header(tmp_path / "r.hea")
    assert caught.value.reason == "bad header"


numbers = st.integers(-40_000, 70_000).map(str) | st.sampled_from(["0", "16", "-1", "007", "1.0", "x", "99999999999"])


@given(
    st.lists(numbers, min_size=5, max_size=5),
    st.sampled_from(["1000/mV", "1000(0)/mV", "1000.0(0.0)/mV", "1000(", "", "200 (3)/mV"]),
    st.sampled_from(["V1", "V 1", "a\tb", "", "-3"]),
)
def test_the_short_way_through_a_usual_line_says_what_the_long_one_does(fields: list[str], gain: str, name: str) -> None:
    line = " ".join(["r.dat 16x2:1+24", gain, *fields, name]).strip()

    def outcome(parse: Callable[[str], wfdb_header.Channel]) -> object:
        try:
            return parse(line)
        except ValueError as error:
            return str(error)

    assert outcome(wfdb_header._channel) == outcome(wfdb_header._odd_channel)


HOSTILE = {
    "record line of digits": lambda n: "1" * n,
    "record line of spaces": lambda n: "r" + " " * n + "x",
    "merged lines": lambda n: "r 2 500 " + "/a 1 1 1 1 " * (n // 11) + "\nr.dat 16 200 16 0 0 0 0 I",
    "slashes": lambda n: "r 2 500 5" + "/" * n,
    "signal line": lambda n: "r 1 500 10\nr.dat 16 " + "1" * n,
    "signal line of spaces": lambda n: "r 1 500 10\nr.dat 16 1000" + " " * n + "(",
    "numbers": lambda n: "r 1 500 10\nr.dat 16 200/mV " + "0 " * (n // 2),
    "comment of spaces": lambda n: "#" + " " * n + "age",
    "comment of blanks at its end": lambda n: "#dx:" + " \t" * (n // 2) + "x\n",
    "many comments": lambda n: "#\n" * (n // 2),
    "carriage returns": lambda n: "#dx: " + "\r" * n,
    "colons": lambda n: "#" + ":" * n,
    "brackets": lambda n: "r 1 500 10\nr.dat 16 1000" + "(" * n,
}


def work(path: Path) -> int:
    """Lines of Python that reading a header runs, and the characters that the texts it makes hold: what time goes with."""
    steps = 0

    def count(frame, event, argument):
        nonlocal steps
        steps += 1
        if event == "return" and isinstance(argument, str):
            steps += len(argument)
        return count

    sys.settrace(count)
    try:
        for read in (parse_header, _comments):
            try:
                read(path)
            except RecordError:
                continue
    finally:
        sys.settrace(None)
    return steps


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_work_for_a_hostile_header_grows_with_its_size_alone(tmp_path: Path, kind: str) -> None:
    steps = []
    for size in (8_000, 16_000, 32_000):
        (tmp_path / "r.hea").write_text(HOSTILE[kind](size))
        steps.append(work(tmp_path / "r.hea"))
    assert steps[2] - steps[1] <= 2.2 * (steps[1] - steps[0]) + 200, steps


def test_header_reading_holds_no_regular_expression() -> None:
    """Whose steps the count above would not see."""
    assert not hasattr(wfdb_header, "re")


def test_a_header_beyond_64_kB_is_refused_unread(tmp_path: Path) -> None:
    (tmp_path / "r.hea").write_text("r 1 500 10\nr.dat 16 1000/mV 16 0 0 0 0 I\n#Dx: 1\n")
    assert _comments(tmp_path / "r.hea") == {"dx": "1"}
    with (tmp_path / "r.hea").open("a") as file:
        file.write("#" * MOST_BYTES)
    with pytest.raises(RecordError, match=r"r.hea: is longer than 65536 bytes") as caught:
        parse_header(tmp_path / "r.hea")
    assert caught.value.reason == "bad header"
    assert _comments(tmp_path / "r.hea") == {}


@pytest.mark.parametrize("name", ["sub/r.dat", "./r.dat", "sub/../r.dat", "../b/r.dat", "sub\\r.dat"])
def test_a_file_in_another_folder_of_the_set_is_found(tmp_path: Path, name: str) -> None:
    header = tmp_path / "a" / "r.hea"
    (tmp_path / "a/sub").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    path = path_within(tmp_path, header, name)
    path.write_bytes(b"\1\0" * 10)
    header.write_text(f"r 1 500 10\n{name} 16 1000/mV 16 0 1 10 0 I\n")
    if not name.startswith(".."):
        assert read_signals(header)[0].tolist() == [[0.001] * 10]


@pytest.mark.parametrize("name", ["../../r.dat", "/etc/passwd", "sub/../../../r.dat", "..", "..\\..\\r.dat", "../../set2/r"])
def test_a_file_outside_the_set_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordError, match="outside the data set's folder") as caught:
        path_within(tmp_path / "set", tmp_path / "set/a/r.hea", name if name != ".." else "../..")
    assert caught.value.reason == "bad header"


def test_a_zero_byte_is_in_no_header(tmp_path: Path) -> None:
    """A file's name with one is an error of Python's."""
    (tmp_path / "r.hea").write_text("r 1 500 10\nr\0.dat 16 1000/mV 16 0 0 0 0 I\n")
    with pytest.raises(RecordError, match=r"r.hea: is no text: it holds a zero byte"):
        read_signals(tmp_path / "r.hea")
    assert signal_files(tmp_path / "r.hea") == []

"""Headers of WFDB records, parsed field by field: each character is looked at a bounded number of times, so that no header
costs more than its length, and a field that is not what it should be is named instead of being passed over.

https://physionet.org/physiotools/wag/header-5.htm (header(5)) is the definition; names of records and files may be any, for
public ones are.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

MOST_BYTES = 65_536  # of a header: five hundred times that of a 12-lead ECG
DEFAULT_GAIN = 200.0  # header(5): where the gain is absent or zero
GAP = "~"  # stands for a signal file or a segment that is not there
_GAINS = (1e-6, 1e15)  # ADC units a physical unit: beyond, a millivolt is no number any more
_PREFIXES = {"n": 1e-6, "nano": 1e-6, "u": 1e-3, "µ": 1e-3, "μ": 1e-3, "micro": 1e-3, "m": 1.0, "milli": 1.0, "": 1e3}
_TO_MILLIVOLTS = {  # "uV", "millivolt", "mVolts"; with the micro sign or the Greek letter
    f"{prefix}{volt}": scale for prefix, scale in _PREFIXES.items() for volt in ("v", "volt", "volts")
}


class RecordError(ValueError):
    """A record cannot be read; `reason` is a short name for the quarantine table."""

    def __init__(self, reason: str, message: str):
        super().__init__(reason, message)  # both, so that it can be pickled from one process to another
        self.reason = reason

    def __str__(self) -> str:
        return str(self.args[1])


class Channel(NamedTuple):
    """One signal line of a header (WFDB's header(5))."""

    file: str
    format: str  # "16", "212", ...
    per_frame: int  # samples a frame: the signal's rate is so many times the record's
    skew: int  # frames by which the signal stands later in its file
    offset: int  # bytes before the first sample
    gain: float  # ADC units a physical unit
    baseline: int  # ADC value of 0 physical units
    units: str
    zero: int  # ADC value in the middle of its range
    initial: int | None  # the first sample; None where the line does not tell
    checksum: int | None  # sum of all samples, of which the last 16 bits count; None where the line does not tell
    name: str

    @property
    def is_voltage(self) -> bool:
        """Whether the units are volts or a part of them."""
        return self.units.lower() in _TO_MILLIVOLTS

    @property
    def to_millivolts(self) -> float:
        """What a value is multiplied by; 1 for what is no voltage."""
        return _TO_MILLIVOLTS.get(self.units.lower(), 1.0)


class Segment(NamedTuple):
    """One segment line of a header: `name` is a record's, or "~" for a gap."""

    name: str
    samples: int


@dataclass(frozen=True)
class Header:
    rate: float  # frames a second
    samples: int | None  # frames; None where the header leaves it open
    channels: tuple[Channel, ...]  # none where the record is in several segments
    segments: tuple[Segment, ...]
    signals: int  # as the record line announces them
    comments: dict[str, str]  # "#Age: 85" -> {"age": "85"}, keys in lower case


def parse_header(path: Path) -> Header:
    """Parse one `.hea` file.

    Raises:
        RecordError: the file is absent, longer than `MOST_BYTES`, or not such a header; the message names the field.
    """
    lines = header_lines(path)
    content = [line for line in lines if line and not line.startswith("#")]
    parts: tuple[Segment, ...] = ()
    channels: tuple[Channel, ...] = ()
    try:
        if not content:
            raise ValueError("is not a WFDB header: it has no record line")
        segments, signals, rate, samples, merged = _record_line(content[0])
        if segments:
            parts = tuple(map(_segment, content[1:]))
        else:
            channels = tuple(map(_channel, content[1:]))
    except ValueError as error:
        raise RecordError("bad header", f"{path}: {error}") from None
    if merged and len(channels) == signals - 1:
        channels = _with_merged(*merged, channels)
    if segments != len(parts):
        raise RecordError("bad header", f"{path}: announces {segments} segments and lists {len(parts)}")
    if not segments and (len(channels) != signals or not signals):
        raise RecordError("bad header", f"{path}: announces {signals} signals and describes {len(channels)}")
    return Header(rate, samples, channels, parts, signals, comments_of(lines))


def header_lines(path: Path) -> list[str]:
    """A header's lines, stripped.

    Raises:
        RecordError: it cannot be read, or is longer than `MOST_BYTES`, which is then left unread.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise RecordError("missing file", f"{path}: cannot be read: {error.strerror}") from None
    if len(data) > MOST_BYTES:
        raise RecordError("bad header", f"{path}: is longer than {MOST_BYTES} bytes, which no header of an ECG is")
    if b"\0" in data:  # in no text, and no file's name can hold one
        raise RecordError("bad header", f"{path}: is no text: it holds a zero byte")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("cp1252", "replace")  # as Windows writes the micro sign of uV
    return [line.strip() for line in text.replace("\r", "\n").split("\n")]


def comments_of(lines: list[str]) -> dict[str, str]:
    """What the comment lines of a header say: "#Age: 85" -> {"age": "85"}, keys in lower case."""
    pairs = (line[1:].partition(":") for line in lines if line.startswith("#"))
    return {key.strip().lower(): value.strip() for key, colon, value in pairs if colon}


def _record_line(line: str) -> tuple[int, int, float, int | None, tuple[list[int], str] | None]:
    """Segments (0 for a plain record), signals, rate, samples, and the fields of a signal line that has run into it."""
    name, *fields = line.split()
    segments = _count(name.partition("/")[2] or "0", "number of segments")
    if len(fields) < 2:
        raise ValueError("is not a WFDB header of a record with signals and a rate")
    signals = _count(fields[0], "number of signals")
    rate = fields[1].partition("/")[0].partition("(")[0]
    if not set(rate) <= set("0123456789.") or not rate.strip(".") or rate.count(".") > 1 or not 0 < float(rate) < 1e12:
        raise ValueError(f"has no sampling rate above 0: {fields[1]!r}")
    if len(fields) < 3 or ":" in fields[2]:  # a time, where the number of samples was left out
        return segments, signals, float(rate), None, None
    try:
        return segments, signals, float(rate), _count(fields[2], "number of samples") or None, None
    except ValueError:
        merged = _merged(fields[2:])
        if merged is None:
            raise
        return segments, signals, float(rate), None, merged


def _merged(fields: list[str]) -> tuple[list[int], str] | None:
    """The end of a signal line, five numbers and a name, where the line's start and the newline before it are lost."""
    for place in range(len(fields) - 6):
        if "/" in fields[place]:
            try:
                numbers = [_whole(field) for field in fields[place + 1 : place + 6]]
            except ValueError:
                continue
            return numbers, " ".join(fields[place + 6 :])
    return None


def _with_merged(numbers: list[int], name: str, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """The channels with the first, of which the header has lost its start, as the others are if those are alike.

    PhysioNet's ecg-arrhythmia has two headers without the end of their first line and the start of the second: "JS01052 12
    500 500000/mV 16 0 15 31255 0 I". How many samples there are is lost with them, and is then what the file holds.
    """
    _, zero, initial, checksum, _ = numbers
    alike = {channel._replace(zero=zero, initial=initial, checksum=checksum, name=name) for channel in channels}
    return (*alike, *channels) if len(alike) == 1 else channels


def _segment(line: str) -> Segment:
    name, _, samples = line.partition(" ") if " " in line else line.partition("\t")
    return Segment(name, _count(samples.strip(), f"number of samples of segment {name}"))


def _channel(line: str) -> Channel:
    """One signal line. The usual one, all fields there and apart, takes a third of the time of any other."""
    fields = line.split(maxsplit=8)
    if len(fields) == 9 and "\t" not in line:
        file, format_, gain, *numbers, name = fields
        digits = "".join(numbers).replace("-", "")
        if len(digits) <= 15 and digits.isascii() and digits.isdigit() and "-" not in numbers[0]:
            try:
                _, zero, initial, checksum, _ = map(int, numbers)
                factor, baseline, units, _ = _gain(gain)
            except ValueError:
                return _odd_channel(line)
            baseline = zero if baseline is None else baseline
            return Channel(file, *_format(format_), factor, baseline, units, zero, initial, checksum, name)
    return _odd_channel(line)


def _odd_channel(line: str) -> Channel:
    file, *fields = line.split(maxsplit=2)
    if not fields:
        raise ValueError(f"has a signal line without a format: {line[:80]!r}")
    format_, per_frame, skew, offset = _format(fields[0])
    gain, baseline, units, rest = _gain(fields[1] if len(fields) > 1 else "")
    numbers: list[int] = []
    for field in rest.split(maxsplit=5)[:5]:
        try:
            numbers.append(_whole(field))
        except ValueError:
            if field.removeprefix("-")[:1].isdigit():
                raise
            break  # the name begins here: the numbers before it were left out
    if numbers and numbers[0] < 0:
        raise ValueError(f"has an ADC resolution of {numbers[0]} bits")
    told: list[int | None] = [*numbers, *[None] * (5 - len(numbers))]
    _, zero, initial, checksum, _ = told
    name = "".join(rest.split(maxsplit=len(numbers))[len(numbers) :])
    for end in "\t\f\v":
        name = name.partition(end)[0]
    baseline = baseline if baseline is not None else zero or 0
    return Channel(file, format_, per_frame, skew, offset, gain, baseline, units, zero or 0, initial, checksum, name)


@lru_cache(maxsize=256)  # the same twelve times in a header, and in all headers of a release
def _format(field: str) -> tuple[str, int, int, int]:
    """Format, samples a frame, skew and byte offset: "16", "16x8", "212:3", "16x2:1+24"."""
    rest, plus, offset = field.partition("+")
    rest, colon, skew = rest.partition(":")
    format_, x, per_frame = rest.partition("x")
    _count(format_, "format")
    frames = _count(per_frame, "number of samples a frame") if x else 1
    if not frames:
        raise ValueError(f"has no sample in a frame: {field!r}")
    return (
        format_,
        frames,
        _count(skew, "skew") if colon and skew else 0,
        _count(offset, "byte offset") if plus and offset else 0,
    )


@lru_cache(maxsize=256)  # the same twelve times in a header
def _gain(text: str) -> tuple[float, int | None, str, str]:
    """Gain, baseline, units, and what follows: "1000.0(0)/mV 16 0 ...", with or without spaces between the three."""
    after = text.lstrip("0123456789+-.e")
    number = text[: len(text) - len(after)]
    baseline = None
    if after.lstrip()[:1] == "(":
        inside, close, after = after.lstrip()[1:].partition(")")
        if not close:
            raise ValueError(f"has a gain whose bracket is not closed: {text[:40]!r}")
        if inside.strip():
            baseline = _whole(inside.strip(), "baseline (the ADC value of 0 mV)")
    if after.lstrip()[:1] == "/":
        behind = after.lstrip()[1:]
        units, rest = _first_word(behind)
        if behind[:1].isspace() and units.lower() not in _TO_MILLIVOLTS:
            units, rest = "", behind
    elif after[:1].strip():
        units, rest = _first_word(after)
        if units.lower() not in _TO_MILLIVOLTS:
            raise ValueError(f"has {text[: len(number) + 40]!r} for a gain: a number, its baseline in brackets, /, units")
    else:
        units, rest = "", after
    return _gain_of(number), baseline, units or "mV", rest


def _gain_of(number: str) -> float:
    try:
        gain = float(number or 0) or DEFAULT_GAIN
    except ValueError:
        raise ValueError(f"has {number!r} for a gain: that is no number") from None
    if not _GAINS[0] <= abs(gain) <= _GAINS[1]:
        raise ValueError(f"has a gain of {number}: an ECG's is from {_GAINS[0]:g} to {_GAINS[1]:g}")
    return gain


def _first_word(text: str) -> tuple[str, str]:
    words = text.split(maxsplit=1)
    return (words[0] if words else "", words[1] if len(words) > 1 else "")


def _count(text: str, what: str) -> int:
    number = _whole(text, what)
    if number < 0:
        raise ValueError(f"has {text!r} for a {what}")
    return number


def _whole(text: str, what: str = "number") -> int:
    """A whole number, also as spreadsheets write it ("0.0")."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):  # isdigit alone takes those of all scripts
        whole, point, zeros = digits.partition(".")
        if not (point and whole.isascii() and whole.isdigit() and not zeros.strip("0")):
            raise ValueError(f"has {text[:40]!r} for a {what}: that is no whole number")
        text = text.partition(".")[0]
    if len(text) > 15:  # beyond what float64 holds exactly, and below what a numpy integer does
        raise ValueError(f"has {text[:40]!r} for a {what}: that is too large")
    return int(text)

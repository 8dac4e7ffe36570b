"""WFDB records as the public ECG releases write them: header text, and signals in millivolts.

Format 16 in one file, which is all that PTB-XL, MIMIC-IV-ECG and the Challenge 2021 sources use, is read here with one
`numpy.fromfile`; any other format goes to the wfdb package. The direct way costs a few per cent of `wfdb.rdrecord`, and it
reads public headers that wfdb refuses (24 of Georgia's call the record `E07938.mat` in their first line).
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from esi.ecg.leads import LEADS, lead_named

INVALID_SAMPLE = -32768  # of format 16 (WFDB's signal(5))
DEFAULT_GAIN = 200.0  # WFDB's header(5): where the gain is absent or zero
MOST_SAMPLES = 2**29  # that wfdb is asked for: a day of twelve leads at 500 Hz, 4 GB as millivolts
# Both lines as the wfdb package's own patterns take them, so that no header means one thing there and another here; names
# of records and files may be any, for public ones are.
_RECORD_LINE = re.compile(
    r"[^\s/]+/?(?P<segments>\d*)[ \t]+(?P<signals>\d+)[ \t]*(?P<rate>\d*\.?\d*)/*-?\d*\.?\d*\(?-?\d*\.?\d*\)?[ \t]*"
    r"(?P<samples>\d*)",
    re.ASCII,
)
_SIGNAL_LINE = re.compile(
    r"(?P<file>[^\s/]+)[ \t]+(?P<format>\d+)x?(?P<per_frame>\d*):?(?P<skew>\d*)\+?(?P<offset>\d*)[ \t]*"
    r"(?P<gain>-?\d*\.?\d*e?[-+]?\d*)\(?(?P<baseline>-?\d*)\)?/?(?P<units>[\wµμ^?%/-]*)[ \t]*"
    r"\d*[ \t]*(?P<zero>-?\d*)[ \t]*-?\d*[ \t]*-?\d*[ \t]*\d*[ \t]*(?P<name>[^\t\f\v]*)",
    re.ASCII,
)
_MERGED_LINES = re.compile(r"\S+[ \t]+\d+[ \t]+\d+[ \t].*/\S+(?:[ \t]+-?\d+){5}[ \t]+(?P<name>\S.*)", re.ASCII)
_TO_MILLIVOLTS = {"uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "mv": 1.0, "v": 1e3}  # the micro sign and the Greek letter


class RecordError(ValueError):
    """A record cannot be read; `reason` is a short name for the quarantine table."""

    def __init__(self, reason: str, message: str):
        super().__init__(reason, message)  # both, so that it can be pickled from one process to another
        self.reason = reason

    def __str__(self) -> str:
        return str(self.args[1])


@dataclass(frozen=True)
class Channel:
    """One signal line of a header (WFDB's header(5))."""

    file: str
    plain: bool  # format 16, one sample a frame, no skew
    offset: int  # bytes before the first sample
    gain: float  # ADC units a physical unit
    baseline: int  # ADC value of 0 physical units
    units: str
    name: str

    @property
    def to_millivolts(self) -> float:
        """What a value is multiplied by; 1 for what is no voltage."""
        return _TO_MILLIVOLTS.get(self.units.lower(), 1.0)


@dataclass(frozen=True)
class Header:
    rate: float  # samples a second
    samples: int | None  # a channel; None where the header leaves it open
    channels: tuple[Channel, ...]  # none where the record is in several segments
    comments: dict[str, str]  # "#Age: 85" -> {"age": "85"}, keys in lower case


def parse_header(path: Path) -> Header:
    """Parse one `.hea` file.

    Raises:
        RecordError: the file is absent or is not such a header.
    """
    comments = {}
    content = []
    for line in _text(path).splitlines():
        line = line.strip()
        if line.startswith("#"):
            key, colon, value = line[1:].partition(":")
            if colon:
                comments[key.strip().lower()] = value.strip()
        elif line:
            content.append(line)
    first = _RECORD_LINE.match(content[0]) if content else None
    if first is None:
        raise RecordError("bad header", f"{path}: is not a WFDB header")
    try:
        count, rate, samples = int(first["signals"]), float(first["rate"] or "nan"), int(first["samples"] or 0) or None
        segments = int(first["segments"] or 0)
        channels = () if segments else tuple(_parse_channel(line) for line in content[1:])
    except ValueError:
        raise RecordError("bad header", f"{path}: is not a WFDB header of a record with signals") from None
    if not 0 < rate < float("inf"):
        raise RecordError("bad header", f"{path}: has no sampling rate above 0: {content[0].split()[1:3]}")
    if len(channels) == count - 1 and (merged := _MERGED_LINES.fullmatch(content[0])):
        channels, samples = _with_merged(merged["name"], channels), None
    if not segments and (len(channels) != count or not count):
        raise RecordError("bad header", f"{path}: announces {count} signals and describes {len(channels)}")
    return Header(rate, samples, channels, comments)


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordError("missing file", f"{path}: cannot be read: {error.strerror}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")  # as Windows writes the micro sign of uV


def _parse_channel(line: str) -> Channel:
    fields = _SIGNAL_LINE.match(line)
    if fields is None:
        raise ValueError(line)
    return Channel(
        file=fields["file"],
        plain=fields["format"] == "16" and int(fields["per_frame"] or 1) == 1 and not int(fields["skew"] or 0),
        offset=int(fields["offset"] or 0),
        gain=float(fields["gain"] or 0) or DEFAULT_GAIN,
        baseline=int(fields["baseline"] or fields["zero"] or 0),
        units=fields["units"] or "mV",
        name=fields["name"],
    )


def _with_merged(name: str, channels: tuple[Channel, ...]) -> tuple[Channel, ...]:
    """The channels with the first, of which the header has lost all but the name, as the others are if those are alike.

    PhysioNet's ecg-arrhythmia has two headers without the end of their first line and the start of the second: "JS01052 12
    500 500000/mV 16 0 15 31255 0 I". How many samples there are is lost with them, and is then what the file holds.
    """
    alike = {replace(channel, name=name) for channel in channels}
    return (*alike, *channels) if len(alike) == 1 else channels


class Format16:
    """Samples of format 16, which become millivolts where they are sliced: `signal[:, start:stop]` is float64
    [channels, stop - start], NaN where the file marks a sample invalid. As a whole, a day of Holter would take 4 GB.
    """

    def __init__(self, digital_TC: np.ndarray, channels: Sequence[Channel]):
        self.shape = digital_TC.shape[::-1]  # channels, T
        self._digital_TC = digital_TC
        self._gain_C1 = np.array([[channel.gain] for channel in channels])
        self._baseline_C1 = np.array([[float(channel.baseline)] for channel in channels])
        self._scale_C1 = np.array([[channel.to_millivolts] for channel in channels])

    def __getitem__(self, place: tuple[slice, slice]) -> np.ndarray:
        channels, times = place
        digital_CT = np.ascontiguousarray(self._digital_TC[times, channels].T)
        # in place from here on: fresh arrays of half a megabyte would cost four times as much
        signal_CT = digital_CT - self._baseline_C1[channels]
        signal_CT /= self._gain_C1[channels]
        signal_CT *= self._scale_C1[channels]
        invalid_CT = digital_CT == INVALID_SAMPLE
        if invalid_CT.any():
            signal_CT[invalid_CT] = np.nan
        return signal_CT


def read_signals(header_path: Path, header: Header | None = None) -> tuple[np.ndarray, list[str], float]:
    """Read a record's signals.

    Args:
        header_path: the `.hea` file.
        header: its parsed content, where the caller has it already.

    Returns:
        Millivolts [channels, T] as float64 (NaN where the file marks a sample invalid), the channel names, the rate in Hz.

    Raises:
        RecordError: header or signal file is absent, cut short or of a kind that cannot be read.
    """
    signal, names, rate = open_signals(header_path, header)
    return signal[:, :], names, rate


def open_signals(header_path: Path, header: Header | None = None) -> tuple[Format16 | np.ndarray, list[str], float]:
    """As `read_signals`, but plain records stay as they are stored until they are sliced."""
    header = header or parse_header(header_path)
    for channel in header.channels:
        if lead_named(channel.name) and channel.units.lower() not in _TO_MILLIVOLTS:
            raise RecordError("units", f"{header_path}: lead {channel.name} is in {channel.units}, not in uV, mV or V")
    files = {channel.file for channel in header.channels}
    if len(files) != 1 or not all(channel.plain for channel in header.channels):
        return _read_with_wfdb(header_path, header)
    channels, count = header.channels, len(header.channels)
    path = header_path.parent / channels[0].file
    try:
        # its size first: a header may announce more than memory holds
        available = max(path.stat().st_size - channels[0].offset, 0) // 2 // count
        if available < (header.samples or 1):
            expected = "at least one" if header.samples is None else header.samples
            raise RecordError("cut short", f"{path}: holds {available} samples a lead, not {expected} as its header says")
        digital = np.fromfile(path, "<i2", (header.samples or available) * count, offset=channels[0].offset)
    except OSError as error:
        raise RecordError("missing file", f"{path}: cannot be read: {error.strerror or error}") from None
    signal = Format16(digital.reshape(-1, count), channels)
    return signal, [channel.name for channel in channels], header.rate


def signal_files(header_path: Path) -> list[Path]:
    """The files that a header's signal lines name, whether they are there or not; none where it cannot be read."""
    try:
        lines = [line.split(maxsplit=1) for line in _text(header_path).splitlines()]
    except RecordError:
        return []
    named = dict.fromkeys(line[0] for line in lines if line and not line[0].startswith("#"))
    return [header_path.parent / name for name in named if "/" not in name]


def _read_with_wfdb(header_path: Path, header: Header) -> tuple[np.ndarray, list[str], float]:
    """What `read_signals` returns, of a record in any format or segments that the wfdb package knows."""
    import wfdb  # brings pandas and much else; plain records never need it

    if (header.samples or 0) * (len(header.channels) or len(LEADS)) > MOST_SAMPLES:
        raise RecordError("too long", f"{header_path}: announces {header.samples} samples a lead: divide the record")
    try:
        record = wfdb.rdrecord(str(header_path.with_suffix("")))
        names = [name or "" for name in record.sig_name]
        # by our header where that has them: wfdb drops the micro sign of uV
        units = [channel.units for channel in header.channels] or record.units
        signal_CT = (record.p_signal * [_TO_MILLIVOLTS.get(unit.lower(), 1.0) for unit in units]).T
    except Exception as error:  # wfdb raises whatever its parsing meets
        reason = str(error).replace(f"{os.path.abspath(header_path.parent)}{os.sep}", "")
        raise RecordError("unreadable", f"{header_path}: wfdb cannot read it: {reason}") from None
    return signal_CT, names, float(record.fs)

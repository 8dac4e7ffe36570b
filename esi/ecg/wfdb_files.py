"""WFDB records as the public ECG releases write them: header text, and signals in millivolts.

Format 16 in one file, which is all that PTB-XL, MIMIC-IV-ECG and the Challenge 2021 sources use, is read here with one
`numpy.fromfile`; any other format goes to the wfdb package. The direct way costs a few per cent of `wfdb.rdrecord`, and it
reads public headers that wfdb refuses (24 of Georgia's call the record `E07938.mat` in their first line).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

INVALID_SAMPLE = -32768  # of format 16 (WFDB's signal(5))
DEFAULT_GAIN = 200.0  # WFDB's header(5): where the gain is absent or zero
_GAIN = re.compile(r"^(?P<gain>[-+\d.eE]+)(?:\((?P<baseline>-?\d+)\))?(?:/(?P<units>\S+))?$")
_FORMAT_16 = re.compile(r"^16(?:x1)?(?:\+(?P<offset>\d+))?$")
_TO_MILLIVOLTS = {"uv": 1e-3, "µv": 1e-3, "mv": 1.0, "v": 1e3}


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
    format: str
    gain: float  # ADC units a physical unit
    baseline: int  # ADC value of 0 physical units
    to_millivolts: float
    name: str


@dataclass(frozen=True)
class Header:
    rate: float  # samples a second
    samples: int | None  # a channel; None where the header leaves it open
    channels: tuple[Channel, ...]
    comments: dict[str, str]  # "#Age: 85" -> {"age": "85"}, keys in lower case


def parse_header(path: Path) -> Header:
    """Parse one `.hea` file of a single-segment record.

    Raises:
        RecordError: the file is absent or is not such a header.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise RecordError("missing file", f"{path}: cannot be read: {error.strerror}") from None
    comments = {}
    content = []
    for line in lines:
        if line.startswith("#"):
            key, colon, value = line[1:].partition(":")
            if colon:
                comments[key.strip().lower()] = value.strip()
        elif line.strip():
            content.append(line.split())
    try:
        first = content[0]
        count = int(first[1])
        rate = float(re.split(r"[/(]", first[2])[0])
        samples = int(first[3]) if len(first) > 3 and first[3].isdigit() and int(first[3]) else None
        channels = tuple(_parse_channel(fields) for fields in content[1 : 1 + count])
    except (IndexError, ValueError, AttributeError):
        raise RecordError("bad header", f"{path}: is not a WFDB header of a single-segment record") from None
    if len(channels) != count:
        raise RecordError("bad header", f"{path}: announces {count} signals but describes {len(channels)}")
    if rate <= 0:
        raise RecordError("bad header", f"{path}: has the sampling rate {rate}")
    return Header(rate, samples, channels, comments)


def _parse_channel(fields: list[str]) -> Channel:
    gain, baseline, units = DEFAULT_GAIN, None, "mV"
    adc_zero = 0
    if len(fields) > 2:
        match = _GAIN.match(fields[2])
        if match is None:
            raise ValueError(fields[2])
        gain = float(match["gain"]) or DEFAULT_GAIN
        baseline = int(match["baseline"]) if match["baseline"] else None
        units = match["units"] or "mV"
    if len(fields) > 4:
        adc_zero = int(fields[4])
    return Channel(
        file=fields[0],
        format=fields[1],
        gain=gain,
        baseline=adc_zero if baseline is None else baseline,
        to_millivolts=_TO_MILLIVOLTS.get(units.lower(), 1.0),
        name=" ".join(fields[8:]),
    )


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
    header = header or parse_header(header_path)
    names = [channel.name for channel in header.channels]
    files = {channel.file for channel in header.channels}
    matches = [_FORMAT_16.match(channel.format) for channel in header.channels]
    if not header.channels or len(files) != 1 or not all(matches):
        return _read_with_wfdb(header_path), names, header.rate
    path = header_path.parent / header.channels[0].file
    offset = int(matches[0]["offset"] or 0) if matches[0] else 0
    samples = -1 if header.samples is None else header.samples * len(names)
    try:
        digital = np.fromfile(path, dtype="<i2", count=samples, offset=offset)
    except OSError as error:
        raise RecordError("missing file", f"{path}: cannot be read: {error.strerror}") from None
    if len(digital) < max(samples, len(names)):
        expected = "at least one sample" if samples < 0 else f"{header.samples} samples"
        raise RecordError("cut short", f"{path}: holds {len(digital) // len(names)} samples a lead, its header {expected}")
    digital = digital[: len(digital) // len(names) * len(names)].reshape(-1, len(names)).T
    gain_C1 = np.array([[channel.gain] for channel in header.channels])
    baseline_C1 = np.array([[channel.baseline] for channel in header.channels])
    scale_C1 = np.array([[channel.to_millivolts] for channel in header.channels])
    signal_CT = (digital - baseline_C1) / gain_C1 * scale_C1
    signal_CT[digital == INVALID_SAMPLE] = np.nan
    return signal_CT, names, header.rate


def _read_with_wfdb(header_path: Path) -> np.ndarray:
    """Millivolts [channels, T] of a record in any format that the wfdb package knows."""
    import wfdb  # brings pandas and much else; plain records never need it

    try:
        record = wfdb.rdrecord(str(header_path.with_suffix("")))
    except Exception as error:  # wfdb raises whatever its parsing meets
        raise RecordError("unreadable", f"{header_path}: wfdb cannot read it: {error}") from None
    scale = [_TO_MILLIVOLTS.get(units.lower(), 1.0) for units in record.units]
    return (record.p_signal * scale).T

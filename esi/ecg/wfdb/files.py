"""WFDB records as the public ECG releases and devices write them: their signals in millivolts, each at its own rate.

Every format of WFDB is read here, by NumPy alone (FLAC aside). Format 16 in one file, which is all that PTB-XL, MIMIC-IV-ECG
and the Challenge 2021 sources use, costs one `numpy.fromfile`: a few per cent of `wfdb.rdrecord`. Public headers are read
that wfdb refuses (24 of Georgia's call the record `E07938.mat` in their first line).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from esi.ecg.leads import lead_named
from esi.ecg.wfdb.formats import FORMATS, INVALID, read_frames
from esi.ecg.wfdb.header import GAP, Channel, Header, RecordError, header_lines, parse_header
from esi.ecg.wfdb.signals import Part, SegmentedSignals, Signals, StoredSignals

MOST_SAMPLES = 2**29  # of all signals, where no file bounds them: as many as a day of twelve leads at 500 Hz
NULL = "0"  # the format of a signal that is not there
_ROWS = 64  # frames that are summed side by side: NumPy adds long rows twenty times as fast as short ones


@dataclass(frozen=True)
class Record:
    """An opened record; `signals[:, start:stop]` is millivolts [channels, stop - start] as float64, NaN where invalid."""

    signals: Signals
    names: list[str]
    rate: float  # samples a second
    checksum_errors: int | None  # signals that are not what their header lines say; None where the header says nothing


def read_signals(header_path: Path, header: Header | None = None) -> tuple[np.ndarray, list[str], float]:
    """Read a record's signals.

    Where signals have different rates, those at the rate of its leads are read (in a record without a lead, the fastest).

    Args:
        header_path: the `.hea` file.
        header: its parsed content, where the caller has it already.

    Returns:
        Millivolts [channels, T] as float64 (NaN where the file marks a sample invalid), the channel names, the rate in Hz.

    Raises:
        RecordError: header or signal file is absent, cut short or of a kind that cannot be read, or the leads have
            different rates.
    """
    signals, names, rate = open_signals(header_path, header)
    return signals[:, :], names, rate


def open_signals(header_path: Path, header: Header | None = None) -> tuple[Signals, list[str], float]:
    """As `read_signals`, but they stay as they are stored until they are sliced."""
    record = open_record(header_path, header=header)
    return record.signals, record.names, record.rate


def open_record(header_path: Path, root: Path | None = None, header: Header | None = None) -> Record:
    """As `open_signals`; and compares all samples with the checksums and initial values of their header lines.

    Args:
        header_path: the `.hea` file.
        root: the folder that the header's files must lie in; None for the header's own.
        header: its parsed content, where the caller has it already.
    """
    header = header or parse_header(header_path)
    root = root or header_path.parent
    if header.segments:
        return _open_segments(header_path, root, header)
    per_frame = _samples_a_frame(header_path, header)
    signals, errors = _open_files(header_path, root, header, per_frame)
    return Record(signals, _names(header, per_frame), header.rate * per_frame, errors)


def signal_files(header_path: Path) -> list[Path]:
    """The files that a header and its segments' headers name, there or not; none where the header cannot be read."""
    try:
        lines = [line.split(maxsplit=1) for line in header_lines(header_path)]
    except RecordError:
        return []
    record, *others = [line[0] for line in lines if line and not line[0].startswith("#")] or [""]
    files = [header_path.parent / name.replace("\\", "/") for name in dict.fromkeys(others)]
    if "/" not in record:
        return files
    segments = [file.with_name(f"{file.name}.hea") for file in files if file.name != GAP]
    return [*segments, *(file for segment in segments for file in _files_of_segment(segment))]


def _files_of_segment(header_path: Path) -> list[Path]:
    try:
        channels = parse_header(header_path).channels
    except RecordError:
        return []
    return [header_path.parent / name for name in dict.fromkeys(channel.file for channel in channels)]


def path_within(root: Path, header_path: Path, name: str) -> Path:
    """The file that a header calls `name`: a path from the header's own folder, which must not leave `root`.

    Raises:
        RecordError: it does.
    """
    if "/" not in name and "\\" not in name and name != "..":
        return header_path.parent / name
    path = Path(os.path.normpath(header_path.parent / name.replace("\\", "/")))
    if not path.is_relative_to(os.path.normpath(root)):
        raise RecordError("bad header", f"{header_path}: names the file {name}, which lies outside the data set's folder")
    return path


def _samples_a_frame(header_path: Path, header: Header) -> int:
    """That of the leads, or without a lead the largest of all."""
    leads = [channel for channel in header.channels if lead_named(channel.name)]
    for channel in leads:
        if not channel.is_voltage:
            raise RecordError("units", f"{header_path}: lead {channel.name} is in {channel.units}, not in uV, mV or V")
    lead_of = {channel.per_frame: channel.name for channel in leads}
    if len(lead_of) > 1:
        rates = " and ".join(f"{lead} at {count * header.rate:g} Hz" for count, lead in lead_of.items())
        raise RecordError("rates", f"{header_path}: has leads at different rates ({rates}): write them at one")
    return next(iter(lead_of), max(channel.per_frame for channel in header.channels))


def _names(header: Header, per_frame: int) -> list[str]:
    return [channel.name for channel in header.channels if channel.per_frame == per_frame]


def _open_files(header_path: Path, root: Path, header: Header, per_frame: int) -> tuple[StoredSignals, int | None]:
    """The signals with so many samples a frame, and how many of all are not what their header lines say."""
    members: dict[str, list[int]] = {}
    for number, channel in enumerate(header.channels):
        members.setdefault(GAP if channel.format == NULL else channel.file, []).append(number)
    frames, errors = header.samples, 0
    order: list[int] = []
    blocks_TC: list[np.ndarray] = []
    for file, numbers in sorted(members.items(), key=lambda member: member[0] == GAP):  # they alone have no length
        channels = [header.channels[number] for number in numbers]
        if channels[0].format == NULL:
            digital_FS = _nothing(header_path, channels, frames)
        else:
            if channels[0].format not in FORMATS:
                reason = f"{file} is in format {channels[0].format}, which is none of {', '.join(FORMATS)}: convert it"
                raise RecordError("unreadable", f"{header_path}: wfdb cannot read it: {reason}")
            digital_FS = _read_file(path_within(root, header_path, file), channels, header.samples)
            if header.samples is None and frames not in (None, len(digital_FS)):
                raise RecordError("cut short", f"{header_path}: has files of {frames} and {len(digital_FS)} samples a lead")
            frames = frames or len(digital_FS)
            errors += _errors(digital_FS, channels)
        order += [number for number in numbers if header.channels[number].per_frame == per_frame]
        blocks_TC += _aligned(digital_FS, channels, frames or 0, per_frame)
    channels = [header.channels[number] for number in sorted(order)]
    digital_TC = blocks_TC[0] if len(blocks_TC) == 1 else np.concatenate(blocks_TC, axis=1)
    if order != sorted(order):
        digital_TC = digital_TC[:, np.argsort(order)]
    invalid = [INVALID[channel.format] for channel in channels]
    told = any(channel.checksum or channel.initial for channel in header.channels)  # zeros alone: nobody computed them
    return StoredSignals(digital_TC, channels, invalid if len(set(invalid)) > 1 else invalid[0]), errors if told else None


def _read_file(path: Path, channels: Sequence[Channel], frames: int | None) -> np.ndarray:
    """The samples [frames, samples of a frame] of a file that holds these signals alone."""
    format_, offset = channels[0].format, channels[0].offset
    if any(channel.format != format_ or channel.offset != offset for channel in channels):
        raise RecordError("bad header", f"{path}: its header gives the signals in it different formats or beginnings")
    per_frame = sum(channel.per_frame for channel in channels)
    digital_FS = read_frames(path, format_, len(channels), per_frame, offset, frames)
    if format_ != "8":
        return digital_FS
    values_FS = digital_FS.astype(np.int64)
    for channel, columns in zip(channels, _columns(channels), strict=True):
        start = channel.zero if channel.initial is None else channel.initial
        values_FS[:, columns] = (start + values_FS[:, columns].cumsum()).reshape(-1, channel.per_frame)
    return values_FS


def _nothing(header_path: Path, channels: Sequence[Channel], frames: int | None) -> np.ndarray:
    """The samples, all invalid, of signals that are not there."""
    per_frame = sum(channel.per_frame for channel in channels)
    if frames is None:
        raise RecordError("bad header", f"{header_path}: tells no number of samples, and no file holds one")
    if frames * per_frame > MOST_SAMPLES:
        raise RecordError("too long", f"{header_path}: announces {frames} samples of a signal that no file holds")
    return np.full((frames, per_frame), INVALID[NULL], np.int16)


def _columns(channels: Sequence[Channel]) -> list[slice]:
    """Which columns of a file's frames are whose."""
    ends = np.cumsum([channel.per_frame for channel in channels]).tolist()
    return [slice(end - channel.per_frame, end) for channel, end in zip(channels, ends, strict=True)]


def _aligned(digital_FS: np.ndarray, channels: Sequence[Channel], frames: int, per_frame: int) -> list[np.ndarray]:
    """The signals with so many samples a frame as blocks [T, channels], skew taken out."""
    if per_frame == 1 and all(channel.per_frame == 1 and not channel.skew for channel in channels):
        return [digital_FS]
    blocks_T1 = []
    for channel, columns in zip(channels, _columns(channels), strict=True):
        if channel.per_frame == per_frame:
            signal_FS = digital_FS[channel.skew : channel.skew + frames, columns]
            absent = ((0, frames - len(signal_FS)), (0, 0))
            blocks_T1.append(np.pad(signal_FS, absent, constant_values=INVALID[channel.format]).reshape(-1, 1))
    return blocks_T1


def _errors(digital_FS: np.ndarray, channels: Sequence[Channel]) -> int:
    """How many of a file's signals have another sum or another first sample than their header lines say."""
    sums, firsts = _sums(digital_FS), digital_FS[0].tolist()
    errors, column = 0, 0
    for channel in channels:
        total = sums[column] if channel.per_frame == 1 else sum(sums[column : column + channel.per_frame])
        # the first value of format 8 is what its differences are added to
        if (channel.checksum is not None and (channel.checksum - total) % 65536) or (
            channel.initial is not None and channel.initial != firsts[column] and channel.format != "8"
        ):
            errors += 1
        column += channel.per_frame
    return errors


def _sums(digital_FS: np.ndarray) -> list[int]:
    """The sum of each column, of which the last 16 bits count."""
    words_FS = digital_FS.view(np.uint16) if digital_FS.dtype == np.int16 else digital_FS.astype(np.uint16)
    frames, columns = words_FS.shape
    whole = frames // _ROWS * _ROWS
    sums_S = words_FS[whole:].sum(axis=0, dtype=np.uint16)
    rows = words_FS[:whole].reshape(-1, _ROWS * columns).sum(axis=0, dtype=np.uint16)
    return (sums_S + rows.reshape(_ROWS, columns).sum(axis=0, dtype=np.uint16)).tolist()


def _open_segments(header_path: Path, root: Path, header: Header) -> Record:
    """A record whose header lists segments, each a record of its own; the first one may be empty and list all signals."""
    total = sum(segment.samples for segment in header.segments)
    if max(total, header.samples or 0) * header.signals > MOST_SAMPLES:
        raise RecordError("too long", f"{header_path}: announces {header.samples} samples a lead: divide the record")
    if header.samples not in (None, total):
        raise RecordError("bad header", f"{header_path}: announces {header.samples} samples, its segments have {total}")
    varies = header.segments[0].samples == 0
    names: list[str] | None = None
    parts: list[Part] = []
    per_frame, begin = 1, 0
    told: list[int] = []
    for number, segment in enumerate(header.segments):
        if segment.name != GAP and (segment.samples or not number):
            path = path_within(root, header_path, f"{segment.name}.hea")
            inner = _parse_segment(path, header, segment.samples, varies)
            own = _samples_a_frame(path, inner)
            if names is None:
                names, per_frame = _names(inner, own), own
            elif own != per_frame and any(map(lead_named, _names(inner, own))):
                raise RecordError("rates", f"{path}: has its leads at another rate than the segments before it")
            if number or not varies:
                own_names = _names(inner, per_frame)
                channels = _places(path, names, own_names, varies)
                signals, errors = _open_files(path, root, inner, per_frame) if own_names else (None, None)
                if signals is not None:
                    parts.append(Part(begin, signals, channels))
                told += [] if errors is None else [errors]
        begin += segment.samples * per_frame
    if names is None:
        raise RecordError("cut short", f"{header_path}: is made of gaps alone")
    signals_CT = SegmentedSignals(len(names), total * per_frame, parts)
    return Record(signals_CT, names, header.rate * per_frame, sum(told) if told else None)


def _parse_segment(path: Path, whole: Header, samples: int, varies: bool) -> Header:
    header = parse_header(path)
    if header.segments or header.rate != whole.rate or header.samples not in (None, samples):
        raise RecordError(
            "bad header",
            f"{path}: is no segment of {samples} samples at {whole.rate:g} Hz, as the record's header says: it has "
            f"{header.samples} at {header.rate:g} Hz{' in segments of its own' if header.segments else ''}",
        )
    if not varies and header.signals != whole.signals:
        raise RecordError("bad header", f"{path}: has {header.signals} signals, not {whole.signals} as its record")
    return replace(header, samples=samples)


def _places(path: Path, names: list[str], own: list[str], varies: bool) -> list[int]:
    """Where a segment's signals stand among the record's."""
    if not varies:
        if own != names:
            raise RecordError("bad header", f"{path}: has the signals {own}, the segments before it {names}")
        return list(range(len(names)))
    if not set(own) <= set(names) or len(set(names)) < len(names) or len(set(own)) < len(own):
        raise RecordError("bad header", f"{path}: has the signals {own}, the record's first segment lists {names}")
    return [names.index(name) for name in own]

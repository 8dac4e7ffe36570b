"""WFDB files written byte by byte after signal(5) and header(5), for tests: any format, several samples a frame, skew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

BITS = {"8": 16, "16": 16, "24": 24, "32": 32, "61": 16, "80": 8, "160": 16, "212": 12, "310": 10, "311": 10}
FLAC = {"508": ("PCM_S8", 8), "516": ("PCM_16", 16), "524": ("PCM_24", 24)}


@dataclass
class Signal:
    """One signal: its samples and what its header line says."""

    name: str
    digital_T: np.ndarray  # at its own rate
    format: str = "16"
    per_frame: int = 1
    skew: int = 0
    offset: int = 0
    gain: str = "1000(0)/mV"
    file: str = "r.dat"
    line: dict[str, int] = field(default_factory=dict)  # initial and checksum, where they are not to be right

    def header_line(self) -> str:
        """As wfdb-python and the C library write it."""
        form = self.format + (f"x{self.per_frame}" if self.per_frame > 1 else "")
        form += f":{self.skew}" if self.skew else ""
        form += f"+{self.offset}" if self.offset else ""
        stored_T = stored(self)
        initial = self.line.get("initial", int(stored_T[0]))
        checksum = self.line.get("checksum", int(stored_T.sum()) % 65536)
        return f"{self.file} {form} {self.gain} 16 0 {initial} {checksum} 0 {self.name}"


def stored(signal: Signal) -> np.ndarray:
    """The samples in the file's order: a skewed signal stands later."""
    late = signal.skew * signal.per_frame
    return np.concatenate([np.full(late, signal.digital_T[0]), signal.digital_T[: len(signal.digital_T) - late]])


def write_record(folder: Path, name: str, rate: float, signals: Sequence[Signal], samples: bool = True) -> Path:
    """Write header and signal files; returns the header's path."""
    frames = len(signals[0].digital_T) // signals[0].per_frame
    for file in dict.fromkeys(signal.file for signal in signals):
        _write_file(folder / file, [signal for signal in signals if signal.file == file], frames)
    lines = [f"{name} {len(signals)} {rate:g}{f' {frames}' if samples else ''}", *(one.header_line() for one in signals)]
    path = folder / f"{name}.hea"
    path.write_text("\n".join(lines) + "\n")
    return path


def _write_file(path: Path, signals: Sequence[Signal], frames: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    form = signals[0].format
    if form in FLAC:
        subtype, bits = FLAC[form]
        held = np.stack([stored(one) for one in signals], axis=1).astype(np.int64)
        held = np.concatenate([np.zeros((signals[0].offset, len(signals)), np.int64), held])
        kind, shift = (np.int32, 32 - bits) if bits != 16 else (np.int16, 0)
        soundfile.write(path, (held << shift).astype(kind), 250, subtype=subtype, format="FLAC")
        return
    columns = [stored(one).astype(np.int64).reshape(frames, -1) for one in signals]
    if form == "8":
        columns = [np.diff(column.ravel(), prepend=column[0, 0]).reshape(frames, -1) for column in columns]
    path.write_bytes(b"\x5a" * signals[0].offset + encode(np.concatenate(columns, axis=1).ravel(), form))


def encode(values: np.ndarray, form: str) -> bytes:
    """Integers as signal(5) packs them."""
    if form in ("8", "16", "32", "61"):
        return values.astype({"8": "i1", "16": "<i2", "32": "<i4", "61": ">i2"}[form]).tobytes()
    if form == "24":
        return b"".join(int(value).to_bytes(3, "little", signed=True) for value in values)
    if form in ("80", "160"):
        return (values + (1 << BITS[form] - 1)).astype({"80": "u1", "160": "<u2"}[form]).tobytes()
    group = 2 if form == "212" else 3
    words = np.concatenate([values, np.zeros(-len(values) % group, np.int64)]).reshape(-1, group) & (1 << BITS[form]) - 1
    out = bytearray()
    for one, two, *more in words.tolist():
        if form == "212":
            out += bytes([one & 0xFF, one >> 8 | two >> 8 << 4, two & 0xFF])
        elif form == "310":  # two 16-bit words: a sample from bit 1 on, and five bits of the third above
            low, high = one << 1 | (more[0] & 31) << 11, two << 1 | more[0] >> 5 << 11
            out += low.to_bytes(2, "little") + high.to_bytes(2, "little")
        else:  # one 32-bit word: three samples, from the lowest bit on
            out += (one | two << 10 | more[0] << 20).to_bytes(4, "little")
    needed = {"212": -(-len(values) * 3 // 2), "310": -(-len(values) // 3) * 4, "311": -(-len(values) // 3) * 4}
    return bytes(out[: needed[form]])

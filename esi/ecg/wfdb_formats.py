"""How WFDB stores samples in a file: https://physionet.org/physiotools/wag/signal-5.htm (signal(5)).

Samples come out as they lie there, interleaved. NumPy decodes all formats but FLAC, which libsndfile does.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from esi.ecg.wfdb_header import RecordError

# What marks a sample as invalid. Format 8 has no such value: that of format 32 stands for it, which no ECG's sum of
# differences comes near.
INVALID = {"8": -(2**31), "80": -128, "508": -128, "212": -2048, "310": -512, "311": -512}
INVALID |= {"0": -32768, "24": -(2**23), "524": -(2**23), "32": -(2**31)} | dict.fromkeys(("16", "61", "160", "516"), -32768)
_FLAC_BITS = {"508": 8, "516": 16, "524": 24}
_BLOCKS = {  # bytes and samples of the shortest whole part of a file
    "8": (1, 1), "16": (2, 1), "24": (3, 1), "32": (4, 1), "61": (2, 1), "80": (1, 1), "160": (2, 1),
    "212": (3, 2), "310": (4, 3), "311": (4, 3),
}  # fmt: skip
FORMATS = sorted(_BLOCKS | _FLAC_BITS, key=int)
_PLAIN = {"8": "i1", "16": "<i2", "32": "<i4", "61": ">i2"}
_LAST_BYTES = {"212": (0, 0, 1), "310": (0, 0, 1, 1), "311": (0, 0, 1, 2)}  # bytes at a file's end -> samples that they hold
_FLAC_CHUNK = 2**18  # samples of a signal
_MOST_FLAC_SAMPLES = 2**29  # of all signals together: a day of twelve leads at 500 Hz


def read_frames(path: Path, format_: str, signals: int, per_frame: int, offset: int, frames: int | None) -> np.ndarray:
    """The samples of one signal file.

    Args:
        path: the file.
        format_: of its signals, one of `FORMATS`.
        signals: how many lie in it.
        per_frame: samples of all of them in a frame.
        offset: where the first sample lies: bytes, or with FLAC samples of a signal.
        frames: how many to read; None for all that are there.

    Returns:
        Integers [frames, per_frame] as they are stored (differences in format 8).

    Raises:
        RecordError: the file is absent, shorter than announced, or damaged.
    """
    if format_ in _FLAC_BITS:
        samples = _flac(path, format_, signals, per_frame, offset, frames)
        return samples.reshape(-1, per_frame)
    block_bytes, block_samples = _BLOCKS[format_]
    try:
        # its size first: a header may announce more than memory holds
        blocks, rest = divmod(max(path.stat().st_size - offset, 0), block_bytes)
        held = blocks * block_samples + (_LAST_BYTES[format_][rest] if format_ in _LAST_BYTES else 0)
        if held // per_frame < (frames or 1):
            expected = "at least one" if frames is None else frames
            raise RecordError(
                "cut short", f"{path}: holds {held // per_frame} samples a lead, not {expected} as its header says"
            )
        count = (frames or held // per_frame) * per_frame
        if format_ in _PLAIN:
            return np.fromfile(path, _PLAIN[format_], count, offset=offset).reshape(-1, per_frame)
        packed = np.fromfile(path, np.uint8, -(-count // block_samples) * block_bytes, offset=offset)
    except OSError as error:
        raise RecordError("missing file", f"{path}: cannot be read: {error.strerror or error}") from None
    return _unpacked(packed, format_)[:count].reshape(-1, per_frame)


def _unpacked(packed: np.ndarray, format_: str) -> np.ndarray:
    """Samples of a format whose samples are no integers of NumPy's, from bytes that may end within a block."""
    if format_ == "80":
        return packed.astype(np.int16) - 128
    if format_ == "160":
        return (packed.view("<u2") ^ 0x8000).view(np.int16)
    block_bytes, _ = _BLOCKS[format_]
    missing = -len(packed) % block_bytes
    blocks = np.pad(packed, (0, missing)).reshape(-1, block_bytes).astype(np.int32)
    if format_ == "24":
        low, middle, high = blocks.T
        return _signed(low | middle << 8 | high << 16, 24)
    if format_ == "212":
        first, both, second = blocks.T
        return _signed(np.stack([first | (both & 0x0F) << 8, second | (both >> 4) << 8], axis=1), 12).ravel()
    first, second = (blocks[:, 0] | blocks[:, 1] << 8), (blocks[:, 2] | blocks[:, 3] << 8)  # two words of 16 bits
    if format_ == "310":  # ten bits of each from the second bit on, and a third sample from what is left of both
        third = (first >> 11) | (second >> 11) << 5
        return _signed(np.stack([first >> 1, second >> 1, third], axis=1), 10).ravel()
    return _signed(np.stack([first, first >> 10 | second << 6, second >> 4], axis=1), 10).ravel()


def _signed(values: np.ndarray, bits: int) -> np.ndarray:
    """The two's complement of the lowest bits."""
    values &= (1 << bits) - 1
    values -= (values & 1 << (bits - 1)) << 1
    return values if bits > 16 else values.astype(np.int16)


def _flac(path: Path, format_: str, signals: int, per_frame: int, offset: int, frames: int | None) -> np.ndarray:
    """Samples as the other formats have them: each signal's samples of a frame one after the other."""
    import soundfile  # loads a C library, which records without FLAC need not have

    each = per_frame // signals  # samples of a signal in a frame
    if each * signals != per_frame:
        raise RecordError("unreadable", f"{path}: holds signals at different rates, which FLAC cannot")
    if not path.is_file():
        raise RecordError("missing file", f"{path}: cannot be read: {'Is a directory' if path.is_dir() else 'no such file'}")
    try:
        with soundfile.SoundFile(path) as file:
            bits = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}.get(file.subtype, 0)
            if file.format != "FLAC" or not 0 < bits <= _FLAC_BITS[format_] or file.channels != signals:
                raise RecordError(
                    "unreadable",
                    f"{path}: holds {file.channels} signals as {file.format} {file.subtype}, not {signals} as FLAC of at "
                    f"most {_FLAC_BITS[format_]} bits as its header says",
                )
            held = max(file.frames - offset, 0) // each
            if held < (frames or 1):
                raise RecordError("cut short", f"{path}: holds {held} samples a lead, not {frames} as its header says")
            wanted = (frames or held) * each
            if wanted * signals > _MOST_FLAC_SAMPLES:
                raise RecordError("too long", f"{path}: holds {wanted} samples a lead: divide the record")
            file.seek(offset)
            samples = np.empty((wanted, signals), np.int32 if bits == 24 else np.int16)
            for start in range(0, wanted, _FLAC_CHUNK):  # libsndfile fails beyond 2^24 samples at a time
                got = len(file.read(out=samples[start : start + _FLAC_CHUNK]))
                if got < min(_FLAC_CHUNK, wanted - start):
                    raise RecordError("cut short", f"{path}: holds {start + got} samples a lead, not {wanted}")
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise RecordError("unreadable", f"{path}: is no whole FLAC file: {error}") from None
    samples >>= 8 if bits != 16 else 0  # libsndfile fills 16 or 32 bits from above
    return samples.reshape(-1, each, signals).transpose(0, 2, 1)

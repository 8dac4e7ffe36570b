"""How WFDB stores samples in a file: https://physionet.org/physiotools/wag/signal-5.htm (signal(5)).

Samples come out as they lie there, interleaved. Formats that are NumPy's own integers cost one `numpy.fromfile`; packed ones
and FLAC are wfdb's.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from esi.ecg.wfdb.header import RecordError

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
    try:
        if format_ in _FLAC_BITS:
            held = _frames_of_flac(path, format_, signals, per_frame, offset)
        else:
            block_bytes, block_samples = _BLOCKS[format_]
            blocks, rest = divmod(max(path.stat().st_size - offset, 0), block_bytes)
            held = blocks * block_samples + (_LAST_BYTES[format_][rest] if format_ in _LAST_BYTES else 0)
            held //= per_frame
        if held < (frames or 1):  # before anything is read: a header may announce more than memory holds
            expected = "at least one" if frames is None else frames
            raise RecordError("cut short", f"{path}: holds {held} samples a lead, not {expected} as its header says")
        frames = frames or held
        if format_ in _PLAIN:
            samples = np.fromfile(path, _PLAIN[format_], frames * per_frame, offset=offset)
        else:
            samples = _by_wfdb(path, format_, signals, per_frame, offset, frames)
        if len(samples) < frames * per_frame:
            raise RecordError("cut short", f"{path}: holds {len(samples) // per_frame} whole samples a lead, not {frames}")
    except OSError as error:
        raise RecordError("missing file", f"{path}: cannot be read: {error.strerror or error}") from None
    return samples.reshape(-1, per_frame)


def _by_wfdb(path: Path, format_: str, signals: int, per_frame: int, offset: int, frames: int) -> np.ndarray:
    """Samples [frames * per_frame] as they lie in the file: to wfdb, which is told nothing of the header, one signal."""
    from wfdb.io import _signal  # brings pandas and much else; records in the common format never need it

    if "::" in str(path):
        raise RecordError("unreadable", f"{path}: wfdb takes a name with :: for a chain of addresses: rename it")
    if format_ in _FLAC_BITS:
        flac = {"file_name": path.name, "dir_name": str(path.parent), "pn_dir": None, "fmt": format_}
        part = {"sample_offset": offset, "n_sig": signals, "start_frame": 0, "end_frame": frames}
        try:
            return _signal._rd_compressed_file(**flac, **part, samps_per_frame=[per_frame // signals] * signals)
        except Exception as error:  # libsndfile's, and ValueError where fewer samples come than the file promised
            raise RecordError("unreadable", f"{path}: is no whole FLAC file: {error}") from None
    count = frames * per_frame
    stored = {"samps_per_frame": [1], "skew": [0], "init_value": [0], "sampfrom": 0, "sampto": count}
    where = {"file_name": path.name, "dir_name": str(path.parent), "pn_dir": None, "byte_offset": offset}
    return _signal._rd_dat_signals(**where, fmt=format_, n_sig=1, sig_len=count, **stored)[0]


def _frames_of_flac(path: Path, format_: str, signals: int, per_frame: int, offset: int) -> int:
    """How many frames a FLAC file says that it holds behind `offset`."""
    import soundfile  # loads a C library, which records without FLAC need not have

    each = per_frame // signals  # samples of a signal in a frame
    if each * signals != per_frame:
        raise RecordError("unreadable", f"{path}: holds signals at different rates, which FLAC cannot")
    path.stat()
    try:
        found = soundfile.info(path)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise RecordError("unreadable", f"{path}: is no whole FLAC file: {error}") from None
    bits = {"PCM_S8": 8, "PCM_16": 16, "PCM_24": 24}.get(found.subtype, 0)
    if found.format != "FLAC" or not 0 < bits <= _FLAC_BITS[format_] or found.channels != signals:
        raise RecordError(
            "unreadable",
            f"{path}: holds {found.channels} signals as {found.format} {found.subtype}, not {signals} as FLAC of at "
            f"most {_FLAC_BITS[format_]} bits as its header says",
        )
    if found.frames * signals > _MOST_FLAC_SAMPLES:
        raise RecordError("too long", f"{path}: holds {found.frames} samples a lead: divide the record")
    return max(found.frames - offset, 0) // each

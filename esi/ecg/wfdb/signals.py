"""Signals that stay as a WFDB file stores them until a stretch of them is wanted, and then become millivolts.

As a whole, a day of Holter would take 4 GB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from esi.ecg.wfdb.header import Channel


class StoredSignals:
    """Signals of one rate: `signals[:, start:stop]` is float64 millivolts [channels, stop - start], NaN where the file marks
    a sample invalid.

    Args:
        digital_TC: integers as they are stored.
        channels: what they mean.
        invalid: the value that marks a sample as invalid, one for all channels or one for each.
    """

    def __init__(self, digital_TC: np.ndarray, channels: Sequence[Channel], invalid: int | Sequence[int]):
        self.shape = digital_TC.shape[::-1]  # channels, T
        self._digital_TC = digital_TC
        self._invalid_C1 = None if isinstance(invalid, int) else np.array(invalid)[:, None]
        self._invalid = invalid
        self._gain_C1 = np.array([[channel.gain] for channel in channels])
        baselines = [channel.baseline for channel in channels]
        self._baseline_C1 = np.array(baselines, np.float64)[:, None] if any(baselines) else None
        scales = [channel.to_millivolts for channel in channels]
        self._scale_C1 = np.array(scales)[:, None] if set(scales) != {1.0} else None

    def __getitem__(self, place: tuple[slice, slice]) -> np.ndarray:
        channels, times = place
        digital_CT = np.ascontiguousarray(self._digital_TC[times, channels].T)
        # as few passes as the header allows: each over half a megabyte costs as much as reading the file
        if self._baseline_C1 is None:
            signal_CT = digital_CT / self._gain_C1[channels]
        else:
            signal_CT = digital_CT - self._baseline_C1[channels]
            signal_CT /= self._gain_C1[channels]
        if self._scale_C1 is not None:
            signal_CT *= self._scale_C1[channels]
        invalid_CT = digital_CT == (self._invalid if self._invalid_C1 is None else self._invalid_C1[channels])
        if invalid_CT.any():
            signal_CT[invalid_CT] = np.nan
        return signal_CT


class Part(NamedTuple):
    """A segment's signals within a record."""

    begin: int  # the record's sample where it begins
    signals: StoredSignals
    channels: list[int]  # which of the record's channels they are


class SegmentedSignals:
    """Signals of a record in several segments, sliced as `StoredSignals` are: NaN in gaps, and where a segment lacks one."""

    def __init__(self, channels: int, samples: int, parts: Sequence[Part]):
        self.shape = channels, samples
        self._parts = parts

    def __getitem__(self, place: tuple[slice, slice]) -> np.ndarray:
        channels, times = place
        start, stop, _ = times.indices(self.shape[1])
        signal_CT = np.full((self.shape[0], max(stop - start, 0)), np.nan)
        for begin, signals, own in self._parts:
            if start < begin + signals.shape[1] and begin < stop:
                part_CT = signals[:, max(start - begin, 0) : stop - begin]
                at = max(begin - start, 0)
                signal_CT[own, at : at + part_CT.shape[1]] = part_CT
        return signal_CT[channels]


Signals = np.ndarray | StoredSignals | SegmentedSignals

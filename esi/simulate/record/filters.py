"""The filters of a recorder as transfer functions, for signal and noise alike.

Legend: N records, F frequencies, T samples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from esi.simulate.record.recorders import Recorder, Setting

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
Complex64 = NDArray[np.complex64]

NOTCH_HZ = 0.5  # half its width at -3 dB


@dataclass(frozen=True)
class Filters:
    """Which of its recorder's settings each record was taken with."""

    settings: tuple[Setting, ...]
    mains_hz: float
    setting: NDArray[np.int64]  # [N]

    def transfer(self, hertz: NDArray[np.floating]) -> Complex64:
        """Gain and phase [N, F] at some frequencies.

        The high-pass is one analogue pole: set to 0.5 Hz it bends ST, as monitors do (Berson & Pipberger, Am Heart J
        1966;71:779). Low-pass (a second-order Butterworth's gain) and notch are zero-phase, as digital recorders' are.
        """
        gains = np.empty((len(self.settings), len(hertz)), np.complex64)
        for row, setting in enumerate(self.settings):
            gain = 1j * hertz / (1j * hertz + setting.highpass_hz)
            if setting.lowpass_hz is not None:
                gain /= np.sqrt(1 + (hertz / setting.lowpass_hz) ** 4)
            if setting.notch:
                off = np.abs(hertz - self.mains_hz) / NOTCH_HZ
                gain *= off / np.sqrt(1 + off**2)
            gains[row] = gain
        return gains[self.setting]

    def apply(self, signal: Floats32, rate: int) -> Floats32:
        """Filter a signal [N, ..., T]. Its end joins its start: there is no transient, as if the record went on for long."""
        samples = signal.shape[-1]
        length = fft.next_fast_len(samples, real=True)
        # What pads the signal to a fast length leads from its last value to its first.
        bridge = np.linspace(0, 1, length - samples, dtype=np.float32)
        padding = signal[..., -1:] + (signal[..., :1] - signal[..., -1:]) * bridge
        spectrum = fft.rfft(np.concatenate([signal, padding], axis=-1), axis=-1)
        gain = self.transfer(np.fft.rfftfreq(length, 1 / rate))
        spectrum *= gain.reshape(len(gain), *[1] * (signal.ndim - 2), -1)
        filtered: Floats32 = fft.irfft(spectrum, length, axis=-1)[..., :samples]
        return filtered


def draw_filters(rng: np.random.Generator, count: int, recorder: Recorder) -> Filters:
    """Draw which setting each of `count` records was taken with."""
    shares = np.array([setting.share for setting in recorder.settings])
    return Filters(recorder.settings, recorder.mains_hz, rng.choice(len(shares), count, p=shares / shares.sum()))

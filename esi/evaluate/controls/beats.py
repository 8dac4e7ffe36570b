"""Heart beats of an ECG: where their R peaks lie, and the median beat over all leads.

The detector is that of Pan and Tompkins (1985) in its essence (band-pass, energy, smoothing, threshold, refractory
time), over all leads at once. `wfdb.processing.xqrs_detect` reads one lead and learns its threshold over the first seconds,
which a strip of 4 s has not got: in lead II of real records at 100 Hz it takes T waves for beats (record 8 of PTB-XL: 22
for 12).

Legend: N records, C leads, T samples, W samples of a beat.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy import ndimage
from scipy import signal as dsp

BAND_HZ = (5.0, 20.0)  # where QRS complexes stand out from P and T waves, wander and muscle
SMOOTH_S = 0.03  # standard deviation: one QRS complex becomes one hill
REFRACTORY_S = 0.25  # 240 beats a minute at most
LEVEL_S = 1.5  # a window this long holds a beat above 40 a minute: the median of windows' maxima is a QRS complex's level
THRESHOLD = 0.4  # of that level
BEFORE_S, AFTER_S = 0.25, 0.45  # of the R peak: P wave to the end of the T wave
ALIGN_S = 0.04  # beats are moved by up to this much onto their median
EPSILON = 1e-6  # mV: a lead whose QRS band stays below holds no beat


def r_peaks(ecg_CT: np.ndarray, rate: int) -> np.ndarray:
    """The samples of the R peaks (the middle of the QRS energy of all leads), ascending; none in noise-free silence.

    Args:
        ecg_CT: millivolts, without padding. rate: samples a second, at least 50.
    """
    if ecg_CT.shape[1] < rate:
        return np.zeros(0, np.int64)  # shorter than a second: no level to compare with
    energy_CT = ndimage.gaussian_filter1d(dsp.sosfiltfilt(_qrs_band(rate), ecg_CT, axis=-1) ** 2, SMOOTH_S * rate, axis=-1)
    windows = np.array_split(energy_CT, max(1, round(ecg_CT.shape[1] / (LEVEL_S * rate))), axis=1)
    level_C = np.median([window.max(axis=1) for window in windows], axis=0)
    usable = level_C > EPSILON**2
    if not usable.any():
        return np.zeros(0, np.int64)
    # Each lead in units of its own beats, so that one noisy or huge lead does not outvote the others.
    strength_T = np.sqrt(energy_CT[usable] / level_C[usable, None]).clip(max=2).mean(axis=0)
    level = np.median([window.max() for window in np.array_split(strength_T, len(windows))])
    peaks, _ = dsp.find_peaks(strength_T, height=THRESHOLD * level, distance=round(REFRACTORY_S * rate))
    return peaks


@cache
def _qrs_band(rate: int) -> np.ndarray:
    """The band-pass of QRS complexes: to design it anew for every record was a sixth of the hand-made features' time."""
    sos: np.ndarray = dsp.butter(2, BAND_HZ, "bandpass", fs=rate, output="sos")
    return sos


def median_beats(ecg_NCT: np.ndarray, valid_N: np.ndarray, rate: int) -> tuple[np.ndarray, np.ndarray]:
    """The median beat of each record in every lead, R peaks aligned.

    Args:
        ecg_NCT: float32 millivolts. valid_N: valid samples of each; what follows is padding. rate: samples a second.

    Returns:
        Median beats [N, C, W], float32 millivolts, from 0.25 s before to 0.45 s after the R peak, and how many beats each is
        made of [N]: 0 where no complete beat is found, and then the beat is all zeros.
    """
    before, after = round(BEFORE_S * rate), round(AFTER_S * rate)
    beats_NCW = np.zeros((*ecg_NCT.shape[:2], before + after), np.float32)
    counts_N = np.zeros(len(ecg_NCT), np.int64)
    for row, valid in enumerate(valid_N):
        ecg_CT = ecg_NCT[row, :, :valid]
        peaks = r_peaks(ecg_CT, rate)
        slack = round(ALIGN_S * rate)
        peaks = peaks[(peaks >= before) & (peaks + after <= valid)]
        if not len(peaks):
            continue
        peaks = _aligned(ecg_CT, peaks, before, after, slack)
        beats_NCW[row] = np.median(_cut(ecg_CT, peaks, before, after), axis=0)
        counts_N[row] = len(peaks)
    return beats_NCW, counts_N


def _cut(ecg_CT: np.ndarray, peaks: np.ndarray, before: int, after: int) -> np.ndarray:
    """The beats [beats, C, W] around the peaks."""
    return ecg_CT[:, peaks[:, None] + np.arange(-before, after)].transpose(1, 0, 2)


def _aligned(ecg_CT: np.ndarray, peaks: np.ndarray, before: int, after: int, slack: int) -> np.ndarray:
    """The peaks, each moved to where its beat agrees best with the median beat."""
    template_CW = np.median(_cut(ecg_CT, peaks, before, after), axis=0)
    shifts = np.arange(-slack, slack + 1)
    moved = (peaks[:, None] + shifts).clip(before, ecg_CT.shape[1] - after)
    beats = _cut(ecg_CT, moved.ravel(), before, after)
    agreement = np.einsum("bcw,cw->b", beats, template_CW) / np.maximum(np.sqrt((beats**2).sum(axis=(1, 2))), EPSILON)
    best = agreement.reshape(moved.shape).argmax(axis=1)
    return moved[np.arange(len(peaks)), best]

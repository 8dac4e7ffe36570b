"""Simple features of an ECG, what one would try without any pretraining: amplitudes, intervals, rhythm and spectrum.

All are read at 100 Hz, so that a signal of 500 Hz gives the same. Times are counted from the R peak of the median beat.

Legend: B beats, C leads, T samples of a record, W samples of a beat, F frequencies.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import signal as dsp
from tqdm import tqdm

from esi.ecg.leads import LEADS
from esi.ecg.signals import MILLIVOLTS, SignalStore
from esi.evaluate.controls.beats import r_peaks

HZ = 100
BEFORE, AFTER = 28, 52  # samples of a beat around the R peak: from before the P wave to the end of the T wave
ZERO = slice(18, 22)  # 100 to 60 ms before R: the PR segment, the beat's zero line
P, QRS, ST, T = slice(4, 20), slice(21, 38), slice(36, 43), slice(43, 73)  # windows of a beat; R is at 28
SAMPLED = [6, 12, 23, 26, 28, 30, 33, 38, 44, 52, 60, 68]  # where the median beat itself is a feature
BANDS_HZ = (0.5, 1.5, 3, 5, 8, 12, 17, 25, 40)
MOST = 50.0  # nothing is further from 0 than this: a ratio to nearly nothing tells nothing


def features(store: SignalStore, records: Mapping[str, list[str]]) -> dict[str, np.ndarray]:
    """Features [N, D] float32 of the records of each split."""
    rate = store.signals_NCT.shape[2] // 10
    by_split = {}
    for split, names in records.items():
        rows = [store.row_of[name] for name in names]
        bar = tqdm(rows, desc=f"hand features, {split}", unit="record", leave=False, disable=len(rows) < 2000)
        by_split[split] = np.array([record_features(store.signals_NCT[row, :, : store.valid_N[row]], rate) for row in bar])
    return by_split


def record_features(microvolts_CT: np.ndarray, rate: int) -> np.ndarray:
    """Features [D] float32 of one record without its padding; 0 for what a record without beats has not got.

    Args:
        microvolts_CT: 12 leads in the order of LEADS. rate: samples a second, a multiple of 100.
    """
    ecg_CT = microvolts_CT.astype(np.float64) * MILLIVOLTS
    if rate > HZ:
        ecg_CT = dsp.resample_poly(ecg_CT, 1, rate // HZ, axis=-1, padtype="edge")
    peaks = r_peaks(ecg_CT, HZ)
    whole = peaks[(peaks >= BEFORE) & (peaks + AFTER <= ecg_CT.shape[1])]
    beats_BCW = ecg_CT[:, whole[:, None] + np.arange(-BEFORE, AFTER)].transpose(1, 0, 2)
    if not len(whole):
        beats_BCW = np.zeros((1, len(LEADS), BEFORE + AFTER))
    beats_BCW = beats_BCW - beats_BCW[..., ZERO].mean(axis=-1, keepdims=True)
    median_CW = np.median(beats_BCW, axis=0)
    parts = [
        _amplitudes(ecg_CT),
        _spectrum(ecg_CT),
        _waves(median_CW),
        _variation(beats_BCW, median_CW),
        _rhythm(peaks / HZ, ecg_CT.shape[1] / HZ),
        _whole_beat(median_CW),
    ]
    return (
        np.nan_to_num(np.concatenate([part.ravel() for part in parts]), posinf=MOST, neginf=-MOST)
        .clip(-MOST, MOST)
        .astype(np.float32)
    )


def _amplitudes(ecg_CT: np.ndarray) -> np.ndarray:
    """Of each lead over the whole record: quantiles, deviation, and how much it moves from sample to sample."""
    quantiles = np.quantile(ecg_CT, [0.01, 0.1, 0.5, 0.9, 0.99], axis=1)
    return np.stack([*quantiles, ecg_CT.std(axis=1), np.abs(np.diff(ecg_CT, axis=1)).mean(axis=1)])


def _spectrum(ecg_CT: np.ndarray) -> np.ndarray:
    """Of each lead: the logarithm of its power in bands from 0.5 to 40 Hz."""
    samples = ecg_CT.shape[1]
    taper_T = np.hanning(samples)
    power_CF = np.abs(np.fft.rfft((ecg_CT - ecg_CT.mean(axis=1, keepdims=True)) * taper_T)) ** 2 / (
        samples * (taper_T**2).sum()
    )
    edges = np.searchsorted(np.fft.rfftfreq(samples, 1 / HZ), BANDS_HZ)
    return np.log10(np.add.reduceat(power_CF, edges, axis=1)[:, :-1] + 1e-9)


def _waves(median_CW: np.ndarray) -> np.ndarray:
    """Of each lead's median beat: P, Q, R, S, ST and T, with their areas and times, and what of the beat is sampled."""
    qrs, st, t, p = (median_CW[:, window] for window in (QRS, ST, T, P))
    r_at = qrs.argmax(axis=1)
    before_r = np.arange(qrs.shape[1]) <= r_at[:, None]
    q_depth, s_depth = np.where(before_r, qrs, 0).min(axis=1), np.where(before_r, 0, qrs).min(axis=1)
    height = np.ptp(qrs, axis=1)
    parts = [
        qrs.max(axis=1), r_at / HZ, q_depth, s_depth, height, qrs.clip(min=0).mean(axis=1), qrs.clip(max=0).mean(axis=1),
        (np.abs(qrs) > 0.2 * height[:, None]).sum(axis=1) / HZ,
        st.mean(axis=1), st[:, -1] - st[:, 0], st.mean(axis=1) / (height + 0.1),
        t.max(axis=1), t.min(axis=1), t.mean(axis=1), np.abs(t).argmax(axis=1) / HZ,
        (t.max(axis=1) + t.min(axis=1)) / (height + 0.1),
        p.max(axis=1), p.min(axis=1), p.mean(axis=1), p.argmax(axis=1) / HZ,
    ]  # fmt: skip
    return np.concatenate([np.stack(parts, axis=1), median_CW[:, SAMPLED]], axis=1)


def _variation(beats_BCW: np.ndarray, median_CW: np.ndarray) -> np.ndarray:
    """How far a lead's beats are from its median beat, by wave, and how alike they are over all leads."""
    away_BCW = np.abs(beats_BCW - median_CW)
    by_wave = [np.median(away_BCW[..., window].mean(axis=-1), axis=0) for window in (P, QRS, T)]
    worst = away_BCW[..., QRS].mean(axis=-1).max(axis=0)
    norms = np.linalg.norm(beats_BCW, axis=(1, 2)) * np.linalg.norm(median_CW)
    alike_B = np.einsum("bcw,cw->b", beats_BCW, median_CW) / (norms + 1e-6)
    return np.concatenate([*by_wave, worst, [alike_B.min(), alike_B.mean(), alike_B.std(), (alike_B < 0.8).mean()]])


def _rhythm(peaks_s: np.ndarray, length_s: float) -> np.ndarray:
    """Rate, and how regular the intervals between beats are: seconds, beats a second, shares."""
    rr = np.diff(peaks_s)
    if len(rr) < 2:
        return np.array([length_s, len(peaks_s) / length_s, *np.zeros(14)])
    middle = np.median(rr)
    change = np.diff(rr)
    return np.array([
        length_s, len(peaks_s) / length_s,
        middle, 1 / middle, rr.min(), rr.max(), rr.std(), rr.std() / rr.mean(), np.median(np.abs(rr - middle)),
        np.sqrt((change**2).mean()), np.abs(change).max(), (np.abs(change) > 0.05).mean(),
        (rr < 0.8 * middle).mean(), (rr > 1.2 * middle).mean(), float(middle < 0.6), float(middle > 1.0),
    ])  # fmt: skip


def _whole_beat(median_CW: np.ndarray) -> np.ndarray:
    """Of all leads together: frontal axes of P, QRS and T, durations, and the voltage criteria of hypertrophy."""
    lead = dict(zip(LEADS, median_CW, strict=True))
    axes = []
    for window in (P, QRS, T):
        x, y = lead["I"][window].sum(), (lead["II"][window] + lead["III"][window]).sum() / np.sqrt(3)
        size = np.hypot(x, y) + 1e-3
        axes += [x / size, y / size]
    strength_W = np.sqrt((np.gradient(median_CW, axis=1) ** 2).sum(axis=0))
    active = strength_W[QRS] > 0.15 * strength_W[QRS].max()
    magnitude_W = np.sqrt((median_CW**2).sum(axis=0))
    t_end = np.flatnonzero(magnitude_W[T] > 0.3 * magnitude_W[T].max())
    p_start = np.flatnonzero(magnitude_W[P] > 0.5 * magnitude_W[P].max())
    s_v1, s_v3 = -lead["V1"][QRS].min(), -lead["V3"][QRS].min()
    r = {name: values[QRS].max() for name, values in lead.items()}
    transition = np.argmax(
        [r[name] + lead[name][QRS].min() > 0 for name in LEADS[6:]]
    )  # the first chest lead with R above S
    durations = [active.sum() / HZ, t_end.max(initial=0) / HZ, p_start.min(initial=0) / HZ]
    return np.array([
        *axes, *durations, transition,
        s_v1 + max(r["V5"], r["V6"]), r["aVL"] + s_v3, r["I"] - lead["III"][QRS].min(), r["V1"] / (s_v1 + 0.1),
        magnitude_W[P].max(), magnitude_W[QRS].max(), magnitude_W[ST].mean(), magnitude_W[T].max(),
    ])  # fmt: skip

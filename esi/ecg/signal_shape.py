"""What a recording looks like, in bits that survive another rate, rounding, scaling and a few tenths of a second cut away.

A shape is the signs of random projections (Charikar, STOC 2002) of eight leads without their baseline, seen from a steep
beat: two shapes differ in as many bits as their signals differ in angle. Each ECG has several, from its steepest beats, so
that a cut does not move the point of view.

Measured on real PTB-XL: of 464 records the shapes of the copies at 100 and at 500 Hz differ in 9 of 256 bits at most, those
of 300 records without their first or last 0.2 s in 15; those of other records in 32 at least
(856,464 pairs, six shapes each).

Legend: C leads, T samples, A anchors, P projected values, N known ECGs, M asked ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy import ndimage

from esi.ecg.leads import LEADS, RATE

BITS = 256
SHAPE_BYTES = BITS // 8
ANCHORS = 6
MOST_BITS = 15  # that the shapes of one recording differ in: with 16 bands, one of them is then equal
HZ = 100
INDEPENDENT = [LEADS.index(name) for name in ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")]
STEP = 4  # samples at HZ from one value to the next
REACH = 250  # values on either side of the anchor: ten seconds
EDGE, RAMP = 60, 150  # samples at HZ: filters of other rates ring at the ends, and a cut is to change little
OWN_MARGIN, MARGIN = 100, 30  # samples at HZ from the ends: of the first anchor, and of the others
FLAT_UV = 1.0
LEVELS = 100  # of a value between 0 and 1
_BANDS = 16  # of 16 bits
_AT_ONCE = 2**22  # pairs of shapes in memory


def shapes(microvolts_CT: np.ndarray, valid: int) -> bytes | None:
    """ANCHORS shapes of SHAPE_BYTES one after the other, the first from the steepest beat well inside; None without a beat.

    Args:
        microvolts_CT: [12, T] at 500 Hz, leads in the order of LEADS. valid: samples before the padding.
    """
    whole = valid // (RATE // HZ)
    every = RATE // HZ
    ecg_CT = microvolts_CT[INDEPENDENT, : whole * every].reshape(-1, whole, every).mean(axis=2, dtype=np.float32)
    smooth_CT = _mean(_mean(ecg_CT, 5), 5)
    steep_T = np.zeros(whole, np.float32)
    steep_T[2:-2] = ((smooth_CT[:, 4:] - smooth_CT[:, :-4]) ** 2).sum(axis=0)
    steep_T = np.sqrt(_mean(_mean(steep_T, 12), 12))
    anchors = _anchors(steep_T)
    if not anchors:
        return None
    anchors += anchors[:1] * (ANCHORS - len(anchors))
    detail_CT = smooth_CT - _mean(smooth_CT, HZ // 5)
    edge = min(EDGE, whole // 10)
    from_end_T = np.minimum(np.arange(whole), np.arange(whole)[::-1])
    inside_T = from_end_T >= edge
    spread_C1 = np.sqrt((detail_CT[:, inside_T].astype(np.float64) ** 2).mean(axis=1, keepdims=True))
    squeezed_CT = detail_CT / (np.maximum(spread_C1, FLAT_UV) + np.abs(detail_CT))  # a QRS is not to outweigh all
    detail_CT = np.where(spread_C1 > FLAT_UV, squeezed_CT, 0)
    ramp_T = np.clip((from_end_T - edge) / min(RAMP, whole // 4), 0, 1)
    detail_CT = detail_CT * ramp_T**2 * (3 - 2 * ramp_T)
    # Whole numbers, whose sums are exact: the same bits on any processor, by any number of threads.
    seen_AP = np.rint(LEVELS * np.stack([_seen_from(detail_CT, anchor) for anchor in anchors]))
    return np.packbits(seen_AP @ _projections() > 0, axis=1).tobytes()


def first_shape(of_record: bytes) -> bytes:
    """The one by which a record is known."""
    return of_record[:SHAPE_BYTES]


def same_recordings(known: Sequence[bytes | None], asked: Sequence[bytes | None]) -> tuple[np.ndarray, np.ndarray]:
    """`nearly_same` of what `shapes` gave: bool [N] and [M]; a record without a beat is no other's.

    Args:
        known: of each record, its shapes or its first alone. asked: of each record, its shapes.
    """
    found = []
    for values in (known, asked):
        found.append(np.array([number for number, value in enumerate(values) if value is not None], np.int64))
    first_N = np.frombuffer(b"".join(first_shape(known[row] or b"") for row in found[0]), np.uint8)
    every_MA = np.frombuffer(b"".join(asked[row] or b"" for row in found[1]), np.uint8)
    hits = nearly_same(first_N.reshape(-1, SHAPE_BYTES), every_MA.reshape(-1, ANCHORS, SHAPE_BYTES))
    known_hit, asked_hit = np.zeros(len(known), bool), np.zeros(len(asked), bool)
    known_hit[found[0][hits[0]]] = True
    asked_hit[found[1][hits[1]]] = True
    return known_hit, asked_hit


def nearly_same(known_N: np.ndarray, asked_MA: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which known ECGs are recordings that are asked for, bool [N], and which asked ones are known, bool [M].

    Exact: two shapes that differ in MOST_BITS at most have a band in common.

    Args:
        known_N: uint8 [N, SHAPE_BYTES], the first shape of each. asked_MA: uint8 [M, ANCHORS, SHAPE_BYTES].
    """
    known_hit, asked_hit = np.zeros(len(known_N), bool), np.zeros(len(asked_MA), bool)
    if not len(known_N) or not len(asked_MA):
        return known_hit, asked_hit
    known_words, asked_words = known_N.view(np.uint64), asked_MA.reshape(-1, SHAPE_BYTES).view(np.uint64)
    known_bands, asked_bands = known_N.view(np.uint16), asked_MA.reshape(-1, SHAPE_BYTES).view(np.uint16)
    for band in range(_BANDS):
        order = np.argsort(known_bands[:, band], kind="stable")
        starts = np.searchsorted(known_bands[order, band], np.arange(2**16 + 1))
        first, count = starts[asked_bands[:, band]], np.diff(starts)[asked_bands[:, band]]
        ends = np.cumsum(count)
        begin = 0
        while begin < len(count):
            done = ends[begin - 1] if begin else 0
            stop = max(begin + 1, int(np.searchsorted(ends, done + _AT_ONCE, side="right")))
            some = np.arange(begin, stop)
            asked = np.repeat(some, count[some])
            within = np.arange(len(asked)) - np.repeat(ends[some] - count[some] - done, count[some])
            known = order[np.repeat(first[some], count[some]) + within]
            away = np.bitwise_count(known_words[known] ^ asked_words[asked]).sum(axis=1, dtype=np.int64)
            close = away <= MOST_BITS
            known_hit[known[close]] = True
            asked_hit[asked[close] // ANCHORS] = True
            begin = stop
    return known_hit, asked_hit


def _mean(values: np.ndarray, samples: int) -> np.ndarray:
    """The moving average over the last axis."""
    averaged: np.ndarray = ndimage.uniform_filter1d(values, samples, axis=-1, mode="nearest")
    return averaged


def _anchors(steep_T: np.ndarray) -> list[float]:
    """Where the steepest beats are, between samples: at most ANCHORS."""
    samples = len(steep_T)
    tops = np.flatnonzero((steep_T == ndimage.maximum_filter1d(steep_T, 41)) & (steep_T > 0))
    found: list[int] = []
    for margin, most in ((min(OWN_MARGIN, samples // 4), 1), (min(MARGIN, samples // 10), ANCHORS)):
        inside = tops[(tops >= max(margin, 1)) & (tops < samples - max(margin, 1))]
        found += [int(top) for top in inside[np.argsort(-steep_T[inside], kind="stable")[:most]] if top not in found]
    return [_summit(steep_T, top) for top in found[:ANCHORS]]


def _summit(steep_T: np.ndarray, top: int) -> float:
    """The top of the parabola through a sample and its neighbours."""
    before, here, after = steep_T[top - 1 : top + 2].astype(np.float64)
    bend = before - 2 * here + after
    return top + (0.5 * (before - after) / bend if bend < 0 else 0.0)


def _seen_from(detail_CT: np.ndarray, anchor: float) -> np.ndarray:
    """Values [P] around an anchor; 0 beyond the record's ends."""
    at = anchor + STEP * (np.arange(2 * REACH) - REACH)
    left = np.floor(at).astype(int)
    there = (left >= 0) & (left + 1 < detail_CT.shape[1])
    share = (at - left)[there]
    seen = np.zeros((len(detail_CT), 2 * REACH), np.float32)
    seen[:, there] = detail_CT[:, left[there]] * (1 - share) + detail_CT[:, left[there] + 1] * share
    return seen.ravel()


@cache
def _projections() -> np.ndarray:
    signs = np.random.default_rng(0).integers(0, 2, (len(INDEPENDENT) * 2 * REACH, BITS), np.int8)
    return (2 * signs - 1).astype(np.float32)

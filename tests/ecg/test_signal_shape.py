"""A shape knows a recording again at another rate, scale and length, and takes no other for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esi.ecg.signal_shape import (
    ANCHORS,
    BITS,
    MOST_BITS,
    SHAPE_BYTES,
    first_shape,
    nearly_same,
    same_recordings,
    shapes,
)
from esi.ecg.standard import windows
from esi.ecg.wfdb import files as wfdb_files
from esi.settings.data import Quality

ANY = Quality(
    min_seconds=2, max_flat_leads=12, max_flat_fraction=None, max_nonfinite=1.0, max_clipped=1.0,
    max_wander_uv=None, max_mains_uv=None, max_muscle_uv=None,
)  # fmt: skip


def read(header: Path) -> tuple[np.ndarray, int]:
    """Microvolts [12, 5000] of a record as ingest stores it, and its valid length."""
    ecg = next(windows(*wfdb_files.open_signals(header), False, ANY))
    assert not isinstance(ecg, Exception)
    return ecg.microvolts, ecg.valid_samples


def distance(known: bytes | None, asked: bytes | None) -> int:
    """The bits by which the known shape differs from the nearest of those that are asked."""
    assert known is not None
    assert asked is not None
    one = np.frombuffer(first_shape(known), np.uint8)
    return int(np.bitwise_count(one ^ np.frombuffer(asked, np.uint8).reshape(ANCHORS, SHAPE_BYTES)).sum(axis=1).min())


@pytest.fixture(scope="module")
def both_rates() -> dict[str, tuple[bytes, bytes]]:
    """By record: the shapes of its copies at 500 and at 100 Hz."""
    from tests.conftest import REAL

    if not REAL.is_dir():
        pytest.skip("the real ECG subsets do not lie in ../shared/real")
    found = {}
    for high in sorted((REAL / "ptb-xl/records500").rglob("*_hr.hea"))[:80]:
        low = REAL / "ptb-xl/records100" / high.parent.name / high.name.replace("_hr", "_lr")
        if low.exists():
            found[high.stem[:5]] = (shapes(*read(high)) or b"", shapes(*read(low)) or b"")
    assert len(found) > 60
    return found


def test_the_other_rate_is_the_same_recording_and_no_other_record_is(both_rates: dict[str, tuple[bytes, bytes]]) -> None:
    high, low = zip(*both_rates.values(), strict=True)
    away = np.array([[distance(one, other) for other in low] for one in high])
    assert away.diagonal().max() <= 10
    others = away[~np.eye(len(away), dtype=bool)]
    assert others.min() > 2 * MOST_BITS
    for known, asked in ((high, low), (low, high)):
        known_hit, asked_hit = same_recordings(known, asked)
        assert known_hit.all()
        assert asked_hit.all()
    known_hit, asked_hit = same_recordings(high[:20], low[20:])
    assert not known_hit.any()
    assert not asked_hit.any()


def test_rounding_scale_and_a_cut_of_a_fifth_of_a_second_change_little(real: Path) -> None:
    for header in sorted((real / "ptb-xl/records500").rglob("*_hr.hea"))[:20]:
        signal_CT, valid = read(header)
        known = shapes(signal_CT, valid)
        for factor in (0.2, 1.8, -1.0):  # MIMIC's steps, CODE-15's millivolts, upside down
            changed = np.rint(signal_CT * abs(factor)).clip(-32767, 32767).astype(np.int16) * np.int16(np.sign(factor))
            assert (distance(known, shapes(changed, valid)) <= MOST_BITS) == (factor > 0)
        for cut in (25, 100):
            later = np.concatenate([signal_CT[:, cut:], np.zeros((12, cut), np.int16)], axis=1)
            assert distance(known, shapes(later, valid - cut)) <= MOST_BITS
            assert distance(known, shapes(signal_CT, valid - cut)) <= MOST_BITS


def test_a_duplicate_of_georgia_is_found(real: Path) -> None:
    folder = real / "cinc2021/georgia"
    two = [shapes(*read(folder / f"{name}.hea")) for name in ("E07509", "E07510")]
    assert distance(*two) <= MOST_BITS


def test_a_flat_or_very_short_record_is_no_others() -> None:
    flat = np.full((12, 5000), 7, np.int16)
    assert shapes(flat, 5000) is None
    noise = np.random.default_rng(0).integers(-900, 900, (12, 5000)).astype(np.int16)
    short = shapes(noise, 1000)
    assert short is not None
    assert len(short) == ANCHORS * SHAPE_BYTES
    known, asked = same_recordings([None, short], [None, short, None])
    assert known.tolist() == [False, True]
    assert asked.tolist() == [False, True, False]
    assert [len(part) for part in same_recordings([], [None])] == [0, 1]


def test_the_number_of_threads_changes_no_bit() -> None:
    from threadpoolctl import threadpool_limits

    ecg = np.random.default_rng(1).integers(-900, 900, (12, 5000)).astype(np.int16)
    with threadpool_limits(1, "blas"):
        one = shapes(ecg, 5000)
    with threadpool_limits(2, "blas"):
        assert shapes(ecg, 5000) == one


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    known=st.integers(1, 40),
    asked=st.integers(1, 12),
    flips=st.lists(st.tuples(*(st.integers(0, most) for most in (39, 11, ANCHORS - 1, 40))), max_size=8),
)
def test_bands_find_what_all_pairs_find(seed: int, known: int, asked: int, flips: list[tuple[int, int, int, int]]) -> None:
    rng = np.random.default_rng(seed)
    known_N = rng.integers(0, 256, (known, SHAPE_BYTES), np.uint8)
    asked_MA = rng.integers(0, 256, (asked, ANCHORS, SHAPE_BYTES), np.uint8)
    for one, other, anchor, bits in flips:  # a copy with some bits changed
        places = np.zeros(BITS, np.uint8)
        places[rng.choice(BITS, bits, replace=False)] = 1
        asked_MA[other % asked, anchor] = known_N[one % known] ^ np.packbits(places)
    away = np.bitwise_count(known_N[:, None, None] ^ asked_MA[None]).sum(axis=-1, dtype=int)
    close = (away <= MOST_BITS).any(axis=-1)
    known_hit, asked_hit = nearly_same(known_N, asked_MA)
    np.testing.assert_array_equal(known_hit, close.any(axis=1))
    np.testing.assert_array_equal(asked_hit, close.any(axis=0))

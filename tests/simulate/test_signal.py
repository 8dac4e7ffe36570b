"""The simulated signal shows what its labels say, measured on noise-free leads by code that ignores the model."""

from __future__ import annotations

import numpy as np
import pytest

from esi.simulate.conditions.catalogue import CONDITIONS, HIDES, INDEX, RHYTHMS
from esi.simulate.heart.subjects import draw_subjects
from esi.simulate.record.draw import draw_records
from esi.simulate.record.findings import draw_conditions, seen
from esi.simulate.rhythm.strip import CONDUCTED, VENTRICULAR
from tests.simulate import simulated as s


def share(values: list[bool] | np.ndarray) -> float:
    return float(np.mean(values))


def qrs_of(beats: np.ndarray, name: str) -> np.ndarray:
    return beats[:, s.lead(name), s.BEFORE - 10 : s.BEFORE + 90]


def t_of(beats: np.ndarray, name: str) -> np.ndarray:
    """The largest deflection between 150 and 440 ms after the onset of QRS, with its sign."""
    part = beats[:, s.lead(name), s.BEFORE + 75 : s.BEFORE + 220]
    return part[np.arange(len(part)), np.abs(part).argmax(axis=1)]


@pytest.mark.parametrize("names", [("SR",), ("AFIB", "CLBBB"), ("PVC", "IMI")])
def test_einthoven_and_goldberger_hold_before_quantisation(names: tuple[str, ...]) -> None:
    drawn = s.draw(*names, count=8)
    for signal in (drawn.clean_mV, drawn.signal_mV):
        one, two, three, avr, avl, avf = (signal[:, k] for k in range(6))
        for left, right in ((two, one + three), (avr, -(one + two) / 2), (avl, one - two / 2), (avf, two - one / 2)):
            np.testing.assert_allclose(left, right, atol=3e-6)
        assert np.abs(one).max() > 0.1


def test_qrs_duration_is_what_the_truth_says() -> None:
    for name in ("SR", "IRBBB", "CRBBB"):
        drawn = s.draw(name)
        errors = [s.qrs_ms(beat) - truth.qrs_ms for beat, truth in zip(s.median_beats(drawn), drawn.truth, strict=True)]
        assert abs(np.median(errors)) < 12, name
        assert np.percentile(np.abs(errors), 90) < 25, name


def test_bundle_branch_blocks_are_wide_and_others_are_not() -> None:
    wide = [s.qrs_ms(beat) for name in ("CLBBB", "CRBBB") for beat in s.median_beats(s.draw(name, count=160))]
    assert share(np.array(wide) >= 120) >= 0.97
    narrow = [truth.qrs_ms for name in ("SR", "LVH", "LAFB", "IRBBB", "IMI") for truth in s.draw(name).truth]
    assert max(narrow) < 120


def test_left_bundle_block_is_negative_in_v1_and_has_no_q_in_v6() -> None:
    beats = s.median_beats(s.draw("CLBBB", count=120))
    v1 = qrs_of(beats, "V1")
    assert share(-v1.min(axis=1) > 3 * v1.max(axis=1)) > 0.95
    assert share([s.q_ms(beat[s.lead("V6")]) < 10 for beat in beats]) > 0.95
    assert share(t_of(beats, "V1") > 0) > 0.95, "T against QRS"
    assert share(t_of(beats, "V6") < 0) >= 0.95


def test_right_bundle_block_has_a_late_r_in_v1_and_a_broad_s_in_v6() -> None:
    beats = s.median_beats(s.draw("CRBBB"))
    late = slice(s.BEFORE + 38, s.BEFORE + 65)  # 76-130 ms
    assert share(beats[:, s.lead("V1"), late].max(axis=1) > 0.2) > 0.95
    assert share(beats[:, s.lead("V6"), late].min(axis=1) < -0.1) > 0.95


def test_pr_interval() -> None:
    for more, low, high in (((), 110, 200), (("1AVB",), 200, 320)):
        drawn = s.draw("SBRAD", *more)  # P stands clear of T and U
        measured = np.array([s.pr_ms(beat) for beat in s.median_beats(drawn)])
        truths = np.array([truth.pr_ms for truth in drawn.truth])
        assert low < truths.min()
        assert truths.max() < high
        assert np.median(np.abs(measured - truths)) < 8
        assert share((measured > 200) == ("1AVB" in more)) > 0.9


def test_rates_and_regularity() -> None:
    def cv(name: str) -> np.ndarray:
        return np.array([np.std(np.diff(t.onsets_s)) / np.mean(np.diff(t.onsets_s)) for t in s.draw(name).truth])

    rates = {name: np.array([truth.rate for truth in s.draw(name).truth]) for name in RHYTHMS}
    assert rates["SBRAD"].max() < 60
    assert rates["STACH"].min() > 100
    assert rates["SR"].min() >= 60
    assert rates["SR"].max() <= 100
    assert cv("SR").max() < 0.06
    assert np.median(cv("AFIB")) > 0.15
    assert cv("AFIB").min() > cv("SR").max()
    assert np.median(cv("SARRH")) > 0.08


def test_af_has_fibrillatory_waves_and_no_p() -> None:
    def before_qrs(name: str) -> np.ndarray:
        drawn = s.draw(name, count=100)
        slow = [row for row, truth in enumerate(drawn.truth) if truth.rate < 85]
        beats = s.median_beats(drawn)[slow][:, s.lead("II"), s.BEFORE - 100 : s.BEFORE - 25]
        return np.ptp(beats, axis=1)

    assert np.median(before_qrs("AFIB")) < 0.6 * np.median(before_qrs("SR"))
    assert all(truth.pr_ms is None for truth in s.draw("AFIB").truth)
    assert np.median(restlessness("AFIB")) > 2 * np.median(restlessness("SR"))


def restlessness(name: str) -> np.ndarray:
    """How much the 100 ms before QRS in V1 differ from beat to beat (mV), with the slope taken out."""
    drawn = s.draw(name)
    spreads = []
    for row, truth in enumerate(drawn.truth):
        starts = [round(onset * s.RATE) - 60 for onset in truth.onsets_s[1:]]
        parts = np.array([np.diff(drawn.clean_mV[row, s.lead("V1"), start : start + 50]) for start in starts])
        spreads.append(parts.std(axis=0).mean())
    return np.array(spreads)


def test_ventricular_beats_are_early_wide_and_followed_by_a_pause() -> None:
    drawn = s.draw("PVC")
    for row, truth in enumerate(drawn.truth):
        kinds, onsets = np.array(truth.kinds), np.array(truth.onsets_s)
        beats = np.flatnonzero(kinds == VENTRICULAR)
        assert len(beats), f"record {row} has no extra beat"
        for beat in beats[(beats > 1) & (beats < len(onsets) - 1)]:
            around = onsets[beat + 1] - onsets[beat - 1]
            if kinds[beat - 1] != CONDUCTED or kinds[beat + 1] != CONDUCTED or around < 1.5 * np.median(np.diff(onsets)):
                continue  # one of a pair, or interpolated
            assert onsets[beat] - onsets[beat - 1] < 0.45 * around
            if kinds[beat - 2] == CONDUCTED:
                assert around == pytest.approx(2 * (onsets[beat - 1] - onsets[beat - 2]), rel=0.2), "compensatory pause"


def test_a_subject_looks_like_itself() -> None:
    rng = np.random.default_rng(3)
    subjects = draw_subjects(rng, 30, "ptbxl")
    present = draw_conditions(rng, subjects, "ptbxl")
    present[:, [INDEX[each] for each in (*RHYTHMS, "3AVB")]] = False
    present[:, INDEX["SR"]] = True
    twice = [draw_records(rng, subjects, present) for _ in range(2)]
    first, second = (s.median_beats(each, each.signal_mV)[..., s.BEFORE - 20 :].reshape(30, -1) for each in twice)
    alike = np.corrcoef(first, second)[:30, 30:]
    assert share(alike.argmax(axis=1) == np.arange(30)) > 0.9
    assert np.median(np.diag(alike)) > 0.95
    assert np.median(alike[~np.eye(30, dtype=bool)]) < 0.85


def test_conditions_that_exclude_each_other_do_not_meet() -> None:
    rng = np.random.default_rng(0)
    for name in ("ptbxl", "chapman", "mimic", "icbeb"):
        subjects = draw_subjects(rng, 2000, name)
        present = draw_conditions(rng, subjects, name)
        assert (present[:, [INDEX[rhythm] for rhythm in RHYTHMS]].sum(axis=1) == 1).all()
        shown = seen(present)
        assert not (shown & ~present).any()
        for above, hidden in HIDES:
            assert not (shown[:, [INDEX[above]]] & shown[:, [INDEX[each] for each in hidden]]).any(), above
        af = present[:, INDEX["AFIB"]]
        assert not (af & present[:, INDEX["1AVB"]]).any()
        assert af.any()


def test_the_same_seed_draws_the_same_and_another_does_not() -> None:
    assert np.array_equal(s.draw("SR", count=4).signal_mV, s.draw("SR", count=4).signal_mV)
    assert not np.array_equal(s.draw("SR", count=4).signal_mV, s.draw("SR", count=4, seed=1).signal_mV)


def test_noise_is_there_and_does_not_drown_the_signal() -> None:
    drawn = s.draw("SR", count=64)
    noise = drawn.signal_mV - drawn.clean_mV
    decibel = 20 * np.log10(drawn.clean_mV.std(axis=(1, 2)) / noise.std(axis=(1, 2)))
    assert 6 < np.median(decibel) < 25
    assert len(CONDITIONS) == drawn.present.shape[1]

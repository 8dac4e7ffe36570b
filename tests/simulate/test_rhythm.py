"""Rhythms, blocks, extra beats and pacing, measured on noise-free leads and on the times that the truth gives."""

from __future__ import annotations

import numpy as np
import pytest

from esi.simulate.conditions.catalogue import AV_BLOCKS, CONDITIONS, ECTOPY, INDEX, PAUSES, RHYTHMS
from esi.simulate.heart.subjects import draw_subjects
from esi.simulate.record.draw import Drawn, draw_records
from esi.simulate.record.truth import GroundTruth
from esi.simulate.rhythm.strip import ATRIAL, CONDUCTED, ESCAPE, JUNCTIONAL, PACED, VENTRICULAR, PWave
from tests.simulate import simulated as s


def rr(truth: GroundTruth) -> np.ndarray:
    return np.diff(truth.onsets_s)


def variation(truth: GroundTruth) -> float:
    return float(rr(truth).std() / rr(truth).mean())


def near(drawn: Drawn, row: int, lead: str, start: float, end: float) -> np.ndarray:
    """Noise-free mV of one lead between two times in s; empty if that is not all inside the record."""
    first, last = round(start * s.RATE), round(end * s.RATE)
    return drawn.clean_mV[row, s.lead(lead), first:last] if first >= 0 and last <= drawn.clean_mV.shape[2] else np.zeros(0)


def next_qrs(truth: GroundTruth, time: float) -> float:
    """s from `time` to the next QRS."""
    later = np.array(truth.onsets_s) - time
    return float(later[later > 0].min(initial=np.inf))


def explained(drawn: Drawn, row: int, rate: float) -> float:
    """How much of lead II between T and QRS is a wave of `rate` a minute (with two overtones): R squared."""
    truth = drawn.truth[row]
    signal = drawn.clean_mV[row, s.lead("II")]
    starts, ends = np.array(truth.t_ends_s)[:-1] + 0.03, np.array(truth.onsets_s)[1:] - 0.01
    parts = [np.arange(round(a * s.RATE), round(b * s.RATE)) for a, b in zip(starts, ends, strict=True) if b > a + 0.1]
    at = np.concatenate(parts)
    turn = 2 * np.pi * rate / 60 * at / s.RATE
    waves = np.stack([np.ones(len(at)), *(f(k * turn) for k in (1, 2, 3) for f in (np.sin, np.cos))], axis=1)
    rest = signal[at] - waves @ np.linalg.lstsq(waves, signal[at], rcond=None)[0]
    return float(1 - rest.var() / signal[at].var())


def test_flutter_waves_have_the_rate_of_the_truth_and_qrs_is_locked_to_them() -> None:
    drawn = s.draw("AFLT", count=60)
    rates, ratios, right, wrong = [], [], [], []
    for row, truth in enumerate(drawn.truth):
        assert truth.atrial_rate is not None
        assert truth.pr_ms is None
        rates.append(truth.atrial_rate)
        cycles = rr(truth) * truth.atrial_rate / 60
        assert np.abs(cycles - np.round(cycles)).max() < 0.15, "a QRS that is not locked to the F waves"
        ratios.append(np.round(cycles).astype(int))
        if ratios[-1].min() >= 4:  # long stretches without QRS and T
            right.append(explained(drawn, row, truth.atrial_rate))
            wrong.append(explained(drawn, row, 1.07 * truth.atrial_rate))
    assert min(rates) >= 220
    assert max(rates) <= 350
    assert np.median(right) > 0.85
    assert np.median(wrong) < 0.6
    fixed = [int(each[0]) for each in ratios if len(set(each)) == 1]
    assert {2, 4} <= set(fixed)
    assert any(len(set(each)) > 1 for each in ratios), "varying conduction"


def test_flutter_never_rests_on_a_baseline_and_points_down_in_the_inferior_leads() -> None:
    drawn = s.draw("AFLT", count=80)
    down, moving = [], []
    for row, truth in enumerate(drawn.truth):
        assert truth.atrial_rate is not None
        for t_end, following in zip(truth.t_ends_s[:-1], truth.onsets_s[1:], strict=True):
            part = near(drawn, row, "aVF", t_end + 0.03, following - 0.01)
            if len(part) > s.RATE * 60 / truth.atrial_rate:
                down.append(np.median(part) - part.min() > part.max() - np.median(part))
                moving.append(np.ptp(part))
    assert len(down) > 30
    assert 0.65 < np.mean(down) < 1, "typical flutter points down, the reverse kind up"
    assert np.median(moving) > 0.08


def test_supraventricular_tachycardia_is_fast_regular_and_without_p_before_qrs() -> None:
    for truth in s.draw("SVTAC").truth:
        assert 139 <= truth.rate <= 221
        assert variation(truth) < 0.03
        assert truth.pr_ms is None
        assert set(truth.p_waves) <= {PWave.RETROGRADE}
        for p in truth.p_onsets_s:
            assert min(abs(p - onset) for onset in (*truth.onsets_s, truth.onsets_s[0] - 60 / truth.rate)) < 0.16


def test_a_paroxysm_begins_or_ends_inside_some_records() -> None:
    begins = ends = throughout = 0
    for truth in s.draw("PSVT", count=60).truth:
        first, last = rr(truth)[:2].mean(), rr(truth)[-2:].mean()
        assert rr(truth).min() < 60 / 139
        begins += first > 1.3 * last
        ends += last > 1.3 * first
        throughout += rr(truth).max() < 60 / 135
    assert min(begins, ends, throughout) >= 8
    assert begins + ends + throughout >= 55


def test_multifocal_rhythm_has_several_p_waves_and_varying_pp_and_pr() -> None:
    truths = s.draw("SVARR").truth
    assert np.median([variation(truth) for truth in truths]) > 0.1
    assert min(len(set(truth.p_waves)) for truth in truths) >= 2
    assert np.mean([len(set(truth.p_waves)) >= 3 for truth in truths]) > 0.8
    assert np.median([np.ptp([pr for pr in truth.prs_ms if pr]) for truth in truths]) > 30


def test_second_degree_block_drops_beats_and_mobitz_one_lets_pr_grow() -> None:
    drawn = s.draw("2AVB", count=80)
    growing = constant = two_to_one = 0
    for row, truth in enumerate(drawn.truth):
        p = [each for each in truth.p_onsets_s if 0.6 < each < 9.4]
        dropped = [each for each in p if next_qrs(truth, each) > 0.45]
        assert dropped, f"record {row} conducts every P"
        assert len(dropped) < 0.6 * len(p) + 1
        for each in dropped:  # where the truth says a blocked P stands, the signal moves and no QRS follows
            part = drawn.clean_mV[row][s.EIGHT, round((each - 0.02) * s.RATE) : round((each + 0.13) * s.RATE)]
            assert np.ptp(part, axis=1).max() > 0.015
        prs = [pr for pr in truth.prs_ms if pr is not None]
        two_to_one += len(dropped) >= 0.4 * len(p)
        growing += np.ptp(prs) > 40
        constant += np.ptp(prs) < 5
        if np.ptp(prs) > 40:
            steps = np.diff(prs)
            assert (steps < -30).sum() <= len(steps) / 2 + 1, "PR falls once a period only"
    assert min(growing, constant, two_to_one) > 15


def test_third_degree_block_leaves_a_slow_regular_escape_and_p_waves_that_do_not_know_of_it() -> None:
    drawn = s.draw("3AVB", count=60)
    beats: dict[int, list[float]] = {JUNCTIONAL: [], ESCAPE: []}
    for truth in drawn.truth:
        assert 28 <= truth.rate <= 52
        assert variation(truth) < 0.05
        assert truth.pr_ms is None
        assert truth.atrial_rate is not None
        assert truth.atrial_rate > truth.rate
        assert np.std([next_qrs(truth, p) for p in truth.p_onsets_s if p < truth.onsets_s[-1]]) > 0.1
        beats[truth.kinds[0]].append(truth.qrs_ms)
    assert max(beats[JUNCTIONAL]) < 120 < min(beats[ESCAPE])
    slow = [variation(truth) for truth in s.draw("3AVB", "AFIB").truth]
    assert max(slow) < 0.05, "atrial fibrillation with complete block is regular"


def test_a_pause_is_two_cycles_or_two_seconds_long() -> None:
    truths = s.draw("PAUSE", count=60).truth
    gaps = [np.diff(truth.p_onsets_s) for truth in truths]
    assert min(each.max() / np.median(each) for each in gaps) > 1.7
    assert np.mean([each.max() >= 2.0 for each in gaps]) > 0.5
    assert any(JUNCTIONAL in truth.kinds for truth in truths)


def test_paced_beats_are_wide_superior_and_follow_a_spike() -> None:
    drawn = s.draw("PACE", count=80)
    modes = {"ventricular": 0, "dual": 0, "atrial": 0, "demand": 0}
    spiked = []
    for row, truth in enumerate(drawn.truth):
        paced = [onset for onset, kind in zip(truth.onsets_s, truth.kinds, strict=True) if kind == PACED]
        if len(paced) < 3:
            modes["atrial"] += 1
            continue
        modes["demand"] += CONDUCTED in truth.kinds
        between = [next_qrs(truth, p) for p in truth.p_onsets_s if p < truth.onsets_s[-1]]
        modes["dual" if len(between) > 2 and np.std(between) < 0.02 else "ventricular"] += 1
        for onset in paced[1:-1]:
            assert near(drawn, row, "V1", onset, onset + 0.2).min() < -0.3
            assert -near(drawn, row, "aVF", onset, onset + 0.2).min() > near(drawn, row, "aVF", onset, onset + 0.2).max()
        steep = np.abs(np.diff(drawn.clean_mV[row], n=2)).max(axis=0)  # a spike bends the trace as no heart does
        at = [round(onset * s.RATE) for onset in paced[1:-1]]
        spiked.append(np.median([steep[each - 8 : each].max() / np.median(steep[each + 5 : each + 40]) for each in at]))
        if CONDUCTED not in truth.kinds:
            assert truth.qrs_ms >= 140
            assert -120 <= truth.axis_deg <= -20
            assert variation(truth) < 0.2
    assert min(modes.values()) >= 5
    assert np.mean(np.array(spiked) > 5) > 0.7
    assert min(spiked) < 0.2 * np.median(spiked), "bipolar spikes may be too small to see"


def test_bigeminy_and_trigeminy() -> None:
    for name, kind, period in (
        ("BIGU", VENTRICULAR, 2),
        ("TRIGU", VENTRICULAR, 3),
        ("ABIGU", ATRIAL, 2),
        ("ATRIGU", ATRIAL, 3),
    ):
        whole = 0
        for truth in s.draw(name).truth:
            places = np.flatnonzero(np.array(truth.kinds) == kind)
            assert len(places) >= 2
            assert (np.diff(places) == period).mean() > 0.6
            whole += (np.diff(places) == period).all() and len(places) >= len(truth.kinds) // period - 1
        assert whole > 20, name


def test_premature_atrial_beats_are_early_and_differ_in_number_between_people() -> None:
    counts, blocked, aberrant = [], 0, 0
    for truth in s.draw("PAC", count=120).truth:
        kinds, onsets = np.array(truth.kinds), np.array(truth.onsets_s)
        early = np.flatnonzero(kinds == ATRIAL)
        assert len(early)
        for beat in early[(early > 1) & (early < len(kinds) - 1)]:
            if (kinds[beat - 2 : beat + 2] == [CONDUCTED, CONDUCTED, ATRIAL, CONDUCTED]).all():
                assert onsets[beat] - onsets[beat - 1] < 0.92 * np.median(np.diff(onsets))
        counts.append(len(early))
        widths = np.array(truth.offsets_s) - onsets
        aberrant += widths[early].max() > widths[kinds == CONDUCTED].max() + 0.01
        blocked += any(next_qrs(truth, p) > 0.5 for p in truth.p_onsets_s[:-1])
    assert min(counts) == 1
    assert max(counts) >= 4
    assert aberrant > 2
    assert blocked > 2


def test_ventricular_beats_may_be_paired_or_of_two_shapes() -> None:
    drawn = s.draw("PVC", count=150)
    paired = multiform = 0
    for row, truth in enumerate(drawn.truth):
        kinds, onsets = np.array(truth.kinds), np.array(truth.onsets_s)
        beats = np.flatnonzero(kinds == VENTRICULAR)
        paired += bool((np.diff(beats) == 1).any())
        shapes = [near(drawn, row, "V1", onsets[beat], onsets[beat] + 0.1) for beat in beats]
        shapes = [each for each in shapes if len(each) == 50]
        multiform += len(shapes) > 1 and np.corrcoef(shapes).min() < 0.5
    assert min(paired, multiform) >= 3


def test_ventricular_beats_of_slow_hearts_may_be_interpolated() -> None:
    interpolated = 0
    for truth in s.draw("SBRAD", "PVC", count=100).truth:
        kinds, onsets = np.array(truth.kinds), np.array(truth.onsets_s)
        beats = np.flatnonzero(kinds == VENTRICULAR)
        inner = beats[(beats > 1) & (beats < len(kinds) - 1)]
        around = [onsets[beat + 1] - onsets[beat - 1] for beat in inner if (kinds[[beat - 1, beat + 1]] == CONDUCTED).all()]
        interpolated += bool(around) and min(around) < 1.25 * np.median(np.diff(onsets))
    assert 5 <= interpolated <= 50, "no compensatory pause behind some, and one behind most"


def test_sinus_rhythm_breathes_less_in_the_old() -> None:
    rng = np.random.default_rng(0)
    subjects = draw_subjects(rng, 300, "ptbxl")
    present = np.zeros((300, len(CONDITIONS)), bool)
    present[:, INDEX["SR"]] = True
    spread = np.array([variation(truth) for truth in draw_records(rng, subjects, present).truth])
    assert np.median(spread[subjects.age < 45]) > 1.5 * np.median(spread[subjects.age > 75])


@pytest.mark.parametrize("length", [6.0, 60.0])
def test_everything_can_be_drawn_beside_everything(length: float) -> None:
    names = [(rhythm, more) for rhythm in RHYTHMS for more in (*ECTOPY, *AV_BLOCKS, *PAUSES)]
    rng = np.random.default_rng(2)
    present = np.zeros((len(names), len(CONDITIONS)), bool)
    for row, both in enumerate(names):
        present[row, [INDEX[name] for name in both]] = True
    drawn = draw_records(rng, draw_subjects(rng, len(names), "mimic"), present, "mimic", np.full(len(names), length))
    assert np.isfinite(drawn.clean_mV).all()
    for both, truth in zip(names, drawn.truth, strict=True):
        assert np.isfinite([truth.rate, truth.qrs_ms, truth.qt_ms, truth.axis_deg]).all(), both
        assert rr(truth).min() > 0.2, both
        assert rr(truth).max() < 5.2, both
        assert truth.onsets_s[-1] > length - 5, both
        if both[1] in ("PVC", "BIGU", "TRIGU"):
            assert VENTRICULAR in truth.kinds, both


def test_a_label_is_shown_beside_other_labels() -> None:
    """A pause, a block or the other extra beats do not take away what a label promises."""
    cases = {("PAC", "PVC"): (ATRIAL, VENTRICULAR), ("PAC", "PAUSE"): (ATRIAL,), ("PVC", "3AVB"): (VENTRICULAR,)}
    for names, kinds in cases.items():
        for rhythm in ("SR", "STACH", "SBRAD"):
            for truth in s.draw(rhythm, *names, count=100).truth:
                assert set(kinds) <= set(truth.kinds), names
                if "PAUSE" in names:
                    assert np.diff(truth.p_onsets_s).max() > 1.5 * np.median(np.diff(truth.p_onsets_s))

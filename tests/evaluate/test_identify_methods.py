from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.identify.fine_tune import fine_tuned_scores
from esi.evaluate.identify.methods import Outcome, by_encoder, by_template, table, trials
from esi.evaluate.identify.scores import first_rank
from esi.evaluate.identify.trials import Trial
from esi.evaluate.models.encoders import Candidate
from esi.settings.evaluation import Identify
from tests.evaluate.tiny_sets import ecg_set, row
from tests.model.mini import mini_esi

SETTINGS = Identify(
    seconds={"ptbxl": 4.0}, seeds=[0, 1], epochs=5, batch_size=4, lr=1e-2, fine_tune_epochs=0, fine_tune_lr=3e-3
)  # fmt: skip


@pytest.fixture
def tiny(tmp_path: Path, own_cache: Path) -> EcgSet:
    """Six recordings of five subjects and one of another split; "5" ends before the second strip begins."""
    rows = [row(number, window=0) for number in range(1, 5)]
    rows += [row(5, window=0, valid_samples=1900), row(6, window=0, subject_id="s1"), row(7, window=0, subject_id="s2")]
    return ecg_set(tmp_path / "ecg", [*rows, row(8, window=0, split="train")])


@pytest.fixture
def candidate(tmp_path: Path) -> Candidate:
    return Candidate("esi", 0, "key", mini_esi(tmp_path / "bert").eval())


def by_every_method(ecgs: EcgSet, candidate: Candidate, settings: Identify) -> list[Outcome]:
    found: list[Outcome] = []
    for trial in trials(ecgs, 4.0, 100)[0]:
        found += [by_template(ecgs, trial, 100), *by_encoder(candidate, ecgs, trial, settings)]
    return found


def test_every_method_on_both_protocols_and_the_same_figures_again(tiny: EcgSet, candidate: Candidate) -> None:
    rows = table(by_every_method(tiny, candidate, SETTINGS))
    assert rows.select("protocol", "method", "model", "subjects", "runs", "left_out").rows() == [
        ("strip", "template", "template", 4, 1, 1),
        ("strip", "cosine", "esi", 4, 1, 1),
        ("strip", "linear", "esi", 4, 2, 1),
        ("recording", "template", "template", 2, 1, 0),
        ("recording", "cosine", "esi", 2, 1, 0),
        ("recording", "linear", "esi", 2, 2, 0),
    ]
    assert rows["chance"].to_list() == [1 / 4] * 3 + [1 / 5] * 3
    assert rows.equals(table(by_every_method(tiny, candidate, SETTINGS)))


def test_a_protocol_without_two_probes_is_named_and_not_run(tmp_path: Path, own_cache: Path) -> None:
    ecgs = ecg_set(tmp_path, [row(1, window=0), row(2, window=0), row(3, window=0, subject_id="s1")])
    possible, why_not = trials(ecgs, 5.0, 100)
    assert [trial.protocol for trial in possible] == ["strip"]
    assert why_not == ["ptbxl, recording: not run, 1 test subjects with several recordings"]


def test_fine_tuning_learns_the_gallery_and_leaves_the_candidate_alone(tiny: EcgSet, candidate: Candidate) -> None:
    strips = trials(tiny, 4.0, 100)[0][0]
    seen = Trial("strip", strips.gallery, strips.gallery, strips.place_P, strips.gallery_strip, strips.gallery_strip, 0)
    before = {name: part.clone() for name, part in candidate.model.encoder.state_dict().items()}
    settings = SETTINGS.model_copy(update={"fine_tune_epochs": 10})
    scores_PG = fine_tuned_scores(candidate, seen, tiny.store, settings, 0)
    assert first_rank(scores_PG, seen.place_P).all()
    assert all((part == before[name]).all() for name, part in candidate.model.encoder.state_dict().items())


def test_the_random_encoder_fine_tuned_is_the_supervised_control(tiny: EcgSet, candidate: Candidate) -> None:
    settings = SETTINGS.model_copy(update={"fine_tune_epochs": 1, "seeds": [0]})
    other = Candidate("random", 0, "other key", candidate.model)
    rows = table(outcome for trial in trials(tiny, 4.0, 100)[0] for outcome in by_encoder(other, tiny, trial, settings))
    tuned = rows.filter(pl.col("method") == "fine_tune").select("protocol", "model", "runs")
    assert tuned.rows() == [("strip", "supervised", 1)]

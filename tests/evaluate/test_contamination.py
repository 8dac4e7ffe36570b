"""A model that has seen a test is not tested on it, whatever happened to the folds since."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from esi import params
from esi.evaluate.contamination import ContaminationError
from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.models.encoders import Encoders
from esi.files import write_table
from esi.model.esi import ESI
from esi.model.manifest import manifest_of_pairs
from esi.pairs.build import build_pairs, read_records
from esi.settings.data import Folds
from stages import pretrain
from tests.conftest import ROOT
from tests.evaluate.tiny_sets import ecg_set, row, write_set
from tests.model.mini import mini_bert, mini_esi

AS_TRAINED = Folds(train=[1, 2, 3, 4, 5, 6, 7, 8], validation=[9], test=[10])
DESCRIPTIONS = {"normal ECG": "Normal P, QRS and T."}


def records(folds: Folds) -> list[dict[str, Any]]:
    """Two records of a subject in each of ten folds; one in folds 8 and 10 is without a patient, a subject of its own."""
    nobody = {"16", "20"}
    rows = []
    for number in range(1, 21):
        fold = (number + 1) // 2
        subject = f"record-{number}" if str(number) in nobody else f"s{fold}"
        rows.append(row(number, subject_id=subject, fold=fold, split=folds.split_of(fold)))
    return rows


def pair(folder: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Tables and pairs of the rows."""
    write_set(folder / "data/ecg", rows)
    settings = params.load(ROOT / "params.yaml").pairs.model_copy(update={"sets": ["ptbxl"], "validation_share": 0.3})
    pairs, figures = build_pairs(
        read_records(folder / "data/ecg", ["ptbxl"]), DESCRIPTIONS, settings, lambda text: len(text.split())
    )
    assert figures["validation"] > 0
    write_table(folder / "data/pairs/pairs.parquet", pairs)


@pytest.fixture
def trained(tmp_path: Path, own_cache: Path) -> Path:
    """A folder with a model that knows that it was trained on folds 1 to 8."""
    pair(tmp_path, records(AS_TRAINED))
    model = mini_esi(tmp_path / "bert")
    model.trained_on = manifest_of_pairs(tmp_path / "data/pairs/pairs.parquet")
    model.save_pretrained(tmp_path / "data/model")
    return tmp_path


def with_folds(folder: Path, **folds: list[int]) -> EcgSet:
    return ecg_set(folder / "data/ecg", records(Folds.model_validate(folds)))


def check(folder: Path, *sets: EcgSet) -> ESI:
    """The model, if it may be evaluated on the sets."""
    return Encoders(folder / "data/model", [], sets).evaluated.esi


def test_the_folds_that_it_was_trained_with_are_a_fair_test(trained: Path) -> None:
    ecgs = with_folds(trained, **AS_TRAINED.model_dump())
    found = Encoders(trained / "data/model", [1], [ecgs])
    assert [candidate.name for candidate in found] == ["esi", "random"]


def test_folds_changed_after_pretraining_are_refused(trained: Path) -> None:
    ecgs = with_folds(trained, train=[1, 2, 3, 4, 5, 6, 7], validation=[9], test=[8])
    sentence = (
        r"data/model was trained on 2 subjects and 2 signals of ptbxl's test records \(record 15, for example\).*"
        r"pretrain it anew with these folds, or set ingest\.ptbxl\.folds back"
    )
    with pytest.raises(ContaminationError, match=sentence):
        check(trained, ecgs)


def test_every_fold_that_it_was_trained_on_is_refused_even_those_that_watched_its_loss(trained: Path) -> None:
    for fold in AS_TRAINED.train:
        rest = [other for other in AS_TRAINED.train if other != fold]
        with pytest.raises(ContaminationError, match="test records"):
            check(trained, with_folds(trained, train=rest, validation=[9], test=[fold]))


def test_validation_records_too_for_thresholds_come_from_there(trained: Path) -> None:
    ecgs = with_folds(trained, train=[1, 2, 3, 4, 5, 6, 7], validation=[8], test=[10])
    with pytest.raises(ContaminationError, match=r"2 signals of ptbxl's validation records \(record 15, for example\)"):
        check(trained, ecgs)


def test_the_test_records_are_named_first(trained: Path) -> None:
    ecgs = with_folds(trained, train=[1], validation=[7], test=[8])
    with pytest.raises(ContaminationError, match="ptbxl's test records"):
        check(trained, ecgs)


def test_another_record_of_a_subject_is_refused(trained: Path) -> None:
    ecgs = ecg_set(trained / "data/ecg", [row(99, subject_id="s3"), row(98)])
    with pytest.raises(ContaminationError, match=r"1 subjects and 0 signals of ptbxl's test records \(record 99, "):
        check(trained, ecgs)


def test_a_signal_is_known_in_another_set_and_a_subject_is_not(trained: Path) -> None:
    fair = ecg_set(trained / "data/ecg", [row(99, subject_id="s3")], "icbeb")
    assert check(trained, fair).trained_on is not None
    copy = ecg_set(trained / "data/ecg", [row(98), row(99, signal_hash="signal 5")], "icbeb")
    with pytest.raises(ContaminationError, match=r"0 subjects and 1 signals of icbeb's test records \(record 99, "):
        check(trained, fair, copy)


def test_training_records_of_the_set_may_be_known(trained: Path) -> None:
    ecgs = with_folds(trained, train=[1, 2, 3, 4, 5, 6, 7, 8], validation=[], test=[])
    assert check(trained, ecgs).config.contrastive


def test_a_model_that_does_not_say_is_refused(trained: Path) -> None:
    (trained / "data/model/training.parquet").unlink()
    assert ESI.from_pretrained(trained / "data/model").trained_on is None
    ecgs = with_folds(trained, **AS_TRAINED.model_dump())
    with pytest.raises(
        ContaminationError, match=r"data/model does not say .* whether ptbxl is a fair test: pretrain it anew"
    ):
        check(trained, ecgs)


def test_the_pretrain_stage_writes_what_it_was_trained_on(
    tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair(tmp_path, records(AS_TRAINED))
    yaml = YAML()
    settings = yaml.load((ROOT / "params.yaml").read_text())
    settings["model"] |= {"text_tower": str(mini_bert(tmp_path / "bert")), "decoder_layers": 1, "decoder_dim": 32}
    settings["pairs"]["max_tokens"] = 32
    settings["train"] |= {"epochs": 1, "batch_size": 4, "caption_tokens": 8}
    yaml.dump(settings, tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    pretrain.main()
    model = ESI.from_pretrained(tmp_path / "data/model")
    assert model.trained_on is not None
    assert model.trained_on.num_rows == 9 + 16  # of eight folds: their subjects, one of them twice without a name; signals
    assert model.trained_on.equals(manifest_of_pairs(tmp_path / "data/pairs/pairs.parquet"))
    with pytest.raises(ContaminationError, match="ptbxl's test records"):
        check(tmp_path, with_folds(tmp_path, train=[1], validation=[9], test=[8]))

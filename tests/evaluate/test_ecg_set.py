from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from esi.errors import EsiError
from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.encode import Strip
from esi.evaluate.models.encoders import Encoders
from esi.settings.data import Signal
from tests.evaluate.tiny_sets import SIGNAL, SUPER, ecg_set, row
from tests.model.mini import mini_esi

CODES = [["NORM", "SR"], ["IMI"], ["SR"], ["NDT", "SR"], ["NDT"], ["NORM"], ["AFIB", "ASMI"]]
SEEDS = [1, 2]  # the mini model itself is drawn by 0


@pytest.fixture
def ecgs(tmp_path: Path, own_cache: Path) -> EcgSet:
    mini_esi(tmp_path / "bert").save_pretrained(tmp_path / "model")
    rows = [row(number, subject_id=f"s{number // 2}", codes=codes) for number, codes in enumerate(CODES)]
    return ecg_set(tmp_path / "ecg", rows)


def test_records_without_a_label_of_the_task_are_left_out(ecgs: EcgSet) -> None:
    split = ecgs.split(SUPER, "test")
    assert split.records == ["0", "1", "3", "4", "5", "6"]
    assert split.subjects == ["s0", "s0", "s1", "s2", "s2", "s3"]
    assert split.labels_NK.tolist() == [
        [False, True, False],
        [True, False, False],
        [False, False, True],
        [False, False, True],
        [False, True, False],
        [True, False, False],
    ]


def test_a_recording_that_is_also_in_a_later_split_is_left_out(tmp_path: Path, own_cache: Path) -> None:
    places = [
        ("train", "a"),
        ("train", "b"),
        ("train", "c"),
        ("validation", "b"),
        ("validation", "d"),
        ("test", "c"),
        ("test", "e"),
        ("unused", "f"),
    ]
    rows = [row(number, split=split, signal_hash=signal_hash) for number, (split, signal_hash) in enumerate(places)]
    ecgs = ecg_set(tmp_path / "ecg", rows)
    records = {split: ecgs.split(SUPER, split).records for split in ("train", "validation", "test")}
    assert records == {"train": ["0"], "validation": ["3", "4"], "test": ["5", "6"]}


def test_an_empty_split_is_one_sentence(ecgs: EcgSet) -> None:
    with pytest.raises(EsiError, match=r"ptbxl has no validation record .*ingest\.ptbxl\.folds\.validation"):
        ecgs.split(SUPER, "validation")


def test_controls_are_the_same_model_with_another_signal_encoder(ecgs: EcgSet, tmp_path: Path) -> None:
    records = ecgs.split(SUPER, "test").records
    encoded, texts, keys = {}, {}, set()
    for candidate in Encoders(tmp_path / "model", SEEDS, []):
        name = (candidate.name, candidate.seed)
        assert not candidate.model.training
        encoded[name] = ecgs.encode(candidate.model, candidate.key, "test", records)
        keys.add(candidate.key)
        with torch.inference_mode():
            texts[name] = candidate.esi.encode_text(["sinus rhythm"]).numpy()
    assert list(encoded) == [("esi", 0), ("random", 1), ("random", 2)]
    assert len(keys) == 3
    np.testing.assert_array_equal(texts["esi", 0], texts["random", 1])
    for one, other in ((("esi", 0), ("random", 1)), (("random", 1), ("random", 2))):
        assert np.abs(encoded[one].z_NE - encoded[other].z_NE).max() > 0.01
    np.testing.assert_allclose(np.linalg.norm(encoded["esi", 0].z_NE, axis=1), 1, atol=1e-5)


def test_encoding_is_done_once_and_in_the_order_asked(ecgs: EcgSet, tmp_path: Path, own_cache: Path) -> None:
    records = ecgs.split(SUPER, "test").records
    candidate = Encoders(tmp_path / "model", [0], []).evaluated
    first = ecgs.encode(candidate.model, candidate.key, "test", records)
    files = list((own_cache / "embeddings").iterdir())
    again = ecgs.encode(candidate.model, candidate.key, "test", records[::-1])
    np.testing.assert_array_equal(first.z_NE, again.z_NE[::-1])
    np.testing.assert_array_equal(first.pooled_ND, again.pooled_ND[::-1])
    assert list((own_cache / "embeddings").iterdir()) == files
    number = ecgs.store.row_of[records[2]]
    ecg_BCT = torch.from_numpy(ecgs.store.signals_NCT[number].astype(np.float32) / 1000)[None]
    with torch.inference_mode():
        alone = candidate.model.encode_ecg(ecg_BCT, torch.tensor([1000]))["z"].numpy()[0]
        strip = candidate.model.encode_ecg(ecg_BCT[..., 500:800], torch.tensor([300]))["z"].numpy()[0]
    np.testing.assert_allclose(first.z_NE[2], alone, atol=1e-5)
    part = ecgs.encode(candidate.model, candidate.key, "test", [records[2]], Strip(500, 300))
    np.testing.assert_allclose(part.z_NE[0], strip, atol=1e-5)
    assert np.abs(alone - strip).max() > 0.01


def test_a_model_trained_on_other_signals_is_refused(ecgs: EcgSet, tmp_path: Path) -> None:
    other = EcgSet("ptbxl", tmp_path / "ecg", SIGNAL.model_copy(update={"rate": 500}), 4)
    filtered = EcgSet("ptbxl", tmp_path / "ecg", Signal(rate=100, highpass_hz=0), 4)
    candidate = Encoders(tmp_path / "model", [0], []).evaluated
    with pytest.raises(EsiError, match=r"trained at 100 Hz .* signal\.rate is 500"):
        other.encode(candidate.model, candidate.key, "test", ["0"])
    with pytest.raises(EsiError, match=r"high-pass of 0\.5 Hz, .* signal\.highpass_hz 0\.0"):
        filtered.encode(candidate.model, candidate.key, "test", ["0"])

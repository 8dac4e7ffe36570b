from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from esi.ecg.tables import SCHEMA
from esi.errors import EsiError
from esi.evaluate.benchmark import Benchmark, Split, encoders, figures
from esi.evaluate.metrics import macro_auroc
from esi.evaluate.tasks import task_by_name
from esi.evaluate.zero_shot import class_embeddings, class_prompts, zero_shot_scores
from esi.files import write_table
from esi.settings.data import Signal
from esi.settings.evaluation import Evaluate
from tests.model.mini import mini_esi

SIGNAL = Signal(rate=100, highpass_hz=0.5)
SETTINGS = Evaluate(batch_size=4, bootstrap=20, seed=0, random_seeds=[1, 2])  # the mini model itself is drawn by 0
CODES = [["NORM", "SR"], ["IMI"], ["SR"], ["CLBBB", "SR"], ["LVH"], ["NDT"], ["NORM"], ["AFIB", "ASMI"]]
DESCRIPTIONS = {"normal ECG": "Normal P, QRS and T.", "inferior myocardial infarction": "Q waves in II, III and aVF."}


@pytest.fixture
def benchmark(tmp_path: Path, own_cache: Path) -> Benchmark:
    signals = np.random.default_rng(0).integers(-900, 900, (len(CODES), 12, 5000)).astype("<i2")
    rows = [
        {
            "dataset": "ptbxl",
            "record_id": str(number),
            "subject_id": f"s{number // 2}",
            "split": "test",
            "codes": codes,
            "valid_samples": 5000,
            "signal_hash": str(number),
            "signal": signals[number].tobytes(),
        }
        for number, codes in enumerate(CODES)
    ]
    write_table(tmp_path / "ecg/ptbxl/part-00000.parquet", pa.Table.from_pylist(rows, SCHEMA))
    mini_esi(tmp_path / "bert").save_pretrained(tmp_path / "model")
    return Benchmark(task_by_name("ptbxl-super"), tmp_path / "ecg", SIGNAL, SETTINGS)


def test_records_without_a_label_of_the_task_are_left_out(benchmark: Benchmark) -> None:
    split = benchmark.split("test")
    assert split.records == ["0", "1", "3", "4", "5", "6", "7"]
    assert split.labels_NK.sum() == 7


def test_a_recording_that_is_also_in_a_later_split_is_left_out(tmp_path: Path, own_cache: Path) -> None:
    places = [
        ("train", "a"),
        ("train", "b"),
        ("train", "c"),
        ("validation", "b"),
        ("validation", "d"),
        ("test", "c"),
        ("test", "e"),
    ]
    rows = [
        {"record_id": str(number), "subject_id": str(number), "split": split, "codes": ["NORM"], "signal_hash": signal_hash}
        | {"valid_samples": 5000, "signal": bytes(120_000)}
        for number, (split, signal_hash) in enumerate(places)
    ]
    write_table(tmp_path / "ecg/ptbxl/part-00000.parquet", pa.Table.from_pylist(rows, SCHEMA))
    benchmark = Benchmark(task_by_name("ptbxl-super"), tmp_path / "ecg", SIGNAL, SETTINGS)
    records = {split: benchmark.split(split).records for split in ("train", "validation", "test")}
    assert records == {"train": ["0"], "validation": ["3", "4"], "test": ["5", "6"]}


def test_an_empty_split_is_one_sentence(benchmark: Benchmark) -> None:
    with pytest.raises(EsiError, match=r"ptbxl has no validation record .*ingest.ptbxl.folds.validation"):
        benchmark.split("validation")


def test_controls_are_the_same_model_with_another_signal_encoder(benchmark: Benchmark, tmp_path: Path) -> None:
    split = benchmark.split("test")
    encoded, texts = {}, {}
    for name, key, model in encoders(tmp_path / "model", SETTINGS.random_seeds):
        encoded[name] = benchmark.encode(model, key, split)
        with torch.inference_mode():
            texts[name] = model.encode_text(["sinus rhythm"]).numpy()
    assert list(encoded) == ["pretrained", "random 1", "random 2"]
    np.testing.assert_array_equal(texts["pretrained"], texts["random 1"])
    for one, other in (("pretrained", "random 1"), ("random 1", "random 2")):
        assert np.abs(encoded[one].z_NE - encoded[other].z_NE).max() > 0.01
    np.testing.assert_allclose(np.linalg.norm(encoded["pretrained"].z_NE, axis=1), 1, atol=1e-5)


def test_encoding_is_done_once_and_in_the_order_asked(benchmark: Benchmark, tmp_path: Path, own_cache: Path) -> None:
    split = benchmark.split("test")
    _, key, model = next(encoders(tmp_path / "model", [0]))
    first = benchmark.encode(model, key, split)
    files = list((own_cache / "embeddings").iterdir())
    again = benchmark.encode(model, key, split)
    np.testing.assert_array_equal(first.z_NE, again.z_NE)
    assert list((own_cache / "embeddings").iterdir()) == files
    ecg_BCT, valid_B = torch.zeros(1, 12, 1000), torch.tensor([1000])
    store = benchmark._store
    row = store.row_of[split.records[2]]
    ecg_BCT[0] = torch.from_numpy(store.signals_NCT[row].astype(np.float32) / 1000)
    with torch.inference_mode():
        alone = model.encode_ecg(ecg_BCT, valid_B)["z"].numpy()[0]
    np.testing.assert_allclose(first.z_NE[2], alone, atol=1e-5)


def test_a_model_trained_on_other_signals_is_refused(tmp_path: Path, benchmark: Benchmark) -> None:
    other = Benchmark(benchmark.task, tmp_path / "ecg", Signal(rate=500, highpass_hz=0.5), SETTINGS)
    _, key, model = next(encoders(tmp_path / "model", [0]))
    with pytest.raises(EsiError, match="trained at 100 Hz .* signal.rate is 500"):
        other.encode(model, key, other.split("test"))


def test_zero_shot_reads_the_space_after_the_projection(benchmark: Benchmark, tmp_path: Path) -> None:
    """The published code compared vectors from before the projection: then another projection would change nothing."""
    split = benchmark.split("test")
    _, key, model = next(encoders(tmp_path / "model", [0]))
    prompts = class_embeddings(model, benchmark.task, ["findings"], {})
    scores = zero_shot_scores(benchmark.encode(model, key, split).z_NE, prompts)
    with torch.no_grad():
        torch.manual_seed(1)
        model.project_ecg.reset_parameters()
    changed = zero_shot_scores(benchmark.encode(model, "another projection", split).z_NE, prompts)
    assert np.abs(scores - changed).max() > 0.01
    assert scores.shape == (7, 5)


def test_zero_shot_scores_are_cosines_to_the_mean_prompt() -> None:
    prompts = [np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[-1.0, 0.0]])]
    scores = zero_shot_scores(np.array([[1.0, 0.0], [0.6, 0.8]]), prompts)
    np.testing.assert_allclose(scores, [[np.sqrt(0.5), -1.0], [1.4 * np.sqrt(0.5), -0.6]])


def test_class_prompts_name_the_finding_and_nobody() -> None:
    task = task_by_name("ptbxl-super")
    for item in task.classes:
        prompts = class_prompts(item, ["findings", "descriptions"], DESCRIPTIONS)
        assert len(prompts) >= len(item.statements)
        assert not any("year-old" in prompt or "male" in prompt.split() for prompt in prompts)
    normal = next(item for item in task.classes if item.name == "NORM")
    both = class_prompts(normal, ["findings", "descriptions"], DESCRIPTIONS)
    assert both == ["Findings: normal ECG.", "Normal P, QRS and T."]
    conduction = next(item for item in task.classes if item.name == "CD")
    with pytest.raises(EsiError, match="class CD: none of .* has a description"):
        class_prompts(conduction, ["descriptions"], DESCRIPTIONS)


def test_the_figures_hold_the_control_beside_ours() -> None:
    labels = np.eye(4, dtype=bool)
    subjects = ["a", "b", "c", "c"]
    ours = macro_auroc(labels, labels.astype(float), list("wxyz"), subjects, 20, 0)
    random = [macro_auroc(labels, -labels.astype(float), list("wxyz"), subjects, 20, 0)]
    content = figures(Split(list("1234"), subjects, labels), ours, random)
    assert (content["auroc_macro"], content["random_auroc_macro"]) == (1.0, 0.0)
    assert (content["n_test"], content["n_test_subjects"], content["auroc_w"]) == (4, 3, 1.0)

"""From simulated to real: on small made-up "real" releases every figure is there, and no test ECG was learned from."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmarks import sim_to_real
from benchmarks.real_sets import CPSC, PTBXL, real_cpsc, real_ptbxl
from benchmarks.simulated_records import draw
from benchmarks.supervised import train
from esi import params
from esi.ecg.reference import cpsc_classes
from esi.errors import EsiError
from esi.evaluate.contamination import ContaminationError
from esi.evaluate.split import Split
from esi.evaluate.tasks import read_task
from esi.model.esi import ESI
from esi.model.manifest import COLUMNS, manifest
from esi.settings.data import Signal
from esi.simulate.releases.cohort import simulate_cohort
from tests.conftest import ROOT
from tests.ecg.test_readers_cpsc2018 import write, write_mat
from tests.model.mini import mini_esi

SUPERCLASSES = ["CD", "HYP", "MI", "NORM", "STTC"]
FIGURES = ["ptbxl_super_auroc", "cpsc_auroc", "ptbxl_super_zero_shot_auroc", "cpsc_zero_shot_auroc"]


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what looks like real releases, `ptbxl` and `icbeb`."""
    folder = tmp_path_factory.mktemp("releases")
    simulate_cohort(folder, {"ptbxl": 60, "icbeb": 40}, seed=1)
    return folder


def model(folder: Path, **columns: list[str]) -> ESI:
    """A model in `folder`/model that was trained on one record of a data set "ptbxl", or on the given."""
    made = mini_esi(folder / "bert")
    record = {"dataset": ["ptbxl"], "subject_id": ["1"], "signal_hash": ["simulated"]} | columns
    made.trained_on = manifest(pl.DataFrame(record).select(COLUMNS).to_arrow())
    made.save_pretrained(folder / "model")
    return made


def measure(monkeypatch: pytest.MonkeyPatch, releases: Path, work: Path, *options: str) -> dict[str, Any]:
    """The figures of `python -m benchmarks.sim_to_real`, two training steps."""
    given: dict[str, object] = {
        "--ptbxl": releases / "ptbxl",
        "--cpsc": releases / "icbeb",
        "--model": work / "model",
        "--out": work / "out.json",
    }
    given |= {"--records": 72, "--epochs": 1, "--resamples": 20, "--seed": 3}
    sizes = [str(part) for option in given.items() for part in option]
    monkeypatch.setattr("sys.argv", ["sim_to_real", *sizes, "--test-folds", "9", "10", *options])
    monkeypatch.chdir(ROOT)
    sim_to_real.main()
    figures: dict[str, Any] = json.loads((work / "out.json").read_text())
    return figures


def test_all_figures_and_each_half_again_alone(
    releases: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The made-up real PTB-XL has a subject 1, as the model's own "ptbxl" has: another person, so the test is fair.

    Supervised figures need no model, zero-shot ones no training; both are the same twice.
    """
    work = own_cache.parent
    model(work)
    found = measure(monkeypatch, releases, work)
    for figure in FIGURES:
        for prefix in ("", "random_"):
            key = f"{prefix}{figure}_macro"
            assert 0 <= found[f"{key}_ci_low"] <= found[f"{key}_ci_high"] <= 1
            by_class = found["by_class"][f"{prefix}{figure}"]
            assert found[key] == pytest.approx(np.mean(list(by_class.values())), abs=1e-4)
    shown = capsys.readouterr().out
    assert all(f"{prefix}{figure}_macro " in shown for figure in FIGURES for prefix in ("", "random_"))
    assert found["ptbxl_super_auroc_macro"] != found["random_ptbxl_super_auroc_macro"]
    assert found["cpsc_records"] == 40
    assert list(found["positives"]["ptbxl_super"]) == SUPERCLASSES
    with (releases / "ptbxl/ptbxl_database.csv").open(encoding="utf-8") as file:
        held_out = [row for row in csv.DictReader(file) if row["strat_fold"] in ("9", "10")]
    assert 0 < found["ptbxl_records"] <= len(held_out)
    (work / "out.json").unlink()
    half = measure(monkeypatch, releases, work, "--only", "supervised", "--model", "nowhere")
    assert half["by_class"] == {key: areas for key, areas in found["by_class"].items() if "zero_shot" not in key}
    monkeypatch.delattr("benchmarks.sim_to_real.train")
    whole = measure(monkeypatch, releases, work, "--only", "zero-shot")
    assert whole == found | {"summary": whole["summary"]}, "the other half stays"
    other = measure(monkeypatch, releases, work, "--only", "zero-shot", "--seed", "1")
    assert not [key for key in other["by_class"] if "zero_shot" not in key], "what was measured with another seed does not"


def test_a_model_that_knows_a_test_signal_is_refused(
    releases: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ecgs = real_ptbxl(releases / "ptbxl", [9], params.load(ROOT / "params.yaml"))
    model(own_cache.parent, signal_hash=ecgs.records["signal_hash"].to_list()[:1])
    with pytest.raises(ContaminationError, match=r"1 signals of real-ptbxl's test records"):
        measure(monkeypatch, releases, own_cache.parent)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--ptbxl", "nowhere"], "nowhere holds no ptbxl_database.csv: give --ptbxl"),
        (["--cpsc", "nowhere"], "nowhere holds neither REFERENCE.csv nor .hea files: give --cpsc"),
        (["--model", "nowhere"], "nowhere holds no exported model: run `dvc repro pretrain`"),
        (["--test-folds", "11"], r"folds are \[11\]: PTB-XL has folds 1 to 10"),
        (["--records", "1"], "--records is 1: give at least"),
    ],
)
def test_what_is_missing_is_one_sentence(
    releases: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], words: str
) -> None:
    model(own_cache.parent)
    with pytest.raises(EsiError, match=words):
        measure(monkeypatch, releases, own_cache.parent, *options)


def test_real_sets_hold_the_asked_folds_and_all_of_cpsc(releases: Path, own_cache: Path) -> None:
    settings = params.load(ROOT / "params.yaml")
    ecgs = real_ptbxl(releases / "ptbxl", [3, 4], settings)
    assert ecgs.dataset == PTBXL
    assert set(ecgs.of("test")["fold"]) == {3, 4}
    assert ecgs.store.signals_NCT.shape[1:] == (12, 1000)
    assert len(real_cpsc(releases / "icbeb", settings).of("test")) == 40


def test_cpsc_in_its_original_layout(own_cache: Path, tmp_path: Path) -> None:
    settings = params.load(ROOT / "params.yaml")
    folder = write(tmp_path / "original", "A0001,5,,", "A0002,1,,")
    for name in ("A0001", "A0002"):  # of 10 s
        write_mat(folder / f"TrainingSet1/{name}.mat", samples=5000)
    found = real_cpsc(folder, settings).of("test")
    assert found["codes"].to_list() == [["59118001"], ["426783006"]]
    assert set(found["dataset"]) == {CPSC}
    write(folder, "A0001,5,,", "A0002,9,,")  # a release that has changed is read anew
    for name in ("A0001", "A0002"):
        write_mat(folder / f"TrainingSet1/{name}.mat", samples=5000)
    assert real_cpsc(folder, settings).of("test")["codes"].to_list() == [["59118001"], ["164931005"]]


def test_simulated_labels_and_bytes() -> None:
    signal = Signal(rate=100, highpass_hz=0.5)
    drawn, again, other = draw("ptbxl", 150, 0, signal), draw("ptbxl", 150, 0, signal), draw("ptbxl", 150, 1, signal)
    assert drawn.signals_NCT.shape == (150, 12, 1000)
    assert np.array_equal(drawn.signals_NCT, again.signals_NCT)
    assert drawn.codes == again.codes
    assert not np.array_equal(drawn.signals_NCT, other.signals_NCT)
    # "Normal" in CPSC2018 is NORM in PTB-XL without any other class of CPSC2018, and CPSC2018's "RBBB" its CRBBB.
    snomed = {item.code: item.snomed for item in cpsc_classes().values()}
    assert [snomed["Normal"] in codes for codes in drawn.codes] == [
        "NORM" in codes and not set(codes) & (set(snomed.values()) - {snomed["Normal"]}) for codes in drawn.codes
    ]
    assert [snomed["RBBB"] in codes for codes in drawn.codes] == ["CRBBB" in codes for codes in drawn.codes]
    settings = params.load(ROOT / "params.yaml")
    tasks = [read_task(name, settings.tasks[name]) for name in ("ptbxl-super", "ptbxl-all")]
    labels_NK = drawn.labels(tasks)
    assert labels_NK.shape == (150, 5 + 71)
    assert labels_NK[:, SUPERCLASSES.index("NORM")].tolist() == [float("NORM" in codes) for codes in drawn.codes]


def test_training_learns_what_is_there_to_learn() -> None:
    """Records with a large deflection in V1 against those without; the second class has nothing to learn."""
    rng = np.random.default_rng(0)
    signals = rng.normal(0, 50, (128, 12, 200)).astype(np.int16)
    targets = np.stack([np.arange(128) % 2, rng.integers(0, 2, 128)], axis=1).astype(np.float32)
    signals[targets[:, 0] > 0, 6, 50:150] += 1500
    classifier = train(signals, targets, np.array([1, 0.25], np.float32), "nano", 6, 0)
    scores = sim_to_real.predict(classifier, sim_to_real.batches(signals, np.full(128, 200)), 128, 64).numpy()
    assert scores[targets[:, 0] > 0, 0].min() > scores[targets[:, 0] == 0, 0].max()


def test_figures_of_known_scores() -> None:
    labels_NK = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0]], bool)
    split = Split(list("abcd"), list("abcd"), labels_NK)
    right, wrong = labels_NK.astype(float), -labels_NK.astype(float)
    named, by_class = sim_to_real.measure_auroc("key", split, ["one", "two", "never"], [right], 50, 0)
    assert named == {"key": 1.0, "key_ci_low": 1.0, "key_ci_high": 1.0}
    assert by_class == {"one": 1.0, "two": 1.0}
    named, by_class = sim_to_real.measure_auroc("key", split, ["one", "two", "never"], [right, right, right, wrong], 50, 0)
    assert named["key"] == 0.75
    assert by_class == {"one": 0.75, "two": 0.75}

"""A control that fails is named and costs its own rows alone; what is finished is kept."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from esi.evaluate import linear_probe as module
from esi.evaluate.controls.attempt import Failures, attempt
from esi.evaluate.linear_probe import probe
from esi.evaluate.models import features as sources
from esi.evaluate.models.features import Frozen
from esi.evaluate.predictions import read_predictions
from stages import linear_probe, results
from tests.conftest import ROOT
from tests.evaluate.test_linear_probe import SETTINGS, TASK, telling
from tests.evaluate.test_linear_probe import ecgs as ecgs  # a fixture
from tests.evaluate.tiny_sets import ecg_set, row
from tests.model.mini import mini_esi


def fails(error: BaseException) -> Any:
    def raise_it(*_: object, **__: object) -> None:
        raise error

    return raise_it


@pytest.mark.parametrize("error", [RuntimeError("no\nthreads"), ImportError("numba"), ValueError("x"), MemoryError("big")])
def test_a_failure_is_noted_and_said(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    failures: Failures = {}
    assert attempt("rocket", "ptbxl", lambda: 3, failures) == 3
    assert attempt("rocket", "ptbxl", fails(error), failures) is None
    reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
    assert failures == {"rocket": {"ptbxl": reason}}
    assert f"ptbxl: the control rocket is not available, its rows are left out: {reason}" in capsys.readouterr().err


@pytest.mark.parametrize("error", [OSError(28, "no space"), KeyboardInterrupt()])
def test_what_is_no_fault_of_the_control_goes_on(error: BaseException) -> None:
    with pytest.raises(type(error)):
        attempt("rocket", "ptbxl", fails(error), {})


@pytest.fixture
def project(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one task, two controls, a model and its tables."""
    yaml = YAML()
    settings = yaml.load((ROOT / "params.yaml").read_text())
    settings["tasks"] = {"ptbxl-super": settings["tasks"]["ptbxl-super"]}
    settings["fine_tune"]["tasks"] = ["ptbxl-super"]
    settings["evaluate"] |= {"controls": ["hand", "rocket"], "random_seeds": [0], "bootstrap": 20}
    settings["linear_probe"] |= {"shares": [1.0], "seeds": [0], "inverse_penalties": [0.1]}
    yaml.dump(settings, tmp_path / "params.yaml")
    rows = [
        row(number, split=split, codes=["NORM"] if number % 2 else ["IMI"])
        for number, split in enumerate(["train"] * 12 + ["validation"] * 8 + ["test"] * 8)
    ]
    ecg_set(tmp_path / "data/ecg", rows)
    model = mini_esi(tmp_path / "bert")
    none = ecg_set(tmp_path / "none", [row(99, split="unused")]).records.head(0)
    from esi.model.manifest import manifest

    model.trained_on = manifest(none.select("dataset", "subject_id", "signal_hash").to_arrow())
    model.save_pretrained(tmp_path / "data/model")
    shutil.copytree(ROOT / "data/reference", tmp_path / "data/reference")
    (tmp_path / "data/embeddings").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("how", ["raises", "not finite"])
def test_the_stage_keeps_the_others_and_the_metrics_say_why(
    project: Path, how: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    features = sources.control_features

    def broken(control: str, store: Any, records: Any) -> dict[str, np.ndarray]:
        if control == "hand":
            return features(control, store, records)
        if how == "raises":
            raise ValueError("The number of threads must be between 1 and 1")
        return {split: np.full((len(names), 3), np.nan, np.float32) for split, names in records.items()}

    def mended(control: str, store: Any, records: Any) -> dict[str, np.ndarray]:
        times = 2 if control == "rocket" else 1
        return {split: times * found for split, found in features("hand", store, records).items()}

    monkeypatch.setattr(sources, "control_features", broken)
    linear_probe.main()
    reason = {"raises": "threads must be between 1 and 1", "not finite": "features of 12 train records are not finite"}[how]
    assert reason in capsys.readouterr().err
    _, predictions = read_predictions(project / "data/predictions/linear_probe/ptbxl-super.parquet")
    assert {prediction.model for prediction in predictions} == {"esi", "random", "hand"}
    results.main()
    figures = json.loads((project / "metrics/linear_probe/ptbxl-super.json").read_text())
    assert reason in figures["rocket_not_available"]
    assert "rocket" not in figures
    assert isinstance(figures["hand"], float)
    monkeypatch.setattr(sources, "control_features", mended)
    monkeypatch.setattr(module, "fit_and_score", counting(calls := []))
    linear_probe.main()
    assert len(calls) == 1, "what is finished is not fitted again"
    results.main()
    figures = json.loads((project / "metrics/linear_probe/ptbxl-super.json").read_text())
    assert "rocket_not_available" not in figures
    assert isinstance(figures["rocket"], float)


def counting(calls: list[int]) -> Any:
    from esi.evaluate.logistic import fit_and_score

    def counted(*arguments: Any) -> Any:
        calls.append(1)
        return fit_and_score(*arguments)

    return counted


def test_a_kept_probe_is_of_the_same_features_alone(ecgs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    features = telling(ecgs)
    first = probe(ecgs, [TASK], Frozen("hand", 0, True, features), SETTINGS, 1)[TASK.name]
    changed = {**features, "test": features["test"] + 1}
    monkeypatch.setattr(module, "fit_and_score", counting(calls := []))
    again = probe(ecgs, [TASK], Frozen("hand", 0, True, features), SETTINGS, 1)[TASK.name]
    assert not calls
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.scores_NK, other.scores_NK)
        assert (one.share, one.seed, one.model) == (other.share, other.seed, other.model)
    probe(ecgs, [TASK], Frozen("hand", 0, True, changed), SETTINGS, 1)
    assert len(calls) == 1


def test_rocket_takes_the_threads_that_numba_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """The libraries are an extra: what they are asked for is looked at in their place."""
    asked = []

    class Rocket:
        def __init__(self, kernels: int, n_jobs: int, random_state: int) -> None:
            asked.append(n_jobs)

        def fit(self, signals: np.ndarray) -> None:
            pass

        def transform(self, signals: np.ndarray) -> Any:
            return SimpleNamespace(to_numpy=lambda dtype: np.zeros((len(signals), 84), dtype))

    monkeypatch.setitem(sys.modules, "numba", SimpleNamespace(get_num_threads=lambda: 1))
    for name in ("sktime", "sktime.transformations"):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace())
    monkeypatch.setitem(sys.modules, "sktime.transformations.rocket", SimpleNamespace(MiniRocketMultivariate=Rocket))
    monkeypatch.delitem(sys.modules, "esi.evaluate.controls.rocket", raising=False)
    rocket = importlib.import_module("esi.evaluate.controls.rocket")
    store = SimpleNamespace(signals_NCT=np.zeros((2, 12, 1000), np.int16), row_of={"a": 0, "b": 1})
    found = rocket.features(store, {"train": ["a", "b"]})
    assert asked == [1]
    assert found["train"].shape == (2, 84)
    del sys.modules["esi.evaluate.controls.rocket"]  # which has the stand-ins


@pytest.mark.parametrize("threads", ["1", "2"])
def test_the_library_itself_runs_with_the_threads_that_it_may_take(threads: str) -> None:
    pytest.importorskip("sktime", reason="MiniRocket is the extra `rocket`")
    code = """
import types
import numpy as np
from esi.evaluate.controls.rocket import features
signals = np.random.default_rng(0).integers(-500, 500, (4, 12, 1000), np.int16)
store = types.SimpleNamespace(signals_NCT=signals, row_of={name: row for row, name in enumerate("abcd")})
print(features(store, {"train": list("abcd")})["train"].shape)
"""
    environment = {**os.environ, "NUMBA_NUM_THREADS": threads}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "(4, 9996)"), done.stderr

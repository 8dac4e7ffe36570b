"""The critic finds the difference that there is, by its name, and none where there is none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import sim_critic
from benchmarks.simulated_records import draw
from esi.ecg.leads import LEADS
from esi.settings.data import Signal
from esi.simulate.releases.cohort import simulate_cohort
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    """Simulated signals, int16 microvolts [480, 12, 1000]."""
    return draw("ptbxl", 480, 0, Signal(rate=100, highpass_hz=0.5)).signals_NCT


def test_every_feature_has_its_name(drawn: np.ndarray) -> None:
    """What is done to a lead shows in the features that bear its name, and in those of the whole record, alone."""
    plain = sim_critic.features(drawn[:5], "plain")
    assert plain.shape == (5, len(sim_critic.NAMES))
    louder = drawn[:5].copy()
    louder[:, LEADS.index("V4")] //= 2
    changed = np.abs(sim_critic.features(louder, "louder") - plain).max(axis=0) > 0.02
    leads = {name.split(": ")[0] for name, hit in zip(sim_critic.NAMES, changed, strict=True) if hit and ": " in name}
    assert leads == {"V4"}
    of_v4 = [hit for name, hit in zip(sim_critic.NAMES, changed, strict=True) if name.startswith("V4: log power")]
    assert all(of_v4)


def test_no_difference_and_a_difference(drawn: np.ndarray) -> None:
    found = sim_critic.features(drawn, "drawn")
    real, simulated = found[:240], found[240:].copy()
    groups = np.arange(480)
    assert 0.3 < sim_critic.separation(real, simulated, groups) < 0.7
    place = sim_critic.NAMES.index("V2: T highest, mV")
    simulated[:, place] += 1.0
    assert sim_critic.separation(real, simulated, groups) > 0.9
    first = sim_critic.differences(real, simulated, 3)[0]
    assert (first["feature"], first["auroc"]) == ("V2: T highest, mV", pytest.approx(1, abs=0.05))
    assert first["simulated"][1] - first["real"][1] == pytest.approx(1, abs=0.2)


def test_each_kind_of_difference_is_listed_once(drawn: np.ndarray) -> None:
    found = sim_critic.features(drawn, "drawn")
    listed = [row["feature"].split(": ")[-1] for row in sim_critic.differences(found[:240], found[240:], 40)]
    assert len(listed) == len(set(listed)) == 40


def test_a_superclass_is_compared_with_its_own(
    own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Drawn by the same simulator, the two sides are hard to tell apart; a class with few records is left out."""
    simulate_cohort(tmp_path, {"ptbxl": 100}, seed=5)
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("benchmarks.report.RESULTS", tmp_path)
    monkeypatch.setattr("benchmarks.sim_critic.FEWEST", 25)
    monkeypatch.setattr(
        "sys.argv", ["sim_critic", "--ptbxl", str(tmp_path / "ptbxl"), "--records", "100", "--features", "4"]
    )
    sim_critic.main()
    content = json.loads((tmp_path / "sim_critic.json").read_text())
    assert content["NORM"]["auroc"] < 0.8
    assert len(content["NORM"]["differences"]) == 4
    assert "HYP" not in content
    assert "NORM: " in capsys.readouterr().out

"""Every setting says what it decides, so that no two runs stand side by side that differ in more than the report thinks."""

from __future__ import annotations

from ruamel.yaml import YAML

from esi.params import Params
from esi.report.inputs import PROTOCOLS
from esi.report.variation import UNKNOWN, differences, known_settings, setting, settings_in, settings_of
from tests.conftest import ROOT

PARTS = {"data", "descriptions", "encoder", "pretraining", "seed", "score", "tasks", "evaluate", "fine_tuning", "report"}
TRIVIAL = {"train.log_every": 7, "describe.concurrency": 99, "fine_tune.shares": [0.5, 1.0], "report.cases": 9}


def test_every_setting_says_what_it_decides(settings: Params) -> None:
    silent = [key for key in settings_of(settings) if setting(key).effect is UNKNOWN]
    silent += [
        key
        for key, known in known_settings().items()
        if known.effect is UNKNOWN and not any(other.startswith(f"{key}.") for other in known_settings())
    ]
    assert not silent, f"{silent}: wrap their types in Decides, Trivial or Private (esi/settings/section.py)"


def test_every_setting_belongs_to_a_part_of_a_run() -> None:
    astray = {key: known.part for key, known in known_settings().items() if known.part not in PARTS | set(PROTOCOLS)}
    assert not astray, f"{astray}: their sections lack `part`, or the report knows no such part (esi/report/asked.py)"


def test_another_runs_settings_are_read_as_this_runs_are(settings: Params) -> None:
    written = YAML(typ="safe").load((ROOT / "params.yaml").read_text())
    assert settings_in(written) == settings_of(settings)
    assert settings_in({"train": {"lr": 1, "gone": 2}}) == {"train.lr": 1, "train.gone": 2}


def test_trivial_settings_do_not_tell_runs_apart(settings: Params) -> None:
    present = settings_of(settings)
    assert differences(present, present | TRIVIAL) == set()
    assert differences(present, present | TRIVIAL, trivial=True) == set(TRIVIAL)


def test_keys_are_found_below_names_and_mappings() -> None:
    assert setting("ingest.my-set.folds.test").effect.private
    assert setting("tasks.my-task.metric").part == "tasks"
    assert setting("simulate.records.ptbxl") is known_settings()["simulate.records"]
    assert setting("ingest.mimic.records").part == "data"  # counted by the report, no setting
    assert (setting("gone.key").part, setting("gone.key").effect) == ("", UNKNOWN)

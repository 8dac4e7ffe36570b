"""Any exported model, and anybody's embeddings, through every stage of the evaluation without pretraining."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import numpy as np
import polars as pl
import pytest

from esi import params
from esi.errors import EsiError
from esi.evaluate.contamination import ContaminationError
from esi.evaluate.models.registry import EVALUATED, MODELS, Ability, Role, classifying, entry
from esi.evaluate.predictions import read_predictions
from esi.model.ecg_model import EcgModel
from esi.model.manifest import manifest
from esi.report.page import render
from esi.settings.evaluation import Evaluate
from stages import caption, distribution, fine_tune, identify, linear_probe, results, retrieval, zero_shot
from tests.conftest import ROOT
from tests.evaluate.evaluation_project import rows, signal_model, write_project
from tests.model.mini import mini_esi

STAGES = (zero_shot, linear_probe, fine_tune, results, identify, retrieval, caption, distribution)
FIGURES = {
    "zero_shot": "ptbxl-super",
    "linear_probe": "ptbxl-super",
    "fine_tune": "ptbxl-super",
    "identification": "ptbxl",
    "retrieval": "ptbxl",
    "captions": "ptbxl",
    "distribution": "ptbxl",
}


@pytest.fixture
def project(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without a model; `evaluate.model` names a folder elsewhere."""
    folder = tmp_path / "project"
    write_project(folder, evaluate__model=str(tmp_path / "elsewhere/theirs"))
    monkeypatch.chdir(folder)
    return folder


def export(model: EcgModel, project: Path, trained_on: list[dict[str, Any]] | None = None) -> None:
    """Write the model that is evaluated, which says that it was trained on some records, or says nothing."""
    if trained_on is not None:
        columns = ["dataset", "subject_id", "signal_hash"]
        records = [[item[column] for column in columns] for item in trained_on]
        model.trained_on = manifest(pl.DataFrame(records, dict.fromkeys(columns, pl.String), orient="row").to_arrow())
    model.save_pretrained(project.parent / "elsewhere/theirs")


def embed(project: Path, name: str = "theirs", width: int = 6) -> None:
    """Somebody else's embeddings of every record."""
    random = np.random.default_rng(3)
    table = {
        "record_id": [item["record_id"] for item in rows()],
        "embedding": random.normal(size=(len(rows()), width)).tolist(),
    }
    pl.DataFrame(table).write_parquet(project / f"data/embeddings/{name}.parquet")


def leading(project: Path, protocol: str) -> dict[str, Any]:
    return dict(json.loads((project / f"metrics/{protocol}/{FIGURES[protocol]}.json").read_text()))


def report(project: Path) -> str:
    """The report's page."""
    return render(params.load(), project / "metrics", project / "data", ROOT / "data/paper")


def tabled(project: Path) -> set[str]:
    """Every model in the tables of metrics/details and in the predictions."""
    names: set[str] = set()
    for path in (project / "metrics/details").rglob("*.csv"):
        table = pl.read_csv(path, infer_schema=False)
        names |= set(table["model"]) if "model" in table.columns else set()
    for path in (project / "data/predictions").rglob("ptbxl-super.parquet"):
        names |= {prediction.model for prediction in read_predictions(path)[1]}
    return names


def test_a_model_from_elsewhere_and_embeddings_stand_in_every_stage(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export(mini_esi(project / "bert"), project)
    embed(project)
    for stage in STAGES:
        stage.main()
    assert not (project / "data/model").exists()
    assert tabled(project) == (set(MODELS) - {"rocket"}) | {"theirs"}
    said = f"{project.parent}/elsewhere/theirs does not say whose ECGs it was trained on"
    assert said in capsys.readouterr().err
    for protocol in FIGURES:
        figures = leading(project, protocol)
        assert isinstance(figures["value"], float), protocol
        assert figures["esi_unproven"] == said, protocol
    for protocol in ("zero_shot", "linear_probe", "fine_tune", "distribution"):
        figures = leading(project, protocol)
        assert isinstance(figures["theirs"], float), protocol
        assert "theirs.parquet does not say whose ECGs" in figures["theirs_unproven"]
    table = pl.read_csv(project / "metrics/details/identification/ptbxl.csv").filter(pl.col("model") == "theirs")
    assert table.select("protocol", "method").rows() == [("recording", "cosine"), ("recording", "linear")]
    assert "theirs" in pl.read_csv(project / "metrics/details/zero_shot/ptbxl-super-classes.csv").columns
    page = report(project)
    assert '<th scope="col">theirs</th>' in page
    assert f"Ours, not proven to be fair: {said}" in page


def test_a_signal_encoder_alone_is_evaluated_as_far_as_it_goes(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(signal_model(), project, trained_on=[])
    for stage in STAGES:
        stage.main()
    out = capsys.readouterr().out
    reason = "the model is a signal encoder alone, which simclr pretrained, and knows no texts"
    for what in ("zero-shot predictions of the model", "retrieval by the model", "captions", "distances in the space of z"):
        assert f"No {what}: {reason}." in out
    for protocol in ("zero_shot", "retrieval", "captions"):
        assert list((project / "metrics" / protocol).iterdir()) == []
    for protocol in ("linear_probe", "fine_tune", "identification", "distribution"):
        figures = leading(project, protocol)
        assert isinstance(figures["value"], float), protocol
        assert "esi_unproven" not in figures
    assert set(pl.read_csv(project / "metrics/details/distribution/ptbxl.csv")["space"]) == {"pooled"}
    page = report(project)
    assert '<th scope="row">ptbxl-super</th>' in page
    assert "Zero-shot of ptbxl-super: metrics/zero_shot holds no figure." in page


def test_the_model_s_own_manifest_is_held_against_the_test(project: Path) -> None:
    export(signal_model(), project, trained_on=[item for item in rows() if item["split"] == "test"][:2])
    with pytest.raises(
        ContaminationError, match=r"elsewhere/theirs was trained on 2 subjects and 2 signals of ptbxl's test"
    ):
        linear_probe.main()


def test_the_pipelines_own_model_must_say_what_it_was_trained_on(project: Path) -> None:
    text = (project / "params.yaml").read_text()
    (project / "params.yaml").write_text(text.replace(str(project.parent / "elsewhere/theirs"), "data/model"))
    signal_model().save_pretrained(project / "data/model")
    with pytest.raises(ContaminationError, match="data/model does not say"):
        linear_probe.main()


def test_embeddings_of_another_set_are_left_out_and_said(project: Path) -> None:
    export(signal_model(), project, trained_on=[])
    pl.DataFrame({"record_id": ["x"], "embedding": [[1.0]]}).write_parquet(project / "data/embeddings/theirs.parquet")
    for stage in (linear_probe, results, identify, distribution):
        stage.main()
    for protocol in ("linear_probe", "identification", "distribution"):
        figures = leading(project, protocol)
        assert figures["theirs_not_available"] == "data/embeddings/theirs.parquet holds no record of ptbxl"
        assert "theirs_unproven" not in figures


def test_embeddings_that_lack_a_record_end_the_stage_before_anything_is_encoded(project: Path) -> None:
    embed(project)
    path = project / "data/embeddings/theirs.parquet"
    pl.read_parquet(path).filter(pl.col("record_id") != "21").write_parquet(path)
    export(signal_model(), project, trained_on=[])
    with pytest.raises(EsiError, match=r"theirs\.parquet lacks 1 of 30 records of ptbxl, first 21"):
        linear_probe.main()
    assert not (project.parent / ".cache/embeddings").exists()


@pytest.mark.parametrize("name", sorted(MODELS))
def test_every_entry_says_what_it_is(name: str) -> None:
    one = MODELS[name]
    assert one.name == name == entry(name).name
    assert one.label
    assert one.heading
    assert one.source
    assert one.abilities
    assert (one.role is Role.EVALUATED) == (name == EVALUATED)
    lent = one.abilities & {Ability.VECTORS, Ability.PROBABILITIES} and one.role is Role.CONTROL
    assert (one.lent_by in FIGURES) == bool(lent), "its figure stands beside every protocol"


def test_the_setting_names_the_controls_without_an_encoder() -> None:
    (allowed,) = get_args(Evaluate.model_fields["controls"].annotation)
    assert list(get_args(allowed)) == [name for name, one in MODELS.items() if Ability.VECTORS in one.abilities]


def test_what_is_not_listed_is_a_baseline_behind_the_controls() -> None:
    one = entry("moco")
    assert (one.role, one.label, one.lent_by) == (Role.BASELINE, "moco", "linear_probe")
    controls = ["random", "hand", "rocket", "supervised"]
    assert classifying(["moco", "esi", "hand", "byol", "moco"]) == [*controls, "moco", "byol"]

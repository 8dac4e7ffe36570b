"""A space of ECGs and texts that nothing has trained gives no figure: every protocol that would read it says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from torch import zeros

from benchmarks import sim_to_real
from esi import params
from esi.ecg.leads import LEADS
from esi.errors import EsiError
from esi.evaluate.captions import captioners
from esi.evaluate.captions.captioned_set import CaptionedSet
from esi.evaluate.models.encoders import Encoders
from esi.model.export import NO_SPACE
from esi.model.manifest import manifest
from stages import retrieval, zero_shot
from tests.conftest import ROOT
from tests.evaluate.tiny_sets import ecg_set, row
from tests.model.mini import mini_esi

TEXTS = pl.DataFrame(
    {
        "record_id": [str(number) for number in range(4)],
        "subject_id": [f"s{number}" for number in range(4)],
        "text": ["normal ecg."] * 4,
        "statements": [["normal ecg"]] * 4,
    }
)


@pytest.fixture
def project(tmp_path: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a model of train.lambda_con 0."""
    model = mini_esi(tmp_path / "bert", contrastive=False)
    columns = {name: pa.array([], pa.string()) for name in ("dataset", "subject_id", "signal_hash")}
    model.trained_on = manifest(pa.table(columns))
    model.save_pretrained(tmp_path / "data/model")
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_zero_shot_and_retrieval_write_nothing_and_say_why(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    outs = [project / name for name in ("data/predictions/zero_shot", "metrics/retrieval", "metrics/details/retrieval")]
    for out in outs:
        out.mkdir(parents=True)
        (out / "of-an-earlier-run.json").touch()
    zero_shot.main()
    retrieval.main()
    assert capsys.readouterr().out.count(NO_SPACE) == 2
    assert [list(out.iterdir()) for out in outs] == [[], [], []]


def test_the_model_itself_and_the_benchmark_refuse(project: Path) -> None:
    model = mini_esi(project / "bert", contrastive=False).eval()
    with pytest.raises(EsiError, match="cannot compare ECGs with texts: nothing has trained its shared space"):
        model.encode_text(["sinus rhythm"])
    assert model.encode_ecg(zeros(1, len(LEADS), 1000))["pooled"].shape[0] == 1
    with pytest.raises(EsiError, match="cannot be tested zero-shot: nothing has trained"):
        sim_to_real.zero_shot(project / "data/model", {}, {}, params.load())


def test_no_caption_of_the_nearest_ecg_in_it(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ecgs = ecg_set(project / "data/ecg", [row(number) for number in range(4)])
    test = CaptionedSet("ptbxl", TEXTS)
    settings = params.load().caption.model_copy(update={"max_tokens": 4})
    models = Encoders(project / "data/model", [0], [ecgs])

    def nearest(*_: object) -> list[str]:
        raise AssertionError("the space is not trained")

    captioners.run_captioners([test], {"ptbxl": ecgs}, models, nearest, "sinus rhythm.", settings, 4, 0)  # type: ignore[arg-type]
    rows = test.score(lambda text: [text], lambda texts, references: np.full(len(texts), 0.5), 10, 0)
    assert [line["model"] for line in rows] == ["esi", "random", "common"]
    assert f"no captions by the nearest ECG: {NO_SPACE}" in capsys.readouterr().out

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, roc_auc_score

from esi.errors import EsiError
from esi.evaluate.results.write import write_results
from esi.settings.evaluation import TaskRow
from tests.evaluate.predicted import CLASSES, run, split, write

NAN = float("nan")


def rows(metric: str = "auroc") -> dict[str, TaskRow]:
    of = {"dataset": "ptbxl", "table": "x.csv", "code": "code", "group": "group", "where": None, "metric": metric}
    return {"mini": TaskRow.model_validate(of)}


def results(folder: Path, metric: str = "auroc") -> list[str]:
    return write_results(folder / "data" / "predictions", folder / "metrics", rows(metric), 200, 0)


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """Predictions of all three protocols."""
    zero = [[replace(item, scores_NK=item.scores_NK / 50) for item in run("esi", 2, 0.0)]]
    zero += [run("esi", 4, 0.0, variant="names"), run("random", 30, 0.0, 0), run("random", 30, 0.0, 1)]
    write(tmp_path, "zero_shot", "mini", *zero)
    probe = (
        [run("esi", 4, 0.1, seed) for seed in range(3)]
        + [run("esi", 1.5)]
        + [run("random", 8, 1.0, seed) for seed in (0, 1)]
    )
    write(tmp_path, "linear_probe", "mini", *probe, run("hand", 6), run("rocket", 1.4))
    write(tmp_path, "fine_tune", "mini", run("esi", 1), run("supervised", 6))
    return tmp_path


def test_what_leads_and_what_stands_beside_it(three: Path) -> None:
    results(three)
    leads = {
        name: json.loads((three / f"metrics/{name}/mini.json").read_text())
        for name in ("zero_shot", "linear_probe", "fine_tune")
    }
    keys = ["metric", "value", "low", "high", "random", "hand", "rocket", "supervised", "n_test"]
    assert list(leads["zero_shot"]) == list(leads["linear_probe"]) == keys
    assert list(leads["fine_tune"]) == [key for key in keys if key != "random"]
    labels = split("test").labels_NK

    def area(*of: str, **what: float) -> float:
        scores = run(*of, **what)[1].scores_NK  # type: ignore[arg-type]
        return float(np.mean([roc_auc_score(labels[:, k], scores[:, k]) for k in (0, 1)]))

    expected = {"value": area("esi", noise=1.5), "hand": area("hand", noise=6), "rocket": area("rocket", noise=1.4)}
    expected |= {"supervised": area("supervised", noise=6), "n_test": 120}
    expected["random"] = np.mean([area("random", noise=8, seed=seed) for seed in (0, 1)])
    assert {key: leads["linear_probe"][key] for key in expected} == pytest.approx(expected, abs=1e-6)
    assert leads["linear_probe"]["low"] < leads["linear_probe"]["value"] < leads["linear_probe"]["high"]
    assert leads["linear_probe"]["hand"] == leads["zero_shot"]["hand"]


def test_the_rows_of_a_protocol(three: Path) -> None:
    results(three)
    table = {
        (row["model"], row["variant"], row["share"]): row for row in read(three / "metrics/details/linear_probe/mini.csv")
    }
    assert [key[0] + key[2] for key in table] == ["esi1", "esi0.1", "random1", "hand1", "rocket1", "supervised1"]
    labels, test = split("test").labels_NK, run("hand", 6)[1].scores_NK
    hand = table["hand", "", "1"]
    assert float(hand["auprc"]) == pytest.approx(
        np.mean([average_precision_score(labels[:, k], test[:, k]) for k in (0, 1)]), abs=1e-6
    )
    probability = 1 / (1 + np.exp(-test.astype(float)))
    assert float(hand["brier"]) == pytest.approx(
        np.mean([brier_score_loss(labels[:, k], probability[:, k]) for k in (0, 1)]), abs=1e-6
    )
    assert float(hand["difference"]) == pytest.approx(float(table["esi", "", "1"]["auroc"]) - float(hand["auroc"]), abs=2e-6)
    assert (hand["beaten"], table["rocket", "", "1"]["beaten"]) == ("true", "false")
    assert float(hand["difference_low"]) > 0
    assert float(hand["p_value"]) == pytest.approx(2 / 201, abs=1e-6)
    assert table["esi", "", "1"]["difference"] == table["esi", "", "0.1"]["difference"] == ""
    zero = {(row["model"], row["variant"], row["share"]): row for row in read(three / "metrics/details/zero_shot/mini.csv")}
    assert zero["esi", "names", "0"]["difference"] != ""
    assert zero["supervised", "", "1"]["auroc"] == table["supervised", "", "1"]["auroc"]


def test_several_runs_give_their_mean_and_spread(three: Path) -> None:
    results(three)
    few = next(row for row in read(three / "metrics/details/linear_probe/mini.csv") if row["share"] == "0.1")
    labels = split("test").labels_NK
    areas = [
        np.mean([roc_auc_score(labels[:, k], run("esi", 4, 0.1, s)[1].scores_NK[:, k]) for k in (0, 1)]) for s in range(3)
    ]
    assert few["runs"] == "3"
    assert float(few["auroc"]) == pytest.approx(np.mean(areas), abs=1e-6)
    assert float(few["auroc_sd"]) == pytest.approx(np.std(areas, ddof=1), abs=1e-6)


def test_classes_with_their_thresholds_from_validation(three: Path) -> None:
    results(three)
    found = {row["class"]: row for row in read(three / "metrics/details/linear_probe/mini-classes.csv")}
    assert list(found) == CLASSES
    assert {key for key, value in found["NONE"].items() if value} == {"class", "positives"}
    validation, test = run("esi", 1.5)
    labels, scores = validation.split.labels_NK[:, 0], validation.scores_NK[:, 0]
    best = max(np.unique(scores), key=lambda threshold: (f1_score(labels, scores >= threshold), threshold))
    assert float(found["AF"]["threshold"]) == pytest.approx(best, abs=1e-6)
    assert float(found["AF"]["f1"]) == pytest.approx(
        f1_score(test.split.labels_NK[:, 0], test.scores_NK[:, 0] >= best), abs=1e-6
    )


def test_cosines_become_probabilities(three: Path) -> None:
    """As log-odds, cosines of +-0.08 would all be probabilities of one half, with a Brier score of 0.25."""
    results(three)
    ours = read(three / "metrics/details/zero_shot/mini.csv")[0]
    assert float(ours["brier"]) < 0.12


@pytest.mark.parametrize("metric", ["auprc", "f1"])
def test_another_metric_leads(three: Path, metric: str) -> None:
    results(three, metric)
    lead = json.loads((three / "metrics/linear_probe/mini.json").read_text())
    row = read(three / "metrics/details/linear_probe/mini.csv")[0]
    assert lead["metric"] == metric.upper()
    assert lead["value"] == pytest.approx(float(row[metric]), abs=1e-6)
    assert lead["low"] < lead["value"] < lead["high"]


def test_what_is_not_beaten_is_named(three: Path) -> None:
    assert results(three) == ["zero_shot mini: rocket", "linear_probe mini: rocket"]


def test_a_run_twice_gives_the_same_bytes_and_absent_protocols_empty_folders(tmp_path: Path) -> None:
    write(tmp_path, "linear_probe", "mini", run("esi", 1.5))
    found = []
    for _ in range(2):
        results(tmp_path)
        paths = sorted(path for path in (tmp_path / "metrics").rglob("*") if path.is_file())
        found.append({str(path.relative_to(tmp_path)): path.read_bytes() for path in paths})
    assert found[0] == found[1]
    names = ["-classes.csv", "-reliability.png", "-roc.png", ".csv"]
    assert list(found[0]) == [
        *(f"metrics/details/linear_probe/mini{name}" for name in names),
        "metrics/linear_probe/mini.json",
    ]
    assert (tmp_path / "metrics/fine_tune").is_dir()
    assert (tmp_path / "metrics/details/zero_shot").is_dir()


def test_input_that_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EsiError, match="holds no predictions: run the stages zero_shot"):
        results(tmp_path)
    write(tmp_path, "linear_probe", "other", run("esi", 1))
    with pytest.raises(EsiError, match=r"does not name the task of .*other\.parquet"):
        results(tmp_path)
    (tmp_path / "data/predictions/linear_probe/other.parquet").unlink()
    write(tmp_path, "linear_probe", "mini", run("hand", 1))
    with pytest.raises(EsiError, match="has no predictions of esi with all labels"):
        results(tmp_path)
    write(tmp_path, "linear_probe", "mini", run("esi", 1)[1:])
    with pytest.raises(EsiError, match=r"esi \(seed 0\) has no validation records"):
        results(tmp_path)
    hand = [replace(item, split=split(item.split_name, 118), scores_NK=item.scores_NK[:118]) for item in run("hand", 1)]
    write(tmp_path, "linear_probe", "mini", run("esi", 1), hand)
    with pytest.raises(
        EsiError, match=r"mini\.parquet: hand do not predict the same test records \(120 and 118, 2 in one only\)"
    ):
        results(tmp_path)
    turned = [replace(item, split=replace(item.split, labels_NK=~item.split.labels_NK)) for item in run("hand", 1)]
    write(tmp_path, "linear_probe", "mini", run("esi", 1), turned)
    with pytest.raises(EsiError, match="different labels of the same records"):
        results(tmp_path)
    path = write(tmp_path, "linear_probe", "mini", run("esi", 1))
    table = pq.read_table(path)  # changed afterwards: `write_predictions` itself refuses such scores
    broken = [[NAN if score > 3 else score for score in scores] for scores in table["scores"].to_pylist()]
    column = table.schema.get_field_index("scores")
    pq.write_table(table.set_column(column, table.schema.field(column), [pa.array(broken, table["scores"].type)]), path)
    with pytest.raises(EsiError, match=r"\d+ of 360 scores of esi \(seed 0\) are not finite"):
        results(tmp_path)
    one_sided = [replace(item, split=replace(item.split, labels_NK=item.split.labels_NK & False)) for item in run("esi", 1)]
    write(tmp_path, "linear_probe", "mini", one_sided)
    with pytest.raises(EsiError, match=r"none of the classes \['AF', 'CD', 'NONE'\] has both positive and negative"):
        results(tmp_path)
    assert not (tmp_path / "metrics/linear_probe").exists()

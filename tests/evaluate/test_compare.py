from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from dvc.repo import Repo
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from esi.errors import EsiError
from esi.evaluate.compare import compare, holm, main, table
from tests.evaluate.predicted import run, split, write


def ran(folder: Path, *command: str) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two commits and an experiment, each with other predictions of one task; the workspace is as the second commit."""
    folder = tmp_path_factory.mktemp("repository")
    ran(folder, "git", "init", "-q", "-b", "main")
    for key, value in (("user.name", "t"), ("user.email", "t@example.org"), ("commit.gpgsign", "false")):
        ran(folder, "git", "config", key, value)
    predictions = str(folder / "data/predictions/zero_shot")
    with Repo.init(str(folder)) as repository:
        for tag, noise in (("old", 30), ("new", 4)):
            write(folder, "zero_shot", "mini", run("esi", noise, 0.0), run("random", 50, 0.0))
            repository.add(predictions)
            ran(folder, "git", "add", "-A")
            ran(folder, "git", "commit", "-q", "-m", tag)
            ran(folder, "git", "tag", tag)
        write(folder, "zero_shot", "mini", run("esi", 1, 0.0))
        repository.add(predictions)
        repository.experiments.save(name="best-yet")
        ran(folder, "git", "checkout", "-q", "--force", "new")
        repository.checkout(force=True)
    return folder


def areas(noise: float) -> float:
    labels, scores = split("test").labels_NK, run("esi", noise, 0.0)[1].scores_NK
    return float(np.mean([roc_auc_score(labels[:, k], scores[:, k]) for k in (0, 1)]))


def test_revisions_experiments_and_the_workspace(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository)
    for a, b, noise_a, noise_b in (("old", "HEAD", 30, 4), ("old", "best-yet", 30, 1), ("workspace", "best-yet", 4, 1)):
        (row,) = compare(a, b, [], [], resamples=100)
        assert (row.protocol, row.task, row.records) == ("zero_shot", "mini", 120)
        assert (row.a, row.b) == pytest.approx((areas(noise_a), areas(noise_b)))
        assert row.difference == pytest.approx(areas(noise_b) - areas(noise_a))
        assert row.low is not None
        assert row.p_value is not None
        assert row.low > 0
        assert row.p_value == pytest.approx(2 / 101)


def test_what_is_unknown_or_not_in_the_cache_is_a_sentence(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = tmp_path / "clone"
    ran(tmp_path, "git", "clone", "-q", str(repository), str(clone))
    monkeypatch.chdir(clone)
    with pytest.raises(EsiError, match="best-yett is neither a folder with data/predictions, nor an experiment"):
        compare("best-yett", "old", [], [])
    with pytest.raises(EsiError, match=r"workspace holds no data/predictions/<protocol>/<task>.parquet: `dvc pull`"):
        compare("workspace", "old", [], [])
    with pytest.raises(EsiError, match=r"old .*`dvc pull`"):
        compare("old", "new", [], [])
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EsiError, match=r"old is neither .* is not a git repository"):
        compare("old", "new", [], [])


def test_folders_with_a_row_for_each_class(tmp_path: Path) -> None:
    write(tmp_path / "a", "linear_probe", "mini", run("esi", 4), run("hand", 9))
    write(tmp_path / "b", "linear_probe", "mini", run("esi", 4))
    macro, *classes = compare(str(tmp_path / "a"), str(tmp_path / "b"), [], [], by_class=True, resamples=50)
    assert [row.class_name for row in classes] == ["AF", "CD", "NONE"]
    assert (macro.difference, macro.low, macro.high, macro.p_value) == (0, 0, 0, 1)
    assert (classes[2].a, classes[2].p_value) == (None, None)
    assert macro.a == pytest.approx((classes[0].a + classes[1].a) / 2)  # type: ignore[operator]


def test_several_seeds_count_by_their_mean(tmp_path: Path) -> None:
    write(tmp_path / "a", "fine_tune", "mini", *(run("esi", 4, seed=seed) for seed in range(3)))
    write(tmp_path / "b", "fine_tune", "mini", run("esi", 2))
    (row,) = compare(str(tmp_path / "a"), str(tmp_path / "b"), [], [], resamples=20)
    labels = split("test").labels_NK
    each = [roc_auc_score(labels[:, k], run("esi", 4, seed=s)[1].scores_NK[:, k]) for s in range(3) for k in (0, 1)]
    assert row.a == pytest.approx(np.mean(each))


def test_only_records_of_both_count_and_their_order_does_not(tmp_path: Path) -> None:
    validation, test = run("esi", 4)
    some = np.random.default_rng(0).permutation(120)[:90]
    part = replace(
        test.split, records=[test.split.records[i] for i in some], subjects=[test.split.subjects[i] for i in some]
    )
    part = replace(part, labels_NK=test.split.labels_NK[some])
    write(tmp_path / "a", "linear_probe", "mini", [validation, test])
    write(tmp_path / "b", "linear_probe", "mini", [validation, replace(test, split=part, scores_NK=test.scores_NK[some])])
    (row,) = compare(str(tmp_path / "a"), str(tmp_path / "b"), [], [], resamples=20)
    assert (row.records, row.only_a, row.only_b, row.difference) == (90, 30, 0, 0)
    assert "30 test records of A and 0 of B" in table([row], "a", "b", "auroc")


def test_what_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    write(tmp_path / "a", "linear_probe", "mini", run("esi", 4))
    write(tmp_path / "b", "zero_shot", "mini", run("esi", 4, 0.0))
    with pytest.raises(EsiError, match="is in both: .* has linear_probe/mini; .* has zero_shot/mini"):
        compare(a, b, [], [])
    write(tmp_path / "b", "linear_probe", "mini", run("esi", 4), classes=["AF", "CD", "SB"])
    with pytest.raises(EsiError, match=r"have other classes \(\['NONE', 'SB'\]\)"):
        compare(a, b, [], [])
    validation, test = run("esi", 4)
    strangers = replace(test.split, records=[f"x{record}" for record in test.split.records])
    write(tmp_path / "b", "linear_probe", "mini", [validation, replace(test, split=strangers)])
    with pytest.raises(EsiError, match="no test record in common"):
        compare(a, b, [], [])
    relabelled = replace(test.split, labels_NK=~test.split.labels_NK)
    write(tmp_path / "b", "linear_probe", "mini", [validation, replace(test, split=relabelled)])
    with pytest.raises(EsiError, match="different labels of the same records"):
        compare(a, b, [], [])


def test_the_command_prints_a_table_of_100_columns_and_writes_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, noise in (("a", 20.0), ("b", 2.0)):
        for task in ("mini", "a-task-with-a-name-that-is-longer-than-any-column-should-be"):
            write(tmp_path / folder, "linear_probe", task, run("esi", noise))
    shutil.copytree(tmp_path / "a/data/predictions/linear_probe", tmp_path / "a/data/predictions/captions")
    a, b, out = str(tmp_path / "a"), str(tmp_path / "b"), tmp_path / "out.json"
    monkeypatch.setattr(
        sys, "argv", ["compare", a, b, "--classes", "--metric", "auprc", "--resamples", "99", "--json", str(out)]
    )
    main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [f"A: {a}", f"B: {b}"]
    assert max(map(len, lines[2:])) <= 100
    content = json.loads(out.read_text())
    assert content["metric"] == "auprc"
    assert [row["p_holm"] is not None for row in content["rows"]] == [True, False, False, False] * 2
    assert {row["p_holm"] for row in content["rows"] if row["p_holm"]} == {0.04}  # 2 tasks x 2 / 100
    monkeypatch.setattr(sys, "argv", ["compare", a, b, "--task", "mini", "--protocol", "linear_probe", "--resamples", "9"])
    main()
    assert len(capsys.readouterr().out.splitlines()) == 6


@given(st.lists(st.one_of(st.none(), st.sampled_from([0.001, 0.01, 0.02, 0.03, 0.04, 0.2, 0.9])), max_size=8))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values: list[float | None]) -> None:
    """As Holm wrote it: go up from the smallest p while p <= level / (number left)."""
    for level in (0.005, 0.05, 0.1):
        rejected, left = set(), sorted(p for p in p_values if p is not None)
        while left and left[0] <= level / len(left) * (1 + 1e-12):
            rejected.add(left.pop(0))
        rejected -= set(left)  # equal p-values stand or fall together
        found = {
            p
            for p, corrected in zip(p_values, holm(p_values), strict=True)
            if corrected and corrected <= level * (1 + 1e-12)
        }
        assert found == rejected
    assert [p is None for p in holm(p_values)] == [p is None for p in p_values]

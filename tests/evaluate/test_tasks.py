from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from esi import params
from esi.errors import EsiError
from esi.evaluate.tasks import Task, not_run, read_task, tasks_to_run
from esi.settings.evaluation import TaskRow
from tests.conftest import ROOT

SETTINGS = params.load(ROOT / "params.yaml")


def task(name: str) -> Task:
    return read_task(name, SETTINGS.tasks[name])


def row(**changes: Any) -> TaskRow:
    return TaskRow.model_validate(SETTINGS.tasks["ptbxl-super"].model_dump() | changes)


def test_the_tasks_have_the_published_numbers_of_classes() -> None:
    sizes = {name: len(task(name).classes) for name in SETTINGS.tasks}
    assert sizes == {
        "ptbxl-super": 5, "ptbxl-sub": 23, "ptbxl-diag": 44, "ptbxl-form": 19, "ptbxl-rhythm": 12, "ptbxl-all": 71,
        "icbeb-nine": 9, "chapman-rhythm": 11,
    }  # fmt: skip


def test_superclass_labels() -> None:
    superclasses = task("ptbxl-super")
    assert superclasses.class_names == ["CD", "HYP", "MI", "NORM", "STTC"]
    labels = superclasses.labels([["NORM", "SR"], ["IMI", "CRBBB", "AFIB"], ["SR"], ["LVH", "NDT"]])
    assert [[name for name, on in zip(superclasses.class_names, row, strict=True) if on] for row in labels] == [
        ["NORM"],
        ["CD", "MI"],
        [],
        ["HYP", "STTC"],
    ]


def test_a_class_has_the_words_of_all_its_codes() -> None:
    superclasses = {item.name: item for item in task("ptbxl-super").classes}
    assert superclasses["NORM"].statements == ("normal ECG",)
    assert {"CRBBB", "CLBBB"} <= superclasses["CD"].codes
    assert len(superclasses["CD"].statements) == len(superclasses["CD"].codes) > 5


def test_a_code_of_two_kinds_is_in_both_tasks() -> None:
    """NDT is both a diagnosis and a form; SR is neither."""
    named = {name: "NDT" in task(name).class_names for name in ("ptbxl-diag", "ptbxl-form", "ptbxl-rhythm", "ptbxl-all")}
    assert named == {"ptbxl-diag": True, "ptbxl-form": True, "ptbxl-rhythm": False, "ptbxl-all": True}


def test_icbeb_labels_go_by_snomed_code() -> None:
    nine = task("icbeb-nine")
    labels = nine.labels([["59118001", "284470004"]])[0]
    assert [name for name, on in zip(nine.class_names, labels, strict=True) if on] == ["PAC", "RBBB"]


def test_another_column_of_a_table_is_another_task() -> None:
    """Chapman's release names eleven rhythms and its article merges them into four (Zheng et al. 2020)."""
    merged = read_task("chapman-group", SETTINGS.tasks["chapman-rhythm"].model_copy(update={"group": "group"}))
    assert merged.class_names == ["AFIB", "GSVT", "SB", "SR"]
    codes = [["164890007"], ["427393009", "59118001"], ["233896004"], ["426177001"]]
    for item, labels in (
        (merged, ["AFIB", "SR", "GSVT", "SB"]),
        (task("chapman-rhythm"), ["AF", "SI", "AVNRT", "SB"]),
    ):
        assert [[item.class_names[k] for k in row.nonzero()[0]] for row in item.labels(codes)] == [
            [label] for label in labels
        ]


def test_no_records_have_no_labels() -> None:
    assert task("icbeb-nine").labels([]).shape == (0, 9)


def test_only_tasks_of_sets_with_all_folds_are_run() -> None:
    run = [item.name for item in tasks_to_run(SETTINGS.tasks, SETTINGS.ingest)]
    assert run == [name for name in SETTINGS.tasks if name != "chapman-rhythm"]
    reason = not_run(SETTINGS.tasks["chapman-rhythm"], SETTINGS.ingest)
    assert reason == "ingest.chapman.folds names no fold for validation and test"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"table": "data/reference/nowhere.csv"}, r"tasks\.mine\.table: cannot read data/reference/nowhere\.csv"),
        ({"group": "colour"}, r"tasks\.mine: .*scp_statements\.csv has no column colour: it has code, "),
        ({"where": "colour"}, r"has no column colour"),
        ({"code": "snomed", "group": "shape"}, r"has no column snomed, shape"),
    ],
)
def test_a_row_that_does_not_fit_its_table_is_one_sentence(changes: dict[str, str], message: str) -> None:
    with pytest.raises(EsiError, match=message):
        read_task("mine", row(**changes))


def test_one_class_is_no_task(tmp_path: Path) -> None:
    table = tmp_path / "one.csv"
    table.write_text("code,superclass,description\nNORM,NORM,normal ECG\nSR,,sinus rhythm\n")
    with pytest.raises(EsiError, match=r"gives 1 classes by superclass: at least two are needed"):
        read_task("mine", row(table=str(table)))
    table.write_text("code,superclass,description\n")
    with pytest.raises(EsiError, match="it has no row"):
        read_task("mine", row(table=str(table)))

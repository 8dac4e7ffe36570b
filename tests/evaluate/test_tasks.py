from __future__ import annotations

import pytest

from esi.evaluate.tasks import task_by_name, tasks


def test_the_tasks_have_the_published_numbers_of_classes() -> None:
    sizes = {name: len(task.classes) for name, task in tasks().items()}
    assert sizes == {
        "ptbxl-super": 5, "ptbxl-sub": 23, "ptbxl-diag": 44, "ptbxl-form": 19, "ptbxl-rhythm": 12, "ptbxl-all": 71,
        "icbeb-nine": 9,
    }  # fmt: skip


def test_superclass_labels() -> None:
    task = task_by_name("ptbxl-super")
    assert task.class_names == ["CD", "HYP", "MI", "NORM", "STTC"]
    labels = task.labels([["NORM", "SR"], ["IMI", "CRBBB", "AFIB"], ["SR"], ["LVH", "NDT"]])
    assert [[name for name, on in zip(task.class_names, row, strict=True) if on] for row in labels] == [
        ["NORM"],
        ["CD", "MI"],
        [],
        ["HYP", "STTC"],
    ]


def test_icbeb_labels_go_by_snomed_code() -> None:
    task = task_by_name("icbeb-nine")
    row = task.labels([["59118001", "284470004"]])[0]
    assert [name for name, on in zip(task.class_names, row, strict=True) if on] == ["RBBB", "PAC"]


def test_an_unknown_task_lists_the_known() -> None:
    with pytest.raises(ValueError, match="ptbxl-super"):
        task_by_name("ptbxl-everything")

"""A file of somebody else's embeddings is used as it is meant, or refused in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from esi.errors import EsiError
from esi.evaluate.models.embeddings import Embeddings, NotEmbedded, read_embeddings

TWO = {"record_id": ["a", "b"], "embedding": [[1.0, 2.0], [3.0, 4.0]]}


def written(folder: Path, name: str = "theirs", **columns: Any) -> Path:
    pl.DataFrame(TWO | columns).write_parquet(folder / f"{name}.parquet")
    return folder / f"{name}.parquet"


@pytest.mark.parametrize("kind", [pl.List(pl.Float64), pl.Array(pl.Float32, 2), pl.List(pl.Int16)])
def test_vectors_come_in_the_order_asked(tmp_path: Path, kind: pl.DataType) -> None:
    path = written(tmp_path, embedding=pl.Series([[1, 2], [3, 4]], dtype=kind))
    found = Embeddings(path).of("ptbxl", ["b", "a", "b"])
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [[3, 4], [1, 2], [3, 4]])


def test_a_column_dataset_tells_records_apart_that_are_called_alike(tmp_path: Path) -> None:
    path = written(tmp_path, record_id=[1, 1], dataset=["ptbxl", "mine"])
    found = Embeddings(path)
    np.testing.assert_array_equal(found.of("mine", ["1"]), [[3, 4]])
    np.testing.assert_array_equal(found.of("ptbxl", ["1"]), [[1, 2]])


def test_without_it_one_record_is_not_taken_for_two(tmp_path: Path) -> None:
    found = Embeddings(written(tmp_path))
    found.of("ptbxl", ["a"])
    found.of("ptbxl", ["a", "b"])
    with pytest.raises(EsiError, match="no column dataset, and record a is one of ptbxl and one of mine: add the column"):
        found.of("mine", ["a"])


def test_none_of_a_set_is_told_apart_from_a_part_of_it(tmp_path: Path) -> None:
    found = Embeddings(written(tmp_path))
    with pytest.raises(NotEmbedded, match="holds no record of mine"):
        found.of("mine", ["x", "y"])
    with pytest.raises(EsiError, match="lacks 1 of 2 records of mine, first x: embed every") as error:
        found.of("mine", ["a", "x"])
    assert not isinstance(error.value, NotEmbedded)


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"embedding": [[1.0, float("nan")], [3.0, 4.0]]}, "1 embeddings are not finite, first that of record a"),
        ({"embedding": [[1.0, 2.0], [3.0, None]]}, "1 embeddings are not finite, first that of record b"),
        ({"embedding": [[1.0, 2.0], [3.0]]}, "record b has 1 numbers, the first one 2"),
        ({"embedding": pl.Series([[], []], dtype=pl.List(pl.Float64))}, "record a has 0 numbers"),
        ({"embedding": [[1.0, 2.0], None]}, "rows without embedding"),
        ({"embedding": [["1"], ["2"]]}, "not lists of numbers"),
        ({"embedding": [1.0, 2.0]}, "not lists of numbers"),
        ({"record_id": ["a", "a"]}, "holds record a twice"),
        ({"record_id": ["a", None]}, "rows without record_id"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path: Path, columns: dict[str, Any], sentence: str) -> None:
    with pytest.raises(EsiError, match=rf"theirs\.parquet.*{sentence}"):
        Embeddings(written(tmp_path, **columns))


@pytest.mark.parametrize("name", ["esi", "random", "auroc", "n_test", "Theirs", "a b", "1st"])
def test_a_name_that_would_stand_for_another_figure_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(EsiError, match="a model of embeddings is called by its file's name.*rename it"):
        Embeddings(written(tmp_path, name))


def test_a_folder_gives_its_files_by_name(tmp_path: Path) -> None:
    for name in ("moco", "byol"):
        written(tmp_path, name)
    (tmp_path / "README.md").touch()
    assert [one.name for one in read_embeddings(tmp_path)] == ["byol", "moco"]
    with pytest.raises(EsiError, match=r"evaluate\.embeddings: .*absent is no folder"):
        read_embeddings(tmp_path / "absent")


def test_what_is_no_parquet_or_lacks_a_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs.parquet").write_bytes(b"no")
    with pytest.raises(EsiError, match="cannot be read as Parquet"):
        read_embeddings(tmp_path)
    pl.DataFrame({"id": ["a"]}).write_parquet(tmp_path / "theirs.parquet")
    with pytest.raises(EsiError, match="has no column embedding, record_id: it has id"):
        read_embeddings(tmp_path)

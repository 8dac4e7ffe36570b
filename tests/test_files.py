from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from esi import files


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "figures.json"
    files.write_json(path, {"auroc": 0.5})
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(path, {"auroc": float("nan")})
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == '{\n  "auroc": 0.5\n}\n'
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_folder_leaves_the_old_folder(tmp_path: Path) -> None:
    with files.replacing_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("old")
    with pytest.raises(RuntimeError), files.replacing_folder(tmp_path / "out") as folder:
        (folder / "a").write_text("new")
        raise RuntimeError
    assert (tmp_path / "out" / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_hash_tells_borders_and_content_apart() -> None:
    assert files.content_hash("ab", "c") != files.content_hash("a", "bc")
    assert files.content_hash("ab", "c") == files.content_hash(b"ab", b"c")
    assert files.json_hash({"a": 1, "b": 2}) == files.json_hash({"b": 2, "a": 1})
    assert files.json_hash({"a": 1}) != files.json_hash({"a": 2})


def test_the_same_table_gives_the_same_bytes(tmp_path: Path) -> None:
    table = pa.table({"statement": ["sinus rhythm"] * 1000, "count": list(range(1000))})
    files.write_table(tmp_path / "a.parquet", table)
    files.write_table(tmp_path / "b.parquet", table)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_the_cache_lies_in_the_main_repository_also_inside_an_experiment(own_cache: Path) -> None:
    assert files.cache_folder("answers") == own_cache / "answers"
    assert (own_cache / "answers").is_dir()

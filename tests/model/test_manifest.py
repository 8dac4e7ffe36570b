from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from esi.errors import EsiError
from esi.files import write_table
from esi.model.manifest import SCHEMA, SHAPE, SIGNAL, SUBJECT, among, by_release, keys, manifest, manifest_of_pairs, of, read

RECORDS = pa.table(
    {
        "dataset": ["mimic", "mimic", "ptbxl", "ptbxl"],
        "subject_id": ["10000032", "10000032", "17", "10000032"],
        "signal_hash": ["aa", "bb", "aa", "cc"],
    }
)


def test_keys_are_truncated_sha256_sorted_and_once() -> None:
    table = manifest(RECORDS)
    people = ["mimic/10000032", "ptbxl/10000032", "ptbxl/17"]
    expected = {
        SUBJECT: sorted(hashlib.sha256(text.encode()).digest()[:16] for text in people),
        SIGNAL: sorted(hashlib.sha256(text.encode()).digest()[:16] for text in ("aa", "bb", "cc")),
    }
    assert table.schema == SCHEMA
    assert table["kind"].to_pylist() == [SIGNAL] * 3 + [SUBJECT] * 3
    assert table["key"].to_pylist() == expected[SIGNAL] + expected[SUBJECT]


def test_no_id_is_in_the_file(tmp_path: Path) -> None:
    write_table(tmp_path / "training.parquet", manifest(RECORDS))
    content = (tmp_path / "training.parquet").read_bytes()
    assert b"10000032" not in content
    assert b"mimic" not in content


@given(order=st.permutations(range(4)), repeats=st.lists(st.integers(0, 3), max_size=5))
def test_order_and_repeats_change_nothing(order: list[int], repeats: list[int]) -> None:
    assert manifest(RECORDS.take(order + repeats)).equals(manifest(RECORDS))


@given(
    trained=st.sets(st.tuples(st.sampled_from("ab"), st.text("01/", max_size=3))),
    asked=st.lists(st.tuples(st.sampled_from("ab"), st.text("01/", max_size=3))),
)
def test_among_is_membership_of_one_kind(trained: set[tuple[str, str]], asked: list[tuple[str, str]]) -> None:
    columns = list(zip(*trained, strict=True)) or [[], []]
    names = ["dataset", "subject_id"]
    text = pa.array(["x"] * len(trained), pa.string())
    records = pa.table({name: pa.array(values, pa.string()) for name, values in zip(names, columns, strict=True)})
    table = manifest(records.append_column("signal_hash", text))
    people = keys("/".join(item) for item in asked)
    assert among(table, SUBJECT, people) == [item in trained for item in asked]
    assert not any(among(table, SIGNAL, people))
    assert among(table, SIGNAL, keys(["x", "y"])) == [bool(trained), False]


def test_people_and_the_first_shape_of_a_record_are_in_it_where_the_tables_have_them(tmp_path: Path) -> None:
    shape = bytes(range(32))
    people = pa.array([["ptb-xl/subject/17", "ptb-xl/record/3"], None, None, None], pa.list_(pa.string()))
    shapes = pa.array([shape + bytes(160), None, None, shape + bytes(160)], pa.binary())
    table = manifest(RECORDS.append_column("people", people).append_column("signal_shapes", shapes))
    known = ["ptb-xl/subject/17", "ptb-xl/record/3", "mimic/10000032", "ptbxl/17", "ptbxl/10000032"]
    assert sorted(of(table, SUBJECT).to_pylist()) == sorted(keys(known))
    assert of(table, SHAPE).to_pylist() == [shape]
    write_table(tmp_path / "training.parquet", table)
    assert by_release(read(tmp_path / "training.parquet"))
    assert not by_release(table.replace_schema_metadata(None)), "as an earlier version wrote it"


def test_all_pairs_of_a_table_are_in_it(tmp_path: Path) -> None:
    pairs = RECORDS.append_column("split", pa.array(["train", "train", "train", "validation"]))
    write_table(tmp_path / "pairs.parquet", pairs)
    assert manifest_of_pairs(tmp_path / "pairs.parquet").equals(manifest(RECORDS))
    write_table(tmp_path / "pairs.parquet", pairs.drop_columns("signal_hash"))
    with pytest.raises(EsiError, match=r"pairs\.parquet has no column signal_hash: run the pairs stage again"):
        manifest_of_pairs(tmp_path / "pairs.parquet")


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "training.parquet"
    write_table(path, manifest(RECORDS))
    assert read(path).equals(manifest(RECORDS))
    write_table(path, RECORDS)
    with pytest.raises(EsiError, match=r"training\.parquet has columns \['dataset', 'subject_id', 'signal_hash'\]"):
        read(path)
    path.write_bytes(b"not Parquet")
    with pytest.raises(EsiError, match=r"training\.parquet cannot be read as Parquet"):
        read(path)

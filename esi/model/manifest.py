"""Whose ECGs a model was trained on, as keys that tell nothing but whether a given subject or signal is among them.

A key of a subject or a signal is the first 16 bytes of a SHA-256: two of a million agree by chance once in 10^26 models.
A shape (`esi.ecg.signal_shape`) is kept as it is: 256 signs of projections of an ECG, which know it again at another rate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from esi.errors import EsiError

KEY_BYTES, SHAPE_BYTES = 16, 32
SUBJECT, SIGNAL, SHAPE = "subject", "signal", "shape"
SCHEMA = pa.schema([("kind", pa.string()), ("key", pa.binary())], {"version": "2"})
COLUMNS = ("dataset", "subject_id", "signal_hash")
BY_RELEASE = ("people", "signal_shapes")  # beside them, in tables of ECGs that this version ingested


def keys(texts: Iterable[str]) -> list[bytes]:
    """One key a text: a key of `people`, or the hash that ingest gives each signal."""
    return [hashlib.sha256(text.encode()).digest()[:KEY_BYTES] for text in texts]


def manifest(records: pa.Table) -> pa.Table:
    """The manifest of a model that is trained on records with COLUMNS and BY_RELEASE: SCHEMA, sorted, each key once.

    Who has no `people` is known by "dataset/subject_id", as the tables of ECGs have it.
    """
    names = set(records.column_names)
    unknown = [None] * len(records)
    people, shapes = (records[name].to_pylist() if name in names else unknown for name in BY_RELEASE)
    sets, subjects = (records[name].to_pylist() for name in COLUMNS[:2])
    who = {
        person
        for found, dataset, subject in zip(people, sets, subjects, strict=True)
        for person in found or [f"{dataset}/{subject}"]
    }
    parts = [
        _part(SUBJECT, keys(who)),
        _part(SIGNAL, keys(pc.unique(records["signal_hash"]).to_pylist())),
        _part(SHAPE, [shape[:SHAPE_BYTES] for shape in shapes if shape is not None]),
    ]
    return pa.concat_tables(parts).sort_by([("kind", "ascending"), ("key", "ascending")])


def manifest_of_pairs(path: Path) -> pa.Table:
    """The manifest of a model that is trained on a pairs table; the pairs that only watch its loss are in it too.

    Raises:
        EsiError: the table lacks a column.
    """
    there = pq.read_schema(path).names
    absent = sorted(set(COLUMNS) - set(there))
    if absent:
        raise EsiError(f"{path} has no column {', '.join(absent)}: run the pairs stage again")
    return manifest(pq.read_table(path, columns=[name for name in (*COLUMNS, *BY_RELEASE) if name in there]))


def joined(first: pa.Table, second: pa.Table) -> pa.Table:
    """The manifest of a model that has seen what two manifests list: sorted, each key once."""
    parts = [_part(kind, [*of(first, kind).to_pylist(), *of(second, kind).to_pylist()]) for kind in (SUBJECT, SIGNAL, SHAPE)]
    return pa.concat_tables(parts).sort_by([("kind", "ascending"), ("key", "ascending")])


def read(path: Path) -> pa.Table:
    """The manifest in a file.

    Raises:
        EsiError: the file is none.
    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise EsiError(f"{path} cannot be read as Parquet ({error}): pretrain the model anew") from None
    if table.schema.names != SCHEMA.names:
        raise EsiError(
            f"{path} has columns {table.schema.names}, not {SCHEMA.names} as written here: pretrain the model anew"
        )
    return table


def by_release(table: pa.Table) -> bool:
    """Whether subjects go by their release: an earlier version keyed them by the name of their data set."""
    return (table.schema.metadata or {}).get(b"version") == b"2"


def among(table: pa.Table, kind: str, keys: list[bytes]) -> list[bool]:
    """Which keys of one kind a manifest holds."""
    of_kind = of(table, kind).combine_chunks()
    found: list[bool] = pc.is_in(pa.array(keys, of_kind.type), value_set=of_kind).to_pylist()
    return found


def of(table: pa.Table, kind: str) -> pa.ChunkedArray:
    """The keys of one kind."""
    return table.filter(pc.equal(table["kind"], kind))["key"]


def _part(kind: str, keys: list[bytes]) -> pa.Table:
    unique = pa.array(sorted(set(keys)), SCHEMA.field("key").type)
    return pa.table({"kind": pa.array([kind] * len(unique), pa.string()), "key": unique}, schema=SCHEMA)

"""The columns of one split's pairs in memory-mapped files, made once a machine: all processes of a training share one copy
and read only what they touch, where each would hold 660,000 pairs' strings (figures: benchmarks/results/texts.json).

Legend: N pairs, K the largest number of findings of one pair.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from esi.closure import code_hash
from esi.errors import EsiError
from esi.files import cache_folder, content_hash, file_hash
from esi.sealed import sealed_folder

TEXT_COLUMNS = ("dataset", "record_id", "text", "findings", "descriptions")
COLUMNS = (*TEXT_COLUMNS, "statements")
LISTS = pa.list_(pa.string())
BATCH = 16_384  # pairs that are in memory while the files are written


class PairColumns:
    """One split of a pairs table.

    Args:
        path: data/pairs/pairs.parquet. split: "train" or "validation".

    Raises:
        EsiError: the table lacks a column.
    """

    def __init__(self, path: Path, split: str) -> None:
        absent = sorted({*COLUMNS, "split"} - set(pq.read_schema(path).names))
        if absent:
            raise EsiError(f"{path} has no column {', '.join(absent)}: run the pairs stage again")
        self.key = content_hash(code_hash(__name__), file_hash(path), split)[:32]
        folder = sealed_folder(cache_folder("pairs") / self.key, lambda work: _write(path, split, work))
        self._table = pa.ipc.open_file(pa.memory_map(str(folder / "texts.arrow"))).read_all()
        self.n = self._table.num_rows
        # mode "c": a private mapping that torch takes without a warning and nobody writes to
        self.findings_NK: np.ndarray = np.load(folder / "findings.npy", mmap_mode="c" if self.n else None)

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """One of TEXT_COLUMNS; `column[row].as_py()` is a value."""
        return self._table[name]


def _batches(path: Path, split: str, columns: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    for batch in pq.ParquetFile(path).iter_batches(BATCH, columns=[*columns, "split"]):
        yield batch.filter(pc.equal(batch["split"], split)).select(columns)


def _write(path: Path, split: str, work: Path) -> None:
    """texts.arrow, and findings.npy: int32 [N, K], the numbers of each pair's findings (by the sorted names of the split) in
    ascending order and -1 behind them.
    """
    schema = pa.schema([(name, pa.string()) for name in TEXT_COLUMNS])
    statements: list[pa.Array] = [pa.array([], LISTS)]
    with pa.OSFile(str(work / "texts.arrow"), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        for batch in _batches(path, split, COLUMNS):
            writer.write_batch(batch.select(TEXT_COLUMNS).cast(schema))
            statements.append(batch["statements"].cast(LISTS))
    lists = pa.chunked_array(statements).combine_chunks()
    np.save(work / "findings.npy", _findings(lists))


def _findings(lists: pa.ListArray) -> np.ndarray:
    counts = lists.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    encoded = lists.flatten().dictionary_encode()
    rank = np.argsort(np.argsort(np.array(encoded.dictionary.to_pylist())))
    findings_NK = np.full((len(counts), counts.max(initial=0)), np.iinfo(np.int32).max, np.int32)
    findings_NK[np.arange(findings_NK.shape[1]) < counts[:, None]] = rank[encoded.indices.to_numpy()]
    findings_NK.sort(axis=1)
    findings_NK[findings_NK == np.iinfo(np.int32).max] = -1
    return findings_NK

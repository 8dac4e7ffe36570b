"""The knowledge index: the chunks and their vectors in one Parquet file, which is what DVC keeps.

A Chroma folder cannot be a DVC out: two builds differ byte for byte and a query changes it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from esi.cqa.retrieve.embedding import Encoder, Vectors
from esi.errors import EsiError

_ENCODER = b"encoder"  # key in the table's metadata


def embedded_text(heading: str, names: Sequence[str], text: str) -> str:
    """What is embedded, and shown to a model, for a chunk: criteria seldom repeat what their condition is called."""
    others = f" ({', '.join(names[1:])})" if len(names) > 1 else ""
    return f"{heading}{others}: {text}" if heading else text


def index_table(chunks: pa.Table, encode: Encoder, name: str) -> pa.Table:
    """The chunks with a column `vector` (list of float32, unit length); the encoder's name goes into the metadata."""
    texts = [embedded_text(row["heading"], row["names"], row["text"]) for row in chunks.to_pylist()]
    vectors_ND = encode(texts)
    offsets = pa.array(np.arange(len(texts) + 1, dtype=np.int32) * vectors_ND.shape[1])
    column = pa.ListArray.from_arrays(offsets, pa.array(vectors_ND.reshape(-1)))
    return chunks.append_column("vector", column).replace_schema_metadata({_ENCODER: name.encode()})


def vectors_of(index: pa.Table) -> Vectors:
    """The vectors of an index, (chunks, dimensions) float32."""
    return np.stack(index["vector"].to_numpy(zero_copy_only=False)).astype(np.float32)


def check_encoder(index: pa.Table, name: str) -> None:
    """Refuse an index that another encoder made than the one that embeds the queries.

    Raises:
        EsiError: it names both.
    """
    made_by = (index.schema.metadata or {}).get(_ENCODER, b"unknown").decode()
    if made_by != name:
        raise EsiError(f"the index was embedded by {made_by}, the queries would be by {name}: run the stage embed again")

"""Embed the chunks: the knowledge index."""

from __future__ import annotations

import pyarrow.parquet as pq

from esi import params
from esi.command import run
from esi.cqa.retrieve.embedding import encoder_name, encoder_of
from esi.cqa.retrieve.index import index_table, vectors_of
from esi.files import write_json, write_table
from esi.paths import CHUNKS, INDEX, METRICS


def main() -> None:
    settings = params.load().embed
    index = index_table(pq.read_table(CHUNKS), encoder_of(settings), encoder_name(settings))
    write_table(INDEX, index)
    write_json(METRICS / "embed.json", {"chunks": len(index), "dimensions": vectors_of(index).shape[1]})


if __name__ == "__main__":
    run(main)

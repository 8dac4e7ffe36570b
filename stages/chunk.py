"""Cut the textbooks into chunks."""

from __future__ import annotations

from pathlib import Path

from esi import params
from esi.command import run
from esi.cqa.books.chunk_report import chunk_figures, draw_sizes
from esi.cqa.books.chunks import chunk_table
from esi.cqa.books.read import read_books
from esi.files import write_json, write_table


def main() -> None:
    settings = params.load().chunk
    left_out: list[str] = []
    sections = read_books(settings.books, left_out)
    chunks = chunk_table(sections, settings.max_tokens, settings.overlap_tokens)
    write_table("data/knowledge/chunks.parquet", chunks)
    write_json("metrics/chunk.json", chunk_figures(sections, chunks, left_out))
    draw_sizes(Path("metrics/chunk/sizes.png"), chunks, settings.max_tokens)


if __name__ == "__main__":
    run(main)

"""Cut the textbooks into chunks."""

from __future__ import annotations

from esi import params
from esi.command import run
from esi.cqa.books.chunk_report import chunk_figures, draw_sizes
from esi.cqa.books.chunks import chunk_table
from esi.cqa.books.read import read_books
from esi.files import write_json, write_table
from esi.paths import CHUNKS, METRICS


def main() -> None:
    settings = params.load().chunk
    left_out: list[str] = []
    sections = read_books(settings.books, left_out)
    chunks = chunk_table(sections, settings.max_tokens, settings.overlap_tokens)
    write_table(CHUNKS, chunks)
    write_json(METRICS / "chunk.json", chunk_figures(sections, chunks, left_out))
    draw_sizes(METRICS / "chunk/sizes.png", chunks, settings.max_tokens)


if __name__ == "__main__":
    run(main)

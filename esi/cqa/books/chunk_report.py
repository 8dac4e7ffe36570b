"""How large the chunks of the books are, as figures and as a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from esi.cqa.books.read import Section
from esi.files import replacing

BINS = 24  # bars of the picture
OTHERS = "other books"
SHOWN = 9  # books with a colour of their own; the rest share the tenth


def chunk_figures(sections: Sequence[Section], chunks: pa.Table, left_out: Sequence[str] = ()) -> dict[str, Any]:
    """What metrics/chunk.json holds; what could not be read of the books, only where there is such."""
    tokens = np.array(chunks["tokens"].to_pylist())
    return {
        "books": len({section.book for section in sections}),
        "sections": len(sections),
        "sections_without_heading": sum(not section.heading for section in sections),
        "words": sum(len(section.text.split()) for section in sections),
        "chunks": len(tokens),
        "tokens_min": int(tokens.min()),
        "tokens_median": float(np.median(tokens)),
        "tokens_mean": round(float(tokens.mean()), 1),
        "tokens_max": int(tokens.max()),
        **({"left_out": len(left_out), "left_out_reasons": list(left_out)} if left_out else {}),
    }


def draw_sizes(path: Path, chunks: pa.Table, max_tokens: int) -> None:
    """PNG: how many chunks have how many tokens, by book, with the limit."""
    books = [book for book, _ in Counter(sorted(chunks["book"].to_pylist())).most_common()]
    sizes: dict[str, list[int]] = {}
    for book, tokens in zip(chunks["book"].to_pylist(), chunks["tokens"].to_pylist(), strict=True):
        sizes.setdefault(book if books.index(book) < SHOWN else OTHERS, []).append(tokens)
    names = sorted(sizes, key=lambda name: (name == OTHERS, -len(sizes[name]), name))
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    edges = np.linspace(0, max_tokens, BINS + 1).tolist()
    labels = [f"{name if len(name) < 40 else '…' + name[-38:]} ({len(sizes[name])})" for name in names]
    axes.hist([sizes[name] for name in names], bins=edges, stacked=True, label=labels)
    axes.axvline(max_tokens, color="black", linewidth=1, linestyle="--", label="chunk.max_tokens")
    axes.set_xlabel("tokens of a chunk")
    axes.set_ylabel("chunks")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    axes.set_title(f"{len(chunks)} chunks", fontsize=9)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120, metadata={"Software": None})  # the version would change the bytes

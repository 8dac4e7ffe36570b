"""What was retrieved for each statement, as a table and as a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from esi.cqa.books.chunks import entry_of
from esi.cqa.write.description import Question
from esi.files import replacing, write_text

SHOWN = 40  # statements in the picture: more cannot be read


def write_scores(path: Path, questions: Sequence[Question]) -> None:
    """CSV with a line for each passage of each statement: statement, rank (from 1), book, heading, relevance."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["statement", "rank", "book", "heading", "score"])
    for question in questions:
        for rank, passage in enumerate(question.passages, start=1):
            writer.writerow([question.statement, rank, passage.book, passage.heading, f"{passage.score:.4f}"])
    write_text(path, text.getvalue())


def draw_scores(path: Path, questions: Sequence[Question]) -> None:
    """PNG with the best score of each of the first `SHOWN` statements, the commonest on top."""
    shown = [question for question in questions if question.passages][:SHOWN]
    figure = Figure(figsize=(8, 1.2 + 0.22 * len(shown)), layout="constrained")
    axes = figure.subplots()
    names = [question.statement if len(question.statement) <= 48 else question.statement[:47] + "…" for question in shown]
    bars = axes.barh(range(len(shown)), [question.passages[0].score for question in shown], color="#4477aa")
    axes.bar_label(
        bars, [entry_of(question.passages[0].heading)[:48] for question in shown], label_type="edge", fontsize=5, padding=2
    )
    axes.set_yticks(range(len(shown)), names, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlim(0, 1.4)  # room for the headings beside the bars
    axes.set_xticks([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    axes.margins(y=0.01)
    axes.set_xlabel("relevance of the best passage, by retrieve.method")
    axes.set_title("Retrieval: best passage for the commonest statements", fontsize=9)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=120, metadata={"Software": None})  # the version would change the bytes

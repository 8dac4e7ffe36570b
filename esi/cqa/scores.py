"""Descriptions against the reference texts of the same findings (paper, appendix A)."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from esi.errors import EsiError
from esi.files import write_text
from esi.text.bertscore import Array, TokenEncoder, bert_scores

COLUMNS = ["statement", "description"]
MEASURES = ["precision", "recall", "f1"]


@dataclass(frozen=True)
class Scored:
    """The statements that have a description and a reference, and their scores."""

    statements: list[str]  # N of them
    descriptions: list[str]
    references: list[str]
    scores: Array  # (N, 3): precision, recall, F1
    control: Array  # (N, 3): the same descriptions against another statement's reference
    fallback: npt.NDArray[np.bool_]  # (N,): by the extractive writer in place of the model, whose answers were refused
    without_description: int  # references of statements that the data sets do not have


def read_references(path: Path, canonical: Callable[[str], str]) -> dict[str, str]:
    """Reference text by canonical statement, from a UTF-8 CSV with the columns statement and description.

    Args:
        canonical: gives a statement's wording in data/descriptions.parquet.

    Raises:
        EsiError: the file is missing, lacks a column, has an empty cell or two rows for one statement.
    """
    try:
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig")), strict=True))
    except FileNotFoundError:
        raise EsiError(
            f"{path} is missing: put a CSV with the columns {', '.join(COLUMNS)} there, or set score.references"
        ) from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise EsiError(f"{path} cannot be read as CSV in UTF-8 ({error}): save it again as such") from None
    references: dict[str, str] = {}
    for number, row in enumerate(rows, start=2):
        missing = [column for column in COLUMNS if not (row.get(column) or "").strip()]
        if missing:
            raise EsiError(f"{path}, row {number}: {missing[0]} is empty or no column of it: fill it in")
        statement = canonical(row["statement"])
        if statement in references:
            raise EsiError(f"{path}, row {number}: {statement!r} has a reference already: keep one row for each statement")
        references[statement] = " ".join(row["description"].split())
    return references


def score(
    descriptions: Mapping[str, str],
    references: Mapping[str, str],
    encode: TokenEncoder,
    idf: bool,
    fallbacks: Collection[str] = (),
) -> Scored:
    """Score every description that has a reference, in the references' order.

    `fallbacks` are the statements whose description is not the model's own: with more passages a small model fails more
    often, and the extractive sentences in its place score better than it does.

    BERTScore of texts about any two findings is high (0.44 where texts about one finding have 0.71, with the packaged
    encoder), so each score has a control beside it: the same description against the reference half a list further on;
    neighbours in a list are often akin.

    Raises:
        EsiError: fewer than two statements have both.
    """
    both = [statement for statement in references if statement in descriptions]
    if len(both) < 2:
        raise EsiError(
            f"{len(both)} of the {len(references)} statements of score.references have a description in "
            "data/descriptions.parquet: write them as the data sets do, at least two"
        )
    written = [descriptions[statement] for statement in both]
    wanted = [references[statement] for statement in both]
    half = len(both) // 2
    scores = bert_scores(written * 2, wanted + wanted[half:] + wanted[:half], encode, idf)
    fallback = np.array([statement in fallbacks for statement in both])
    return Scored(both, written, wanted, scores[: len(both)], scores[len(both) :], fallback, len(references) - len(both))


def score_figures(scored: Scored) -> dict[str, int | float]:
    """What metrics/score_descriptions.json holds: means and standard deviations over the statements, control and lengths."""
    content: dict[str, int | float] = {
        "statements": len(scored.statements),
        "references_without_description": scored.without_description,
        "empty": sum(not text for text in scored.descriptions),
        "fallbacks": int(scored.fallback.sum()),
    }
    for column, measure in enumerate(MEASURES):
        content[f"bertscore_{measure}"] = round(float(scored.scores[:, column].mean()), 4)
        content[f"bertscore_{measure}_sd"] = round(float(scored.scores[:, column].std(ddof=1)), 4)
    if not scored.fallback.all():
        content["bertscore_f1_without_fallbacks"] = round(float(scored.scores[~scored.fallback, 2].mean()), 4)
    content["bertscore_f1_other_statement"] = round(float(scored.control[:, 2].mean()), 4)
    content["closer_to_own_reference"] = round(float((scored.scores[:, 2] > scored.control[:, 2]).mean()), 4)
    for name, texts in (("words_mean", scored.descriptions), ("reference_words_mean", scored.references)):
        content[name] = round(sum(len(text.split()) for text in texts) / len(texts), 1)
    return content


def write_by_statement(path: Path, scored: Scored) -> None:
    """CSV, a line a statement, the worst F1 first: statement, precision, recall, f1, f1_other_statement, fallback."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["statement", *MEASURES, "f1_other_statement", "fallback"])
    for number in sorted(range(len(scored.statements)), key=lambda number: (scored.scores[number, 2], number)):
        figures = [*scored.scores[number], scored.control[number, 2]]
        row = [scored.statements[number], *(f"{figure:.4f}" for figure in figures), int(scored.fallback[number])]
        writer.writerow(row)
    write_text(path, text.getvalue())

"""Score the descriptions against reference texts by BERTScore."""

from __future__ import annotations

import pyarrow.parquet as pq

from esi import params
from esi.command import run
from esi.cqa.scores import read_references, score, score_figures, write_by_statement
from esi.ecg.statements.wording import normalise
from esi.files import write_json
from esi.paths import DESCRIPTIONS, METRICS
from esi.text.bertscore import token_encoder


def main() -> None:
    settings = params.load().score
    table = pq.read_table(DESCRIPTIONS, columns=["statement", "description", "fallback"]).to_pylist()
    descriptions = {row["statement"]: row["description"] for row in table}
    fallbacks = {row["statement"] for row in table if row["fallback"]}
    references = read_references(settings.references, normalise)
    scored = score(descriptions, references, token_encoder(settings), settings.idf, fallbacks)
    figures = score_figures(scored)
    write_json(METRICS / "score_descriptions.json", figures)
    headline = {"metric": "BERTScore F1", "value": figures["bertscore_f1"], "n_test": figures["statements"]}
    write_json(METRICS / "descriptions/bertscore.json", headline)
    write_by_statement(METRICS / "score_descriptions/statements.csv", scored)


if __name__ == "__main__":
    run(main)

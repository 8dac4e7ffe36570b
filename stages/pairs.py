"""Pair every training ECG with its text, and prove that no evaluated record is among the pairs."""

from __future__ import annotations

from esi import params
from esi.command import run
from esi.ecg.statements.descriptions import read_descriptions
from esi.files import write_json, write_table
from esi.pairs.build import build_pairs, read_records
from esi.pairs.tokens import token_counter
from esi.paths import DESCRIPTIONS, ECG, METRICS, PAIRS
from esi.sets import sets_read


def main() -> None:
    settings = params.load()
    descriptions = read_descriptions(DESCRIPTIONS)
    records = read_records(ECG, sets_read(settings)["pairs"])
    count_tokens = token_counter(settings.model.text_tower)
    pairs, figures = build_pairs(records, descriptions, settings.pairs, count_tokens)
    write_table(PAIRS, pairs)
    write_json(METRICS / "pairs.json", figures)


if __name__ == "__main__":
    run(main)

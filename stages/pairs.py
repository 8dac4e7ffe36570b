"""Pair every training ECG with its text, and prove that no evaluated record is among the pairs."""

from __future__ import annotations

from pathlib import Path

from esi import params
from esi.command import run
from esi.ecg.statements.descriptions import read_descriptions
from esi.files import write_json, write_table
from esi.pairs.build import build_pairs, read_records
from esi.pairs.tokens import token_counter


def main() -> None:
    settings = params.load()
    descriptions = read_descriptions(Path("data/descriptions.parquet"))
    records = read_records(Path("data/ecg"), settings.ingest)
    count_tokens = token_counter(settings.model.text_tower)
    pairs, figures = build_pairs(records, descriptions, settings.pairs, count_tokens)
    write_table("data/pairs/pairs.parquet", pairs)
    write_json("metrics/pairs.json", figures)


if __name__ == "__main__":
    run(main)

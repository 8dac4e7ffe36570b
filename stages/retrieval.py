"""Retrieval between the ECGs and the texts of the test records of some data sets."""

from __future__ import annotations

from esi import params
from esi.command import run
from esi.ecg.statements.descriptions import read_descriptions
from esi.evaluate.ecg_set import open_sets
from esi.evaluate.models.abilities import lacks
from esi.evaluate.models.encoders import Encoders
from esi.evaluate.models.registry import Ability
from esi.evaluate.models.remarks import remarks
from esi.evaluate.record_texts import record_texts
from esi.evaluate.retrieval import details, headline, retrieve
from esi.files import replacing_folder, write_json, write_text
from esi.paths import DESCRIPTIONS, DETAILS, METRICS

OUTS = (METRICS / "retrieval", DETAILS / "retrieval")


def main() -> None:
    settings = params.load()
    evaluate = settings.evaluate
    if lacks(evaluate.model, Ability.ZERO_SHOT, "retrieval by the model", *OUTS):
        return
    descriptions = read_descriptions(DESCRIPTIONS) if settings.pairs.descriptions else {}
    sets = open_sets(settings.retrieval.sets, settings.signal, evaluate.batch_size)
    records = {name: record_texts(ecgs.of("test"), descriptions, evaluate.model) for name, ecgs in sets.items()}
    encoders = Encoders.of(evaluate, sets.values())
    directions = retrieve(encoders, sets, records, evaluate.bootstrap, evaluate.seed)
    with replacing_folder(OUTS[0]) as metrics, replacing_folder(OUTS[1]) as tables:
        for name, of_set in directions.items():
            write_text(tables / f"{name}.csv", details(of_set).write_csv(float_precision=6))
            write_json(metrics / f"{name}.json", headline(of_set) | remarks(name, {}, encoders.unproven))


if __name__ == "__main__":
    run(main)

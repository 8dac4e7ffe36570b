"""Captions of test records by the model's decoder, with their scores."""

from __future__ import annotations

from functools import partial

from esi import params
from esi.command import run
from esi.ecg.statements.descriptions import read_descriptions
from esi.evaluate.captions.captioners import captioned_sets
from esi.evaluate.captions.scores import likeness
from esi.evaluate.captions.statement_finder import StatementFinder
from esi.evaluate.ecg_set import open_sets
from esi.evaluate.models.abilities import lacks
from esi.evaluate.models.encoders import Encoders
from esi.evaluate.models.registry import Ability
from esi.evaluate.models.remarks import remarks
from esi.evaluate.record_texts import record_texts
from esi.files import replacing_folder
from esi.paths import DESCRIPTIONS, DETAILS, METRICS, PREDICTIONS, STATEMENTS
from esi.text.bertscore import token_encoder

OUTS = (PREDICTIONS / "captions", METRICS / "captions", DETAILS / "captions")


def main() -> None:
    settings = params.load()
    evaluate = settings.evaluate
    if lacks(evaluate.model, Ability.CAPTION, "captions", *OUTS):
        return
    descriptions = read_descriptions(DESCRIPTIONS) if settings.pairs.descriptions else {}
    find = StatementFinder.read(STATEMENTS, descriptions)
    sets = open_sets(settings.caption.sets, settings.signal, evaluate.batch_size)
    texts = {name: record_texts(ecgs.of("test"), descriptions, evaluate.model) for name, ecgs in sets.items()}
    encoders = Encoders.of(evaluate, sets.values())
    tests = captioned_sets(sets, texts, encoders, settings)
    similarity = partial(likeness, encode=token_encoder(settings.score), idf=settings.score.idf)
    predictions, metrics, details = OUTS
    with replacing_folder(predictions) as captions, replacing_folder(metrics) as leads, replacing_folder(details) as tables:
        for test in tests:
            rows = test.score(find, similarity, evaluate.bootstrap, evaluate.seed)
            test.write(captions, leads, tables, find, rows, remarks(test.dataset, {}, encoders.unproven))


if __name__ == "__main__":
    run(main)

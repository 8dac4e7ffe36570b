"""Captions of test records by the model's decoder, with their scores."""

from __future__ import annotations

from esi import params
from esi.command import run
from esi.ecg.statements.descriptions import read_descriptions
from esi.evaluate.captions.captioned_set import CaptionedSet
from esi.evaluate.captions.captioners import run_captioners
from esi.evaluate.captions.controls import NearestText, commonest_findings
from esi.evaluate.captions.statement_finder import StatementFinder
from esi.evaluate.captions.write import draw_records
from esi.evaluate.ecg_set import EcgSet, candidates
from esi.evaluate.record_texts import record_texts
from esi.files import replacing_folder
from esi.model.export import read_config
from esi.paths import DESCRIPTIONS, DETAILS, ECG, METRICS, MODEL, PAIRS, PREDICTIONS, STATEMENTS
from esi.text.bertscore import bert_scores, token_encoder

OUTS = (PREDICTIONS / "captions", METRICS / "captions", DETAILS / "captions")


def main() -> None:
    settings = params.load()
    evaluate, wanted = settings.evaluate, settings.caption
    with (
        replacing_folder(OUTS[0]) as predictions,
        replacing_folder(OUTS[1]) as metrics,
        replacing_folder(OUTS[2]) as details,
    ):
        if "caption" not in read_config(MODEL).abilities:
            print("No captions: the model has no decoder, for it was trained with train.lambda_cap 0.")
            return
        descriptions = read_descriptions(DESCRIPTIONS)
        known = descriptions if settings.pairs.descriptions else {}
        find = StatementFinder.read(STATEMENTS, known)
        sets = {name: EcgSet(name, ECG, settings.signal, evaluate.batch_size) for name in wanted.sets}
        texts = {name: record_texts(ecgs.of("test"), known, MODEL) for name, ecgs in sets.items()}
        tests = [CaptionedSet(name, draw_records(of_set, name, wanted.limit)) for name, of_set in texts.items()]
        nearest = NearestText(PAIRS, ECG, settings.signal, evaluate.batch_size)
        models = candidates(MODEL, evaluate.random_seeds, sets.values())
        common = commonest_findings(PAIRS)
        run_captioners(tests, sets, models, nearest, common, wanted, evaluate.batch_size, evaluate.seed)
        encode = token_encoder(settings.score)
        for test in tests:
            rows = test.score(
                find,
                lambda captions, references: bert_scores(captions, references, encode, settings.score.idf)[:, 2],
                evaluate.bootstrap,
                evaluate.seed,
            )
            test.write(predictions, metrics, details, find, rows)


if __name__ == "__main__":
    run(main)

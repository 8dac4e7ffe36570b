"""How far the models' features of each test set lie from those of the pretraining ECGs."""

from __future__ import annotations

from esi import params
from esi.command import run
from esi.evaluate.controls.attempt import Failures
from esi.evaluate.distribution import by_embeddings, by_encoders, draw_test, headline, table
from esi.evaluate.ecg_set import open_sets
from esi.evaluate.models.abilities import lacks
from esi.evaluate.models.embeddings import read_embeddings, unproven_embeddings
from esi.evaluate.models.encoders import Encoders
from esi.evaluate.models.registry import Ability
from esi.evaluate.models.remarks import remarks
from esi.evaluate.pretraining_sample import PretrainingSample
from esi.files import replacing_folder, write_json, write_text
from esi.paths import DETAILS, ECG, METRICS, PAIRS

OUTS = (METRICS / "distribution", DETAILS / "distribution")


def main() -> None:
    settings = params.load()
    evaluate, wanted = settings.evaluate, settings.distribution
    embeddings = read_embeddings(evaluate.embeddings)
    pretraining = PretrainingSample(PAIRS, ECG, settings.signal, wanted.records, evaluate.batch_size)
    sets = open_sets(wanted.sets, settings.signal, evaluate.batch_size)
    tests = {name: draw_test(ecgs, wanted.records) for name, ecgs in sets.items()}
    failures: Failures = {}
    theirs = by_embeddings(embeddings, tests, pretraining, wanted, evaluate.seed, failures)
    encoders = Encoders.of(evaluate, sets.values())
    rows = by_encoders(encoders, sets, tests, pretraining, wanted, evaluate.seed) + theirs
    lacks(evaluate.model, Ability.ZERO_SHOT, "distances in the space of z")
    unproven = encoders.unproven | unproven_embeddings(embeddings)
    with replacing_folder(OUTS[0]) as metrics, replacing_folder(OUTS[1]) as details:
        for name, records in tests.items():
            of_set = table(rows, name)
            write_text(details / f"{name}.csv", of_set.write_csv())
            write_json(metrics / f"{name}.json", headline(of_set, len(records)) | remarks(name, failures, unproven))


if __name__ == "__main__":
    run(main)

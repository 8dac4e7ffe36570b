"""Identification of the test subjects of some data sets: `python -m stages.identify`."""

from __future__ import annotations

from esi import params
from esi.command import run
from esi.evaluate.controls.attempt import Failures
from esi.evaluate.ecg_set import open_sets
from esi.evaluate.identify.methods import all_trials, by_all, headline, table
from esi.evaluate.models.embeddings import read_embeddings, unproven_embeddings
from esi.evaluate.models.encoders import Encoders
from esi.evaluate.models.remarks import remarks
from esi.files import replacing_folder, write_json, write_text
from esi.paths import DETAILS, METRICS


def main() -> None:
    settings = params.load()
    rate, seconds = settings.signal.rate, settings.identify.seconds
    embeddings = read_embeddings(settings.evaluate.embeddings)
    tested = [name for name in seconds if settings.ingest[name].folds.test]
    sets = open_sets(tested, settings.signal, settings.evaluate.batch_size)
    tests = all_trials(sets, seconds, rate)
    encoders = Encoders.of(settings.evaluate, sets.values())
    failures: Failures = {}
    outcomes = by_all(tests, encoders, embeddings, rate, settings.identify, failures)
    unproven = encoders.unproven | unproven_embeddings(embeddings)
    with replacing_folder(METRICS / "identification") as metrics, replacing_folder(DETAILS / "identification") as details:
        for name, of_set in outcomes.items():
            if any(outcome.trial.protocol == "strip" for outcome in of_set):
                rows = table(of_set)
                write_text(details / f"{name}.csv", rows.write_csv(float_precision=6))
                write_json(metrics / f"{name}.json", headline(rows) | remarks(name, failures, unproven))


if __name__ == "__main__":
    run(main)

"""Identification of the test subjects of some data sets: `python -m stages.identify`."""

from __future__ import annotations

import sys
from functools import partial

from esi import params
from esi.command import run
from esi.evaluate.controls.attempt import Failures, attempt
from esi.evaluate.ecg_set import EcgSet, candidates
from esi.evaluate.identify.methods import Outcome, by_encoder, by_template, headline, table, trials
from esi.files import replacing_folder, write_json, write_text
from esi.paths import DETAILS, ECG, METRICS, MODEL


def main() -> None:
    settings = params.load()
    rate, seconds = settings.signal.rate, settings.identify.seconds
    tested = [name for name in seconds if settings.ingest[name].folds.test]
    sets = [EcgSet(name, ECG, settings.signal, settings.evaluate.batch_size) for name in tested]
    tests = []
    for ecgs in sets:
        possible, why_not = trials(ecgs, seconds[ecgs.dataset], rate)
        print(*why_not, sep="\n", end="\n" if why_not else "", file=sys.stderr)
        tests += [(ecgs, trial) for trial in possible]
    failures: Failures = {}
    found: dict[str, list[Outcome]] = {ecgs.dataset: [] for ecgs in sets}
    for ecgs, trial in tests:
        outcome = attempt("template", ecgs.dataset, partial(by_template, ecgs, trial, rate), failures)
        found[ecgs.dataset] += [] if outcome is None else [outcome]
    for candidate in candidates(MODEL, settings.evaluate.random_seeds, sets):
        for ecgs, trial in tests:
            found[ecgs.dataset] += by_encoder(candidate, ecgs, trial, settings.identify)
    with replacing_folder(METRICS / "identification") as metrics, replacing_folder(DETAILS / "identification") as details:
        for name, outcomes in found.items():
            if any(outcome.trial.protocol == "strip" for outcome in outcomes):
                rows = table(outcomes)
                write_text(details / f"{name}.csv", rows.write_csv(float_precision=6))
                reasons = {f"{control}_not_available": of[name] for control, of in failures.items() if name in of}
                write_json(metrics / f"{name}.json", headline(rows) | reasons)


if __name__ == "__main__":
    run(main)

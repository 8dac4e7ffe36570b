"""Linear-probe predictions of every classification task."""

from __future__ import annotations

from esi import params
from esi.command import run
from esi.evaluate.controls.attempt import Failures
from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.linear_probe import frozen_features, probe
from esi.evaluate.predictions import UNAVAILABLE, Prediction, write_predictions
from esi.evaluate.tasks import tasks_to_run
from esi.files import replacing_folder, write_json
from esi.paths import ECG, MODEL, PREDICTIONS


def main() -> None:
    settings = params.load()
    tasks = tasks_to_run(settings.tasks, settings.ingest)
    datasets = sorted({task.dataset for task in tasks})
    sets = [EcgSet(name, ECG, settings.signal, settings.evaluate.batch_size) for name in datasets]
    found: dict[str, list[Prediction]] = {task.name: [] for task in tasks}
    failures: Failures = {}
    for ecgs, frozen in frozen_features(sets, MODEL, settings.evaluate, failures):
        of_set = [task for task in tasks if task.dataset == ecgs.dataset]
        for name, predictions in probe(ecgs, of_set, frozen, settings.linear_probe).items():
            found[name] += predictions
    with replacing_folder(PREDICTIONS / "linear_probe") as folder:
        for task in tasks:
            write_predictions(folder / f"{task.name}.parquet", task.class_names, found[task.name])
        if failures:
            write_json(folder / UNAVAILABLE, failures)


if __name__ == "__main__":
    run(main)

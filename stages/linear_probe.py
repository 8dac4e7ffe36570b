"""Linear-probe predictions of every classification task."""

from __future__ import annotations

from esi import params
from esi.command import run
from esi.evaluate.controls.attempt import Failures
from esi.evaluate.ecg_set import open_sets
from esi.evaluate.linear_probe import probe
from esi.evaluate.models.embeddings import read_embeddings, unproven_embeddings
from esi.evaluate.models.encoders import Encoders
from esi.evaluate.models.features import frozen_features
from esi.evaluate.models.remarks import write_remarks
from esi.evaluate.predictions import Prediction, write_predictions
from esi.evaluate.tasks import tasks_to_run
from esi.files import replacing_folder
from esi.paths import PREDICTIONS


def main() -> None:
    settings = params.load()
    tasks = tasks_to_run(settings.tasks, settings.ingest)
    embeddings = read_embeddings(settings.evaluate.embeddings)
    sets = open_sets(sorted({task.dataset for task in tasks}), settings.signal, settings.evaluate.batch_size).values()
    encoders = Encoders.of(settings.evaluate, sets)
    predictions: dict[str, list[Prediction]] = {task.name: [] for task in tasks}
    failures: Failures = {}
    for ecgs, frozen in frozen_features(list(sets), encoders, settings.evaluate.controls, embeddings, failures):
        of_set = [task for task in tasks if task.dataset == ecgs.dataset]
        for name, of_task in probe(ecgs, of_set, frozen, settings.linear_probe).items():
            predictions[name] += of_task
    with replacing_folder(PREDICTIONS / "linear_probe") as folder:
        for task in tasks:
            write_predictions(folder / f"{task.name}.parquet", task.class_names, predictions[task.name])
        write_remarks(folder, failures, encoders.unproven | unproven_embeddings(embeddings))


if __name__ == "__main__":
    run(main)

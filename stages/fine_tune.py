"""Predictions fine-tuned and from scratch: `accelerate launch -m stages.fine_tune`, or `python -m stages.fine_tune`."""

from __future__ import annotations

from esi import params
from esi.command import run
from esi.evaluate.ecg_set import open_sets
from esi.evaluate.fine_tune.runs import fine_tune, runs_of
from esi.evaluate.models.encoders import Encoders
from esi.evaluate.models.remarks import write_remarks
from esi.evaluate.predictions import write_predictions
from esi.evaluate.tasks import tasks_to_run
from esi.files import replacing_folder
from esi.paths import PREDICTIONS
from esi.train.launch import join


def main() -> None:
    """Fit every run of every task of `fine_tune.tasks`; a kill loses an epoch at most."""
    settings = params.load()
    launched = join("stages.fine_tune", settings.fine_tune.precision, "fine_tune")  # first: it chooses this process's device
    tasks = [task for task in tasks_to_run(settings.tasks, settings.ingest) if task.name in settings.fine_tune.tasks]
    batch_size = settings.evaluate.batch_size
    sets = open_sets({task.dataset for task in tasks}, settings.signal, batch_size)
    encoders = Encoders.of(settings.evaluate, sets.values())
    predictions, checkpoints = {}, []
    for task in tasks:
        results = [
            fine_tune(task, sets[task.dataset], encoders.evaluated, item, settings.fine_tune, batch_size, launched)
            for item in runs_of(settings.fine_tune)
        ]
        predictions[task.name] = [prediction for _, of_run in results for prediction in of_run]
        checkpoints += [checkpoint for checkpoint, _ in results]
    if not launched.main:
        return
    with replacing_folder(PREDICTIONS / "fine_tune") as folder:
        for task in tasks:
            write_predictions(folder / f"{task.name}.parquet", task.class_names, predictions[task.name])
        write_remarks(folder, {}, encoders.unproven)
    for checkpoint in checkpoints:
        checkpoint.delete()


if __name__ == "__main__":
    run(main)

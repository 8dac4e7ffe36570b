"""Zero-shot predictions of every classification task."""

from __future__ import annotations

from esi import params
from esi.command import run
from esi.ecg.statements.descriptions import read_descriptions
from esi.evaluate.ecg_set import open_sets
from esi.evaluate.models.abilities import lacks
from esi.evaluate.models.encoders import Encoders
from esi.evaluate.models.registry import Ability
from esi.evaluate.models.remarks import write_remarks
from esi.evaluate.predictions import write_predictions
from esi.evaluate.tasks import tasks_to_run
from esi.evaluate.zero_shot import zero_shot_predictions
from esi.files import replacing_folder
from esi.paths import DESCRIPTIONS, PREDICTIONS

OUT = PREDICTIONS / "zero_shot"


def main() -> None:
    settings = params.load()
    if lacks(settings.evaluate.model, Ability.ZERO_SHOT, "zero-shot predictions of the model", OUT):
        return
    tasks = tasks_to_run(settings.tasks, settings.ingest)
    sets = open_sets({task.dataset for task in tasks}, settings.signal, settings.evaluate.batch_size)
    encoders = Encoders.of(settings.evaluate, sets.values())
    descriptions = read_descriptions(DESCRIPTIONS)
    predictions = zero_shot_predictions(tasks, sets, encoders, settings.zero_shot.prompts, descriptions)
    with replacing_folder(OUT) as folder:
        for task in tasks:
            write_predictions(folder / f"{task.name}.parquet", task.class_names, predictions[task.name])
        write_remarks(folder, {}, encoders.unproven)


if __name__ == "__main__":
    run(main)

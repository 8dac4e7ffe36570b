"""Zero-shot predictions of every classification task."""

from __future__ import annotations

from esi import params
from esi.command import run
from esi.ecg.statements.descriptions import read_descriptions
from esi.evaluate.ecg_set import EcgSet, candidates
from esi.evaluate.predictions import Prediction, write_predictions
from esi.evaluate.tasks import tasks_to_run
from esi.evaluate.zero_shot import PromptEncoder, prompt_variants, zero_shot_scores
from esi.files import replacing_folder
from esi.model.export import NO_SPACE, read_config
from esi.paths import DESCRIPTIONS, ECG, MODEL, PREDICTIONS


def main() -> None:
    settings = params.load()
    if "zero_shot" not in read_config(MODEL).abilities:
        print(f"No zero-shot predictions of the model: {NO_SPACE}.")
        with replacing_folder(PREDICTIONS / "zero_shot"):
            return
    tasks = tasks_to_run(settings.tasks, settings.ingest)
    descriptions = read_descriptions(DESCRIPTIONS)
    batch_size = settings.evaluate.batch_size
    sets = {name: EcgSet(name, ECG, settings.signal, batch_size) for name in {task.dataset for task in tasks}}
    found: dict[str, list[Prediction]] = {task.name: [] for task in tasks}
    for candidate in candidates(MODEL, settings.evaluate.random_seeds, sets.values()):
        if candidate.name == "esi":
            embed = PromptEncoder(candidate.model)
        for task in tasks:
            ecgs = sets[task.dataset]
            for variant, prompts in prompt_variants(task, settings.zero_shot.prompts, descriptions):
                if variant and candidate.name != "esi":
                    continue  # what each kind of prompt brings is asked of the pretrained model alone
                embeddings = embed(prompts)
                for name in ("validation", "test"):
                    split = ecgs.split(task, name)
                    z_NE = ecgs.encode(candidate.model, candidate.key, name, split.records).z_NE
                    scores_NK = zero_shot_scores(z_NE, embeddings)
                    found[task.name].append(
                        Prediction(candidate.name, name, split, scores_NK, seed=candidate.seed, variant=variant)
                    )
    with replacing_folder(PREDICTIONS / "zero_shot") as folder:
        for task in tasks:
            write_predictions(folder / f"{task.name}.parquet", task.class_names, found[task.name])


if __name__ == "__main__":
    run(main)

"""Zero-shot classification: the cosine between an ECG and the texts of each class (paper, 4.2.1).

Only the contrastive space is used, after both projections. Class texts are without age and sex: a demographic prefix in the
class prompt drops the figure to chance.

Legend: N records, K classes, P prompts of a class, E embedding width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from esi.ecg.statements.descriptions import described
from esi.ecg.statements.wording import normalise
from esi.errors import EsiError
from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.models.encoders import Encoders
from esi.evaluate.predictions import Prediction
from esi.evaluate.tasks import Task, TaskClass
from esi.pairs.text import findings_sentence

KINDS = ("names", "findings", "descriptions", "templates")
TEMPLATES = (
    "{}.",
    "Findings: {}.",
    "A 12-lead ECG with {}.",
    "The ECG shows {}.",
    "This ECG is consistent with {}.",
    "Interpretation: {}.",
)


def class_prompts(item: TaskClass, kinds: Sequence[str], descriptions: Mapping[str, str]) -> list[str]:
    """The texts that stand for a class, for each of its statements.

    Args:
        item: the class.
        kinds: of texts, any of KINDS: the bare name; the name as a pretraining text writes it; its CQA description; the name
            in each of TEMPLATES.
        descriptions: by normalised statement.

    Raises:
        EsiError: no prompt is left, for none of the class's statements has a description.
    """
    names = [normalise(statement) for statement in item.statements]
    prompts = list(names) if "names" in kinds else []
    if "findings" in kinds:
        prompts += [findings_sentence([name]) for name in names]
    if "descriptions" in kinds:
        text_of = described(names, descriptions)
        prompts += [text_of[name] for name in names if name in text_of]
    if "templates" in kinds:
        prompts += [template.format(name) for name in names for template in TEMPLATES]
    if not prompts:
        raise EsiError(
            f"class {item.name}: none of {names} has a description: "
            "add findings to zero_shot.prompts, or run describe on its data set"
        )
    return prompts


def prompt_variants(
    task: Task, kinds: Sequence[str], descriptions: Mapping[str, str]
) -> Iterator[tuple[str, list[list[str]]]]:
    """The prompts of each class: first those that count, called "", then each kind alone, for what it brings; descriptions
    only where every class has one.
    """
    yield "", [class_prompts(item, kinds, descriptions) for item in task.classes]
    all_described = all(described(item.statements, descriptions) for item in task.classes)
    for kind in KINDS:
        if kind != "descriptions" or all_described:
            yield kind, [class_prompts(item, [kind], descriptions) for item in task.classes]


def zero_shot_scores(z_NE: np.ndarray, prompts: Sequence[np.ndarray]) -> np.ndarray:
    """Scores [N, K]: the cosine to each class's mean prompt, as CLIP ensembles prompts (Radford et al. 2021, 3.1.4).

    Chosen on validation folds: macro AUROC 0.848 (PTB-XL subset) and 0.936 (simulated) against 0.814 and 0.905 for the
    cosine to the nearest prompt.
    """
    means_KE = np.stack([prompt_PE.mean(axis=0) for prompt_PE in prompts])
    return z_NE @ (means_KE / np.linalg.norm(means_KE, axis=1, keepdims=True)).T


def zero_shot_predictions(
    tasks: Sequence[Task],
    sets: Mapping[str, EcgSet],
    encoders: Encoders,
    kinds: Sequence[str],
    descriptions: Mapping[str, str],
) -> dict[str, list[Prediction]]:
    """Scores of the validation and test records of every task by every encoder, by task name.

    Args:
        sets: by name. kinds: of `zero_shot.prompts`; what each kind alone brings is asked of the evaluated model.
        descriptions: by canonical statement.
    """
    predictions: dict[str, list[Prediction]] = {task.name: [] for task in tasks}
    for candidate in encoders:
        for task in tasks:
            ecgs = sets[task.dataset]
            for variant, prompts in prompt_variants(task, kinds, descriptions):
                if variant and candidate is not encoders.evaluated:
                    continue
                embeddings = encoders.texts(prompts)
                for name in ("validation", "test"):
                    split = ecgs.split(task, name)
                    z_NE = ecgs.encode(candidate.model, candidate.key, name, split.records).z_NE
                    scores_NK = zero_shot_scores(z_NE, embeddings)
                    predictions[task.name].append(
                        Prediction(candidate.name, name, split, scores_NK, seed=candidate.seed, variant=variant)
                    )
    return predictions

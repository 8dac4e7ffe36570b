"""How far does training on simulated ECGs alone carry to real ones?

    python -m benchmarks.sim_to_real --ptbxl DIR --cpsc DIR --test-folds 9

Supervised: a ConvNeXt learns from simulated records with their labels, and is tested on real PTB-XL (five superclasses) and
real CPSC2018 (nine classes). Zero-shot: an exported ESI that was pretrained on simulated pairs alone, tested on the same.
Each stands beside its counterpart without training, the mean over evaluate.random_seeds: a logistic regression on a randomly
initialised encoder, fitted to the same simulated records; and that ESI with a randomly initialised signal encoder.

No real record is learned from. Choose by other folds than those that you report.

Legend: N records, K classes, R resamples, S scores of the same records.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.real_sets import CPSC, PTBXL, SIGNAL, real_cpsc, real_ptbxl, task_of
from benchmarks.report import RESULTS, report
from benchmarks.simulated_records import draw
from benchmarks.supervised import batches, pooled, train
from esi import params
from esi.command import run
from esi.ecg.statements.descriptions import read_descriptions
from esi.errors import EsiError
from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.fine_tune.classifier import predict
from esi.evaluate.logistic import Question, fit_and_score
from esi.evaluate.metrics import auroc, interval, macro, subject_weights
from esi.evaluate.models.abilities import why_not
from esi.evaluate.models.encoders import Encoders
from esi.evaluate.models.registry import EVALUATED, RANDOM, Ability
from esi.evaluate.split import Split
from esi.evaluate.tasks import Task, read_task
from esi.evaluate.zero_shot import class_prompts, zero_shot_scores
from esi.model.export import read_config
from esi.params import Params

TITLES = {PTBXL: "ptbxl_super", CPSC: "cpsc"}
DESCRIPTIONS = Path("data/descriptions.parquet")
ALL_CODES = "ptbxl-all"  # the task whose classes are learned beside those that are tested: they say where a superclass is
CODE_WEIGHT = 0.25  # of each of its 71 classes in the loss
CPSC_SHARE = 0.25  # of the simulated records
INVERSE_PENALTY = 0.01  # of the logistic regression on the random encoder
Scores = dict[str, np.ndarray]  # [N, K] by real set


def simulated(records: int, seed: int, tasks: list[Task]) -> tuple[np.ndarray, np.ndarray]:
    """Signals int16 [N, 12, T] and labels float32 [N, K] of the tasks side by side: three quarters as PTB-XL's records are,
    the others as CPSC2018's.
    """
    of_cpsc = round(CPSC_SHARE * records)
    if of_cpsc < 1:
        raise EsiError(f"--records is {records}: give at least 64, a batch")
    drawn = [draw("ptbxl", records - of_cpsc, seed, SIGNAL), draw("icbeb", of_cpsc, seed, SIGNAL)]
    return np.concatenate([part.signals_NCT for part in drawn]), np.concatenate([part.labels(tasks) for part in drawn])


def supervised(
    sets: Mapping[str, EcgSet], splits: Mapping[str, Split], settings: Params, arguments: argparse.Namespace
) -> tuple[list[Scores], list[Scores]]:
    """Scores of the real records by an encoder trained on simulated ones; and by random ones with logistic regressions."""
    tasks = [task_of(name, settings) for name in sets]
    learned = [*tasks, read_task(ALL_CODES, settings.tasks[ALL_CODES])]
    signals_NCT, targets_NK = simulated(arguments.records, arguments.seed, learned)
    valid_N = np.full(len(signals_NCT), signals_NCT.shape[2])
    ends = np.cumsum([len(task.classes) for task in tasks])
    tested = {name: slice(end - len(task.classes), end) for name, task, end in zip(sets, tasks, ends, strict=True)}
    weights_K = np.where(np.arange(targets_NK.shape[1]) < ends[-1], 1.0, CODE_WEIGHT).astype(np.float32)
    rows = {name: [ecgs.store.row_of[record] for record in splits[name].records] for name, ecgs in sets.items()}
    real = {name: (ecgs.store.signals_NCT[rows[name]], ecgs.store.valid_N[rows[name]]) for name, ecgs in sets.items()}
    size, batch_size = arguments.size, settings.evaluate.batch_size

    classifier = train(signals_NCT, targets_NK, weights_K, size, arguments.epochs, arguments.seed)
    trained = {
        name: predict(classifier, batches(*real[name]), len(rows[name]), batch_size).numpy()[:, tested[name]]
        for name in sets
    }
    question = Question(np.arange(len(signals_NCT)), targets_NK[:, : ends[-1]] > 0)
    starts = np.cumsum([len(rows[name]) for name in sets])[:-1]
    untrained = []
    for seed in settings.evaluate.random_seeds:
        vectors_ND = pooled(size, seed, signals_NCT, valid_N, batch_size)
        real_ND = np.concatenate([pooled(size, seed, *real[name], batch_size) for name in sets])
        (scores_PNK,) = fit_and_score(vectors_ND, real_ND, [question], [INVERSE_PENALTY])
        parts = zip(sets, np.split(scores_PNK[0], starts), strict=True)
        untrained.append({name: scores_NK[:, tested[name]] for name, scores_NK in parts})
    return [trained], untrained


def zero_shot(
    model: Path, sets: Mapping[str, EcgSet], splits: Mapping[str, Split], settings: Params
) -> tuple[list[Scores], list[Scores]]:
    """Scores of the real records by the cosine to the texts of each class; and by copies with a random signal encoder. The
    texts are those of `zero_shot.prompts`.

    Raises:
        EsiError: there is no model.
        ContaminationError: the model was trained on one of these recordings.
    """
    if not (model / "config.json").exists():
        raise EsiError(f"{model} holds no exported model: run `dvc repro pretrain`, or give --model the folder of one")
    descriptions: dict[str, str] = {}
    if DESCRIPTIONS.exists():
        descriptions = read_descriptions(DESCRIPTIONS)
    if reason := why_not(read_config(model), Ability.ZERO_SHOT):
        raise EsiError(f"{model} cannot be tested zero-shot: {reason}; give --only supervised, or --model another")
    encoders = Encoders(model, settings.evaluate.random_seeds, sets.values())
    runs: dict[str, list[Scores]] = {EVALUATED: [], RANDOM: []}
    for candidate in encoders:
        scores: Scores = {}
        for name, ecgs in sets.items():
            prompts = [class_prompts(of, settings.zero_shot.prompts, descriptions) for of in task_of(name, settings).classes]
            z_NE = ecgs.encode(candidate.model, candidate.key, "test", splits[name].records).z_NE
            scores[name] = zero_shot_scores(z_NE, encoders.texts(prompts))
        runs[candidate.name].append(scores)
    return runs[EVALUATED], runs[RANDOM]


def measure_auroc(
    key: str, split: Split, class_names: list[str], scores_SNK: Sequence[np.ndarray], resamples: int, seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """The macro AUROC as `key`, with its 95 % interval over resampled subjects as `key`_ci_low and `key`_ci_high; and the
    AUROC of each class that has positives and negatives. Of several scores, the mean over them.
    """
    weights_RN = subject_weights(split.subjects, resamples, seed)
    areas_KR = np.mean(
        [
            [auroc(split.labels_NK[:, k], scores_NK[:, k].astype(np.float64), weights_RN) for k in range(len(class_names))]
            for scores_NK in scores_SNK
        ],
        axis=0,
    )
    over_classes_R = macro(areas_KR)
    low, high = interval(over_classes_R)
    by_class = {
        name: round(float(area), 4) for name, area in zip(class_names, areas_KR[:, 0], strict=True) if not np.isnan(area)
    }
    named = {key: over_classes_R[0], f"{key}_ci_low": low, f"{key}_ci_high": high}
    return {name: round(float(value), 4) for name, value in named.items()}, by_class


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sim_to_real", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ptbxl", type=Path, required=True, help="folder of PTB-XL 1.0.3")
    parser.add_argument(
        "--cpsc", type=Path, required=True, help="folder of CPSC2018, as first published or of the Challenge"
    )
    parser.add_argument("--test-folds", type=int, nargs="+", default=[9], help="of PTB-XL")
    parser.add_argument("--records", type=int, default=24_000, help="simulated records to learn from")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--size", choices=("nano", "tiny"), default="nano", help="of the supervised ConvNeXt")
    parser.add_argument("--seed", type=int, default=0, help="of records, weights, batches and resamples")
    parser.add_argument("--model", type=Path, default=Path("data/model"), help="an exported ESI, for zero-shot")
    parser.add_argument("--only", choices=("supervised", "zero-shot"), help="the results of the other in --out are kept")
    parser.add_argument("--resamples", type=int, default=1000, help="of the subjects, for the intervals")
    parser.add_argument("--out", type=Path, default=RESULTS / "sim_to_real.json")
    arguments = parser.parse_args()
    settings = params.load()
    sets = {
        PTBXL: real_ptbxl(arguments.ptbxl, arguments.test_folds, settings),
        CPSC: real_cpsc(arguments.cpsc, settings),
    }
    tasks = {name: task_of(name, settings) for name in sets}
    splits = {name: ecgs.split(tasks[name], "test") for name, ecgs in sets.items()}
    measured: dict[str, tuple[list[Scores], list[Scores]]] = {}
    if arguments.only != "supervised":
        measured["_zero_shot"] = zero_shot(arguments.model, sets, splits, settings)
    if arguments.only != "zero-shot":
        measured[""] = supervised(sets, splits, settings, arguments)

    macros: dict[str, float] = {}
    by_class: dict[str, dict[str, float]] = {}
    for infix, pair in sorted(measured.items()):
        for name, title in TITLES.items():
            key = f"{title}{infix}_auroc"
            for prefix, scores in zip(("", "random_"), pair, strict=True):
                named, by_class[prefix + key] = measure_auroc(
                    f"{prefix}{key}_macro",
                    splits[name],
                    tasks[name].class_names,
                    [each[name] for each in scores],
                    arguments.resamples,
                    arguments.seed,
                )
                macros |= named
    positives = {
        TITLES[name]: dict(zip(tasks[name].class_names, split.labels_NK.sum(axis=0).tolist(), strict=True))
        for name, split in splits.items()
    }
    asked: dict[str, Any] = {"positives": positives}
    asked |= {f"{name.removeprefix('real-')}_records": len(split.records) for name, split in splits.items()}
    asked |= {"test_folds": arguments.test_folds, "simulated_records": arguments.records, "epochs": arguments.epochs}
    asked |= {"size": arguments.size, "seed": arguments.seed, "resamples": arguments.resamples}
    asked |= {"device": "cuda" if torch.cuda.is_available() else "cpu"}
    show(macros, by_class)
    if arguments.only:
        earlier = other_half(arguments.out, arguments.only, asked)
        by_class |= earlier.pop("by_class", {})
        macros |= earlier
    content = macros | {"by_class": by_class} | asked
    lead = [f"{title}{infix}_auroc_macro" for infix in sorted(measured) for title in TITLES.values()]
    report("sim_to_real", ", ".join(f"{key} {macros[key]:.3f}" for key in lead), content, arguments.out)


def other_half(path: Path, only: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The results in `path` of the half that is not measured anew; empty if they are of other records or settings."""
    held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    if any(held.get(name) != value for name, value in asked.items()):
        return {}
    kept = {
        name: value for name, value in held.items() if "auroc" in name and ("zero_shot" in name) != (only == "zero-shot")
    }
    classes = {name: value for name, value in held["by_class"].items() if ("zero_shot" in name) != (only == "zero-shot")}
    return kept | {"by_class": classes}


def show(macros: Mapping[str, float], by_class: Mapping[str, Mapping[str, float]]) -> None:
    """Print a table: each figure with its interval, its classes, and the same without training."""
    for key, classes in by_class.items():
        name = f"{key}_macro"
        print(f"{name:45s} {macros[name]:.3f} ({macros[f'{name}_ci_low']:.3f} to {macros[f'{name}_ci_high']:.3f})", end="  ")
        print(", ".join(f"{each} {area:.3f}" for each, area in classes.items()))


if __name__ == "__main__":
    run(main)

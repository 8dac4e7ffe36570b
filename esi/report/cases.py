"""Test records that the model got right and wrong, with their ECG, its scores, its caption and the nearest descriptions.

Legend: N records, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from esi.ecg.leads import RATE
from esi.ecg.record_signals import signals_by_record
from esi.ecg.statements.descriptions import described, read_descriptions
from esi.errors import EsiError
from esi.evaluate.models.registry import EVALUATED
from esi.evaluate.predictions import Prediction, read_predictions
from esi.evaluate.tasks import Task, not_run, read_task
from esi.files import content_hash
from esi.params import Params
from esi.report.asked import TASKS
from esi.report.ecg_drawing import draw_ecg
from esi.report.inputs import PROTOCOLS, Inputs
from esi.report.origin import is_simulated

PUBLIC_FORMATS = ("ptbxl", "challenge", "cpsc2018")  # the others may hold a hospital's own records
NEAREST = 2


@dataclass(frozen=True)
class ClassScore:
    name: str
    text: str  # the score in digits
    percent: float  # length of its bar
    true: bool


@dataclass(frozen=True)
class Nearest:
    name: str
    cosine: float
    text: str


@dataclass(frozen=True)
class Case:
    record: str
    right: bool
    svg: str
    seconds: float
    scores: list[ClassScore]  # falling
    caption: str  # "" without
    reference: str
    nearest: list[Nearest]


@dataclass(frozen=True)
class TaskCases:
    task: str
    note: str = ""  # why there is no case; "" where there are some
    protocol: str = ""
    right: int = 0  # how many of the test records
    records: int = 0
    cases: tuple[Case, ...] = ()


def all_cases(params: Params, inputs: Inputs) -> list[TaskCases]:
    """`report.cases` right and as many wrong test records of each of the paper's two diagnosis tasks.

    Right: the class with the highest score is one of the record's. Cases are drawn by the hash of their id, not chosen;
    those with a caption come first.
    """
    return [_cases(params, inputs, name) for name in TASKS.values() if name in params.tasks]


def _cases(params: Params, inputs: Inputs, name: str) -> TaskCases:
    row = params.tasks[name]
    ingest = params.ingest[row.dataset]
    reason = not_run(row, params.ingest)
    if reason:
        return TaskCases(name, f"Not run: {reason}.")
    if ingest.format not in PUBLIC_FORMATS and not is_simulated(params, row.dataset):
        note = f"Records of {row.dataset} are not shown: its format ({ingest.format}) is not that of a public release."
        return TaskCases(name, note)
    both = {protocol: _predictions(inputs, protocol, name) for protocol in ("linear_probe", "zero_shot")}
    predicted = {protocol: prediction for protocol, prediction in both.items() if prediction}
    if not predicted:
        return TaskCases(name, "Not run: data/predictions holds neither linear probe nor zero-shot. Run `dvc repro`.")
    protocol, (classes, ours) = next(iter(predicted.items()))
    split = ours.split
    right_N = split.labels_NK[np.arange(len(split.records)), ours.scores_NK.argmax(axis=1)]
    captions = _captions(inputs.data / "predictions" / "captions" / f"{row.dataset}.parquet")
    order = sorted(
        range(len(split.records)), key=lambda n: (split.records[n] not in captions, content_hash(split.records[n]))
    )
    chosen = [n for kind in (True, False) for n in [n for n in order if right_N[n] == kind][: params.report.cases]]
    ecgs = signals_by_record(inputs.data / "ecg" / row.dataset, [split.records[n] for n in chosen])
    task = read_task(name, row)
    cases: list[Case] = []
    for n in chosen:
        record = split.records[n]
        microvolts_CT, valid = ecgs[record]
        labels = ", ".join(label for label, true in zip(classes, split.labels_NK[n], strict=True) if true)
        alt = f"12-lead ECG of record {record} of {row.dataset}, labelled {labels}"
        caption, reference = captions.get(record, ("", ""))
        cases.append(
            Case(
                record,
                bool(right_N[n]),
                draw_ecg(f"ecg-{name}-{len(cases)}", microvolts_CT, valid, alt),
                valid / RATE,
                _scores(classes, ours.scores_NK[n], split.labels_NK[n], protocol),
                caption,
                reference,
                _nearest(task, inputs, both["zero_shot"], record),
            )
        )
    return TaskCases(name, "", PROTOCOLS[protocol], int(right_N.sum()), len(split.records), tuple(cases))


def _predictions(inputs: Inputs, protocol: str, task: str) -> tuple[list[str], Prediction] | None:
    """Class names, and what the pretrained model with the most labels says of the test records."""
    path = inputs.data / "predictions" / protocol / f"{task}.parquet"
    if not path.exists():
        return None
    try:
        classes, predictions = read_predictions(path)
    except (OSError, KeyError, ValueError) as error:
        raise EsiError(f"{path} cannot be read ({error}): run `dvc repro {protocol}`") from None
    ours = [item for item in predictions if item.model == EVALUATED and item.split_name == "test" and not item.variant]
    return (classes, max(ours, key=lambda item: (item.share, -item.seed))) if ours else None


def _scores(classes: list[str], scores_K: np.ndarray, labels_K: np.ndarray, protocol: str) -> list[ClassScore]:
    """Probabilities of a probe, cosines of zero-shot; a cosine's bar is its place between lowest and highest."""
    if protocol == "zero_shot":
        bars_K = (scores_K - scores_K.min()) / max(np.ptp(scores_K), 1e-9)
        texts = [f"{score:.2f}" for score in scores_K]
    else:
        bars_K = 1 / (1 + np.exp(-scores_K.astype(float)))
        texts = [f"{bar * 100:.0f} %" for bar in bars_K]
    order = np.argsort(-scores_K, kind="stable")
    return [ClassScore(classes[k], texts[k], round(100 * float(bars_K[k]), 1), bool(labels_K[k])) for k in order]


def _nearest(task: Task, inputs: Inputs, zero_shot: tuple[list[str], Prediction] | None, record: str) -> list[Nearest]:
    """The classes whose texts lie nearest to the ECG, each with the description of its first statement that has one."""
    path = inputs.data / "descriptions.parquet"
    if zero_shot is None or not path.exists():
        return []
    classes, prediction = zero_shot
    descriptions = read_descriptions(path)
    texts = {item.name: next(iter(described(item.statements, descriptions).values()), "") for item in task.classes}
    scores_K = prediction.scores_NK[prediction.split.records.index(record)]
    return [
        Nearest(classes[k], float(scores_K[k]), texts.get(classes[k], ""))
        for k in np.argsort(-scores_K, kind="stable")[:NEAREST]
    ]


def _captions(path: Path) -> dict[str, tuple[str, str]]:
    """Generated caption and reference by record."""
    if not path.exists():
        return {}
    table = pl.read_parquet(path, columns=["record_id", "caption", "reference"])
    return {record: (caption, reference) for record, caption, reference in table.iter_rows()}

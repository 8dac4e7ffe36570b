"""Two experiments record by record: `python -m esi.evaluate.compare EXP_A EXP_B`.

An experiment is a folder that holds data/predictions, `workspace` (this folder), the name of a DVC experiment, or a Git
revision. Differences are paired: both are scored on the same resamples of the subjects of those test records that both
have, so that what is hard for either does not count as a difference.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path, PurePath, PurePosixPath

import numpy as np
import pyarrow as pa
from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc_data.index import DataIndexDirError

from esi.command import run
from esi.errors import EsiError
from esi.evaluate.metrics import interval, p_value, subject_weights
from esi.evaluate.predictions import Prediction
from esi.evaluate.results.figures import score_model
from esi.evaluate.results.models import PROTOCOLS, Model, check_same_records, headline, read_models
from esi.evaluate.results.tables import METRICS
from esi.evaluate.split import Split
from esi.files import write_json
from esi.paths import PREDICTIONS

WORKSPACE = "workspace"
LONGEST_NAME = 17  # of a task or class in the table, so that it fits 100 columns
Key = tuple[str, str]  # protocol, task
Opener = Callable[[], Path | pa.BufferReader]


@dataclass(frozen=True)
class Difference:
    """Of one task, or one class of it: the figures of A and B on the test records that both have, and B - A. What a class
    without positives or without negatives leaves undefined is None.
    """

    protocol: str
    task: str
    class_name: str | None  # None: macro over the classes
    records: int
    only_a: int  # test records that B lacks
    only_b: int
    a: float | None
    b: float | None
    difference: float | None
    low: float | None  # 95 % interval of the difference
    high: float | None
    p_value: float | None
    p_holm: float | None = None  # of a task, corrected for the number of tasks that are compared


def predictions_of(experiment: str) -> dict[Key, Opener]:
    """What opens each file of predictions of an experiment.

    Raises:
        EsiError: there is no such experiment or folder, or it holds no predictions.
    """
    folder = Path() if experiment == WORKSPACE else Path(experiment)
    openers: dict[Key, Opener]
    if experiment == WORKSPACE or (folder / PREDICTIONS).is_dir():
        paths = sorted((folder / PREDICTIONS).glob("*/*.parquet"))
        openers = {(path.parent.name, path.stem): partial(Path, path) for path in paths}
    else:
        try:
            files = DVCFileSystem(".", rev=experiment)
            in_git = sorted(PurePosixPath(path) for path in files.find(PREDICTIONS.as_posix()))
        except DvcException as error:
            raise EsiError(
                f"{experiment} is neither a folder with {PREDICTIONS}, nor an experiment or a Git revision here ({error}): "
                "`dvc exp show -A` lists the experiments"
            ) from None
        except DataIndexDirError:
            raise _absent(PREDICTIONS, experiment) from None
        openers = {(path.parent.name, path.stem): partial(_open, files, experiment, path) for path in in_git}
    openers = {key: opener for key, opener in openers.items() if key[0] in PROTOCOLS and not key[1].startswith(".")}
    if not openers:
        raise EsiError(
            f"{experiment} holds no {PREDICTIONS}/<protocol>/<task>.parquet: `dvc pull` them, run its stages "
            f"{', '.join(PROTOCOLS)}, or name an experiment that did"
        )
    return openers


def _open(files: DVCFileSystem, revision: str, path: PurePosixPath) -> pa.BufferReader:
    try:
        with files.open(str(path), "rb") as file:
            return pa.BufferReader(file.read())
    except (DvcException, DataIndexDirError, OSError):
        raise _absent(path, revision) from None


def _absent(path: PurePath, revision: str) -> EsiError:
    return EsiError(
        f"{path} of {revision} is neither in DVC's cache nor on a remote: `dvc push` it where {revision} was run and "
        f"`dvc pull` it here, or run {revision} again"
    )


def compare(
    a: str,
    b: str,
    protocols: Sequence[str],
    tasks: Sequence[str],
    metric: str = "auroc",
    by_class: bool = False,
    resamples: int = 1000,
    seed: int = 0,
) -> list[Difference]:
    """Compare our model of two experiments, with all labels or, for zero-shot, none, on every task that both have.

    Args:
        a, b: experiments, as the module says. protocols, tasks: only these; empty: all.
        metric: auroc, auprc or f1. by_class: a row for each class after its task's.
        resamples, seed: of the bootstrap over subjects.

    Returns:
        One row a protocol and task; Holm's correction is over these.

    Raises:
        EsiError: nothing to compare, or other classes, records or labels.
    """
    files_a, files_b = predictions_of(a), predictions_of(b)
    shared = [
        key for key in files_a if key in files_b and key[0] in (protocols or [key[0]]) and key[1] in (tasks or [key[1]])
    ]
    if not shared:
        held = [", ".join(sorted("/".join(key) for key in files)) for files in (files_a, files_b)]
        raise EsiError(f"no protocol and task that was asked for is in both: {a} has {held[0]}; {b} has {held[1]}")
    rows = []
    for key in sorted(shared, key=lambda key: (PROTOCOLS.index(key[0]), key[1])):
        rows.append(_compare_task(key, (a, b), (files_a[key], files_b[key]), metric, resamples, seed))
    corrected = holm([of_task[0].p_value for of_task in rows])
    rows = [[replace(of_task[0], p_holm=p), *of_task[1:]] for of_task, p in zip(rows, corrected, strict=True)]
    return [row for of_task in rows for row in (of_task if by_class else of_task[:1])]


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's (1979) step-down correction for as many tests as there are p-values."""
    known = [p for p in p_values if p is not None]
    steps = [min(1.0, p * (len(known) - place)) for place, p in enumerate(sorted(known))]
    corrected = dict(zip(sorted(known), np.maximum.accumulate(steps) if steps else [], strict=True))
    # Equal p-values: the first of them has the largest factor, which the running maximum hands on to the others
    return [None if p is None else float(corrected[p]) for p in p_values]


def _compare_task(
    key: Key, names: tuple[str, str], openers: tuple[Opener, Opener], metric: str, resamples: int, seed: int
) -> list[Difference]:
    """The macro row of one task, then those of its classes."""
    labels = tuple(f"{'/'.join(key)} of {name}" for name in names)
    (classes, all_a), (classes_b, all_b) = (
        read_models(opener(), label) for opener, label in zip(openers, labels, strict=True)
    )
    if classes != classes_b:
        apart = sorted(set(classes) ^ set(classes_b)) or "the same in another order"
        raise EsiError(f"{labels[0]} and {labels[1]} have other classes ({apart}): compare experiments with the same tasks")
    model_a, model_b = headline(all_a, labels[0]), headline(all_b, labels[1])
    records_a, records_b = (model.runs[0].test.split.records for model in (model_a, model_b))
    both = set(records_a) & set(records_b)
    if not both:
        raise EsiError(f"{labels[0]} and {labels[1]} have no test record in common: compare experiments on the same data")
    order = [record for record in records_a if record in both]
    model_a, model_b = _restricted(model_a, order), _restricted(model_b, order)
    test = model_a.runs[0].test
    check_same_records(test, model_b.runs[0].test, *labels)
    weights_RN = subject_weights(test.split.subjects, resamples, seed)
    of_a, of_b = score_model(model_a, metric, weights_RN), score_model(model_b, metric, weights_RN)

    def row(name: str | None, a_R: np.ndarray, b_R: np.ndarray) -> Difference:
        counts = (len(order), len(records_a) - len(order), len(records_b) - len(order))
        if np.isnan(a_R[0]):
            return Difference(*key, name, *counts, None, None, None, None, None, None)
        change_R = b_R - a_R
        low, high = interval(change_R)
        return Difference(
            *key, name, *counts, float(a_R[0]), float(b_R[0]), float(change_R[0]), low, high, p_value(change_R)
        )

    by_class = zip(classes, of_a.metric_KR, of_b.metric_KR, strict=True)
    return [row(None, of_a.metric_R, of_b.metric_R), *(row(*item) for item in by_class)]


def _restricted(model: Model, records: Sequence[str]) -> Model:
    """The model's test predictions of some records, in their order. Validation stays whole: thresholds come from it."""

    def cut(item: Prediction) -> Prediction:
        place_of = {record: place for place, record in enumerate(item.split.records)}
        rows = [place_of[record] for record in records]
        subjects = [item.split.subjects[row] for row in rows]
        return replace(
            item, split=Split(list(records), subjects, item.split.labels_NK[rows]), scores_NK=item.scores_NK[rows]
        )

    return replace(model, runs=[replace(run, test=cut(run.test)) for run in model.runs])


def table(rows: Sequence[Difference], a: str, b: str, metric: str) -> str:
    """The comparison as text of at most 100 columns, beside the names of the experiments."""
    names = [row.class_name or row.task for row in rows]
    width = min(LONGEST_NAME, max(len(name) for name in names) + 2)
    lines = [
        f"A: {a}",
        f"B: {b}",
        f"{METRICS[metric]}, macro over classes; 95 % interval and p-value of B - A by a paired bootstrap over subjects",
        "",
        f"{'protocol':12}  {'task':{width}}  {'records':>7}  {'A':>6}  {'B':>6}  {'B - A':>7}  {'95 % interval':>17}"
        f"  {'p':>6}  {'p Holm':>6}",
    ]
    for row, name in zip(rows, names, strict=True):
        name = name if row.class_name is None else f"  {name}"
        name = name if len(name) <= width else f"{name[: width - 1]}…"
        line = f"{row.protocol if row.class_name is None else '':12}  {name:{width}}  {row.records:7}  "
        if row.difference is None or row.low is None or row.high is None or row.p_value is None:
            line += "without positive or without negative records"
        else:
            limits = f"{row.low:+.3f} to {row.high:+.3f}"
            line += f"{row.a:6.3f}  {row.b:6.3f}  {row.difference:+7.3f}  {limits:>17}  {row.p_value:6.3f}"
            line += f"  {row.p_holm:6.3f}" if row.p_holm is not None else ""
        lines.append(line)
    alone = {(row.protocol, row.task): (row.only_a, row.only_b) for row in rows if row.only_a or row.only_b}
    lines += [
        f"{protocol} {task}: left out, for they are in one only: {in_a} test records of A and {in_b} of B"
        for (protocol, task), (in_a, in_b) in alone.items()
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m esi.evaluate.compare", description=__doc__)
    parser.add_argument("a", metavar="EXP_A", help="folder with data/predictions, `workspace`, experiment, or Git revision")
    parser.add_argument("b", metavar="EXP_B", help="the same; differences are B - A")
    parser.add_argument("--protocol", action="append", default=[], choices=PROTOCOLS, help="only this; may be repeated")
    parser.add_argument("--task", action="append", default=[], help="only this, such as ptbxl-super; may be repeated")
    parser.add_argument("--metric", default="auroc", choices=list(METRICS))
    parser.add_argument("--classes", action="store_true", help="each class too")
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows here too")
    given = parser.parse_args()
    rows = compare(given.a, given.b, given.protocol, given.task, given.metric, given.classes, given.resamples, given.seed)
    print(table(rows, given.a, given.b, given.metric))
    if given.json:
        content = {"a": given.a, "b": given.b, "metric": given.metric, "resamples": given.resamples, "seed": given.seed}
        write_json(given.json, content | {"rows": [asdict(row) for row in rows]})


if __name__ == "__main__":
    run(main)

"""From the predictions of all protocols to tables, pictures and DVC metrics, task by task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from tqdm import tqdm

from esi.errors import EsiError
from esi.evaluate.metrics import interval, subject_weights
from esi.evaluate.models.registry import EVALUATED, classifying, entry
from esi.evaluate.models.remarks import read_remarks, read_unproven
from esi.evaluate.plots import draw_reliability, draw_roc
from esi.evaluate.results.figures import Figures, probabilities, score_model
from esi.evaluate.results.models import PROTOCOLS, check_same_records, headline, read_models
from esi.evaluate.results.tables import METRICS, beaten, class_rows, leading, model_row, write_rows
from esi.files import replacing_folder, write_json
from esi.settings.evaluation import TaskRow


def write_results(predictions: Path, metrics: Path, tasks: Mapping[str, TaskRow], resamples: int, seed: int) -> list[str]:
    """Write metrics/<protocol>/<task>.json and metrics/details/<protocol>/<task>*.csv and .png for each file of predictions.

    All models of a task share their resamples, so that differences are paired. A protocol without files gets empty folders,
    for DVC misses an out that is not there.

    Args:
        predictions: folder with a folder a protocol, each with <task>.parquet. metrics: the folder to write to.
        tasks: of params.yaml. resamples, seed: of the bootstrap over subjects.

    Returns:
        "zero_shot ptbxl-super: hand, rocket" where the interval of ours does not lie wholly above that of hand and rocket.

    Raises:
        EsiError: a file is of no task, or what it holds cannot stand beside the others (esi.evaluate.results.models).
    """
    files = [file for protocol in PROTOCOLS for file in sorted((predictions / protocol).glob("*.parquet"))]
    if not files:
        raise EsiError(f"{predictions} holds no predictions: run the stages {', '.join(PROTOCOLS)} first")
    strays = [str(file) for file in files if file.stem not in tasks]
    if strays:
        raise EsiError(
            f"tasks in params.yaml does not name the task of {', '.join(strays)}: name it there or delete the file"
        )
    unproven = {name: reason for protocol in PROTOCOLS for name, reason in read_unproven(predictions / protocol).items()}
    unbeaten = []
    with ExitStack() as stack:
        leads = {protocol: stack.enter_context(replacing_folder(metrics / protocol)) for protocol in PROTOCOLS}
        details = {protocol: stack.enter_context(replacing_folder(metrics / "details" / protocol)) for protocol in PROTOCOLS}
        names = [name for name in tasks if any(file.stem == name for file in files)]
        for name in tqdm(names, desc="results", unit="task", leave=False):
            own = {file.parent.name: file for file in files if file.stem == name}
            classes, scored = _score(own, tasks[name].metric, resamples, seed)
            for protocol, (ours, *others) in scored.items():
                controls = _controls(protocol, scored)
                shown = {key: reason for key, reason in unproven.items() if key in (EVALUATED, *controls)}
                said = read_remarks(predictions / protocol, tasks[name].dataset, shown)
                write_json(leads[protocol] / f"{name}.json", leading(ours, controls) | said)
                write_rows(details[protocol] / f"{name}.csv", _model_rows(ours, others, controls))
                write_rows(details[protocol] / f"{name}-classes.csv", class_rows(classes, ours, controls))
                _draw(details[protocol] / name, f"{name}, {protocol.replace('_', ' ')}", classes, ours)
                lost = [control for control, of in controls.items() if not beaten(ours, of)]
                unbeaten += [f"{protocol} {name}: {', '.join(lost)}"] if lost else []
    return sorted(unbeaten, key=lambda line: PROTOCOLS.index(line.split()[0]))


def _score(files: Mapping[str, Path], metric: str, resamples: int, seed: int) -> tuple[list[str], dict[str, list[Figures]]]:
    """Class names, and by protocol the figures of each model, ours with all labels (or none) first."""
    read = {protocol: read_models(file, str(file)) for protocol, file in files.items()}
    leads = {protocol: headline(models, str(files[protocol])) for protocol, (_, models) in read.items()}
    first, *_ = read
    classes, test = read[first][0], leads[first].runs[0].test
    for protocol, (other_classes, _) in read.items():
        if other_classes != classes:
            raise EsiError(f"{files[first]} has the classes {classes}, {files[protocol]} {other_classes}: write both again")
        check_same_records(test, leads[protocol].runs[0].test, str(files[first]), str(files[protocol]))
    if not (test.split.labels_NK.any(axis=0) & ~test.split.labels_NK.all(axis=0)).any():
        raise EsiError(
            f"{files[first]}: none of the classes {classes} has both positive and negative records among "
            f"{len(test.split.records)}: give the data set a larger test fold or remove the task"
        )
    weights_RN = subject_weights(test.split.subjects, resamples, seed)
    scored = {}
    for protocol, (_, models) in read.items():
        ours_first = sorted(models, key=lambda model: model is not leads[protocol])
        scored[protocol] = [score_model(model, metric, weights_RN) for model in ours_first]
    return classes, scored


def _controls(protocol: str, scored: Mapping[str, Sequence[Figures]]) -> dict[str, Figures]:
    """What stands beside ours: of the same protocol if it has it, else of the one that writes it, with all labels."""
    share = scored[protocol][0].model.share
    beside = {}
    for name in classifying(of.model.name for of_protocol in scored.values() for of in of_protocol):
        own = [of for of in scored[protocol] if (of.model.name, of.model.share) == (name, share)]
        lender = entry(name).lent_by
        lent = [of for of in scored.get(lender or "", []) if (of.model.name, of.model.share) == (name, 1.0)]
        if own or lent:
            beside[name] = (own or lent)[0]
    return beside


def _model_rows(ours: Figures, others: Sequence[Figures], controls: Mapping[str, Figures]) -> list[dict[str, object]]:
    """Models of the protocol beside ours at the same share, then the controls of other protocols beside what leads."""
    at_share = {of.model.share: of for of in (ours, *others) if (of.model.name, of.model.variant) == (EVALUATED, "")}
    rows = []
    for of in (ours, *others):
        reference = at_share.get(of.model.share)
        rows.append(model_row(of, None if of is reference else reference))
    own = {id(of) for of in others}
    return rows + [model_row(of, ours) for of in controls.values() if id(of) not in own]


def _draw(stem: Path, title: str, classes: Sequence[str], ours: Figures) -> None:
    """ROC and reliability of ours; of several runs, of the first."""
    run, shown = ours.model.runs[0], ours.defined
    labels_NK = run.test.split.labels_NK[:, shown]
    low, high = interval(ours.metric_R)
    title += f" (seed {run.seed} of {len(ours.model.runs)})" if len(ours.model.runs) > 1 else ""
    lead = f"macro {METRICS[ours.metric]} {ours.metric_R[0]:.3f} (95 % CI {low:.3f} to {high:.3f})"
    names = [f"{classes[k]} {ours.auroc_KR[k, 0]:.3f}" for k in range(len(classes)) if shown[k]]
    draw_roc(stem.with_name(f"{stem.name}-roc.png"), f"{title}\n{lead}", labels_NK, run.test.scores_NK[:, shown], names)
    errors = f"Brier score {ours.plain('brier'):.3f}, calibration error {ours.plain('ece'):.3f}"
    path = stem.with_name(f"{stem.name}-reliability.png")
    draw_reliability(path, f"{title}\n{errors}", labels_NK, probabilities(run)[:, shown])

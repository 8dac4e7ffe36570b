"""The table that leads: every task and protocol with its interval, its controls, and whether it beats them."""

from __future__ import annotations

from esi.evaluate.models.registry import MODELS, Ability, Role, entry
from esi.evaluate.tasks import not_run
from esi.params import Params
from esi.report.inputs import CLASSIFICATION, PROTOCOLS, Figure, Inputs, Line, number, where
from esi.report.table import ABSENT, Cell, Group, Row, Table, interval, plain

LOWER_IS_BETTER = ("distribution",)
INTERVALS = {  # whose bounds in metrics/details belong to the leading figure
    **dict.fromkeys(CLASSIFICATION, "auroc"),
    "identification": "accuracy",
    "retrieval": "recall_10",
    "captions": "label_f1",
}
CAPTIONERS = [item.name for item in MODELS.values() if item.abilities == {Ability.CAPTION}]  # in metrics/details alone
REMARKS = {"not_available": "not available", "unproven": "not proven to be fair"}


def in_order(names: set[str]) -> list[str]:
    """Models as the registry lists them, those that it does not list behind."""
    return sorted(names, key=lambda name: (list(MODELS).index(name) if name in MODELS else len(MODELS), name))


def summary(inputs: Inputs) -> Table:
    """One row a task or data set and protocol; its flag names the controls whose interval ours does not lie above."""
    protocols = {protocol: figures for protocol in PROTOCOLS if (figures := inputs.read_figures(protocol))}
    shown = in_order({name for figures in protocols.values() for figure in figures.values() for name in figure.controls})
    columns = ["Task", "Metric", "Ours, 95 % interval", "Verdict", *(entry(name).heading for name in shown), "Records"]
    groups = [
        Group(PROTOCOLS[protocol], [_row(inputs, protocol, name, figure, shown) for name, figure in figures.items()])
        for protocol, figures in protocols.items()
    ]
    return Table("Every task of this run beside its controls", columns, groups, notes=_remarks(protocols))


def _row(inputs: Inputs, protocol: str, name: str, figure: Figure, shown: list[str]) -> Row:
    digits = 4 if protocol in LOWER_IS_BETTER else 3
    cells = [Cell(figure.metric), Cell(plain(figure.value, digits), "ours", interval(figure.low, figure.high, digits))]
    controls = [Cell(plain(figure.controls.get(control), digits)) for control in shown]
    return Row(name, [*cells, verdict(inputs, protocol, name, figure), *controls, Cell(plain(figure.n_test, 0))])


def _remarks(protocols: dict[str, dict[str, Figure]]) -> list[str]:
    """What the stages say of models, each sentence once with the tasks that it is of: why one has no figure, for example."""
    places: dict[str, list[str]] = {}
    for protocol, figures in protocols.items():
        for name, figure in figures.items():
            for kind, words in REMARKS.items():
                for model, reason in figure.remarks(kind).items():
                    said = f"{entry(model).label[0].upper()}{entry(model).label[1:]}, {words}: {reason}"
                    places.setdefault(said, []).append(f"{PROTOCOLS[protocol].lower()} of {name}")
    return [f"{said} ({', '.join(tasks)})." for said, tasks in places.items()]


def verdict(inputs: Inputs, protocol: str, name: str, figure: Figure) -> Cell:
    """Whether our interval lies wholly above those of all controls.

    A control without an interval counts by its value; where smaller is better (a distance) there is no verdict.
    """
    details = inputs.details(protocol, name)
    present = {control for control in figure.controls if entry(control).role is Role.CONTROL}
    if protocol == "captions":
        present |= {control for control in CAPTIONERS if where(details, model=control)}
    if protocol in LOWER_IS_BETTER or figure.value is None or not present:
        return Cell(ABSENT)
    unbeaten = [control for control in in_order(present) if not _beats(protocol, details, figure, control)]
    if unbeaten:
        return Cell(f"⚠ not above {', '.join(entry(control).heading.lower() for control in unbeaten)}", "bad")
    return Cell("✓ above all controls", "good")


def _beats(protocol: str, details: list[Line], figure: Figure, control: str) -> bool:
    """By the paired statistics' own word where there is one, or else by the upper end of the control's interval."""
    value = figure.controls.get(control)
    key = INTERVALS[protocol]
    if protocol in CLASSIFICATION:
        line = full_labels(details, control)
        if line.get("beaten"):
            return line["beaten"].lower() in ("1", "true")
    else:
        lines = [line for line in details if line["model"] == control]
        line = next((line for line in lines if value is None or _is(line, key, value)), {})
    highs = [number(line, f"{key}_high"), number(line, key), value]
    high = next((item for item in highs if item is not None), None)
    low = figure.value if figure.low is None else figure.low
    return low is not None and high is not None and low > high


def _is(line: Line, key: str, value: float) -> bool:
    """Whether this is the line whose figure the JSON file repeats, rounded or not."""
    repeated = number(line, key)
    return repeated is not None and abs(repeated - value) < 5e-4


def full_labels(details: list[Line], model: str, variant: str = "") -> Line:
    """A model's line of a classification table at the largest share of labels that it saw; an empty one without."""
    lines = [line for line in details if line["model"] == model and line["variant"] == variant]
    return max(lines, key=lambda line: number(line, "share") or 0.0, default={})


def at_share(details: list[Line], model: str, share: float) -> Line:
    """A model's line of a classification table at one share of the labels."""
    return next((line for line in details if where([line], model=model, variant="") and number(line, "share") == share), {})


def missing(params: Params, inputs: Inputs) -> list[str]:
    """Sentences on what this run did not evaluate, and how to."""
    left_out = {name: reason for name, row in params.tasks.items() if (reason := not_run(row, params.ingest))}
    sentences = [f"Task {name}: {reason}." for name, reason in left_out.items()]
    if any(params.tasks[name].dataset in params.pairs.sets for name in left_out):
        sentences.append(
            "A test of records that the model may have been pretrained on proves nothing: give such a set test folds."
        )
    tasks = set(params.tasks) - set(left_out)
    wanted = {
        "zero_shot": tasks,
        "linear_probe": tasks,
        "fine_tune": set(params.fine_tune.tasks),
        "identification": set(params.identify.seconds),
        "retrieval": set(params.retrieval.sets),
        "captions": set(params.caption.sets),
        "distribution": set(params.distribution.sets),
    }
    for protocol, names in wanted.items():
        absent = sorted(names - set(inputs.read_figures(protocol)) - set(left_out))
        if not names:
            sentences.append(f"{PROTOCOLS[protocol]}: switched off in params.yaml.")
        elif absent:
            sentences.append(f"{PROTOCOLS[protocol]} of {', '.join(absent)}: metrics/{protocol} holds no figure.")
    others = sorted(tasks - set(params.fine_tune.tasks))
    if others and params.fine_tune.tasks:
        sentences.append(f"Fine-tune of {', '.join(others)}: not in fine_tune.tasks.")
    if params.identify.fine_tune_epochs == 0:
        sentences.append("Identification by a fine-tuned encoder: identify.fine_tune_epochs is 0.")
    if "rocket" not in params.evaluate.controls:
        sentences.append("The control MiniRocket: not in evaluate.controls (it needs pip install -e '.[rocket]').")
    return sentences

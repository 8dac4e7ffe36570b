"""Drawings of the run itself: figures beside their controls, share of the labels, pretraining."""

from __future__ import annotations

from esi.evaluate.models.registry import MODELS, Ability, Role, entry
from esi.report.charts import Drawing, Forest, Series, forest, lines
from esi.report.inputs import CLASSIFICATION, PROTOCOLS, Inputs, number, read_lines
from esi.report.summary import in_order
from esi.report.table import plain

LOSSES = {"loss": "total loss", "loss_con": "contrastive loss", "loss_cap": "captioning loss"}


def overview(inputs: Inputs) -> list[Drawing]:
    """A forest plot a classification protocol: our interval and the controls on every task."""
    drawings = []
    protocols = {protocol: inputs.read_figures(protocol) for protocol in PROTOCOLS}
    every = {name for figures in protocols.values() for figure in figures.values() for name in figure.controls}
    shown = [item.name for item in MODELS.values() if item.role is Role.CONTROL and item.abilities != {Ability.CAPTION}]
    labels = [entry(name).label for name in [*shown, *in_order(every - set(shown))]]
    for protocol in CLASSIFICATION:
        rows = []
        for task, figure in protocols[protocol].items():
            if figure.value is None:
                continue
            controls = {entry(name).label: value for name, value in figure.controls.items()}
            low, high = (figure.value if bound is None else bound for bound in (figure.low, figure.high))
            rows.append(Forest(task, figure.value, low, high, controls))
        if rows:
            alt = "; ".join(f"{row.label} {plain(row.value)}" for row in rows)
            title = PROTOCOLS[protocol]
            svg = forest(f"forest-{protocol}", title, f"{title}: {alt}", rows, labels, "leading metric")
            drawings.append(Drawing(title, svg))
    return drawings


def label_shares(inputs: Inputs) -> list[Drawing]:
    """AUROC over the share of the labels that a model saw, a line a model, for each task with several shares."""
    drawings = []
    for protocol in ("linear_probe", "fine_tune"):
        for task in inputs.read_figures(protocol):
            details = [
                line for line in inputs.details(protocol, task) if not line["variant"] and number(line, "auroc") is not None
            ]
            series = []
            for model in dict.fromkeys(line["model"] for line in details):
                own = sorted((number(line, "share") or 0.0, line) for line in details if line["model"] == model)
                if len(own) < 2:
                    continue
                values, low, high = (
                    [number(line, key) or 0.0 for _, line in own] for key in ("auroc", "auroc_low", "auroc_high")
                )
                percents = [share * 100 for share, _ in own]
                series.append(Series(entry(model).label, percents, values, low, high))
            if series:
                title = f"{task}, {PROTOCOLS[protocol].lower()}"
                alt = f"{title}: AUROC by share of the labels. " + "; ".join(
                    f"{item.label} " + ", ".join(f"{plain(y)} at {x:g} %" for x, y in zip(item.x, item.y, strict=True))
                    for item in series
                )
                ticks = sorted({x for item in series for x in item.x})
                name = f"shares-{protocol}-{task}"
                drawings.append(
                    Drawing(title, lines(name, title, alt, series, "share of the training labels", "macro AUROC", ticks))
                )
    return drawings


def training(inputs: Inputs) -> list[Drawing]:
    """Losses and retrieval of pretraining over its steps."""
    steps, validation = (read_lines(inputs.metrics / "pretrain" / f"{name}.csv") for name in ("steps", "validation"))
    drawings = []
    for key, title in {**LOSSES, "retrieval_top1": "retrieval in the batch, rank 1"}.items():
        series = []
        for label, table in (("training", steps), ("validation", validation)):
            points = [(number(line, "step"), number(line, key)) for line in table]
            known = [(x, y) for x, y in points if x is not None and y is not None]
            if known:
                x, y = zip(*known, strict=True)
                series.append(Series(label, x, y, style="-" if label == "training" else "o-"))
        if series:
            ends = "; ".join(f"{item.label} from {plain(item.y[0])} to {plain(item.y[-1])}" for item in series)
            name = title[0].upper() + title[1:]
            drawings.append(Drawing(name, lines(f"training-{key}", name, f"{name}: {ends}", series, "step", "")))
    return drawings

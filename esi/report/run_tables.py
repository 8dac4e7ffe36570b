"""The tables of metrics/details, for reading: classification by task, identification, retrieval, captions, distribution."""

from __future__ import annotations

import tomllib
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files

from esi.evaluate.models.registry import EVALUATED, entry
from esi.report.inputs import CLASSIFICATION, PROTOCOLS, Inputs, Line, number
from esi.report.summary import in_order
from esi.report.table import Cell, Group, Row, Table, interval, measured, plain

Column = Callable[[Line], Cell]
PICTURES = {"roc": "ROC curves by class", "reliability": "Reliability: share of positives by predicted probability"}
METHODS = {"cosine": "cosine", "linear": "linear head", "fine_tune": "fine-tuned", "template": ""}


@dataclass(frozen=True)
class Picture:
    source: str  # a data URI
    alt: str


@dataclass(frozen=True)
class TaskSection:
    """One task under one protocol."""

    task: str
    protocol: str
    lead: str  # its leading figure in words
    tables: list[Table]
    pictures: list[Picture]


def _words(key: str) -> Column:
    return lambda line: Cell(line.get(key, ""))


def _count(key: str) -> Column:
    return lambda line: Cell(plain(number(line, key), 0))


def _figure(key: str, digits: int = 3) -> Column:
    return lambda line: measured(line, key, digits)


def _share(line: Line) -> Cell:
    share = number(line, "share")
    return Cell("none" if not share else f"{share * 100:g} %")


def _difference(line: Line) -> Cell:
    value = number(line, "difference")
    sign = "+" if value is not None and value > 0 else ""
    bounds = interval(number(line, "difference_low"), number(line, "difference_high"))
    return Cell(sign + plain(value), small=bounds)


def _direction(key: str) -> Column:
    return lambda line: Cell(line[key].replace("ecg", "ECG").replace("_to_", " → "))


SHOWN = {"words": _words, "count": _count, "figure": _figure, "direction": _direction}
QUALITY = {"auroc": "AUROC", "auprc": "AUPRC", "f1": "F1", "brier": "Brier score", "ece": "Calibration error"}
NOT_MODELS = {*QUALITY, "class", "positives", "threshold", "auroc_low", "auroc_high"}  # columns of a table of classes


def task_sections(inputs: Inputs) -> list[TaskSection]:
    """Every task under every classification protocol that was run."""
    sections = []
    for protocol in CLASSIFICATION:
        for task, figure in inputs.read_figures(protocol).items():
            models, classes = inputs.details(protocol, task), inputs.classes(protocol, task)
            tables = [*_models(models), *_classes(classes)]
            lead = f"{figure.metric} {plain(figure.value)} {interval(figure.low, figure.high)}".strip()
            sections.append(TaskSection(task, PROTOCOLS[protocol], lead, tables, _pictures(inputs, protocol, task)))
    return sections


def _models(details: list[Line]) -> list[Table]:
    columns: dict[str, Column] = {"Labels": _share, "Runs": _words("runs")}
    columns |= {head: _figure(key) for key, head in QUALITY.items()}
    columns |= {"Ours minus it": _difference, "p": lambda line: Cell(plain(number(line, "p_value")))}
    note = (
        "In brackets: 95 % interval by bootstrap over subjects. Differences are paired by subject; p is of the difference."
    )
    table = Table("Models, prompts and shares of the labels", ["Model", *columns], [], notes=[note])
    return _filled(table, {"": details}, columns)


def _classes(details: list[Line]) -> list[Table]:
    columns = {"Positives": _count("positives")} | {head: _figure(key) for key, head in QUALITY.items()}
    models = in_order({key for line in details for key, value in line.items() if value} - NOT_MODELS)
    columns |= {f"AUROC, {entry(model).label}": _figure(model) for model in models}
    note = "A class without a positive or a negative test record has no AUROC."
    table = Table("By class", ["Class", *columns], [], notes=[note])
    return _filled(table, {"": details}, columns, lambda line: line["class"])


def _pictures(inputs: Inputs, protocol: str, task: str) -> list[Picture]:
    return [
        Picture(f"data:image/png;base64,{b64encode(png).decode()}", f"{words}, {task}, {PROTOCOLS[protocol].lower()}")
        for kind, words in PICTURES.items()
        if (png := inputs.picture(protocol, f"{task}-{kind}"))
    ]


def other_tables(inputs: Inputs) -> list[Table]:
    """Identification, retrieval, captions and distribution, each data set a group."""
    text = files("esi.report").joinpath("templates", "protocols.toml").read_text(encoding="utf-8")
    tables = []
    for protocol, of in tomllib.loads(text).items():
        columns = {head: SHOWN[how](*what) for head, how, *what in of["columns"]}
        table = Table(of["caption"], [of["head"], *columns], [], notes=of["notes"])
        tables += _filled(table, {name: inputs.details(protocol, name) for name in inputs.read_figures(protocol)}, columns)
    return tables


def _name(line: Line) -> str:
    """The model of a line, with what else tells its lines apart."""
    prompts = f"prompts: {line['variant']}" if line.get("variant") else ""
    method = METHODS.get(line["method"], line["method"]) if "method" in line else ""
    return ", ".join(filter(None, (entry(line["model"]).label, method, prompts)))


def _filled(
    table: Table, groups: Mapping[str, list[Line]], columns: Mapping[str, Column], name: Callable[[Line], str] = _name
) -> list[Table]:
    """The table with a row a line; none where there is no line."""
    for title, lines in groups.items():
        rows = []
        for line in lines:
            own = line.get("model") == EVALUATED and not line.get("variant")
            rows.append(Row(name(line), [column(line) for column in columns.values()], own))
        if rows:
            table.groups.append(Group(title, rows))
    return [table] if table.groups else []

"""The tables of metrics/details, for reading: classification by task, identification, retrieval, captions, distribution."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

from esi.report.inputs import CLASSIFICATION, CONTROLS, PROTOCOLS, Inputs, Line, number
from esi.report.summary import OURS
from esi.report.table import Cell, Group, Row, Table, interval, measured, plain

NAMES = {OURS: "ours", **CONTROLS, "common": "commonest caption", "nearest": "caption of the nearest training ECG"}
FIGURES = {"auroc": "AUROC", "auprc": "AUPRC", "f1": "F1", "brier": "Brier score", "ece": "Calibration error"}


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


def task_sections(inputs: Inputs) -> list[TaskSection]:
    """Every task under every classification protocol that was run."""
    sections = []
    for protocol in CLASSIFICATION:
        for task, figure in inputs.figures(protocol).items():
            models, classes = inputs.details(protocol, task), inputs.classes(protocol, task)
            tables = [table for table in (_models(models), _classes(classes)) if table]
            lead = f"{figure.metric} {plain(figure.value)} {interval(figure.low, figure.high)}".strip()
            sections.append(TaskSection(task, PROTOCOLS[protocol], lead, tables, _pictures(inputs, protocol, task)))
    return sections


def _models(details: list[Line]) -> Table | None:
    if not details:
        return None
    columns = ["Model", "Labels", "Runs", *FIGURES.values(), "Ours minus it", "p"]
    rows = []
    for line in details:
        share = number(line, "share")
        name = NAMES.get(line["model"], line["model"]) + (f", prompts: {line['variant']}" if line["variant"] else "")
        cells = [Cell("none" if not share else f"{share * 100:g} %"), Cell(line.get("runs", ""))]
        cells += [measured(line, key) for key in FIGURES]
        cells += [_difference(line), Cell(plain(number(line, "p_value")))]
        rows.append(Row(name, cells, line["model"] == OURS and not line["variant"]))
    notes = [
        "In brackets: 95 % interval by bootstrap over subjects. Differences are paired by subject; p is of the difference."
    ]
    return Table("Models, prompts and shares of the labels", columns, [Group("", rows)], notes=notes)


def _difference(line: Line) -> Cell:
    value = number(line, "difference")
    sign = "+" if value is not None and value > 0 else ""
    bounds = interval(number(line, "difference_low"), number(line, "difference_high"))
    return Cell(sign + plain(value), small=bounds)


def _classes(details: list[Line]) -> Table | None:
    if not details:
        return None
    controls = [
        control for control in ("random", "hand", "rocket", "supervised") if any(line.get(control) for line in details)
    ]
    columns = ["Class", "Positives", *FIGURES.values(), *(f"AUROC, {CONTROLS[control]}" for control in controls)]
    rows = [
        Row(
            line["class"],
            [
                Cell(plain(number(line, "positives"), 0)),
                *(measured(line, key) for key in FIGURES),
                *(measured(line, key) for key in controls),
            ],
        )
        for line in details
    ]
    return Table(
        "By class", columns, [Group("", rows)], notes=["A class without a positive or a negative test record has no AUROC."]
    )


def _pictures(inputs: Inputs, protocol: str, task: str) -> list[Picture]:
    found = []
    for kind, words in (
        ("roc", "ROC curves by class"),
        ("reliability", "Reliability: share of positives by predicted probability"),
    ):
        png = inputs.picture(protocol, f"{task}-{kind}")
        if png:
            source = f"data:image/png;base64,{b64encode(png).decode()}"
            found.append(Picture(source, f"{words}, {task}, {PROTOCOLS[protocol].lower()}"))
    return found


def other_tables(inputs: Inputs) -> list[Table]:
    """Identification, retrieval, captions and distribution, each data set a group."""
    return [
        table
        for table in (_identification(inputs), _retrieval(inputs), _captions(inputs), _distribution(inputs))
        if table.groups
    ]


def _identification(inputs: Inputs) -> Table:
    table = Table(
        "Identification",
        ["Method", "Protocol", "Subjects", "AUC", "Accuracy", "Chance"],
        [],
        notes=[
            "strip: gallery and probe are two parts of one strip. recording: two recordings of a subject, the truer task.",
            "The template is the median beat of each strip: nothing is learnt.",
        ],
    )
    methods = {"cosine": "cosine", "linear": "linear head", "fine_tune": "fine-tuned", "template": ""}

    def row(line: Line) -> Row:
        name = ", ".join(
            filter(None, (NAMES.get(line["model"], line["model"]), methods.get(line["method"], line["method"])))
        )
        figures = [measured(line, "auc"), measured(line, "accuracy"), measured(line, "chance")]
        return Row(name, [Cell(line["protocol"]), Cell(plain(number(line, "subjects"), 0)), *figures], line["model"] == OURS)

    return _by_set(inputs, "identification", table, row)


def _retrieval(inputs: Inputs) -> Table:
    recalls = {f"recall_{k}": f"Recall@{k}" for k in (1, 5, 10)}
    columns = ["Encoder", "Direction", "Candidates", *recalls.values(), "Chance@10", "Median rank"]
    table = Table(
        "Retrieval between ECGs and texts",
        columns,
        [],
        notes=[
            "Texts that are the same count as correct. Recall@10 is 1 by construction where there are ten candidates or "
            "fewer, for a random encoder too: read it beside its chance. ICBEB's nine classes make few texts."
        ],
    )

    def row(line: Line) -> Row:
        direction = line["direction"].replace("ecg", "ECG").replace("_to_", " → ")
        figures = [
            *(measured(line, key) for key in recalls),
            measured(line, "chance_recall_10"),
            measured(line, "median_rank", 1),
        ]
        cells = [Cell(direction), Cell(plain(number(line, "candidates"), 0)), *figures]
        return Row(NAMES.get(line["model"], line["model"]), cells, line["model"] == OURS)

    return _by_set(inputs, "retrieval", table, row)


def _captions(inputs: Inputs) -> Table:
    clinical = {"label_f1": "Statements F1", "label_precision": "precision", "label_recall": "recall"}
    words = {"bleu": "BLEU", "rouge_l": "ROUGE-L", "bertscore_f1": "BERTScore F1", "distinct": "Distinct"}
    table = Table(
        "Captions",
        ["Captions by", "Records", *clinical.values(), *words.values()],
        [],
        notes=[
            "Statements: which findings a caption names, against those of the record. The other figures measure likeness of "
            "words only."
        ],
    )

    def row(line: Line) -> Row:
        figures = [measured(line, key) for key in (*clinical, *words)]
        return Row(
            NAMES.get(line["model"], line["model"]),
            [Cell(plain(number(line, "records"), 0)), *figures],
            line["model"] == OURS,
        )

    return _by_set(inputs, "captions", table, row)


def _distribution(inputs: Inputs) -> Table:
    table = Table(
        "Distance between pretraining and test ECGs",
        ["Encoder", "Space", "Pretraining records", "Test records", "MMD²", "p"],
        [],
        notes=[
            "Unbiased squared maximum mean discrepancy, Gaussian kernel by the median heuristic; it may fall below 0. "
            "p by permutation."
        ],
    )

    def row(line: Line) -> Row:
        counts = [Cell(plain(number(line, key), 0)) for key in ("pretraining_records", "test_records")]
        cells = [Cell(line["space"]), *counts, measured(line, "mmd2", 4), measured(line, "p_value")]
        return Row(NAMES.get(line["model"], line["model"]), cells, line["model"] == OURS)

    return _by_set(inputs, "distribution", table, row)


def _by_set(inputs: Inputs, protocol: str, table: Table, row: Callable[[Line], Row]) -> Table:
    for name in inputs.figures(protocol):
        lines = inputs.details(protocol, name)
        if lines:
            table.groups.append(Group(name, [row(line) for line in lines]))
    return table

"""The paper's Tables 5 to 8: each row is an experiment, and this run and kept ones fill the rows that their settings are.

The commands are those of docs/pretraining.md and docs/ablations.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from esi.report.asked import TITLES, Asked
from esi.report.ours import WITH_ENCODER, At, Ours
from esi.report.table import Group, Row, Table
from esi.report.variation import BOOKS, COMPONENTS, ENCODERS, SETS, TOP_K, Variation

DIAGNOSIS, IDENTIFICATION = Asked("linear_probe"), Asked("identification", key="auc", method="linear")
SCORES = {key: Asked("score_descriptions", key=key, digits=4) for key in ("precision", "recall", "f1")}  # in a narrow range
SCORE_SPANS = [("", 1), ("Precision", 2), ("Recall", 2), ("F1", 2)]
KEEP = "Run an experiment, keep it with `python -m esi.report.keep NAME`, and it stands in the row that its settings are."
SCORED = (
    "The paper scores 28 arrhythmias against annotations that are not open, with RoBERTa-large; this run scores its "
    "descriptions against `score.references` with the encoder `score.encoder`. The two sides cannot be compared in height, "
    "only in what a setting changes."
)
WITH_TOP_K = "dvc exp run --queue -S 'describe.top_k=range(1,6)' score_descriptions && dvc queue start"


@dataclass(frozen=True)
class Experiments:
    """A table.

    Attributes:
        head: of its first column. key: of that column in data/paper.
        rows: title and command by the name in data/paper. columns: what is asked for, by the column in data/paper.
        own: the setting whose value names this run where it is none of the rows.
    """

    caption: str
    varied: Variation
    head: str
    key: str
    rows: Mapping[str, tuple[str, str]]
    spans: list[tuple[str, int]]
    columns: Mapping[str, Asked]
    notes: list[str]
    own: str = ""


TABLES = (
    Experiments(
        "Table 5a. Components left out, PTB-XL",
        COMPONENTS,
        "Without",
        "without",
        {
            "nothing": ("Nothing left out", "dvc exp run"),
            "CQA": ("CQA (descriptions)", "dvc exp run -n without-cqa -S pairs.descriptions=false"),
            "captioning": ("Captioning loss", "dvc exp run -n without-captioning -S train.lambda_cap=0"),
            "contrast": ("Contrastive loss", "dvc exp run -n without-contrast -S train.lambda_con=0"),
        },
        [("", 1), ("Diagnosis, AUROC", 2), ("Identification, AUC", 2)],
        {"diagnosis": DIAGNOSIS, "identification": IDENTIFICATION},
        ["Linear probe of ESI-tiny in the paper, of this run's encoder here.", KEEP],
    ),
    Experiments(
        "Table 5b. Signal encoders, PTB-XL",
        ENCODERS,
        "Encoder",
        "encoder",
        {
            "vit": ("ViT-1D", "dvc exp run -n vit -S model.signal_encoder=vit -S train.lr=1e-4"),
            "xresnet101": ("XResNet101-1D", WITH_ENCODER.format("xresnet101")),
            "tiny": ("ConvNeXt-tiny", WITH_ENCODER.format("tiny")),
            "base": ("ConvNeXt-base", WITH_ENCODER.format("base")),
        },
        [("", 1), ("Parameters, millions", 2), ("Diagnosis, AUROC", 2), ("Identification, AUC", 2)],
        {
            "parameters_millions": Asked("pretrain", key="parameters_millions", digits=2),
            "diagnosis": DIAGNOSIS,
            "identification": IDENTIFICATION,
        },
        [KEEP],
        "model.signal_encoder",
    ),
    Experiments(
        "Table 6. Pretraining sets",
        SETS,
        "Pretraining set",
        "sets",
        {
            "MIMIC": ("MIMIC-IV-ECG only", "dvc exp run -n mimic-only -S 'pairs.sets=[mimic]'"),
            "all": ("All", "dvc exp run"),
        },
        [
            ("", 1),
            *(
                (f"{task}, {title}", 2)
                for task in ("Linear probe", "Zero-shot", "Identification")
                for title in TITLES.values()
            ),
        ],
        {f"{name}_{dataset}": Asked(name, dataset) for name in ("linear_probe", "zero_shot") for dataset in TITLES}
        | {f"identification_{dataset}": Asked("identification", dataset, "auc", method="linear") for dataset in TITLES},
        ["AUROC and AUC of ESI-tiny in the paper, of this run's encoder here.", KEEP],
        "pairs.sets",
    ),
    Experiments(
        "Table 7. BERTScore by the number of retrieved passages",
        TOP_K,
        "Top-k",
        "top_k",
        {str(k): (str(k), WITH_TOP_K) for k in range(1, 6)},
        SCORE_SPANS,
        SCORES,
        [SCORED, KEEP],
        "describe.top_k",
    ),
    Experiments(
        "Table 8. BERTScore by textbooks",
        BOOKS,
        "Textbooks",
        "books",
        {
            "none": (
                "No book",
                "dvc exp run -n books-none -S describe.provider=openai -S describe.top_k=0 score_descriptions",
            ),
            "Garcia": ("Garcia (2015)", "dvc exp run -n books-garcia -S chunk.books=books/garcia score_descriptions"),
            "Huff": ("Huff (2006)", "dvc exp run -n books-huff -S chunk.books=books/huff score_descriptions"),
            "both": ("Both", "dvc exp run -n books-both -S chunk.books=books score_descriptions"),
        },
        SCORE_SPANS,
        SCORES,
        [SCORED, KEEP],
        "chunk.books",
    ),
)


def tables(ours: Ours) -> list[Table]:
    """Tables 5a, 5b, 6, 7 and 8."""
    return [_table(ours, item) for item in TABLES]


def _table(ours: Ours, of: Experiments) -> Table:
    """One row a line of the paper's table: our figures of the runs that are that row, or the command that makes one."""
    columns = [of.head, *["Paper", "Ours"] * len(of.columns)]
    table = Table(of.caption, columns, [], of.spans, notes=[*of.notes])
    here = ours.here(of.varied)
    rows = []
    for line in ours.inputs.table(of.varied.place):
        title, command = of.rows[line[of.key]]
        cells = ours.cells(table, line, of.columns, At(of.varied, line[of.key], command))
        rows.append(Row(title, cells, line[of.key] == here.row))
    if here.row not in of.rows:
        value = ours.runs[0].settings[of.own] if of.own else ""
        name = ", ".join(value) if isinstance(value, list) else value
        rows.append(Row(f"This run: {name}" if of.own else "This run", ours.cells(table, {}, of.columns, here), True))
    table.groups.append(Group("", rows))
    return table

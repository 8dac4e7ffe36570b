"""The paper's Tables 5 to 8: each row is an experiment of its own, and this run fills the row that its settings are.

The commands are those of docs/pretraining.md and docs/ablations.md.
"""

from __future__ import annotations

from esi.params import Params
from esi.report.inputs import Line
from esi.report.ours import TITLES, WITH_ENCODER, Ours
from esi.report.table import Cell, Group, Row, Table, deviation, plain, published

COMPONENTS = {
    "nothing": ("Nothing left out", "dvc exp run"),
    "CQA": ("CQA (descriptions)", "dvc exp run -n without-cqa -S pairs.descriptions=false"),
    "captioning": ("Captioning loss", "dvc exp run -n without-captioning -S train.lambda_cap=0"),
    "contrast": ("Contrastive loss", "dvc exp run -n without-contrast -S train.lambda_con=0"),
}
ENCODERS = {"vit": "ViT-1D", "xresnet101": "XResNet101-1D", "tiny": "ConvNeXt-tiny", "base": "ConvNeXt-base"}
WITH_VIT = "dvc exp run -n vit -S model.signal_encoder=vit -S train.lr=1e-4"
SETS = {"MIMIC": ("MIMIC-IV-ECG only", "dvc exp run -n mimic-only -S 'pairs.sets=[mimic]'"), "all": ("All", "dvc exp run")}
TOP_K = "dvc exp run --queue -S 'describe.top_k=range(1,6)' score_descriptions && dvc queue start"
BOOKS = {
    "none": ("No book", "dvc exp run -n books-none -S describe.provider=openai -S describe.top_k=0 score_descriptions"),
    "Garcia": ("Garcia (2015)", "dvc exp run -n books-garcia -S chunk.books=books/garcia score_descriptions"),
    "Huff": ("Huff (2006)", "dvc exp run -n books-huff -S chunk.books=books/huff score_descriptions"),
    "both": ("Both", "dvc exp run -n books-both -S chunk.books=books score_descriptions"),
}
FOUR = 4  # decimals of BERTScore, whose range is narrow
ONE_RUN = "This run fills the row that its settings are; `dvc exp show` has several runs side by side."
SCORED = (
    "The paper scores 28 arrhythmias against annotations that are not open, with RoBERTa-large; this run scores its "
    "descriptions against `score.references` with the encoder `score.encoder`. The two sides cannot be compared in height, "
    "only in what a setting changes."
)


def component_left_out(params: Params) -> str | None:
    """Which row of Table 5a a run is; None where it leaves out more than one component."""
    absent = {
        "CQA": not params.pairs.descriptions,
        "captioning": params.train.lambda_cap == 0,
        "contrast": params.train.lambda_con == 0,
    }
    names = [name for name, left_out in absent.items() if left_out]
    return None if len(names) > 1 else names[0] if names else "nothing"


def sets_of(params: Params) -> str | None:
    """Which row of Table 6 a run is; None where it is neither."""
    sets = set(params.pairs.sets)
    return "MIMIC" if sets == {"mimic"} else "all" if {"ptbxl", "chapman", "mimic"} <= sets else None


def books_of(params: Params) -> str | None:
    """Which row of Table 8 a run is; None with books of its own, such as the handbook of this project."""
    if params.describe.top_k == 0:
        return "none"
    return {"books": "both", "books/huff": "Huff", "books/garcia": "Garcia"}.get(str(params.chunk.books))


def tables(ours: Ours) -> list[Table]:
    """Tables 5a, 5b, 6, 7 and 8."""
    return [_components(ours), _encoders(ours), _sets(ours), _top_k(ours), _books(ours)]


def _components(ours: Ours) -> Table:
    table = Table(
        "Table 5a. Components left out, PTB-XL",
        ["Without", *["Paper", "Ours"] * 2],
        [],
        [("", 1), ("Diagnosis, AUROC", 2), ("Identification, AUC", 2)],
        notes=["Linear probe of ESI-tiny in the paper, of this run's encoder here.", ONE_RUN],
    )
    _fill(table, ours.inputs.table("table5a"), "without", COMPONENTS, component_left_out(ours.params), _both(ours, table))
    return table


def _encoders(ours: Ours) -> Table:
    table = Table(
        "Table 5b. Signal encoders, PTB-XL",
        ["Encoder", *["Paper", "Ours"] * 3],
        [],
        [("", 1), ("Parameters, millions", 2), ("Diagnosis, AUROC", 2), ("Identification, AUC", 2)],
        notes=[ONE_RUN],
    )
    size = ours.inputs.numbers("pretrain").get("parameters_signal_encoder")
    figures = {"parameters_millions": Cell(plain(size and size / 1e6, 2), "ours"), **_both(ours, table)}
    known = {name: (title, WITH_VIT if name == "vit" else WITH_ENCODER.format(name)) for name, title in ENCODERS.items()}
    _fill(table, ours.inputs.table("table5b"), "encoder", known, ours.encoder, figures, f"This run: {ours.encoder}")
    return table


def _sets(ours: Ours) -> Table:
    table = Table(
        "Table 6. Pretraining sets",
        ["Pretraining set", *["Paper", "Ours"] * 6],
        [],
        [
            ("", 1),
            *(
                (f"{task}, {title}", 2)
                for task in ("Linear probe", "Zero-shot", "Identification")
                for title in TITLES.values()
            ),
        ],
        notes=["AUROC and AUC of ESI-tiny in the paper, of this run's encoder here.", ONE_RUN],
    )
    figures = {f"{name}_{key}": ours.diagnosis(table, name, key) for name in ("linear_probe", "zero_shot") for key in TITLES}
    figures |= {f"identification_{key}": ours.identification(table, key, "linear") for key in TITLES}
    own = f"This run: {', '.join(ours.params.pairs.sets)}"
    _fill(table, ours.inputs.table("table6"), "sets", SETS, sets_of(ours.params), figures, own)
    return table


def _top_k(ours: Ours) -> Table:
    top_k = str(ours.params.describe.top_k)
    table = _bertscore("Table 7. BERTScore by the number of retrieved passages", "Top-k")
    known = {str(k): (str(k), TOP_K) for k in range(1, 6)}
    _fill(table, ours.inputs.table("table7"), "top_k", known, top_k, _scores(ours, table), f"This run: {top_k}", FOUR)
    return table


def _books(ours: Ours) -> Table:
    table = _bertscore("Table 8. BERTScore by textbooks", "Textbooks")
    own = f"This run: {ours.params.chunk.books}"
    _fill(table, ours.inputs.table("table8"), "books", BOOKS, books_of(ours.params), _scores(ours, table), own, FOUR)
    return table


def _bertscore(caption: str, head: str) -> Table:
    spans = [("", 1), ("Precision", 2), ("Recall", 2), ("F1", 2)]
    return Table(caption, [head, *["Paper", "Ours"] * 3], [], spans, notes=[SCORED, ONE_RUN])


def _both(ours: Ours, table: Table) -> dict[str, Cell]:
    return {
        "diagnosis": ours.diagnosis(table, "linear_probe", "ptbxl"),
        "identification": ours.identification(table, "ptbxl", "linear"),
    }


def _scores(ours: Ours, table: Table) -> dict[str, Cell]:
    found = ours.inputs.numbers("score_descriptions")
    if "bertscore_f1" not in found:
        return {key: table.todo("dvc repro score_descriptions") for key in ("precision", "recall", "f1")}
    return {
        key: Cell(plain(found[f"bertscore_{key}"], FOUR), "ours", deviation(found.get(f"bertscore_{key}_sd"), FOUR))
        for key in ("precision", "recall", "f1")
    }


def _fill(
    table: Table,
    lines: list[Line],
    head: str,
    known: dict[str, tuple[str, str]],
    present: str | None,
    figures: dict[str, Cell],
    own: str = "This run",
    digits: int = 3,
) -> None:
    """One row a line of the paper's table: our figures in the row that this run is, elsewhere the command for them."""
    rows = []
    for line in lines:
        title, command = known[line[head]]
        is_this = line[head] == present
        mine = figures if is_this else dict.fromkeys(figures, table.todo(command))
        decimals = {key: 2 if key == "parameters_millions" else digits for key in figures}
        rows.append(
            Row(title, [cell for key in figures for cell in (published(line, key, decimals[key]), mine[key])], is_this)
        )
    if present not in known:
        rows.append(Row(own, [cell for key in figures for cell in (Cell(), figures[key])], True))
    table.groups.append(Group("", rows))

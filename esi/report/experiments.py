"""The paper's Tables 5 to 8: each row is an experiment, and this run and kept ones fill the rows that their settings are.

The commands are those of docs/pretraining.md and docs/ablations.md.
"""

from __future__ import annotations

from collections.abc import Callable

from esi.report.ours import EVALUATE, TITLES, WITH_ENCODER, At, Ours, parameters_line, scores_line
from esi.report.table import DIGITS, Cell, Group, Row, Table, published
from esi.report.variation import BOOKS, COMPONENTS, ENCODERS, SETS, TOP_K, Variation, basis

WITHOUT = {
    "nothing": ("Nothing left out", "dvc exp run"),
    "CQA": ("CQA (descriptions)", "dvc exp run -n without-cqa -S pairs.descriptions=false"),
    "captioning": ("Captioning loss", "dvc exp run -n without-captioning -S train.lambda_cap=0"),
    "contrast": ("Contrastive loss", "dvc exp run -n without-contrast -S train.lambda_con=0"),
}
ENCODER_NAMES = {"vit": "ViT-1D", "xresnet101": "XResNet101-1D", "tiny": "ConvNeXt-tiny", "base": "ConvNeXt-base"}
WITH_VIT = "dvc exp run -n vit -S model.signal_encoder=vit -S train.lr=1e-4"
SET_NAMES = {
    "MIMIC": ("MIMIC-IV-ECG only", "dvc exp run -n mimic-only -S 'pairs.sets=[mimic]'"),
    "all": ("All", "dvc exp run"),
}
WITH_TOP_K = "dvc exp run --queue -S 'describe.top_k=range(1,6)' score_descriptions && dvc queue start"
BOOK_NAMES = {
    "none": ("No book", "dvc exp run -n books-none -S describe.provider=openai -S describe.top_k=0 score_descriptions"),
    "Garcia": ("Garcia (2015)", "dvc exp run -n books-garcia -S chunk.books=books/garcia score_descriptions"),
    "Huff": ("Huff (2006)", "dvc exp run -n books-huff -S chunk.books=books/huff score_descriptions"),
    "both": ("Both", "dvc exp run -n books-both -S chunk.books=books score_descriptions"),
}
Figures = Callable[[At], dict[str, Cell]]  # of one row
SCORE = "dvc repro score_descriptions"
FOUR = 4  # decimals of BERTScore, whose range is narrow
KEEP = "Run an experiment, keep it with `python -m esi.report.keep NAME`, and it stands in the row that its settings are."
SCORED = (
    "The paper scores 28 arrhythmias against annotations that are not open, with RoBERTa-large; this run scores its "
    "descriptions against `score.references` with the encoder `score.encoder`. The two sides cannot be compared in height, "
    "only in what a setting changes."
)


def tables(ours: Ours) -> list[Table]:
    """Tables 5a, 5b, 6, 7 and 8."""
    return [_components(ours), _encoders(ours), _sets(ours), _top_k(ours), _books(ours)]


def _components(ours: Ours) -> Table:
    table = Table(
        "Table 5a. Components left out, PTB-XL",
        ["Without", *["Paper", "Ours"] * 2],
        [],
        [("", 1), ("Diagnosis, AUROC", 2), ("Identification, AUC", 2)],
        notes=["Linear probe of ESI-tiny in the paper, of this run's encoder here.", KEEP],
    )
    _fill(ours, table, "table5a", "without", COMPONENTS, WITHOUT, lambda at: _both(ours, table, at))
    return table


def _encoders(ours: Ours) -> Table:
    table = Table(
        "Table 5b. Signal encoders, PTB-XL",
        ["Encoder", *["Paper", "Ours"] * 3],
        [],
        [("", 1), ("Parameters, millions", 2), ("Diagnosis, AUROC", 2), ("Identification, AUC", 2)],
        notes=[KEEP],
    )

    def figures(at: At) -> dict[str, Cell]:
        size = ours.figure(table, at, basis("pretrain"), "parameters_millions", parameters_line, EVALUATE, 2)
        return {"parameters_millions": size, **_both(ours, table, at)}

    known = {
        name: (title, WITH_VIT if name == "vit" else WITH_ENCODER.format(name)) for name, title in ENCODER_NAMES.items()
    }
    _fill(ours, table, "table5b", "encoder", ENCODERS, known, figures, f"This run: {ours.encoder}")
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
        notes=["AUROC and AUC of ESI-tiny in the paper, of this run's encoder here.", KEEP],
    )

    def figures(at: At) -> dict[str, Cell]:
        found = {
            f"{name}_{key}": ours.diagnosis(table, name, key, at=at)
            for name in ("linear_probe", "zero_shot")
            for key in TITLES
        }
        return found | {f"identification_{key}": ours.identification(table, key, "linear", at=at) for key in TITLES}

    own = f"This run: {', '.join(ours.params.pairs.sets)}"
    _fill(ours, table, "table6", "sets", SETS, SET_NAMES, figures, own)
    return table


def _top_k(ours: Ours) -> Table:
    table = _bertscore("Table 7. BERTScore by the number of retrieved passages", "Top-k")
    known = {str(k): (str(k), WITH_TOP_K) for k in range(1, 6)}
    own = f"This run: {ours.params.describe.top_k}"
    _fill(ours, table, "table7", "top_k", TOP_K, known, lambda at: _scores(ours, table, at), own, FOUR)
    return table


def _books(ours: Ours) -> Table:
    table = _bertscore("Table 8. BERTScore by textbooks", "Textbooks")
    own = f"This run: {ours.params.chunk.books}"
    _fill(ours, table, "table8", "books", BOOKS, BOOK_NAMES, lambda at: _scores(ours, table, at), own, FOUR)
    return table


def _bertscore(caption: str, head: str) -> Table:
    spans = [("", 1), ("Precision", 2), ("Recall", 2), ("F1", 2)]
    return Table(caption, [head, *["Paper", "Ours"] * 3], [], spans, notes=[SCORED, KEEP])


def _both(ours: Ours, table: Table, at: At) -> dict[str, Cell]:
    return {
        "diagnosis": ours.diagnosis(table, "linear_probe", "ptbxl", at=at),
        "identification": ours.identification(table, "ptbxl", "linear", at=at),
    }


def _scores(ours: Ours, table: Table, at: At) -> dict[str, Cell]:
    of = basis("score_descriptions")
    return {key: ours.figure(table, at, of, key, scores_line, SCORE, FOUR) for key in ("precision", "recall", "f1")}


def _fill(
    ours: Ours,
    table: Table,
    name: str,
    head: str,
    varied: Variation,
    known: dict[str, tuple[str, str]],
    figures: Figures,
    own: str = "This run",
    digits: int = DIGITS,
) -> None:
    """One row a line of the paper's table: our figures of the runs that are that row, or the command that makes one."""
    here = ours.here(varied)
    rows = []
    for line in ours.inputs.table(name):
        title, command = known[line[head]]
        mine = figures(At(varied, line[head], command))
        decimals = {key: 2 if key == "parameters_millions" else digits for key in mine}
        cells = [cell for key in mine for cell in (published(line, key, decimals[key]), mine[key])]
        rows.append(Row(title, cells, line[head] == here.row))
    if here.row not in known:
        rows.append(Row(own, [cell for mine in figures(here).values() for cell in (Cell(), mine)], True))
    table.groups.append(Group("", rows))

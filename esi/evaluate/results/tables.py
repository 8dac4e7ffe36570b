"""Figures as rows of tables, and the few that lead as DVC metrics. What is undefined is left empty or out."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from esi.evaluate.metrics import interval, p_value
from esi.evaluate.models.registry import classifying
from esi.evaluate.results.figures import PLAIN, Figures
from esi.files import replacing

METRICS = {"auroc": "AUROC", "auprc": "AUPRC", "f1": "F1"}
DIGITS = 6


def leading(ours: Figures, controls: Mapping[str, Figures]) -> dict[str, str | float | int]:
    """The content of metrics/<protocol>/<task>.json: the task's metric, macro over the classes, of ours with its 95 %
    interval, and of each control.
    """
    low, high = interval(ours.metric_R)
    values = {"value": float(ours.metric_R[0]), "low": low, "high": high}
    values |= {name: float(control.metric_R[0]) for name, control in controls.items()}
    defined = {key: round(value, DIGITS) for key, value in values.items() if np.isfinite(value)}
    return {"metric": METRICS[ours.metric], **defined, "n_test": len(ours.model.runs[0].test.split.records)}


def model_row(figures: Figures, reference: Figures | None) -> dict[str, object]:
    """One row of <task>.csv. AUROC and its interval, AUPRC, F1, Brier score and calibration error are means over classes.

    Args:
        figures: of the row. reference: ours to compare it with; None where there is none. The difference is the reference's
            metric (the task's, which leads) minus this model's, over the same resamples of subjects, with its p-value;
            beaten: the reference's interval lies wholly above this model's.
    """
    low, high = interval(figures.auroc_R)
    row: dict[str, object] = {
        "model": figures.model.name,
        "variant": figures.model.variant,
        "share": figures.model.share,
        "runs": len(figures.model.runs),
        "auroc": figures.auroc_R[0],
        "auroc_sd": figures.auroc_sd,
        "auroc_low": low,
        "auroc_high": high,
        **{key: figures.plain(key) for key in PLAIN},
        **dict.fromkeys(("difference", "difference_low", "difference_high", "p_value", "beaten"), ""),
    }
    if reference is not None:
        difference_R = reference.metric_R - figures.metric_R
        row["difference"] = difference_R[0]
        row["difference_low"], row["difference_high"] = interval(difference_R)
        row["p_value"] = p_value(difference_R)
        row["beaten"] = beaten(reference, figures)
    return row


def beaten(ours: Figures, other: Figures) -> bool:
    """Whether the 95 % interval of ours lies wholly above the other's."""
    return interval(ours.metric_R)[0] > interval(other.metric_R)[1]


def class_rows(classes: Sequence[str], ours: Figures, controls: Mapping[str, Figures]) -> list[dict[str, object]]:
    """The rows of <task>-classes.csv. A class without positives or without negatives has empty figures.

    The columns of the controls hold the task's metric. The threshold is in the unit of the scores (log-odds, or cosines of
    zero-shot), and empty where validation holds none of the class, which then is never called.
    """
    labels_NK = ours.model.runs[0].test.split.labels_NK
    beside = classifying(controls)
    rows = []
    for k, name in enumerate(classes):
        low, high = interval(ours.auroc_KR[k])
        rows.append(
            {
                "class": name,
                "positives": int(labels_NK[:, k].sum()),
                "threshold": ours.by_class["threshold"][k],
                "auroc": ours.auroc_KR[k, 0],
                "auroc_low": low,
                "auroc_high": high,
                **{key: ours.by_class[key][k] for key in PLAIN},
                **{control: controls[control].metric_KR[k, 0] if control in controls else "" for control in beside},
            }
        )
    return rows


def write_rows(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    """A CSV table: numbers with six digits after the point, undefined ones empty, truths as true and false."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _cell(value) for key, value in row.items()} for row in rows)


def _cell(value: object) -> object:
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        return f"{value:.{DIGITS}f}".rstrip("0").removesuffix(".") if np.isfinite(value) else ""
    return value

"""The training curves as a picture."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

from esi import files
from esi.train.log import Log

TITLES = {
    "loss": "total loss",
    "loss_con": "contrastive loss",
    "loss_cap": "captioning loss",
    "retrieval_top1": "ECG to text retrieval in the batch, top 1",
    "view_top1": "views whose nearest is the same record's",
    "logit_scale": "logit scale (1 / temperature)",
    "logit_bias": "logit bias",
    "grad_norm": "gradient norm (before clipping)",
    "lr": "learning rate",
}


def plot_training(log: Log, path: Path) -> None:
    """One panel a logged quantity: training by step (thin), validation by epoch (dots). The same bytes for the same log.

    Speed, another in every run, is left to `dvc plots show`.
    """
    shown = [name for name in TITLES if any(name in row for row in log.steps + log.validation)]
    columns = 4
    rows = -(-len(shown) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(4.2 * columns, 3.0 * rows), squeeze=False, layout="constrained")
    for axis, name in zip(axes.flat, shown, strict=False):
        for table, label, style in (
            (log.steps, "training", {"linewidth": 0.8}),
            (log.validation, "validation", {"marker": "o", "markersize": 3}),
        ):
            points = [(row["step"], row[name]) for row in table if name in row]
            if points:
                axis.plot(*zip(*points, strict=True), label=label, color="C0" if label == "training" else "C1", **style)
        axis.set_title(TITLES[name], fontsize=10)
        axis.set_xlabel("step")
        axis.grid(alpha=0.3)
        if log.validation and name in log.validation[0]:
            axis.legend(fontsize=8)
    for axis in list(axes.flat)[len(shown) :]:
        axis.set_axis_off()
    with files.replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=100, metadata={"Software": None})
    plt.close(figure)

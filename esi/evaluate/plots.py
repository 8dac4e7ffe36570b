"""Pictures of results, with the same bytes for the same numbers."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import roc_curve

from esi.evaluate.metrics import MacroAuroc
from esi.files import replacing


def draw_roc(
    path: Path, title: str, labels_NK: np.ndarray, scores_NK: np.ndarray, names: list[str], result: MacroAuroc
) -> None:
    """ROC curves of every class that has one, the macro AUROC and its interval in the title, as a PNG."""
    figure, axes = plt.subplots(figsize=(6.2, 6))
    for k, name in enumerate(names):
        if name in result.by_class:
            false_positive, true_positive, _ = roc_curve(labels_NK[:, k], scores_NK[:, k])
            axes.plot(false_positive, true_positive, label=f"{name} {result.by_class[name]:.3f}", linewidth=1.4)
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8, linestyle="--")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.005), aspect="equal")
    axes.set_title(
        f"{title}\nmacro AUROC {result.macro:.3f} (95 % CI {result.ci_low:.3f} to {result.ci_high:.3f})", fontsize=11
    )
    if len(result.by_class) <= 12:
        axes.legend(loc="lower right", fontsize=9, frameon=False)
    figure.tight_layout()
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
    plt.close(figure)

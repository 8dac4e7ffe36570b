"""Pictures of results, with the same bytes for the same numbers.

Legend: N records, K classes, B bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from esi.evaluate.metrics import CALIBRATION_BINS, calibration_bin
from esi.files import replacing

MOST_COLOURS = 10  # classes that can be told apart by colour
GRID = np.linspace(0, 1, 501)
OURS = "#1b4f8f"
GREY = "0.6"


def draw_roc(path: Path, title: str, labels_NK: np.ndarray, scores_NK: np.ndarray, names: Sequence[str]) -> None:
    """ROC curves of classes that all have positives and negatives, as a PNG: each in a colour of its own up to ten, in grey
    beyond; and the mean of their sensitivities at each specificity (vertical averaging: Fawcett 2006, section 8.1).
    """
    figure, axes = plt.subplots(figsize=(6, 6.3))
    many = len(names)
    mean = np.zeros_like(GRID)
    for k, name in enumerate(names):
        false_positive, true_positive, _ = roc_curve(labels_NK[:, k], scores_NK[:, k], drop_intermediate=False)
        mean += np.interp(GRID, false_positive, true_positive) / many
        if many > MOST_COLOURS:
            axes.plot(false_positive, true_positive, color=GREY, linewidth=0.7, alpha=0.6)
        else:
            axes.plot(false_positive, true_positive, linewidth=1.1, label=name)
    axes.plot(GRID, mean, color="black", linewidth=2.2, label=f"mean of {many} classes")
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8, linestyle="--")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", xlim=(0, 1), ylim=(0, 1.005), aspect="equal")
    if many > MOST_COLOURS:
        axes.plot([], [], color=GREY, linewidth=0.7, label="each class")
    axes.legend(loc="lower right", fontsize=9, frameon=False)
    _save(figure, path, title)


def draw_reliability(path: Path, title: str, labels_NK: np.ndarray, probability_NK: np.ndarray) -> None:
    """How often a class is there against how probable it was called, all classes together, as a PNG; below it how many
    records a bin holds, each counted once a class.
    """
    bin_NK = calibration_bin(probability_NK)
    count_B, called_B, there_B = (
        np.bincount(bin_NK.ravel(), weights, CALIBRATION_BINS)
        for weights in (None, probability_NK.ravel(), labels_NK.ravel().astype(float))
    )
    held = count_B > 0
    figure, (axes, bars) = plt.subplots(2, 1, figsize=(6, 6.3), height_ratios=[3.2, 1], sharex=True)
    axes.plot([0, 1], [0, 1], color="0.7", linewidth=0.8, linestyle="--")
    # Wilson's interval of each frequency: a bin of few records says little
    low_B, high_B = _wilson(there_B[held], count_B[held])
    axes.vlines(called_B[held] / count_B[held], low_B, high_B, color=OURS, linewidth=1, alpha=0.6)
    axes.plot(called_B[held] / count_B[held], there_B[held] / count_B[held], "o-", color=OURS, linewidth=1.4, markersize=5)
    axes.set(ylabel="observed frequency", xlim=(0, 1), ylim=(-0.02, 1.02))
    width = 1 / CALIBRATION_BINS
    middles = (np.arange(CALIBRATION_BINS) + 0.5) * width
    bars.bar(middles, np.log10(count_B + 1), width * 0.92, color=OURS, alpha=0.6)
    top = np.log10(count_B.max() + 1)
    for x, many in zip(middles, count_B, strict=True):
        if many:
            bars.text(x, np.log10(many + 1) + 0.04 * top, f"{int(many)}", ha="center", va="bottom", fontsize=6.5)
    bars.set(xlabel="predicted probability", ylabel="records × classes", ylim=(0, 1.25 * top), yticks=[])
    _save(figure, path, title)


def _wilson(hits_B: np.ndarray, many_B: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of a frequency (Wilson 1927)."""
    z = 1.96
    rate_B = hits_B / many_B
    middle_B = (rate_B + z**2 / (2 * many_B)) / (1 + z**2 / many_B)
    half_B = z / (1 + z**2 / many_B) * np.sqrt(rate_B * (1 - rate_B) / many_B + z**2 / (4 * many_B**2))
    return middle_B - half_B, middle_B + half_B


def _save(figure: Figure, path: Path, title: str) -> None:
    figure.suptitle(title, fontsize=11, y=0.985)
    figure.subplots_adjust(left=0.11, right=0.97, bottom=0.09, top=0.905, hspace=0.08)
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
    plt.close(figure)

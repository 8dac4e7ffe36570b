"""The datasheet's pictures: one a subject, a panel a data set, the same bytes for the same numbers.

Colours are Okabe and Ito's, which stay apart for the colour-blind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from esi.datasheet.counts import AGE_BIN, LEAST_NOISE_UV, NOISE_BINS, SPLITS, Counts
from esi.datasheet.labels import shown
from esi.files import replacing

WIDTH = 10.0  # inches; at 110 dpi somewhat more than the width of a page on GitHub
ALONE = 7.0  # of a picture with one panel
TOP_LABELS = 25
LONGEST_NAME = 44  # characters of a label
SEXES = {"female": "#D55E00", "male": "#0072B2", "unknown": "#999999"}
SPLIT_COLOURS = dict(zip(SPLITS, ("#0072B2", "#E69F00", "#009E73", "#BBBBBB"), strict=True))
NOISE_STYLES = {
    "wander_uv": ("baseline wander", "#0072B2"),
    "mains_uv": ("mains", "#D55E00"),
    "muscle_uv": ("muscle noise", "#009E73"),
}


def draw_all(folder: Path, counts: Mapping[str, Counts], labels: Mapping[str, pl.DataFrame]) -> list[str]:
    """Draw every picture for which at least one data set has data.

    Args:
        folder: receives the pictures.
        counts: by the data set's title.
        labels: esi.datasheet.labels.label_frequencies, by the same titles.

    Returns:
        The names of the files, of splits.png, ages.png, labels.png and quality.png.
    """
    aged = {title: (draw_ages(sheet), 2.6) for title, sheet in counts.items() if len(sheet.ages)}
    labelled = {
        title: (draw_labels(table), 1.0 + 0.19 * min(len(table), TOP_LABELS))
        for title, frame in labels.items()
        if len(table := shown(frame))
    }
    loudest = max(
        (10.0, *(float(table["uv"][-1]) for sheet in counts.values() for table in sheet.noise.values() if len(table)))
    )
    noisy = {
        title: (draw_noise(sheet, loudest * 1.5), 2.6)
        for title, sheet in counts.items()
        if any(map(len, sheet.noise.values()))
    }
    with plt.rc_context(
        {
            "font.size": 9,
            "axes.titlesize": 10,
            "axes.titleweight": "bold",
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    ):
        made = {
            "splits.png": _splits(counts),
            "ages.png": _panels(aged),
            "labels.png": _panels(labelled),
            "quality.png": _panels(noisy),
        }
        for name, picture in made.items():
            if picture is not None:
                with replacing(folder / name) as temporary:
                    picture.savefig(temporary, format="png", dpi=110, metadata={"Software": None})
                plt.close(picture)
    return [name for name, picture in made.items() if picture is not None]


def draw_ages(counts: Counts) -> Callable[[Axes], None]:
    """Records by age in steps of five years, the sexes one on the other."""

    def draw(axes: Axes) -> None:
        starts = np.arange(counts.ages["age"].min(), counts.ages["age"].max() + 1, AGE_BIN)  # type: ignore[operator, arg-type]
        below = np.zeros(len(starts))
        for sex, colour in SEXES.items():
            part = counts.ages.filter(pl.col("sex") == sex)
            heights = np.zeros(len(starts))
            heights[(part["age"].to_numpy() - starts[0]) // AGE_BIN] = part["records"].to_numpy()
            if heights.any():
                name = "sex unknown" if sex == "unknown" else sex
                label = f"{name} ({int(heights.sum()):,})"
                axes.bar(
                    starts,
                    heights,
                    AGE_BIN,
                    below,
                    align="edge",
                    color=colour,
                    edgecolor="white",
                    linewidth=0.5,
                    label=label,
                )
            below += heights
        axes.set(xlabel="age (years)", ylabel="records", xlim=(0, max(100, starts[-1] + AGE_BIN)))
        axes.set_ylim(0, below.max() * 1.3)  # room for the legend
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(_short_number))
        axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=3, columnspacing=1, handlelength=1.2)

    return draw


def draw_labels(table: pl.DataFrame) -> Callable[[Axes], None]:
    """The commonest labels as dots over a logarithmic axis, on which the rare ones stay visible."""

    def draw(axes: Axes) -> None:
        top = table.head(TOP_LABELS)
        records = top["records"].to_numpy()
        places = np.arange(len(top))
        axes.hlines(places, records.min() / 10, records, color="#CCCCCC", linewidth=0.8)
        axes.plot(records, places, "o", color="#0072B2", markersize=4)
        for place, count in zip(places, records, strict=True):
            axes.annotate(
                f"{count:,}", (count, place), (5, 0), textcoords="offset points", va="center", fontsize=7, color="0.3"
            )
        names = [_shortened(row["name"] or row["label"]) for row in top.iter_rows(named=True)]
        axes.set_yticks(places, names, fontsize=7.5)
        axes.set_ylim(len(top) - 0.4, -0.6)
        axes.set_xscale("log")
        axes.set_xlim(records.min() / 1.5, records.max() * 2.5)
        spread = records.max() / records.min()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if spread < 15 else (1,)))
        axes.xaxis.set_major_formatter(FuncFormatter(_short_number))
        axes.xaxis.set_minor_formatter(NullFormatter())
        of_all = f"{TOP_LABELS} of {len(table):,} labels" if len(table) > TOP_LABELS else "all labels"
        axes.set_xlabel(f"records, logarithmic ({of_all})")
        axes.tick_params(axis="y", length=0)

    return draw


def draw_noise(counts: Counts, upto: float) -> Callable[[Axes], None]:
    """How the three noise figures are spread over the ECGs, up to `upto` microvolts."""

    def draw(axes: Axes) -> None:
        for name, (label, colour) in NOISE_STYLES.items():
            table = counts.noise[name]
            if not len(table):
                continue
            steps = np.rint(np.log10(table["uv"].to_numpy()) * NOISE_BINS).astype(int)
            shares = np.zeros(steps[-1] - steps[0] + 1)
            shares[steps - steps[0]] = table["ecgs"].to_numpy() / table["ecgs"].sum() * 100
            edges = 10 ** (np.arange(steps[0], steps[-1] + 2) / NOISE_BINS)
            axes.stairs(shares, edges, color=colour, alpha=0.2, fill=True)
            axes.stairs(shares, edges, color=colour, linewidth=1.4, label=label)
        axes.set(xscale="log", xlabel="RMS (µV), logarithmic", ylabel="ECGs (%)", xlim=(LEAST_NOISE_UV * 0.8, upto))
        axes.set_ylim(0, axes.get_ylim()[1] * 1.25)  # room for the legend
        axes.xaxis.set_major_formatter(FuncFormatter(_short_number))
        axes.legend(fontsize=8, frameon=False, loc="upper left", ncols=3, columnspacing=1, handlelength=1.8)

    return draw


def _panels(draws: Mapping[str, tuple[Callable[[Axes], None], float]]) -> Figure | None:
    """Two panels a row, each with the height in inches that it needs; None without a data set."""
    if not draws:
        return None
    columns = min(2, len(draws))
    needed = [height for _, height in draws.values()]
    heights = [max(needed[start : start + columns]) for start in range(0, len(draws), columns)]
    figure, grid = plt.subplots(
        len(heights),
        columns,
        figsize=(WIDTH if columns > 1 else ALONE, sum(heights)),
        height_ratios=heights,
        squeeze=False,
        layout="constrained",
    )
    for axes, (title, (draw, _)) in zip(grid.flat, draws.items(), strict=False):
        axes.set_title(title, loc="left")
        draw(axes)
    for axes in list(grid.flat)[len(draws) :]:
        axes.set_axis_off()
    return figure


def _splits(counts: Mapping[str, Counts]) -> Figure:
    """Each data set's records by split as shares, and what was quarantined by reason."""
    refused = [
        (title, reason, records, records / (sheet.values["ecgs"] + sheet.values["quarantined"]))
        for title, sheet in counts.items()
        for reason, records, _ in sheet.quarantine.iter_rows()
    ]
    heights = [0.8 + 0.28 * len(counts)] + [0.7 + 0.28 * len(refused)] * bool(refused)
    figure, grid = plt.subplots(
        len(heights), 1, figsize=(ALONE, sum(heights)), height_ratios=heights, squeeze=False, layout="constrained"
    )
    axes = grid[0][0]
    for place, sheet in enumerate(counts.values()):
        left = 0.0
        for split, people in sheet.by_split.items():
            share = people.records / sheet.everyone.records * 100
            axes.barh(place, share, 0.7, left, color=SPLIT_COLOURS[split], edgecolor="white", linewidth=0.5)
            left += share
        axes.annotate(f"{sheet.everyone.records:,}", (101, place), va="center", fontsize=8)
    axes.set_yticks(range(len(counts)), list(counts))
    axes.set_xticks(range(0, 101, 20))
    axes.set(xlim=(0, 113), ylim=(len(counts) - 0.4, -0.6), xlabel="records (%), and their number")
    used = [split for split in SPLITS if any(split in sheet.by_split for sheet in counts.values())]
    handles = [Patch(color=SPLIT_COLOURS[split], label=split) for split in used]
    axes.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0, 1), ncols=4, fontsize=8, frameon=False, columnspacing=1
    )
    if refused:
        axes = grid[1][0]
        shares = [share * 100 for *_, share in refused]
        axes.barh(range(len(refused)), shares, 0.7, color="#CC79A7")
        for place, (_, _, records, share) in enumerate(refused):
            axes.annotate(f"{records:,}", (share * 100, place), (4, 0), textcoords="offset points", va="center", fontsize=8)
        axes.set_yticks(range(len(refused)), [f"{title}: {reason}" for title, reason, *_ in refused])
        axes.set(ylim=(len(refused) - 0.4, -0.6), xlim=(0, max(shares) * 1.13))
        axes.set_xlabel("quarantined, of the ECGs that were read (%), and their number")
        axes.xaxis.set_major_locator(MaxNLocator(6))
    return figure


def _shortened(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rstrip()}…"


def _short_number(value: float, _: int) -> str:
    if value >= 10_000:
        return f"{value / 1e6:g}M" if value >= 1e6 else f"{value / 1e3:g}k"
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"

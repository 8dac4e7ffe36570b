"""Drawings as inline SVG: they follow the page's light or dark colours, and have the same bytes for the same numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import Any

import matplotlib

matplotlib.use("svg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Colours that no other part of a drawing has: each becomes the style sheet's variable of the same place.
INK, RULE, PAGE = "#a1000a", "#a1000b", "#a1000c"
SERIES = ("#a10001", "#a10002", "#a10003", "#a10004")
VARIABLES = {
    INK: "--ink",
    RULE: "--rule",
    PAGE: "--page",
    **{colour: f"--series-{place}" for place, colour in enumerate(SERIES, 1)},
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # letters stay letters: searchable, and in the reader's own font
    "svg.hashsalt": "esi",
    "font.size": 9,
    "axes.edgecolor": RULE,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
}


@dataclass(frozen=True)
class Series:
    """One line of points, with their 95 % intervals where given."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    style: str = "o-"  # of Matplotlib: dots, lines or both
    colour: int | None = None  # its place in SERIES; None: the series' own place
    hollow: Sequence[bool] = ()  # which points are rings


@dataclass(frozen=True)
class Forest:
    """One line of a forest plot: our figure with its interval, and the controls' figures by name."""

    label: str
    value: float
    low: float
    high: float
    controls: dict[str, float]


@dataclass(frozen=True)
class Drawing:
    """A drawing as it stands on the page."""

    title: str
    svg: str  # "" where this run has nothing to draw
    note: str = ""
    command: str = ""  # what makes the points that are missing
    experiments: tuple[str, ...] = ()  # the kept experiments that it shows


def lines(
    name: str,
    title: str,
    alt: str,
    series: Sequence[Series],
    x_label: str,
    y_label: str,
    percents: Sequence[float] = (),
) -> str:
    """Lines over a common axis.

    Args:
        name: of the drawing, unique on the page. alt: what it shows, for those who cannot see it.
        percents: the x axis is logarithmic with these shares (in %) as its ticks.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(4.1, 2.9), layout="constrained")
        for place, item in enumerate(series):
            colour = SERIES[(place if item.colour is None else item.colour) % len(SERIES)]
            axes.plot(item.x, item.y, item.style, color=colour, markersize=4, linewidth=1.6, label=item.label)
            rings = (
                [(x, y) for x, y, is_ring in zip(item.x, item.y, item.hollow, strict=True) if is_ring] if item.hollow else []
            )
            if rings:
                axes.plot(*zip(*rings, strict=True), "o", color=colour, markersize=4, markerfacecolor=PAGE, zorder=3)
            if item.low:
                axes.vlines(item.x, item.low, item.high, color=colour, linewidth=1.1)
        if percents:
            axes.set_xscale("log")
            axes.set_xticks(percents, [f"{percent:g} %" for percent in percents])
            axes.minorticks_off()
        axes.set(title=title, xlabel=x_label, ylabel=y_label)
        if len(series) > 3:
            figure.legend(loc="outside lower center", ncols=2)  # inside it would lie on the lines
        elif len(series) > 1:
            axes.legend()
        return _svg(figure, name, alt)


def bars(
    name: str, title: str, alt: str, groups: Sequence[str], series: Mapping[str, Sequence[float | None]], y_label: str
) -> str:
    """Bars side by side in groups, each with its number; the axis begins where differences can be seen, and says so."""
    values = [value for row in series.values() for value in row if value is not None]
    floor = max(0.0, min(values, default=0.5) - 0.08)
    floor -= floor % 0.05
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(4.1, 2.9), layout="constrained")
        width = 0.82 / len(series)
        for place, (label, row) in enumerate(series.items()):
            x = [group + (place - (len(series) - 1) / 2) * width for group in range(len(groups))]
            heights = [0.0 if value is None else value - floor for value in row]
            axes.bar(x, heights, width * 0.92, bottom=floor, color=SERIES[place % len(SERIES)], label=label)
            for at, value in zip(x, row, strict=True):
                text = f"{value:.3f}" if value is not None else "not run"
                height = floor if value is None else value
                axes.text(at, height, f" {text}", ha="center", va="bottom", fontsize=7, rotation=90)
        axes.set_xticks(range(len(groups)), groups, fontsize=7.5)
        axes.set_ylim(floor, floor + (max(values, default=1.0) - floor) * 1.28)
        axes.set(title=title, ylabel=f"{y_label}, from {floor:.2f}")
        axes.grid(axis="x", visible=False)
        figure.legend(loc="outside lower center", ncols=2)
        return _svg(figure, name, alt)


def forest(name: str, title: str, alt: str, rows: Sequence[Forest], controls: Sequence[str], x_label: str) -> str:
    """Ours with its interval and the controls as points, one line a task.

    Args:
        controls: all that any chart of the page shows, so that each looks the same in every one.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(4.1, 1.25 + 0.27 * len(rows)), layout="constrained")
        for place, control in enumerate(controls):
            points = [(row.controls[control], y) for y, row in enumerate(rows) if control in row.controls]
            if not points:
                continue
            colour, marker = SERIES[1 + place % 3], "D^sv"[place % 4]
            axes.plot(*zip(*points, strict=True), marker, color=colour, markersize=4.5, label=control)
        axes.hlines(range(len(rows)), [row.low for row in rows], [row.high for row in rows], color=SERIES[0], linewidth=2)
        axes.plot(
            [row.value for row in rows], range(len(rows)), "o", color=SERIES[0], markersize=6, label="ours, 95 % interval"
        )
        axes.set_yticks(range(len(rows)), [row.label for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set(title=title, xlabel=x_label)
        _legend(figure, axes)
        return _svg(figure, name, alt)


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside lower center", ncols=2)


def _svg(figure: Figure, name: str, alt: str) -> str:
    """The figure for the page: no prologue, ids of its own, the page's font and colours."""
    text = StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    plt.close(figure)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->\n?\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"font: ((?:bold )?[\d.]+px) [^;\"]*", r"font: \1 var(--font)", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    svg = re.sub(
        r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', rf'<svg viewBox="\1" role="img" aria-label="{escape(alt)}">', svg, count=1
    )
    return svg

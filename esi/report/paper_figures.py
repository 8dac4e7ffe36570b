"""The paper's Figures 4 to 7 with the points of this run and of kept experiments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import mean

from esi.evaluate.models.registry import RANDOM
from esi.report.asked import TITLES, Asked
from esi.report.charts import Drawing, Series, bars, lines
from esi.report.inputs import Line, number
from esi.report.ours import Ours
from esi.report.runs import Run, kept_names, mean_and_spread, repeats
from esi.report.variation import PAIRS, SHUFFLED, Variation

NO_NUMBERS = "The paper shows this as a picture and prints no numbers; the points are this run's."
POINTS = "Hollow points are of them alone; several seeds are mean ± standard deviation."
PAIRS_LABEL = "pretraining pairs (0: random encoder)"
WITH_PAIRS = "dvc exp run --queue -n pairs -S pairs.limit=250,500,1000,2000"
WITH_SHUFFLED = "dvc exp run --queue -n shuffled -S pairs.shuffled=0.0,0.25,0.5,0.75,1.0"


@dataclass(frozen=True)
class Point:
    """A figure in a drawing; hollow where it is of kept experiments alone."""

    x: float
    y: float
    low: float | None
    high: float | None
    names: tuple[str, ...]
    hollow: bool


def draw_figures(ours: Ours) -> list[Drawing]:
    """Figures 4, 5, 6 and 7."""
    return [_figure4(ours, "auc"), _figure4(ours, "accuracy"), _figure5(ours), _figure6(ours), _figure7(ours)]


def _best(table: list[Line], setting: str, key: str, only: str = "") -> float | None:
    """The figure of one of a setting's methods, or the best of those that are not ESI."""
    chosen = [line for line in table if line["setting"] == setting]
    chosen = [line for line in chosen if (line["method"] == only if only else not line["method"].startswith("ESI"))]
    return max((value for line in chosen if (value := number(line, key)) is not None), default=None)


def _figure4(ours: Ours, key: str) -> Drawing:
    """Best supervised, best of other pretrained methods and ESI, all fine-tuned; ours where it was run."""
    diagnosis, identification = ours.inputs.table("table2"), ours.inputs.table("table4")
    groups = [f"identification\n{title}" for title in TITLES.values()]
    series: dict[str, list[float | None]] = {}
    for label, setting, only in (
        ("paper: best supervised", "supervised", ""),
        ("paper: best other pretraining", "fine_tune", ""),
        ("paper: ESI, fine-tuned", "fine_tune", "ESI"),
    ):
        series[label] = [_best(identification, setting, f"{dataset}_{key}", only) for dataset in TITLES]
        if key == "auc":
            series[label] = [_best(diagnosis, setting, dataset, only) for dataset in TITLES] + series[label]
    asked = [Asked("identification", dataset, key, method="fine_tune") for dataset in TITLES]
    if key == "auc":
        groups = [f"diagnosis\n{title}" for title in TITLES.values()] + groups
        asked = [Asked("fine_tune", dataset) for dataset in TITLES] + asked
    mine = [number(item.line(ours.inputs), item.key) for item in asked]
    series["this run, fine-tuned"] = mine
    title = f"Figure 4. {'AUC' if key == 'auc' else 'Accuracy'}"
    alt = "; ".join(
        f"{label}: "
        + ", ".join(
            f"{group.replace(chr(10), ' ')} {value if value is not None else 'not run'}"
            for group, value in zip(groups, row, strict=True)
        )
        for label, row in series.items()
    )
    return Drawing(
        title, bars(f"fig4-{key}", title, alt, groups, series, key), "The paper's bars are figures of its Tables 2 and 4."
    )


def _points(ours: Ours, varied: Variation, asked: Asked, x_of: Callable[[Run], float | None]) -> list[Point]:
    """A figure of this run and of the kept experiments that may stand beside it, from left to right."""
    points, key = [], asked.key
    for group in repeats(ours.runs, varied, asked):
        x, names = x_of(group[0].run), kept_names(group)
        if x is None:
            continue
        if len(group) > 1:
            average, spread = mean_and_spread(group, key)
            points.append(Point(x, average, average - spread, average + spread, names, len(names) == len(group)))
        else:
            value, low, high = (number(group[0].line, name) for name in (key, f"{key}_low", f"{key}_high"))
            points.append(Point(x, value or 0.0, low, high, names, bool(names)))
    return sorted(points, key=lambda point: (point.x, point.names))


def _series(label: str, points: list[Point], colour: int) -> Series:
    """Points with a line through them; hollow where none of their runs is the present one."""
    low, high = ([getattr(point, side) for point in points] for side in ("low", "high"))
    known = None not in low and None not in high
    return Series(
        label,
        [point.x for point in points],
        [point.y for point in points],
        low if known else (),
        high if known else (),
        "o-" if len(points) > 1 else "o",
        colour,
        [point.hollow for point in points],
    )


def _pretraining_pairs(run: Run) -> float | None:
    return run.source.numbers("pairs").get("train")


def _figure5(ours: Ours) -> Drawing:
    series, shown = [], []
    for place, (dataset, name) in enumerate(TITLES.items()):
        points = _points(ours, PAIRS, Asked("linear_probe", dataset), _pretraining_pairs)
        shown += points
        line = Asked("linear_probe", dataset, model=RANDOM).line(ours.inputs)
        y, low, high = (number(line, key) for key in ("auroc", "auroc_low", "auroc_high"))
        at_zero = [] if y is None else [Point(0.0, y, low, high, (), False)]
        if points:
            series.append(_series(name, at_zero + points, place))
    return _drawing("fig5", "Figure 5. Pretraining pairs", series, shown, PAIRS_LABEL, "linear probe AUROC", WITH_PAIRS)


def _figure6(ours: Ours) -> Drawing:
    series, shown = [], []
    for place, (dataset, name) in enumerate(TITLES.items()):
        points = _points(ours, PAIRS, Asked("distribution", dataset, "mmd2"), _pretraining_pairs)
        shown += points
        seeds = [line for line in ours.inputs.details("distribution", dataset) if line["model"] == RANDOM]
        untrained = [value for line in seeds if line["space"] == "pooled" and (value := number(line, "mmd2")) is not None]
        at_zero = [Point(0.0, mean(untrained), None, None, (), False)] if untrained else []
        if at_zero + points:
            series.append(_series(name, at_zero + points, place))
    title = "Figure 6. Distance to the pretraining ECGs"
    return _drawing("fig6", title, series, shown, PAIRS_LABEL, "MMD², pooled features", WITH_PAIRS)


def _figure7(ours: Ours) -> Drawing:
    series, shown = [], []
    for place, (dataset, name) in enumerate(TITLES.items()):
        probe = Asked("linear_probe", dataset)
        points = _points(ours, SHUFFLED, probe, lambda run: run.settings["pairs.shuffled"] * 100)
        shown += points
        if points:
            series.append(_series(name, points, place))
        untrained = number(Asked("linear_probe", dataset, model=RANDOM).line(ours.inputs), "auroc")
        if untrained is not None:
            series.append(Series(f"{name}, random encoder", [0, 100], [untrained] * 2, style="--", colour=place))
    label = "pairs with another pair's text, %"
    return _drawing("fig7", "Figure 7. Shuffled texts", series, shown, label, "linear probe AUROC", WITH_SHUFFLED)


def _drawing(
    name: str, title: str, series: list[Series], shown: list[Point], x_label: str, y_label: str, command: str
) -> Drawing:
    names = tuple(sorted({name for point in shown for name in point.names}))
    kept = f" Kept experiments: {', '.join(names)}. {POINTS}" if names else ""
    svg = ""
    if series:
        alt = "; ".join(
            f"{item.label}: " + ", ".join(f"{y:.3f} at {x:g}" for x, y in zip(item.x, item.y, strict=True))
            for item in series
        )
        svg = lines(name, title, f"{title}. {alt}", series, x_label, y_label)
    return Drawing(title, svg, NO_NUMBERS + kept, command, names)

"""The paper's Figures 4 to 7, with what this run has for them."""

from __future__ import annotations

from esi.report.charts import Drawing, Series, bars, lines
from esi.report.inputs import Line, number, where
from esi.report.ours import TASKS, TITLES, Ours
from esi.report.summary import full_labels

NO_NUMBERS = "The paper shows this as a picture and prints no numbers; the points are this run's."


def figures(ours: Ours) -> list[Drawing]:
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
    mine = []
    for dataset in TITLES:
        details = ours.inputs.details("identification", dataset)
        mine.append(number(where(details, protocol="strip", method="fine_tune", model="esi"), key))
    if key == "auc":
        groups = [f"diagnosis\n{title}" for title in TITLES.values()] + groups
        mine = [
            number(full_labels(ours.inputs.details("fine_tune", task), "esi"), "auroc") for task in TASKS.values()
        ] + mine
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


def _against_random(ours: Ours, protocol: str, key: str, x: tuple[float, float]) -> list[Series]:
    """A figure of each of the paper's two tasks at the random encoder's place and at this run's."""
    found = []
    for dataset, task in TASKS.items():
        details = ours.inputs.details(protocol, task)
        ends = [full_labels(details, "random"), full_labels(details, "esi")]
        points = [(at, line) for at, line in zip(x, ends, strict=True) if number(line, key) is not None]
        if points:
            low, high = ([number(line, f"{key}_{side}") or 0.0 for _, line in points] for side in ("low", "high"))
            found.append(
                Series(
                    TITLES[dataset],
                    [at for at, _ in points],
                    [number(line, key) or 0.0 for _, line in points],
                    low,
                    high,
                    "o",
                )
            )
    return found


def _figure5(ours: Ours) -> Drawing:
    title = "Figure 5. Pretraining pairs"
    command = "dvc exp run --queue -n pairs -S pairs.limit=250,500,1000,2000"
    n = ours.inputs.numbers("pairs").get("train")
    series = _against_random(ours, "linear_probe", "auroc", (0.0, float(n or 0))) if n else []
    return Drawing(
        title,
        _drawn("fig5", title, series, "pretraining pairs (0: random encoder)", "linear probe AUROC"),
        NO_NUMBERS,
        command,
    )


def _figure6(ours: Ours) -> Drawing:
    title = "Figure 6. Distance to the pretraining ECGs"
    command = "dvc exp run --queue -n pairs -S pairs.limit=250,500,1000,2000"
    n = ours.inputs.numbers("pairs").get("train")
    series = []
    for dataset, name in TITLES.items():
        found = ours.inputs.details("distribution", dataset)
        known = []
        for at, model in ((0, "random"), (n, "esi")):
            values = [number(line, "mmd2") for line in found if line["model"] == model and line["space"] == "pooled"]
            known += [(float(at), value) for value in values if at is not None and value is not None]
        if known:
            series.append(Series(name, [at for at, _ in known], [value for _, value in known], style="o"))
    return Drawing(
        title,
        _drawn("fig6", title, series, "pretraining pairs (0: random encoder)", "MMD², pooled features"),
        NO_NUMBERS,
        command,
    )


def _figure7(ours: Ours) -> Drawing:
    title = "Figure 7. Shuffled texts"
    command = "dvc exp run --queue -n shuffled -S pairs.shuffled=0.0,0.25,0.5,0.75,1.0"
    share = ours.params.pairs.shuffled
    series = []
    for place, item in enumerate(_against_random(ours, "linear_probe", "auroc", (-1.0, share))):
        if item.x[-1] == share:
            series.append(Series(item.label, [share * 100], item.y[-1:], item.low[-1:], item.high[-1:], "o", place))
        if item.x[0] == -1.0:
            series.append(Series(f"{item.label}, random encoder", [0, 100], [item.y[0]] * 2, style="--", colour=place))
    return Drawing(
        title, _drawn("fig7", title, series, "pairs with another pair's text, %", "linear probe AUROC"), NO_NUMBERS, command
    )


def _drawn(name: str, title: str, series: list[Series], x_label: str, y_label: str) -> str:
    if not series:
        return ""
    alt = f"{title}. " + "; ".join(
        f"{item.label}: " + ", ".join(f"{y:.3f} at {x:g}" for x, y in zip(item.x, item.y, strict=True)) for item in series
    )
    return lines(name, title, alt, series, x_label, y_label)

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from esi.evaluate import plots


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that were drawn, whose axes say what a reader sees."""
    found: list[Figure] = []
    save = plots._save

    def saved(figure: Figure, path: Path, title: str) -> None:
        found.append(figure)
        save(figure, path, title)

    monkeypatch.setattr(plots, "_save", saved)
    return found


def scored(classes: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    labels = random.random((n, classes)) < 0.3
    return labels, random.normal(size=(n, classes)) + 2 * labels


def test_few_classes_are_named_and_many_are_not(tmp_path: Path, kept: list[Figure]) -> None:
    for many, entries in ((5, 6), (71, 2)):
        labels, scores = scored(many)
        plots.draw_roc(tmp_path / "roc.png", "title", labels, scores, [f"c{k}" for k in range(many)])
        legend = kept[-1].axes[0].get_legend()
        assert legend is not None
        assert len(legend.get_texts()) == entries
        assert len(kept[-1].axes[0].get_lines()) >= many + 2


def test_the_mean_curve_has_the_mean_area(tmp_path: Path, kept: list[Figure]) -> None:
    labels, scores = scored(3)
    plots.draw_roc(tmp_path / "roc.png", "title", labels, scores, ["a", "b", "c"])
    lines = {line.get_label(): np.asarray(line.get_xydata()) for line in kept[0].axes[0].get_lines()}
    areas = {name: np.trapezoid(line[:, 1], line[:, 0]) for name, line in lines.items()}
    assert areas["mean of 3 classes"] == pytest.approx(np.mean([areas[name] for name in "abc"]), abs=2e-3)


def test_reliability_shows_frequency_and_number_of_each_bin(tmp_path: Path, kept: list[Figure]) -> None:
    probability = np.r_[np.full(40, 0.1), np.full(10, 0.9)]
    labels = np.r_[np.arange(40) < 8, np.arange(10) < 5]
    plots.draw_reliability(tmp_path / "reliability.png", "title", labels[:, None], probability[:, None])
    points = np.asarray(kept[0].axes[0].get_lines()[1].get_xydata())
    np.testing.assert_allclose(points, [[0.1, 0.2], [0.9, 0.5]])
    assert [text.get_text() for text in kept[0].axes[1].texts] == ["40", "10"]


def test_pictures_have_the_same_bytes_and_leave_no_figure_open(tmp_path: Path) -> None:
    labels, scores = scored(4)
    for name in ("one.png", "two.png"):
        plots.draw_roc(tmp_path / name, "title", labels, scores, list("abcd"))
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()
    assert matplotlib.image.imread(tmp_path / "one.png").shape[:2] == (693, 660)
    assert not plt.get_fignums()

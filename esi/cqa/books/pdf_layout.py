"""A PDF page -> its lines of text in reading order: column by column, top to bottom.

pypdf's plain text follows the order in which the file draws; a file that draws two columns row by row comes out as one
muddled column. Its layout mode knows where each run of text begins and ends, in no documented function: pypdf is pinned,
and a page whose runs miss text (drawn inside a form) is read in the plain order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from pypdf import PageObject
from pypdf._text_extraction._layout_mode import text_show_operations
from pypdf.generic import ContentStream

WIDE_GAP = re.compile(r" {4,}")  # within one run of text: the writer went on to the next column
CROSSING = 0.2  # of a page's lines at most that may run across the gutter (titles, captions, tables)
GUTTER = 3.0  # points between two columns, at least
COLUMN_LINES = 3  # a column has at least so many lines ...
COLUMN_SHARE = 0.15  # ... and this share of the page's characters
PLAIN_SHARE = 0.9  # of the letters that the plain order finds, which the runs must have
_TURNED = {0: (1, 0, 0, 1, 0, 0), 90: (0, -1, 1, 0, 0, 0), 180: (-1, 0, 0, -1, 0, 0), 270: (0, 1, -1, 0, 0, 0)}  # matrices


@dataclass(frozen=True)
class Line:
    """One line of one column. Points (1/72 inch): x from the page's leftmost text, y and size of the letters upwards."""

    left: float
    right: float
    y: float
    size: float
    text: str


def page_lines(page: PageObject) -> list[Line]:
    """The lines of a page in reading order; [] for a page without text.

    The page is read as it is shown (/Rotate). Where that finds less than the plain order does, what stands upright when the
    page is turned follows below it; text that stands askew is left out.
    """
    plain = page.extract_text()
    if not plain.strip():
        return []
    shown = page.rotation % 360
    lines: list[Line] = []
    for rotation in sorted(_TURNED, key=lambda rotation: rotation != shown):
        turned = _ordered([run for run in _runs(page, rotation) if run.text])
        if turned:
            below = min((line.y for line in lines), default=0.0) - max(line.y for line in turned) - 2 * turned[0].size
            lines += [replace(line, y=line.y + below) for line in turned] if lines else turned
        if enough := _letters("".join(line.text for line in lines)) >= PLAIN_SHARE * _letters(plain):
            break
    if not enough:
        texts = [" ".join(line.split()) for line in plain.splitlines() if line.strip()]
        return [Line(0, 0, -number, 0, text) for number, text in enumerate(texts)]  # places unknown, but their order
    return lines


def _letters(text: str) -> int:
    return sum(character.isalnum() for character in text)


def _runs(page: PageObject, rotation: int) -> list[Line]:
    """The runs of text that stand upright when the page is turned clockwise by so many degrees."""
    contents = page.get_contents()
    if contents is None:
        return []
    drawn = ContentStream(contents, page.pdf, "bytes").operations
    turn = [([], b"q"), (list(_TURNED[rotation]), b"cm")] if rotation else []
    operations = iter([*turn, *drawn, *([([], b"Q")] if turn else [])])
    runs = []
    for group in text_show_operations(operations, page._layout_mode_fonts(), True, None):
        text, left, width = group["text"], group["tx"], group["displaced_tx"] - group["tx"]
        ends = [match.span() for match in WIDE_GAP.finditer(text.strip())]
        text = text.strip()
        starts = [0, *(end for _, end in ends)]
        for start, stop in zip(starts, [*(begin for begin, _ in ends), len(text)], strict=True):
            # A blank is narrower than a letter: by this share the gap comes out wider than it is, never narrower.
            x0, x1 = left + width * start / max(len(text), 1), left + width * stop / max(len(text), 1)
            runs.append(
                Line(x0, x1, group["ty"] * group["flip_sort"], group["font_height"], " ".join(text[start:stop].split()))
            )
    return runs


def _ordered(runs: Sequence[Line]) -> list[Line]:
    """Lines column by column. What runs across a gutter (a title) divides the columns above it from those below."""
    gutter = _gutter(runs)
    if gutter is None:
        return _joined(runs)
    ordered: list[Line] = []
    sides: tuple[list[Line], list[Line]] = ([], [])

    def close() -> None:
        for side in sides:
            ordered.extend(_ordered(side) if side else [])
            side.clear()

    for run in sorted(runs, key=lambda run: (-run.y, run.left)):
        if run.left < gutter < run.right:
            close()
            ordered.append(run)
        else:
            sides[run.left >= gutter].append(run)
    close()
    return ordered


def _gutter(runs: Sequence[Line]) -> float | None:
    """Where a blank strip divides two columns (the middle of it), or None: the fewest lines cross it."""
    candidates = sorted({run.left for run in runs} | {run.right for run in runs})
    characters = sum(len(run.text) for run in runs)
    best: tuple[int, float, float] | None = None
    for before, after in pairwise(candidates):
        if after - before < GUTTER:
            continue
        middle = (before + after) / 2
        crossing = [run for run in runs if run.left < middle < run.right]
        left = [run for run in runs if run.right <= middle]
        right = [run for run in runs if run.left >= middle]
        if len(crossing) > CROSSING * len(runs) or not _is_column(left, characters) or not _is_column(right, characters):
            continue
        found = (len(crossing), before - after, middle)  # then the widest strip
        best = min(best, found) if best else found
    return best[2] if best else None


def _is_column(runs: Sequence[Line], characters: int) -> bool:
    lines = {round(run.y / max(run.size, 1)) for run in runs}
    return len(lines) >= COLUMN_LINES and sum(len(run.text) for run in runs) >= COLUMN_SHARE * characters


def _joined(runs: Sequence[Line]) -> list[Line]:
    """Runs of one height become one line: a bold word, a subscript. Between them a blank where there is a gap."""
    lines: list[list[Line]] = []
    for run in sorted(runs, key=lambda run: (-run.y, run.left)):
        if lines and abs(lines[-1][0].y - run.y) < 0.4 * max(run.size, lines[-1][0].size):
            lines[-1].append(run)
        else:
            lines.append([run])
    return [_one_line(sorted(line, key=lambda run: run.left)) for line in lines]


def _one_line(runs: Sequence[Line]) -> Line:
    text = runs[0].text
    for before, run in pairwise(runs):
        text += (" " if run.left - before.right > 0.12 * run.size else "") + run.text
    widest = max(runs, key=lambda run: len(run.text))
    return Line(runs[0].left, runs[-1].right, widest.y, widest.size, text)

"""A picture of every SCP statement as the simulator draws it, for docs/simulator.md.

    python -m benchmarks.simulate_plots

Standard 12-lead print (esi.report.ecg_drawing): 25 mm/s, 10 mm/mV, three rows of four leads and lead II below. The record
has no noise, so that the criterion can be read off, and is the third clearest of ten. The same code gives the same bytes.

Legend: T samples.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from tqdm import tqdm

from esi.ecg.leads import LEADS, RATE
from esi.ecg.reference import scp_statements
from esi.files import replacing
from esi.report.ecg_drawing import RHYTHM, ROWS
from esi.simulate.conditions.catalogue import CONDITIONS, INDEX, RHYTHMS
from esi.simulate.heart.subjects import draw_subjects
from esi.simulate.record.draw import GroundTruth, draw_records

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "simulator"
SUBJECTS = 10
SEED = 0
PIXELS_PER_MM = 4
COLOURS = 24  # of the palette: half the bytes of 256, and nobody sees it
MM_PER_S, MM_PER_MV = 25, 10
HIGHEST_MV = 2.2  # what 10 mm/mV holds without running into the rows beside; above it 5 mm/mV, as carts do
LEFT_MM, RIGHT_MM, TOP_MM, ROW_MM = 10, 2, 8, 28
WIDTH_MM, HEIGHT_MM = LEFT_MM + 10 * MM_PER_S + RIGHT_MM, TOP_MM + 4 * ROW_MM
INK, PAPER, FINE, COARSE = "#1a1a1a", "#fffafa", "#fae3e3", "#f0c0c0"


def condition_of(code: str) -> str | None:
    """The condition that draws an SCP statement: the one of its name, else the first that brings it; None: there is
    none. NORM is sinus rhythm with nothing else.
    """
    if code == "NORM":
        return "SR"
    if code in INDEX:
        return code
    return next((row.name for row in CONDITIONS if row.scp == code), None)


def file_name(code: str) -> str:
    """Of a statement's picture: LAO/LAE is in LAO-LAE.png, PRC(S) in PRC-S.png."""
    return f"{code.replace('/', '-').replace('(', '-').replace(')', '')}.png"


def example(condition: str) -> tuple[np.ndarray, GroundTruth]:
    """One record that shows a condition, and its rhythm alone besides: millivolts [12, T] without noise."""
    rng = np.random.default_rng([SEED, *condition.encode()])
    subjects = draw_subjects(rng, SUBJECTS, "ptbxl")
    present = np.zeros((SUBJECTS, len(CONDITIONS)), bool)
    present[:, INDEX[condition]] = True
    if condition not in RHYTHMS:
        present[:, INDEX["SR"]] = True
    drawn = draw_records(rng, subjects, present)
    row = int(np.argsort(subjects.shape[:, INDEX[condition], 0])[-3])
    return drawn.clean_mV[row], drawn.truth[row]


def picture(title: str, signal_mV: np.ndarray) -> bytes:
    """The PNG of a record [12, T] at 500 Hz."""
    centred_mV = signal_mV - np.median(signal_mV, axis=1, keepdims=True)
    mm_per_mV = MM_PER_MV if np.abs(centred_mV).max() <= HIGHEST_MV else MM_PER_MV / 2
    with mpl.rc_context({"font.family": "DejaVu Sans", "font.size": 7.5}):
        figure = Figure(figsize=(WIDTH_MM / 25.4, HEIGHT_MM / 25.4), facecolor=PAPER)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH_MM), ylim=(HEIGHT_MM, 0))
        axes.axis("off")
        for step, colour, width in ((1, FINE, 0.4), (5, COARSE, 0.6)):
            axes.vlines(np.arange(0, WIDTH_MM, step), 0, HEIGHT_MM, colors=colour, linewidth=width)
            axes.hlines(np.arange(0, HEIGHT_MM, step), 0, WIDTH_MM, colors=colour, linewidth=width)
        axes.text(2, 5, title, color=INK, fontsize=9)
        scale = f"{MM_PER_S} mm/s, {mm_per_mV:g} mm/mV"
        axes.text(WIDTH_MM - RIGHT_MM, HEIGHT_MM - 2, scale, color=INK, horizontalalignment="right")
        for place, leads in enumerate((*ROWS, (RHYTHM,))):
            zero = TOP_MM + ROW_MM * (place + 0.55)
            axes.plot([2, 3, 3, 8, 8, 9], zero - mm_per_mV * np.array([0, 0, 1, 1, 0, 0]), color=INK, linewidth=0.8)
            samples = signal_mV.shape[1] // len(leads)
            for column, lead in enumerate(leads):
                trace_T = centred_mV[LEADS.index(lead), column * samples : (column + 1) * samples]
                left = LEFT_MM + column * samples / RATE * MM_PER_S
                x_T = left + np.arange(samples) / RATE * MM_PER_S
                axes.plot(x_T, zero - mm_per_mV * trace_T, color=INK, linewidth=0.8)
                axes.text(left + 1, zero - 8.5, lead, color=INK, weight="bold")
        canvas = FigureCanvasAgg(figure)
        figure.set_dpi(25.4 * PIXELS_PER_MM)
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    content = io.BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(content, "png", optimize=True)
    return content.getvalue()


def title_of(code: str, truth: GroundTruth) -> str:
    """Statement and the intervals that were drawn, as a cart prints them."""
    pr = "-" if truth.pr_ms is None else f"{truth.pr_ms:.0f}"
    measured = (
        f"{truth.rate:.0f}/min   PR {pr}   QRS {truth.qrs_ms:.0f}   QT {truth.qt_ms:.0f} ms   axis {truth.axis_deg:.0f}°"
    )
    return f"{code}   {scp_statements()[code].description}      {measured}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulate_plots", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder that receives a PNG a statement")
    parser.add_argument("--codes", nargs="+", choices=list(scp_statements()), metavar="CODE", help="only these statements")
    arguments = parser.parse_args()
    undrawn = []
    for code in tqdm(arguments.codes or scp_statements(), desc="draw", unit="picture"):
        condition = condition_of(code)
        if condition is None:
            undrawn.append(code)
            continue
        signal_mV, truth = example(condition)
        with replacing(arguments.out / file_name(code)) as temporary:
            temporary.write_bytes(picture(title_of(code, truth), signal_mV))
    if undrawn:
        print(f"no condition draws {', '.join(undrawn)}")


if __name__ == "__main__":
    main()

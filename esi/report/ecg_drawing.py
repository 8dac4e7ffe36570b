"""A 12-lead ECG as it is printed: three rows of four leads, 2.5 s each, and lead II below for all ten seconds.

25 mm/s and 10 mm/mV on millimetre paper, with the calibration pulse in front (Kligfield et al. 2007, Recommendations for the
standardization and interpretation of the electrocardiogram, part I).

Legend: C leads, T samples.
"""

from __future__ import annotations

from html import escape

import numpy as np

from esi.ecg.leads import LEADS, SAMPLES

# One unit is 0.05 mm: a sample's width (2 ms at 25 mm/s), and 5 uV.
UNITS_PER_MM = 20
MICROVOLTS_PER_UNIT = 5
ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
RHYTHM = "II"
ROW_MM, LEFT_MM, RIGHT_MM, TOP_MM = 30, 10, 2, 5
PULSE_MM = (5, 10)  # 0.2 s and 1 mV
WIDTH = SAMPLES + (LEFT_MM + RIGHT_MM) * UNITS_PER_MM
HEIGHT = (TOP_MM + ROW_MM * (len(ROWS) + 1)) * UNITS_PER_MM


def draw_ecg(name: str, microvolts_CT: np.ndarray, valid: int, alt: str) -> str:
    """The ECG as inline SVG, every sample of it.

    Each strip is moved by its median so that it stands in its row; it is not filtered.

    Args:
        name: of the drawing, unique on the page.
        microvolts_CT: int16 [12, 5000], leads in the order of LEADS, at 500 Hz.
        valid: samples that are signal; the rest is padding and is not drawn.
        alt: what the drawing is, for those who cannot see it.
    """
    parts = [
        f'<svg class="ecg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(alt)}">',
        f'<defs><pattern id="{name}-mm" width="20" height="20" patternUnits="userSpaceOnUse">'
        '<path class="mm" d="M20 0H0V20"/></pattern>',
        f'<pattern id="{name}-cm" width="100" height="100" patternUnits="userSpaceOnUse">'
        f'<rect width="100" height="100" fill="url(#{name}-mm)"/><path class="cm" d="M100 0H0V100"/></pattern></defs>',
        f'<rect class="paper" width="{WIDTH}" height="{HEIGHT}"/>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="url(#{name}-cm)"/>',
    ]
    for place, leads in enumerate((*ROWS, (RHYTHM,))):
        baseline = int((TOP_MM + ROW_MM * (place + 0.5)) * UNITS_PER_MM)
        parts.append(_pulse(baseline))
        samples = SAMPLES // len(leads)
        for column, lead in enumerate(leads):
            start, end = column * samples, min((column + 1) * samples, valid)
            x = LEFT_MM * UNITS_PER_MM + start
            parts.append(f'<text x="{x + 20}" y="{baseline - 210}">{lead}</text>')
            if column:
                parts.append(f'<path class="border" d="M{x} {baseline - 100}v60M{x} {baseline + 40}v60"/>')
            if end > start:
                parts.append(_trace(x, baseline, microvolts_CT[LEADS.index(lead), start:end]))
    parts.append(f'<text class="scale" x="{WIDTH - 20}" y="{HEIGHT - 24}">25 mm/s, 10 mm/mV</text></svg>')
    return "".join(parts)


def _pulse(baseline: int) -> str:
    width, height = (mm * UNITS_PER_MM for mm in PULSE_MM)
    return f'<path class="trace" d="M40 {baseline}h20v-{height}h{width}v{height}h20"/>'


def _trace(x: int, baseline: int, microvolts_T: np.ndarray) -> str:
    y_T = baseline - np.rint((microvolts_T - np.median(microvolts_T)) / MICROVOLTS_PER_UNIT).astype(int)
    steps = " ".join(f"1 {step}" for step in np.diff(y_T))
    return f'<path class="trace" d="M{x} {y_T[0]}l{steps}"/>'

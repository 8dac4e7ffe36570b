"""The control that learns nothing: the median beat of the probe beside that of the gallery.

Legend: P probes, G subjects in the gallery, C leads, W samples of a beat.
"""

from __future__ import annotations

import numpy as np

from esi.evaluate.identify.scores import cosine

SHIFT_S = 0.03  # the two beats are moved against each other by up to this much
STEP_S = 0.01


def template_scores(probes_PCW: np.ndarray, gallery_GCW: np.ndarray, rate: int) -> np.ndarray:
    """The largest normalised correlation [P, G] of two median beats, all leads at once, over shifts of +-30 ms.

    Args:
        probes_PCW, gallery_GCW: of `controls.beats.median_beats`; a beat of zeros (none was found) is like no one.
        rate: samples a second.
    """
    most = round(SHIFT_S * rate)
    step = max(1, round(STEP_S * rate))
    width = probes_PCW.shape[-1] - 2 * most
    probes_PD = _centred(probes_PCW[..., most : most + width])
    scores_PG = np.full((len(probes_PCW), len(gallery_GCW)), -1.0, np.float32)
    for start in range(most % step, 2 * most + 1, step):
        np.maximum(scores_PG, cosine(probes_PD, _centred(gallery_GCW[..., start : start + width])), out=scores_PG)
    return scores_PG


def _centred(beats_NCW: np.ndarray) -> np.ndarray:
    """[N, C x W], each lead about its mean: what is left of baseline wander is no feature of a person."""
    return (beats_NCW - beats_NCW.mean(axis=-1, keepdims=True)).reshape(len(beats_NCW), -1)

"""The beats of a record: the subject's healthy one, shaped by one rule for each of its conditions, and its extra beats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from esi.ecg.simulate import depolarisation, repolarisation
from esi.ecg.simulate.beat import QRS, STT, Beats, Event, X, Y, healthy, rotate
from esi.ecg.simulate.conditions import INDEX
from esi.ecg.simulate.depolarisation import Rule
from esi.ecg.simulate.subjects import Subjects

Bools = NDArray[np.bool_]


def sinus_beats(subjects: Subjects, present: Bools) -> Beats:
    """The conducted beat of each record, before `beat.calibrate`: the subject's own, shaped by the conditions [N, C]."""
    beats = healthy(len(subjects))
    beats.vector *= subjects.event_gain
    beats.time += subjects.event_shift
    beats.vector[:, : Event.ST_EARLY] = rotate(beats.vector[:, : Event.ST_EARLY], subjects.angles)
    beats.vector[:, STT] = rotate(beats.vector[:, STT], 0.5 * subjects.angles + subjects.t_angles)  # T turns less than QRS
    beats.vector[:, QRS] *= subjects.gain[:, None, None]
    beats.vector[:, STT] *= subjects.t_gain[:, None, None]
    beats.vector[:, : Event.SCAR] *= subjects.p_gain[:, None, None]
    beats.qrs_ms, beats.pr_ms, beats.qtc_ms = subjects.qrs_ms.copy(), subjects.pr_ms.copy(), subjects.qtc_ms.copy()
    for finding, rule in RULES.items():
        rows = np.flatnonzero(present[:, INDEX[finding]])
        if len(rows):
            rule(beats, rows, subjects.shape[rows, INDEX[finding]])
    return beats


def ventricular_beats(subjects: Subjects) -> Beats:
    """A ventricular ectopic beat of each subject: wide, of one of four origins, with ST and T against QRS, without P."""
    u = subjects.shape[:, INDEX["PVC"]]
    beats = healthy(len(subjects))
    beats.vector[:] = 0
    origins = np.array([(0.75, 0.9, 0.55), (0.9, -0.7, 0.5), (-0.6, 0.9, -0.75), (-0.5, -0.8, -0.85)])
    direction = origins[np.minimum((4 * u[:, 1]).astype(int), 3)] * (1.1 + 0.7 * u[:, 0])[:, None]
    turned = rotate(direction, np.stack([50 * u[:, 2] - 25, 50 * u[:, 3] - 25, np.zeros(len(u))], 1))
    beats.vector[:, Event.MAIN] = 0.85 * turned
    beats.vector[:, Event.POSTERIOR] = 0.55 * turned + np.array([0.0, 0.0, 0.15])
    beats.vector[:, Event.TERMINAL] = -0.25 * turned
    beats.time[:, [Event.MAIN, Event.POSTERIOR, Event.TERMINAL]] = (50, 85, 125)
    beats.rise[:, [Event.MAIN, Event.POSTERIOR, Event.TERMINAL]] = (17, 17, 14)
    beats.fall[:] = beats.rise
    beats.vector[:, Event.ST_EARLY] = -0.10 * turned
    beats.vector[:, Event.ST_LATE] = -0.16 * turned
    beats.vector[:, Event.T] = -0.40 * turned
    beats.qrs_ms[:] = 132 + 34 * u[:, 3]
    beats.qtc_ms[:] = subjects.qtc_ms + 45
    beats.sokolow_mV[:] = np.nan
    return beats


def atrial_beats(conducted: Beats, subjects: Subjects) -> Beats:
    """A premature atrial beat of each record: its QRS is the conducted one, its P comes from elsewhere in the atria."""
    u = subjects.shape[:, INDEX["PAC"]]
    beats = conducted.copy()
    beats.vector[:, Event.P_RIGHT, Y] *= 1.2 - 2.4 * u[:, 1]
    beats.vector[:, Event.P_LEFT, Y] *= 1.0 - 2.2 * u[:, 1]
    beats.vector[:, Event.P_LEFT, X] *= 1.2 - 1.6 * u[:, 2]
    beats.time[:, [Event.P_RIGHT, Event.P_LEFT]] += (25 * u[:, 3])[:, None]
    return beats


# In the order in which they act on the dipole: what an infarct took away is what a block then delays.
RULES: dict[str, Rule] = {
    "1AVB": depolarisation.first_degree_block,
    "LPR": depolarisation.long_pr,
    "LAE": depolarisation.left_atrium,
    "LVH": depolarisation.left_hypertrophy,
    "LVOLT": depolarisation.low_voltage,
    "IMI": depolarisation.inferior_infarct,
    "ASMI": depolarisation.anteroseptal_infarct,
    "AMI": depolarisation.anterior_infarct,
    "LMI": depolarisation.lateral_infarct,
    "LAFB": depolarisation.left_anterior_block,
    "IRBBB": depolarisation.incomplete_right_block,
    "CRBBB": depolarisation.right_bundle_block,
    "CLBBB": depolarisation.left_bundle_block,
    "STRAIN": repolarisation.strain,
    "ISC": repolarisation.diffuse_ischaemia,
    "ISCAL": repolarisation.anterolateral_ischaemia,
    "ISCIN": repolarisation.inferior_ischaemia,
    "NST": repolarisation.unspecific_st,
    "TINV": repolarisation.anterior_t_inversion,
    "TLOW": repolarisation.low_t,
    "NDT": repolarisation.undiagnostic_t,
    "STE": repolarisation.st_elevation,
    "LNGQT": repolarisation.long_qt,
}

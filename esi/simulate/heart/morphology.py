"""The beats of a record: the subject's healthy one, shaped by one rule for each of its conditions, and its extra beats."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from esi.simulate.conditions.catalogue import INDEX
from esi.simulate.heart import atria, conduction, hypertrophy, infarction, ischaemia, st_t
from esi.simulate.heart.beat import QRS, STT, Beats, Event, Z, healthy, rotate
from esi.simulate.heart.rule import Rule
from esi.simulate.heart.subjects import Subjects

Bools = NDArray[np.bool_]


def sinus_beats(subjects: Subjects, present: Bools) -> Beats:
    """The conducted beat of each record, before `beat.calibrate`: the subject's own, shaped by the conditions [N, C]."""
    beats = healthy(len(subjects))
    beats.vector = beats.vector * subjects.event_gain + subjects.event_offset
    beats.time += subjects.event_shift
    beats.rise *= subjects.event_width
    beats.fall *= subjects.event_width
    early = [Event.SEPTAL, Event.ANTERIOR]  # their direction differs less between people than that of R and S
    late = [event for event in Event if event < Event.ST_EARLY and event not in early]
    beats.vector[:, early] = rotate(beats.vector[:, early], 0.5 * subjects.angles)
    beats.vector[:, late] = rotate(beats.vector[:, late], subjects.angles)
    beats.vector[:, STT] = rotate(beats.vector[:, STT], 0.3 * subjects.angles + subjects.t_angles)  # T turns less than QRS
    beats.vector[:, QRS] *= subjects.gain[:, None, None]
    beats.vector[:, STT] *= subjects.t_gain[:, None, None]
    beats.vector[:, : Event.SCAR] *= subjects.p_gain[:, None, None]
    beats.qrs_ms, beats.pr_ms, beats.qtc_ms = subjects.qrs_ms.copy(), subjects.pr_ms.copy(), subjects.qtc_ms.copy()
    _normal_variants(beats, subjects)
    for finding, rule in RULES.items():
        rows = np.flatnonzero(present[:, INDEX[finding]])
        if len(rows):
            rule(beats, rows, subjects.shape[rows, INDEX[finding]])
    return beats


def _normal_variants(beats: Beats, subjects: Subjects) -> None:
    """What healthy hearts differ in beyond size and direction: R progression, r' in V1, a notch, the shape of T, U waves."""
    v = subjects.variant
    # Septal r is small in some and never turned into a Q; the front of the septum and the wall differ in every heart.
    beats.vector[:, Event.SEPTAL] *= 0.5 + v[:, [0]]
    beats.vector[:, Event.SEPTAL, Z] = np.minimum(beats.vector[:, Event.SEPTAL, Z], -0.08)
    beats.vector[:, Event.ANTERIOR] *= 0.45 + 1.1 * v[:, [1]]
    beats.vector[:, Event.POSTERIOR] *= 0.55 + 0.9 * v[:, [2]]
    # A crista pattern, rSr' in V1 without delay, in one heart of twelve.
    crista = np.maximum(v[:, [3]] - 0.92, 0) / 0.08
    beats.vector[:, Event.TERMINAL] = (0.3 + 0.7 * crista) * (crista > 0) * np.array([-0.08, 0.02, -0.26])
    beats.time[:, Event.TERMINAL] = 76
    beats.rise[:, Event.TERMINAL] = beats.fall[:, Event.TERMINAL] = 7
    angle = 2 * np.pi * v[:, 4]
    notch = np.stack([np.cos(angle), np.sin(angle), np.sin(2 * angle)], axis=1)
    beats.vector[:, Event.NOTCH] = 0.16 * v[:, [5]] ** 2 * notch
    beats.time[:, Event.NOTCH] = 28 + 44 * (7 * v[:, 4] % 1)
    beats.rise[:, Event.T] *= 0.8 + 0.4 * v[:, 6]
    fall = beats.fall[:, Event.T].copy()
    beats.fall[:, Event.T] *= 1.15 - 0.3 * v[:, 6]
    beats.time[:, Event.T] -= 2.2 * (beats.fall[:, Event.T] - fall)  # T ends where it did
    beats.vector[:, Event.U] = (0.4 + 1.2 * v[:, [7]]) * np.array([0.006, 0.004, -0.026])


# In the order in which they act on the dipole: what an infarct took away is what a block then delays.
RULES: dict[str, Rule] = {
    "1AVB": atria.first_degree_block,
    "LPR": atria.long_pr,
    "LAO/LAE": atria.left_atrium,
    "RAO/RAE": atria.right_atrium,
    "LVH": hypertrophy.left_hypertrophy,
    "VCLVH": hypertrophy.left_voltage,
    "SEHYP": hypertrophy.septal_hypertrophy,
    "RVH": hypertrophy.right_hypertrophy,
    "HVOLT": hypertrophy.high_voltage,
    "LVOLT": hypertrophy.low_voltage,
    "IPLMI": infarction.inferoposterolateral,
    "IPMI": infarction.inferoposterior,
    "ILMI": infarction.inferolateral,
    "ALMI": infarction.anterolateral,
    "IMI": infarction.inferior,
    "ASMI": infarction.anteroseptal,
    "AMI": infarction.anterior,
    "LMI": infarction.lateral,
    "PMI": infarction.posterior,
    "QWAVE": infarction.q_waves,
    "ABQRS": infarction.abnormal_qrs,
    "ANEUR": infarction.aneurysm,
    "WPW": conduction.preexcitation,
    "LAFB": conduction.left_anterior_block,
    "LPFB": conduction.left_posterior_block,
    "IRBBB": conduction.incomplete_right_block,
    "CRBBB": conduction.right_bundle_block,
    "ILBBB": conduction.incomplete_left_block,
    "CLBBB": conduction.left_bundle_block,
    "IVCD": conduction.slow_conduction,
    "STRAIN": ischaemia.strain,
    "ISC_": ischaemia.diffuse_ischaemia,
    "ISCAL": ischaemia.anterolateral_ischaemia,
    "ISCIL": ischaemia.inferolateral_ischaemia,
    "ISCAS": ischaemia.anteroseptal_ischaemia,
    "ISCAN": ischaemia.anterior_ischaemia,
    "ISCIN": ischaemia.inferior_ischaemia,
    "ISCLA": ischaemia.lateral_ischaemia,
    "INJAS": ischaemia.anteroseptal_injury,
    "INJAL": ischaemia.anterolateral_injury,
    "INJIN": ischaemia.inferior_injury,
    "INJLA": ischaemia.lateral_injury,
    "INJIL": ischaemia.inferolateral_injury,
    "NST_": st_t.unspecific_st,
    "STD_": st_t.st_depression,
    "NDT": st_t.undiagnostic_t,
    "NT_": st_t.unspecific_t,
    "LOWT": st_t.low_t,
    "INVT": st_t.inverted_t,
    "TAB_": st_t.diphasic_t,
    "STE_": st_t.st_elevation,
    "ERV": st_t.early_repolarisation,
    "DIG": st_t.digitalis,
    "EL": st_t.electrolytes,
    "LNGQT": st_t.long_qt,
}

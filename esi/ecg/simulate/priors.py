"""How often each condition occurs in each simulated set, by age and sex, and what occurs with what.
 PTB-XL's column follows the counts of its 21,799 records (Wagner et al., Scientific Data 2020;7:154), with conditions
under 3 % raised so that a cohort of 1,200 holds enough of each to learn from; infarcts and left ventricular hypertrophy
occur with other findings as often as in PTB-XL's `scp_codes`. Chapman's follows Zheng et al., Scientific Data 2020;7:48
(sinus bradycardia is its commonest rhythm). MIMIC's is that of an emergency hospital. CPSC2018's class counts are those
of Liu et al., J Med Imaging Health Inform 2018;8:1368.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

SetName = Literal["ptbxl", "chapman", "mimic", "icbeb"]


class Prior(NamedTuple):
    """Probabilities at 60 years; `decade` and `male` are log odds a decade of age and of men against women."""

    ptbxl: float
    chapman: float
    mimic: float
    decade: float = 0.0
    male: float = 0.0


FINDING_PRIORS: dict[str, Prior] = {
    "1AVB": Prior(0.035, 0.025, 0.05, 0.30, 0.3),
    "LPR": Prior(0.010, 0.005, 0.01, 0.20, 0.2),
    "LAE": Prior(0.022, 0.006, 0.03, 0.15, 0.0),
    "LVH": Prior(0.100, 0.070, 0.08, 0.15, 0.1),
    "LVOLT": Prior(0.020, 0.025, 0.03, 0.10, -0.3),
    "IMI": Prior(0.085, 0.030, 0.06, 0.25, 0.6),
    "ASMI": Prior(0.070, 0.025, 0.05, 0.25, 0.3),
    "AMI": Prior(0.022, 0.010, 0.02, 0.25, 0.3),
    "LMI": Prior(0.022, 0.008, 0.02, 0.25, 0.3),
    "LAFB": Prior(0.050, 0.020, 0.05, 0.35, 0.3),
    "IRBBB": Prior(0.040, 0.020, 0.02, 0.00, 0.4),
    "CRBBB": Prior(0.038, 0.035, 0.05, 0.35, 0.6),
    "CLBBB": Prior(0.050, 0.020, 0.04, 0.35, 0.0),
    "STRAIN": Prior(0.010, 0.005, 0.01, 0.15, 0.0),
    "ISC": Prior(0.018, 0.030, 0.02, 0.25, 0.0),
    "ISCAL": Prior(0.030, 0.020, 0.03, 0.25, -0.1),
    "ISCIN": Prior(0.015, 0.010, 0.01, 0.25, 0.0),
    "NST": Prior(0.030, 0.035, 0.04, 0.25, -0.4),
    "TINV": Prior(0.020, 0.035, 0.02, 0.15, 0.0),
    "TLOW": Prior(0.025, 0.030, 0.03, 0.15, -0.2),
    "NDT": Prior(0.060, 0.090, 0.06, 0.15, -0.3),
    "STE": Prior(0.008, 0.015, 0.01, -0.20, 0.5),
    "LNGQT": Prior(0.010, 0.010, 0.02, 0.10, -0.3),
}

# (given, then, log odds ratio), from the co-occurrence of PTB-XL's codes.
TOGETHER: tuple[tuple[str, str, float], ...] = (
    ("LVH", "STRAIN", 4.4),
    ("LVH", "LAE", 0.7),
    ("1AVB", "LAFB", 0.9),
    ("1AVB", "CLBBB", 1.4),
    ("IMI", "ASMI", 0.8),
    ("IMI", "LMI", 1.5),
    ("IMI", "ISCAL", 0.5),
    ("ASMI", "LAFB", 1.5),
    ("ASMI", "ISCAL", 0.7),
    ("AMI", "STE", 2.0),
    ("ASMI", "STE", 1.5),
    ("LAFB", "CRBBB", 1.5),
    ("CLBBB", "LAE", 1.0),
)


class Setting(NamedTuple):
    """The people and rhythms of one set."""

    age_mean: float
    age_sd: float
    male: float
    af_at_60: float  # probability of AF at 60 years; 0.55 log odds a decade (Go et al., JAMA 2001;285:2370)
    sinus: tuple[float, float, float]  # shares of SBRAD, STACH and SARRH among the records in sinus rhythm
    pac: float
    pvc: float
    more_records: float  # probability that a subject has one more record, after each one


SETTINGS: dict[SetName, Setting] = {
    "ptbxl": Setting(61, 17, 0.52, 0.055, (0.055, 0.055, 0.045), 0.035, 0.055, 0.15),
    "chapman": Setting(59, 18, 0.56, 0.090, (0.400, 0.160, 0.045), 0.030, 0.035, 0.0),
    "mimic": Setting(62, 17, 0.51, 0.085, (0.090, 0.150, 0.020), 0.040, 0.060, 0.62),
    "icbeb": Setting(60, 19, 0.54, 0.0, (0.040, 0.050, 0.0), 0.0, 0.0, 0.0),
}

# CPSC2018 labels nothing but its nine classes: a class, the conditions that show it (and their weights), the class's
# records.
CPSC_PRIORS: dict[str, tuple[dict[str, float], int]] = {
    "Normal": ({}, 918),
    "AF": ({"AFIB": 1.0}, 1098),
    "I-AVB": ({"1AVB": 1.0}, 704),
    "LBBB": ({"CLBBB": 1.0}, 400),  # of 207; this class and STE are raised, so that a test fold of 50 records holds some
    "RBBB": ({"CRBBB": 1.0}, 1695),
    "PAC": ({"PAC": 1.0}, 556),
    "PVC": ({"PVC": 1.0}, 672),
    "STD": ({"ISC": 0.5, "ISCAL": 0.3, "ISCIN": 0.2}, 825),
    "STE": ({"STE": 1.0}, 400),
}
CPSC_SECOND_CLASS = 0.07  # share of its records with a second class

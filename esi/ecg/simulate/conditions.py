"""What the simulated cohort can show, and how each public data set writes it down.
 One row a condition. Its shape in the ECG is the rule of the same name in `morphology` or `rhythm`, its frequency stands
in `priors`.
 Sources of the codes: SCP codes of PTB-XL's `scp_statements.csv`; SNOMED CT numbers of the PhysioNet/CinC Challenge 2021
mapping tables and of `ConditionNames_SNOMED-CT.csv` (Chapman-Shaoxing-Ningbo); the nine classes of CPSC2018 as the
Challenge numbers them; MIMIC-IV-ECG statements as the carts wrote them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from esi.ecg.reference import cpsc_classes

CPSC_CLASSES = {item.code: item.snomed for item in cpsc_classes().values()}
NORMAL_SNOMED = CPSC_CLASSES["Normal"]  # "sinus rhythm"; the Challenge writes it for CPSC2018's class "normal" too

ALWAYS = (100,)
UNKNOWN = (0,)  # PTB-XL's own mark of form and rhythm statements: likelihood unknown
GRADED = (15, 35, 50, 80, 100, 100, 100)  # the milder the finding, the lower the likelihood that PTB-XL's cardiologists gave


class Scp(NamedTuple):
    """One SCP code that a condition may bring: its likelihoods from mild to severe, and how often it is written down."""

    code: str
    likelihoods: tuple[int, ...]
    share: float = 1.0


@dataclass(frozen=True)
class Condition:
    """One row of the table."""

    name: str
    scp: tuple[Scp, ...]
    snomed: tuple[str, ...]  # as Chapman-Shaoxing-Ningbo labels it; empty: that set has no label for it
    cpsc: str | None  # the class of CPSC2018
    mimic: tuple[str, ...]  # several wordings
    report: str  # PTB-XL's reports are mostly German


# fmt: off
CONDITIONS: tuple[Condition, ...] = (
    # name, SCP codes, SNOMED CT, CPSC2018
    #     MIMIC-IV-ECG
    #     report
    # The rhythm: exactly one of these a record.
    Condition("SR", (Scp("SR", UNKNOWN),), ("426783006",), None,
              ("Sinus rhythm", "Sinus rhythm.", "SINUS RHYTHM"),
              "sinusrhythmus"),
    Condition("SBRAD", (Scp("SBRAD", UNKNOWN),), ("426177001",), None,
              ("Sinus bradycardia", "Sinus bradycardia.", "SINUS BRADYCARDIA"),
              "sinusbradykardie"),
    Condition("STACH", (Scp("STACH", UNKNOWN),), ("427084000",), None,
              ("Sinus tachycardia", "Sinus tachycardia.", "SINUS TACHYCARDIA"),
              "sinustachykardie"),
    Condition("SARRH", (Scp("SARRH", UNKNOWN),), ("427393009",), None,
              ("Sinus arrhythmia", "Sinus arrhythmia.", "SINUS ARRHYTHMIA"),
              "sinusarrhythmie"),
    Condition("AFIB", (Scp("AFIB", UNKNOWN),), ("164889003",), "AF",
              ("Atrial fibrillation", "Atrial fibrillation.", "ATRIAL FIBRILLATION"),
              "vorhofflimmern"),
    # Extra beats.
    Condition("PAC", (Scp("PAC", UNKNOWN),), ("284470004",), "PAC",
              ("Atrial premature complex", "Atrial premature complexes", "- premature atrial contractions",
               "PREMATURE ATRIAL CONTRACTION(S)"),
              "supraventrikulÄre extrasystole(n)"),
    Condition("PVC", (Scp("PVC", ALWAYS),), ("427172004", "17338001"), "PVC",
              ("Ventricular premature complex", "Multiple ventricular premature complexes",
               "- premature ventricular contractions", "PREMATURE VENTRICULAR CONTRACTION(S)"),
              "ventrikulÄre extrasystole(n)"),
    # Atria and AV node.
    Condition("1AVB", (Scp("1AVB", ALWAYS), Scp("LPR", UNKNOWN, 0.16)), ("270492004",), "I-AVB",
              ("- first degree A-V block", "FIRST DEGREE A-V BLOCK", "Prolonged PR interval"),
              "av-block i. grades"),
    Condition("LPR", (Scp("LPR", UNKNOWN),), ("164947007",), None,
              ("Borderline prolonged PR interval",),
              "pq-zeit verlÄngert"),
    Condition("LAE", (Scp("LAO/LAE", (50, 100, 100)),), ("67741000119109", "446813000"), None,
              ("Left atrial abnormality", "Left atrial enlargement", "Probable left atrial enlargement"),
              "p-sinistroatriale"),
    # Voltage.
    Condition("LVH", (Scp("LVH", (35, 50, 80, 100, 100)), Scp("VCLVH", UNKNOWN, 0.38), Scp("ABQRS", UNKNOWN, 0.2)),
              ("164873001", "55827005"), None,
              ("Left ventricular hypertrophy", "LEFT VENTRICULAR HYPERTROPHY", "LVH by voltage",
               "Voltage criteria for left ventricular hypertrophy"),
              "linkshypertrophie"),
    Condition("LVOLT", (Scp("LVOLT", UNKNOWN),), ("251146004",), None,
              ("GENERALIZED LOW QRS VOLTAGES", "Generalized low QRS voltages",
               "Low voltage, extremity and precordial leads"),
              "periphere niederspannung"),
    # Infarcts.
    Condition("IMI", (Scp("IMI", GRADED), Scp("ABQRS", UNKNOWN, 0.6), Scp("QWAVE", UNKNOWN, 0.12)),
              ("164865005,164917005", "164865005"), None,
              ("Inferior infarct - age undetermined", "INFERIOR INFARCTION - AGE UNDETERMINED", "Inferior infarct, old",
               "Old inferior infarct", "Inferior infarct, age indeterminate"),
              "inferiorer infarkt alter unbest."),
    Condition("ASMI", (Scp("ASMI", GRADED), Scp("ABQRS", UNKNOWN, 0.57), Scp("QWAVE", UNKNOWN, 0.06)),
              ("164865005,365413008", "164865005,164917005"), None,
              ("Anteroseptal infarct - age undetermined", "ANTEROSEPTAL INFARCTION - AGE UNDETERMINED",
               "Anteroseptal infarct, old", "Old anteroseptal infarct", "Anteroseptal infarct, age indeterminate"),
              "anteroseptaler infarkt alter unbest."),
    Condition("AMI", (Scp("AMI", GRADED), Scp("ABQRS", UNKNOWN, 0.5), Scp("QWAVE", UNKNOWN, 0.1)),
              ("54329005,164917005", "54329005"), None,
              ("Anterior infarct - age undetermined", "ANTERIOR INFARCTION - AGE UNDETERMINED", "Anterior infarct, old",
               "Old anterior infarct"),
              "anteriorer infarkt alter unbest."),
    Condition("LMI", (Scp("LMI", GRADED), Scp("ABQRS", UNKNOWN, 0.4), Scp("QWAVE", UNKNOWN, 0.1)),
              ("164865005,164917005",), None,
              ("Lateral infarct - age undetermined", "LATERAL INFARCTION - AGE UNDETERMINED", "Lateral infarct, old",
               "Old lateral infarct"),
              "lateraler infarkt alter unbest."),
    # Conduction within the ventricles.
    Condition("LAFB", (Scp("LAFB", ALWAYS),), ("445118002,39732003", "445118002"), None,
              ("Left anterior fascicular block", "Left axis deviation - anterior fascicular block",
               "LEFT AXIS DEVIATION - LEFT ANTERIOR FASCICULAR BLOCK"),
              "linksanteriorer hemiblock"),
    Condition("IRBBB", (Scp("IRBBB", ALWAYS),), ("713426002",), None,
              ("Incomplete right bundle branch block", "INCOMPLETE RIGHT BUNDLE BRANCH BLOCK", "Incomplete RBBB"),
              "inkompletter rechtsschenkelblock"),
    Condition("CRBBB", (Scp("CRBBB", ALWAYS), Scp("ABQRS", UNKNOWN, 0.2)), ("59118001", "713427006"), "RBBB",
              ("Right bundle branch block", "RIGHT BUNDLE BRANCH BLOCK"),
              "rechtsschenkelblock"),
    Condition("CLBBB", (Scp("CLBBB", ALWAYS),), ("164909002", "733534002"), "LBBB",
              ("Left bundle branch block", "LEFT BUNDLE BRANCH BLOCK"),
              "linksschenkelblock"),
    # Repolarisation. The strain of a hypertrophied left ventricle comes first: PTB-XL writes 91 % of its ISC_ beside LVH.
    Condition("STRAIN", (Scp("ISC_", (50, 100, 100, 100)), Scp("STD_", UNKNOWN, 0.3)),
              ("428750005", "429622005,428750005"), "STD",
              ("LVH with secondary repolarization abnormality", "LVH with ST-T changes",
               "Lateral ST-T changes are probably due to ventricular hypertrophy"),
              "st-t verÄnderung bei linkshypertrophie"),
    Condition("ISC", (Scp("ISC_", (50, 100, 100, 100)), Scp("STD_", UNKNOWN, 0.6)), ("429622005",), "STD",
              ("ST depression, consider ischemia, diffuse lds", "Nonspecific ST depression",
               "Extensive ST changes may be due to myocardial ischemia"),
              "st-senkung, unspezifische ischÄmie"),
    Condition("ISCAL", (Scp("ISCAL", (50, 100, 100, 100)), Scp("STD_", UNKNOWN, 0.3), Scp("INVT", UNKNOWN, 0.15)),
              ("429622005,164934002", "425623009"), "STD",
              ("Anterolateral ST-T changes may be due to myocardial ischemia",
               "ST depr, consider ischemia, anterolateral lds", "Anterolateral ST-T changes suggest myocardial ischemia"),
              "st-t abnormal anterolaterale ischÄmie"),
    Condition("ISCIN", (Scp("ISCIN", (50, 100, 100)), Scp("STD_", UNKNOWN, 0.3)),
              ("429622005,164934002", "425419005"), "STD",
              ("ST depr, consider ischemia, inferior leads", "Abnormal T, consider ischemia, inferior leads"),
              "st-t abnormal inferiore ischÄmie"),
    Condition("NST", (Scp("NST_", ALWAYS), Scp("STD_", UNKNOWN, 0.1)), ("55930002", "428750005"), None,
              ("Extensive ST changes are nonspecific", "Borderline ST depression, diffuse leads",
               "Minimal ST depression, diffuse leads"),
              "unspezifische st-verÄnderungen"),
    Condition("TINV", (Scp("ISCAN", (50, 100, 100)), Scp("INVT", UNKNOWN, 0.7)), ("59931005", "164934002"), None,
              ("Abnormal T, consider ischemia, anterior leads",
               "Anterior T wave changes may be due to myocardial ischemia"),
              "t-negativierung anterior"),
    Condition("TLOW", (Scp("NDT", ALWAYS), Scp("LOWT", UNKNOWN)), ("164934002",), None,
              ("Nonspecific T abnormalities, diffuse leads", "Borderline T wave abnormalities"),
              "niedrige t-wellen"),
    Condition("NDT", (Scp("NDT", ALWAYS), Scp("NT_", UNKNOWN, 0.12), Scp("LOWT", UNKNOWN, 0.09)), ("164934002",), None,
              ("Nonspecific T abnormalities, lateral leads", "Anterolateral T wave changes are nonspecific",
               "Borderline T abnormalities, lateral leads"),
              "unspezifisches abnormales t"),
    Condition("STE", (Scp("STE_", UNKNOWN),), ("164931005",), "STE",
              ("Borderline ST elevation", "*** CONSIDER ACUTE ST ELEVATION MI ***"),
              "st-hebung"),
    Condition("LNGQT", (Scp("LNGQT", ALWAYS),), ("111975006",), None,
              ("Prolonged QT interval", "PROLONGED QT INTERVAL", "Long QTc interval"),
              "qt-verlÄngerung"),
)
# fmt: on

INDEX = {condition.name: number for number, condition in enumerate(CONDITIONS)}
RHYTHMS = ("SR", "SBRAD", "STACH", "SARRH", "AFIB")
ECTOPY = ("PAC", "PVC")
FINDINGS = tuple(condition.name for condition in CONDITIONS if condition.name not in RHYTHMS + ECTOPY)
BESIDE_NORMAL = ("LPR", "LVOLT")  # findings that PTB-XL writes beside NORM
NORM = Scp("NORM", (50, 80, 100, 100, 100))  # of a record without findings in rhythms other than AF

# What cannot be seen beside each other; the one further up in the table wins.
EXCLUSIVE: tuple[tuple[str, ...], ...] = (
    ("1AVB", "LPR"),
    ("LVH", "LVOLT", "CLBBB"),
    ("ASMI", "AMI", "CLBBB"),
    ("IMI", "CLBBB"),
    ("LMI", "CLBBB"),
    ("LAFB", "CLBBB"),
    ("IRBBB", "CRBBB", "CLBBB"),
    ("CLBBB", "STRAIN", "ISC", "ISCAL", "ISCIN", "NST", "TINV", "TLOW", "NDT", "STE"),
)

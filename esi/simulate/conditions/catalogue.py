"""What the simulated cohort can show, and how each public data set writes it down.

One row a condition. Its shape in the ECG is the rule of the same name in `morphology` or `rhythm`, its frequency stands
in `priors`.

Sources of the codes: SCP codes of PTB-XL's `scp_statements.csv`; SNOMED CT numbers of the PhysioNet/CinC Challenge 2021
mapping tables and of `ConditionNames_SNOMED-CT.csv` (Chapman-Shaoxing-Ningbo); the nine classes of CPSC2018 as the
Challenge numbers them; MIMIC-IV-ECG statements as the carts wrote them.
"""

from __future__ import annotations

from esi.ecg.reference import cpsc_classes
from esi.simulate.conditions.condition import Condition
from esi.simulate.conditions.qrs import QRS_CONDITIONS
from esi.simulate.conditions.rhythm import RHYTHM_CONDITIONS
from esi.simulate.conditions.st_t import ST_T_CONDITIONS

CPSC_CLASSES = {item.code: item.snomed for item in cpsc_classes().values()}
NORMAL_SNOMED = CPSC_CLASSES["Normal"]  # "sinus rhythm"; the Challenge writes it for CPSC2018's class "normal" too

CONDITIONS: tuple[Condition, ...] = (*RHYTHM_CONDITIONS, *QRS_CONDITIONS, *ST_T_CONDITIONS)
INDEX = {condition.name: number for number, condition in enumerate(CONDITIONS)}
# Exactly one of these a record.
RHYTHMS = ("SR", "SBRAD", "STACH", "SARRH", "AFIB", "AFLT", "SVTAC", "PSVT", "SVARR", "PACE")
# Any of these beside a rhythm, with exceptions that `rhythm.draw_rhythm` does not show even where they are asked for:
# PAC, ABIGU, ATRIGU and 2AVB beside AFIB, AFLT, SVTAC, PSVT and PACE (no sinus P), 3AVB and PAUSE beside SVTAC, PSVT and
# PACE, and PAUSE beside AFLT. 3AVB beside AFIB is slow and regular. PTB-XL writes 2AVB and 3AVB beside SR, SBRAD, AFIB and
# AFLT.
AV_BLOCKS = ("2AVB", "3AVB")
PAUSES = ("PAUSE",)
ECTOPY = ("PAC", "PVC", "PRC(S)", "BIGU", "TRIGU", "ABIGU", "ATRIGU")

# Changes of ST and T, one of which is seen: the one further to the left.
ST_T = (
    "INJAS", "INJAL", "INJIN", "INJLA", "INJIL", "STRAIN", "ISC_", "ISCAL", "ISCIL", "ISCAS", "ISCAN", "ISCIN", "ISCLA",
    "ANEUR", "DIG", "EL", "NST_", "STD_", "STE_", "INVT", "NDT", "LOWT", "NT_", "TAB_",
)  # fmt: skip
INFARCTS = ("IPLMI", "IPMI", "ILMI", "ALMI", "IMI", "ASMI", "AMI", "LMI", "PMI")

# What leaves nothing to see of what: PTB-XL writes QWAVE and ABQRS beside infarcts, VCLVH beside LVH, STD_ beside ISC_: one
# picture with several labels. In this order; what is hidden hides nothing.
HIDES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("CLBBB", (*INFARCTS, "LVH", "VCLVH", "HVOLT", "SEHYP", "RVH", "QWAVE", "ABQRS", *ST_T)),
    ("WPW", ("ABQRS",)),
    ("1AVB", ("LPR",)),
    ("LVH", ("VCLVH", "HVOLT")),
    ("VCLVH", ("HVOLT",)),
    ("IPLMI", ("IPMI", "ILMI", "ALMI", "IMI", "LMI", "PMI")),
    ("IPMI", ("IMI", "PMI")),
    ("ILMI", ("IMI", "LMI")),
    ("ALMI", ("AMI", "LMI")),  # PTB-XL writes ASMI beside 60 % of its ALMI
    ("ASMI", ("AMI", "PMI")),  # R in V1-V2 lost or grown
    *((name, ("QWAVE", "ABQRS")) for name in INFARCTS),
    ("ERV", ("STE_",)),
    *((name, ST_T[place + 1 :]) for place, name in enumerate(ST_T[:-1])),
)

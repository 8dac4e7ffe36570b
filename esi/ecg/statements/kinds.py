"""What a statement speaks of: the heart, the recording, or the report."""

from __future__ import annotations

import re

KINDS = ("finding", "remark", "quality", "administrative")

_QUALITY = re.compile(
    r"leads? (unsuitable|reversal|placement|off\b)|leads? reversed|missing leads?|leads? (are )?missing"
    r"|leads? ([\w, ]+ )?were not used"
    r"|electrode reversal|suspect\w* \w+ ecg leads|unsuitable for analysis|\bfaulty\b|sequence error|misplace"
    r"|artifact|artefact|baseline wander|external noise|noisy|interference|electronic simulator|simulated ecg|similar qrs"
    r"|data quality|quality data|poor quality|missing data|technical|measurement error",
    re.IGNORECASE,
)
_ADMINISTRATIVE = re.compile(
    r"unconfirmed|reviewed by|confirmed by|pediatric|made without knowing|no interpretation offered|not entered"
    r"|no further|analysis error|not be valid|may be invalid|compared (to|with) (the )?(previous|prior|ecg)"
    r"|since (the )?(previous|last)|previous (ecg|tracing)|no previous|unclassified ecg|none available|no other finding"
    r"|^repeat |ecg advised|magnet in place|clinical correlation",
    re.IGNORECASE,
)
# What qualifies the statement before it and shows nothing itself: "probable normal variant".
_REMARK = re.compile(
    r"^(these |minor )*changes (are (abnormal for|unusual|of equivocal)|could be a normal|may (also |partly |be |due )+to r)"
    r"|^borderline abnormal for|^may be (normal|related)|^nonspecific changes|^regard as"
    r"|^probable normal variant|leads are also involved",
    re.IGNORECASE,
)


def kind_of(statement: str) -> str:
    """Whether a canonical statement is a "finding" on the heart or a "remark" on the finding before it, speaks of the
    recording's "quality", or is "administrative": about the report, its author or what to do next.

    Only findings are described: nothing can be said of "may be normal variant" by itself. All canonical statements of
    MIMIC-IV-ECG were read for it.
    """
    if _QUALITY.search(statement):
        return "quality"
    if _ADMINISTRATIVE.search(statement):
        return "administrative"
    if _REMARK.search(statement):
        return "remark"
    return "finding"

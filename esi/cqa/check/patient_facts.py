"""Facts on a particular person in an answer: the model was given none, and a description is of a finding alone."""

from __future__ import annotations

import re

_PERSON = r"(?:patient|man|woman|male|female|boy|girl|gentleman|lady|subject|individual)"
_DOES = (
    r"(?:is|was|has|had|shows|showed|presents?|presented|reports?|complains?|takes|underwent|ecg|age|history|heart|symptoms)"
)
_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_YEAR = r"(?:19|20)\d\d"
_FACT = re.compile(
    "|".join(
        [
            r"\b\d{1,3}[- ]?(?:years?|yrs?)[- ]?old\b",
            r"\b\d{1,3}[- ]?y/?o\b",
            r"\baged? (?:of |is )?\d",
            r"(?-i:\b(?:Mr|Mrs|Ms|Dr)\. ?[A-Z]|\b(?:Mr|Mrs|Miss) [A-Z])",
            r"\b(?:she|he|her|him|hers)\b|(?-i:\bhis\b|\bHis (?:ECG|heart|age)\b)",  # not the bundle of His
            rf"\b(?:the|this|our|your) (?:\w+ )?{_PERSON}(?:['’]s)? {_DOES}\b",
            r"\b(?:an?|this|our|your) (?:[\w-]+ )?(?:man|woman|boy|girl|gentleman|lady|male|female)\b(?! pattern| type)",
            r"\b(?:male|female) patient\b",
            r"\bgender\b",
            r"\b(?:patient|person|subject) (?:is|was) (?:a )?(?:male|female)\b",
            r"\bpatient(?:['’]s)? (?:name|id|number|age|sex)\b",
            r"\b(?:medical record number|MRN|date of birth|DOB)\b",
            r"\bnamed (?-i:[A-Z][a-z]+)",
            r"\b\d{4}-\d\d-\d\d\b",
            rf"\b\d{{1,2}}[/.]\d{{1,2}}[/.]{_YEAR}\b",
            rf"(?-i:\b{_MONTH} \d{{1,2}}(?:st|nd|rd|th)?,? {_YEAR}\b|\b\d{{1,2}} {_MONTH},? {_YEAR}\b)",
            rf"(?-i:\b(?:in|since) {_MONTH} {_YEAR}\b)",
            r"\bpresent(?:s|ed) (?:with|to the) (?:chest pain|dyspn|the emergency|syncope)",
        ]
    ),
    re.IGNORECASE,
)


def patient_fact(text: str) -> str | None:
    """The first words that speak of a particular person: an age, a sex, a name, a number, a date; None without any.

    Limits for men, women or ages in general are no such facts: "0.2 mV in men above 40 years".
    """
    found = _FACT.search(text)
    return found[0] if found else None

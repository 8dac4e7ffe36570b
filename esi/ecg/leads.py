"""What one ECG is in this project: twelve leads in one order, 500 Hz, 10 s, int16 microvolts; and what leads are called."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
LIMB_LEADS = LEADS[:6]
RATE = 500  # samples a second
SAMPLES = 5000  # a lead

_BY_UPPER_NAME = {lead.upper(): lead for lead in LEADS}
_NUMBERED = {"1": "I", "2": "II", "3": "III"}
_ROMANCE = {"DI": "I", "DII": "II", "DIII": "III", "D1": "I", "D2": "II", "D3": "III"}
_BESIDE = {  # words beside a lead's name; MDC_ECG_LEAD_I and MDC_ECG_ELEC_POTL_I are ISO/IEEE 11073's
    "LEAD", "ECG", "EKG", "MDC", "ELEC", "POTL", "CHANNEL", "ABLEITUNG", "DERIVATION", "DERIVACION", "DERIVACAO",
    "DERIVAZIONE", "EINTHOVEN", "GOLDBERGER", "WILSON", "UV", "\u039cV", "MV", "NV", "MICROVOLT", "MICROVOLTS",
    "MILLIVOLT", "MILLIVOLTS",
}  # fmt: skip
_IN_BRACKETS = _BESIDE | {"V", "VOLT", "VOLTS"}
_AUGMENTED = {"AUGMENTED", "VOLTAGE", "VECTOR", "RIGHT", "LEFT", "FOOT"}  # DICOM: "Lead aVR (augmented voltage, right)"
_LONGEST_NAME = 80  # characters


class LeadError(ValueError):
    """A record's leads are not the twelve standard ones."""


@lru_cache(maxsize=4096)
def lead_named(name: str) -> str | None:
    """The standard lead that a channel's name means ("V1", "lead II", "MDC_ECG_LEAD_AVR", "EKG V1 (uV)"), or None.

    What is not certainly a standard lead is none: an inverted one (Cabrera's -aVR), a difference of two (V1-V2), a modified
    one (MLII, MCL1), a right or posterior chest lead (V4R, V7), a channel's number (ECG1).
    """
    if len(name) > _LONGEST_NAME:
        return None
    decomposed = unicodedata.normalize("NFKD", name).upper()  # the Roman numeral "Ⅱ" is "II" then
    plain = "".join(letter for letter in decomposed if not unicodedata.combining(letter)).strip()
    while plain[-1:] in (")", "]"):
        plain, opening, inside = plain[:-1].rpartition("(" if plain[-1] == ")" else "[")
        words = set(_words(inside))
        if not opening or not (words <= _IN_BRACKETS or "AUGMENTED" in words <= _AUGMENTED):
            return None
        plain = plain.rstrip()
    kept = [word for word in _words(plain) if word not in _BESIDE]
    if not kept or (len(kept) > 1 and kept[0] not in ("V", "A", "AV")):  # "V 1" and "a VR", but not "I I"
        return None
    lead = "".join(kept)
    for word in ("LEAD", "ECG", "EKG"):  # "LeadII"
        lead = lead.removeprefix(word)
    if lead in _NUMBERED and "LEAD" in plain:
        lead = _NUMBERED[lead]
    return _BY_UPPER_NAME.get(_ROMANCE.get(lead, lead))


def _words(text: str) -> list[str]:
    """Divided at spaces, at marks, and at hyphens within words: what stands before a word may be its sign."""
    for mark in "_:.,;/":
        text = text.replace(mark, " ")
    hyphen = (
        " " if letter == "-" and text[place - 1 : place].isalnum() and text[place + 1 : place + 2].isalnum() else letter
        for place, letter in enumerate(text)
    )
    return "".join(hyphen).split()


def lead_order(names: Sequence[str]) -> list[int | None]:
    """Where each standard lead stands among a record's channels, found by name.

    Args:
        names: the record's channel names in file order; channels beyond the twelve leads are passed over.

    Returns:
        Twelve channel numbers, in the order of `LEADS`; None for a limb lead that is not there and follows from two that
        are (esi/ecg/limb_leads.py).

    Raises:
        LeadError: a lead is missing, or stands there twice.
    """
    found: dict[str, int] = {}
    for channel, name in enumerate(names):
        lead = lead_named(name)
        if lead is None:
            continue
        if lead in found:
            raise LeadError(f"lead {lead} stands there twice (channels {found[lead]} and {channel} of {list(names)})")
        found[lead] = channel
    follow = len(found.keys() & set(LIMB_LEADS)) >= 2
    missing = [lead for lead in LEADS if lead not in found and not (follow and lead in LIMB_LEADS)]
    if missing:
        raise LeadError(f"leads {missing} are missing among {list(names)}")
    return [found.get(lead) for lead in LEADS]

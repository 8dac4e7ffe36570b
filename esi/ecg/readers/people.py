"""What releases write of a person: sexes and ages."""

from __future__ import annotations

from esi.ecg.readers.cells import number, plain

SEXES = {"m": "male", "male": "male", "f": "female", "female": "female"}
OLDEST = 120.0  # years; more is a mark or a slip, not an age


def sex_of(text: str) -> str | None:
    """ "male" or "female", or None for whatever else stands there ("Unknown", nothing)."""
    return SEXES.get(plain(text).lower())


def age_of(text: str) -> float | None:
    """Years from 0 to 120, or None for whatever else stands there ("NaN", "Unknown", -1, nothing)."""
    try:
        age = number(text)
    except ValueError:
        return None
    return age if 0 <= age <= OLDEST else None  # NaN compares false, too

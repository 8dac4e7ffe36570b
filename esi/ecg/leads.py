"""What one ECG is in this project: twelve leads in one order, 500 Hz, 10 s, int16 microvolts."""

from __future__ import annotations

from collections.abc import Sequence

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
RATE = 500  # samples a second
SAMPLES = 5000  # a lead

_BY_UPPER_NAME = {lead.upper(): lead for lead in LEADS}


class LeadError(ValueError):
    """A record's leads are not the twelve standard ones."""


def lead_named(name: str) -> str | None:
    """The standard lead that a channel's name means (case and a `lead ` prefix do not matter), or None."""
    return _BY_UPPER_NAME.get(name.strip().upper().removeprefix("LEAD").strip(" _-"))


def lead_order(names: Sequence[str]) -> list[int]:
    """Where each standard lead stands among a record's channels, found by name.

    Args:
        names: the record's channel names in file order; channels beyond the twelve leads are passed over.

    Returns:
        Twelve channel numbers, in the order of `LEADS`.

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
    missing = [lead for lead in LEADS if lead not in found]
    if missing:
        raise LeadError(f"leads {missing} are missing among {list(names)}")
    return [found[lead] for lead in LEADS]

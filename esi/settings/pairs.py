"""Settings of the pairs of ECG and text."""

from __future__ import annotations

from pydantic import Field

from esi.settings.section import Positive, Section, Share


class Pairs(Section):
    sets: list[str] = Field(min_length=1)
    descriptions: bool
    demographics: bool
    max_tokens: int = Field(ge=16)
    validation_share: Share
    limit: Positive | None
    shuffled: Share

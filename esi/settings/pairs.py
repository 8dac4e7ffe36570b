"""Settings of the pairs of ECG and text."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from esi.settings.section import Decides, Positive, Section, Share, Varied


class Pairs(Section):
    part: ClassVar[str] = "pretraining"
    sets: Annotated[Decides[list[str]], Varied("table6", {("mimic",): "MIMIC", ("chapman", "mimic", "ptbxl"): "all"})] = (
        Field(min_length=1)
    )
    descriptions: Annotated[Decides[bool], Varied("table5a", {False: "CQA"})]
    demographics: Decides[bool]
    max_tokens: Decides[int] = Field(ge=16)
    validation_share: Decides[Share]
    limit: Annotated[Decides[Positive | None], Varied("figure5")]
    shuffled: Annotated[Decides[Share], Varied("figure7")]

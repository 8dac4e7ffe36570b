"""What every section of params.yaml is: immutable, and strict about its keys."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]


class Section(BaseModel):
    """Base of every section."""

    model_config = ConfigDict(extra="forbid", frozen=True)

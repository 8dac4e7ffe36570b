"""What every section of params.yaml is: immutable, and strict about its keys."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]


def _none_is_empty(value: Any) -> Any:
    return {} if value is None else value


# Of a mapping whose default is to hold nothing: in params.yaml it is null, for `-S` refuses new keys in `{}`.
NULL_IS_EMPTY = BeforeValidator(_none_is_empty)


class Section(BaseModel):
    """Base of every section."""

    model_config = ConfigDict(extra="forbid", frozen=True)

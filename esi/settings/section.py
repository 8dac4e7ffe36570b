"""What every section of params.yaml is: immutable, strict about its keys, and clear about what each setting decides.

Each setting says of itself what the report has to know to set runs side by side: `Decides[...]`, `Trivial[...]` or
`Private[...]` around its type, and `Varied` where a table or figure of the paper has runs that differ in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
Type = TypeVar("Type")


@dataclass(frozen=True)
class Effect:
    """What a setting does to figures.

    Attributes:
        decides: whether a figure that two runs both have may be another one because they differ in this setting.
        private: whether its value stays out of the report: a path, an address, what is known of a hospital's data.
    """

    decides: bool
    private: bool = False


Decides = Annotated[Type, Effect(decides=True)]
Trivial = Annotated[Type, Effect(decides=False)]  # how long a run takes, what it shows, which figures it makes
Private = Annotated[Type, Effect(decides=True, private=True)]


@dataclass(frozen=True)
class Part:
    """The part of a run that a setting belongs to, where it is not that of its section."""

    name: str


@dataclass(frozen=True)
class Varied:
    """A table or figure of the paper, of which the runs differ in this setting.

    Attributes:
        place: such as "table5b" (of data/paper) or "figure7"; "table2" also for Tables 3 and 4, "supervised" for their first
            rows.
        rows: the row of a value; lists are sorted tuples. None: each value is a row, called as it is written.
        alone: whether a row of this setting holds whatever the others say.
        beside: the setting itself makes no row, but differs between this row and the others.
    """

    place: str
    rows: Mapping[Any, str] | None = None
    alone: bool = False
    beside: str | None = None


def _none_is_empty(value: Any) -> Any:
    return {} if value is None else value


# Of a mapping whose default is to hold nothing: in params.yaml it is null, for `-S` refuses new keys in `{}`.
NULL_IS_EMPTY = BeforeValidator(_none_is_empty)


class Section(BaseModel):
    """Base of every section.

    Attributes:
        part: of a run, to which its settings belong: data, descriptions, encoder, pretraining, or a protocol of evaluation.
    """

    part: ClassVar[str] = ""

    model_config = ConfigDict(extra="forbid", frozen=True)

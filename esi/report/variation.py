"""In what runs differ, and which differences let an experiment stand in a table or figure beside the present run.

An experiment stands there if it differs from the present run in the settings that the table is about, in the seed, and in
nothing else of what the figure depends on: never in the data. Where it stands follows from its settings, not its name. What
a setting decides, and which table of the paper varies it, is written where the setting is (esi.settings).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import ValidationError

from esi.params import Params
from esi.settings.section import Effect, Part, Section, Varied

DATA_FILES = ("../settings/*.py",)  # for `esi.closure`, which does not follow esi.params: what settings say of themselves
Settings = Mapping[str, Any]  # "section.key" to its value
DATA = frozenset({"data"})
RECORDS = DATA | {""}  # and what no section has: it may count for anything
DESCRIPTIONS = RECORDS | {"descriptions"}
PRETRAINING = DESCRIPTIONS | {"encoder", "pretraining"}
SEED = frozenset({"seed"})  # of pretraining


UNKNOWN = Effect(decides=True, private=True)  # of what an older version had, and of what is no setting


@dataclass(frozen=True)
class Setting:
    """The metadata of a key of params.yaml; `part` is the part of a run that it belongs to, "" if no section has it."""

    part: str = ""
    effect: Effect = UNKNOWN
    varied: tuple[Varied, ...] = ()


@cache
def known_settings() -> dict[str, Setting]:
    """Every setting and every section by its key; the name of a data set or task is `*`."""
    return dict(_settings(Params, "", ""))


def _settings(section: type[Section], prefix: str, part: str) -> Iterator[tuple[str, Setting]]:
    for name, field in section.model_fields.items():
        parts = _sections(field.annotation)
        for inner in parts:
            yield f"{prefix}{name}", Setting(inner.part or part)
            many = "*." if get_origin(field.annotation) is dict else ""
            yield from _settings(inner, f"{prefix}{name}.{many}", inner.part or part)
        if not parts:
            said = field.metadata
            own = next((item.name for item in said if isinstance(item, Part)), part)
            effect = next((item for item in said if isinstance(item, Effect)), UNKNOWN)
            yield f"{prefix}{name}", Setting(own, effect, tuple(item for item in said if isinstance(item, Varied)))


def _sections(annotation: Any) -> list[type[Section]]:
    """The sections in a type: itself, the members of a union, the values of a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for inner in get_args(annotation) for section in _sections(inner)]


def setting(key: str) -> Setting:
    """The metadata of a key, or else of the setting or section that holds it."""
    parts = key.split(".")
    for end in range(len(parts), 0, -1):
        for known in (parts[:end], [parts[0], "*", *parts[2:end]]):
            if found := known_settings().get(".".join(known)):
                return found
    return Setting()


def flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level of dotted keys; lists stay whole."""
    level: dict[str, Any] = {}
    for key, value in content.items():
        level |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return level


def settings_of(params: Params) -> dict[str, Any]:
    """The settings of the present run."""
    return flat(params.model_dump(mode="json"))


def settings_in(content: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of another run's params.yaml as this version reads them, paths completed; else as they are written."""
    try:
        return settings_of(Params.model_validate(content))
    except ValidationError:
        return flat(content)


def differences(one: Settings, other: Settings, parts: frozenset[str] | None = None, trivial: bool = False) -> set[str]:
    """The keys in which two runs differ; one that a run does not have counts as null there.

    Args:
        parts: of a run, in which differences count; None: all. trivial: whether differences count that change no figure.
    """
    unequal = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    counted = {key for key in unequal if parts is None or setting(key).part in parts}
    return {key for key in counted if trivial or setting(key).effect.decides}


@dataclass(frozen=True)
class Variation:
    """What a table or figure of the paper varies: the settings with `Varied(place, ...)`.

    Attributes:
        plain: the row of a run that none of these settings puts elsewhere; None: no row of the paper's.
    """

    place: str
    plain: str | None = None

    def _varied(self) -> Iterator[tuple[str, Varied]]:
        for key, known in known_settings().items():
            yield from ((key, item) for item in known.varied if item.place == self.place)

    def row(self, settings: Settings) -> str | None:
        """Where a run of these settings stands; None: in no row of the paper's."""
        rows = []
        for key, varied in self._varied():
            row = None if varied.beside else _row(varied, settings.get(key))
            if row is not None and varied.alone:
                return row
            rows += [row] if row is not None else []
        return None if len(rows) > 1 else rows[0] if rows else self.plain

    def commands(self) -> dict[str, str]:
        """What makes a run of each row, where a setting names the rows of its values."""
        named = [(key, value, row) for key, varied in self._varied() for value, row in (varied.rows or {}).items()]
        return {row: f"dvc exp run -n {value} -S {key}={value}" for key, value, row in named}

    def may_differ(self, present: Settings, other: Settings) -> set[str]:
        """The keys in which a run may differ from the present one and stand beside it.

        One of the two values must make a row: no captioning loss may stand beside some, but not less of it.
        """
        rows = {self.row(present), self.row(other)}
        return {
            key
            for key, varied in self._varied()
            if (varied.beside in rows if varied.beside else any(_row(varied, run.get(key)) for run in (present, other)))
        }


def _row(varied: Varied, value: Any) -> str | None:
    if varied.rows is None:
        return str(value)
    return varied.rows.get(tuple(sorted(value)) if isinstance(value, list) else value)


ENCODERS = Variation("table5b")
METHODS = Variation("table2")
SUPERVISED_ENCODERS = Variation("supervised")
PAIRS = Variation("figure5")
SHUFFLED = Variation("figure7")

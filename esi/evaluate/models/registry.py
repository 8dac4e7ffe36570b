"""Every model that figures are made of: what it is, what it can do, how tables call it, and where it comes from.

A further model is a further entry, at any place: the order of the list is that of rows and columns, and nothing else.
Somebody else's embeddings (`esi.evaluate.models.embeddings`) have an entry by their file's name and are not listed here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a model is in a run."""

    EVALUATED = "evaluated"  # what the run is about: its figures lead
    CONTROL = "control"  # what needs no pretraining: its figures say what those that lead are worth
    BASELINE = "baseline"  # somebody else's model


class Ability(StrEnum):
    """What a model can be asked for. The first three are those that an export names (`esi.model.config.Ability`)."""

    ENCODE = "encode"  # features of any ECG, or of a part of one
    ZERO_SHOT = "zero_shot"  # a space of ECGs and texts
    CAPTION = "caption"  # a text of an ECG
    VECTORS = "vectors"  # features of whole records alone
    PROBABILITIES = "probabilities"  # of a task's classes, after training on its labels
    IDENTIFY = "identify"  # how alike two ECGs are


@dataclass(frozen=True)
class Entry:
    """One model.

    Attributes:
        name: in predictions, metrics and the tables of metrics/details.
        abilities: what it can be asked for at most: an export says which of them it has.
        label: in a sentence or a row. heading: of a column.
        source: where it comes from.
        lent_by: the protocol whose figure of it stands beside those of the others, which do not run it.
    """

    name: str
    role: Role
    abilities: frozenset[Ability]
    label: str
    heading: str
    source: str
    lent_by: str | None = None


EVALUATED, RANDOM = "esi", "random"
HAND, ROCKET, SUPERVISED = "hand", "rocket", "supervised"
TEMPLATE, COMMON, NEAREST = "template", "common", "nearest"
_EXPORTED = frozenset({Ability.ENCODE, Ability.ZERO_SHOT, Ability.CAPTION, Ability.PROBABILITIES})
_LISTED = (
    Entry(EVALUATED, Role.EVALUATED, _EXPORTED, "ours", "Ours", "evaluate.model: the run's own, or any export"),
    Entry(
        RANDOM,
        Role.CONTROL,
        _EXPORTED - {Ability.PROBABILITIES},
        "random encoder",
        "Random",
        "a random draw of the evaluated model's signal encoder, for each of evaluate.random_seeds",
    ),
    Entry(
        HAND,
        Role.CONTROL,
        frozenset({Ability.VECTORS}),
        "hand-made features",
        "Hand-made",
        "esi.evaluate.controls.hand_features",
        "linear_probe",
    ),
    Entry(
        ROCKET,
        Role.CONTROL,
        frozenset({Ability.VECTORS}),
        "MiniRocket",
        "MiniRocket",
        "esi.evaluate.controls.rocket",
        "linear_probe",
    ),
    Entry(
        SUPERVISED,
        Role.CONTROL,
        frozenset({Ability.PROBABILITIES}),
        "supervised",
        "Supervised",
        "the evaluated model's kind of signal encoder, trained from scratch on the labels",
        "fine_tune",
    ),
    Entry(
        TEMPLATE,
        Role.CONTROL,
        frozenset({Ability.IDENTIFY}),
        "median-beat template",
        "Template",
        "esi.evaluate.identify.template",
    ),
    Entry(
        COMMON,
        Role.CONTROL,
        frozenset({Ability.CAPTION}),
        "commonest caption",
        "Commonest",
        "the findings that most training pairs have",
    ),
    Entry(
        NEAREST,
        Role.CONTROL,
        frozenset({Ability.CAPTION}),
        "caption of the nearest training ECG",
        "Nearest",
        "the text of the training pair whose ECG the evaluated model finds nearest",
    ),
)
MODELS = {entry.name: entry for entry in _LISTED}


def entry(name: str) -> Entry:
    """The entry of a model; of a name that is not listed, a baseline's of which there are embeddings."""
    return MODELS.get(name) or Entry(
        name, Role.BASELINE, frozenset({Ability.VECTORS}), name, name, "a file of embeddings", "linear_probe"
    )


def classifying(names: Iterable[str]) -> list[str]:
    """The names of all controls that can be asked for the classes of a task, and of the baselines among those in `names`."""
    probed = {Ability.ENCODE, Ability.VECTORS, Ability.PROBABILITIES}
    controls = [one.name for one in _LISTED if one.role is Role.CONTROL and one.abilities & probed]
    return controls + [name for name in dict.fromkeys(names) if entry(name).role is Role.BASELINE]

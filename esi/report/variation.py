"""In what runs differ, and which differences let an experiment stand in a table or figure beside the present run.

An experiment stands there if it differs from the present run in the settings that the table is about, in `train.seed`, and
in nothing else of what the figure depends on: never in the data. Where it stands follows from its settings, not its name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from esi.params import Params

Settings = Mapping[str, Any]  # "section.key" to its value
SEED = "train.seed"
DATA = ("simulate", "ingest", "quality")
DESCRIPTIONS = (*DATA, "statements", "chunk", "embed", "retrieve", "describe")
PRETRAINING = (*DESCRIPTIONS, "signal", "pairs", "model", "train")
TRIVIAL = (  # how long a run takes, what it shows, which figures it makes: nothing that changes a figure that both runs have
    "report",
    "train.log_every",
    "train.checkpoint_every",
    "describe.concurrency",
    "describe.timeout_s",
    "describe.max_retries",
    "describe.requests_per_minute",
    "describe.tokens_per_minute",
    "describe.budget",
    "linear_probe.shares",
    "fine_tune.tasks",
    "fine_tune.shares",
    "evaluate.controls",
    "evaluate.random_seeds",
)
ABSENT_COMPONENT = {"pairs.descriptions": False, "train.lambda_cap": 0, "train.lambda_con": 0}
MODEL_OF_THE_DESCRIPTIONS = {"describe.top_k", "describe.provider", "describe.model", "describe.base_url"}


@dataclass(frozen=True)
class Basis:
    """The settings that a figure depends on: sections or single keys, and those of them that it does not."""

    keys: tuple[str, ...]
    but: tuple[str, ...] = ()


def basis(protocol: str, model: str = "esi", method: str = "") -> Basis:
    """What a figure of a protocol (or of the stages `pretrain` and `score_descriptions`) depends on.

    Args:
        model: "supervised" for the encoder that was never pretrained. method: of identification.
    """
    if protocol == "score_descriptions":
        return Basis((*DESCRIPTIONS, "score"))
    if protocol == "pretrain":
        return Basis(PRETRAINING, (SEED,))  # of its figures only sizes are shown
    section = "identify" if protocol == "identification" else protocol
    made = (*DATA, "signal", "model.signal_encoder") if model == "supervised" else PRETRAINING
    tuned = method == "fine_tune" or model == "supervised"
    but = () if protocol != "identification" or tuned else ("identify.fine_tune_epochs", "identify.fine_tune_lr")
    return Basis(
        (*made, *(("tasks",) if protocol in ("zero_shot", "linear_probe", "fine_tune") else ()), "evaluate", section), but
    )


EVERYTHING = Basis(("",))


def flat(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as one level of dotted keys; lists stay whole."""
    found: dict[str, Any] = {}
    for key, value in content.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {f"{prefix}{key}": value}
    return found


def settings_of(params: Params) -> dict[str, Any]:
    """The settings of the present run."""
    return flat(params.model_dump(mode="json"))


def differences(one: Settings, other: Settings, of: Basis = EVERYTHING, trivial: bool = False) -> set[str]:
    """The keys in which two runs differ; one that a run does not have counts as null there.

    Args:
        of: what counts. trivial: whether differences count that change no figure.
    """
    without = of.but if trivial else (*of.but, *TRIVIAL)
    unequal = {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}
    return {key for key in unequal if _below(key, of.keys) and not _below(key, without)}


def _below(key: str, parts: tuple[str, ...]) -> bool:
    return any(not part or key == part or key.startswith(f"{part}.") for part in parts)


def on_other_data(one: Settings, other: Settings) -> set[str]:
    """The keys by which two runs have other records, or other parts of them for training and test."""
    return differences(one, other, Basis(DATA))


@dataclass(frozen=True)
class Variation:
    """What a table or figure varies.

    Attributes:
        row: where a run of these settings stands; None: in no row of the paper's.
        may_differ: the keys in which a run (second) may differ from the present one (first) and stand beside it.
    """

    row: Callable[[Settings], str | None]
    may_differ: Callable[[Settings, Settings], set[str]]


def component_left_out(settings: Settings) -> str | None:
    """Which row of Table 5a a run is; None where it leaves out more than one component."""
    absent = {
        "CQA": not settings["pairs.descriptions"],
        "captioning": settings["train.lambda_cap"] == 0,
        "contrast": settings["train.lambda_con"] == 0,
    }
    names = [name for name, left_out in absent.items() if left_out]
    return None if len(names) > 1 else names[0] if names else "nothing"


def _components_may_differ(present: Settings, other: Settings) -> set[str]:
    """A component may be there or not; another weight of a loss that both runs have is another experiment."""
    return {key for key, absent in ABSENT_COMPONENT.items() if absent in (present.get(key), other.get(key))}


def _encoders_may_differ(present: Settings, other: Settings) -> set[str]:
    """The ViT does not learn at the others' learning rate."""
    vit = "vit" in (encoder_of(present), encoder_of(other))
    return {"model.signal_encoder", *(["train.lr"] if vit else [])}


def encoder_of(settings: Settings) -> str | None:
    """The signal encoder of a run."""
    return settings.get("model.signal_encoder")


def sets_of(settings: Settings) -> str | None:
    """Which row of Table 6 a run is; None where it is neither."""
    sets = set(settings["pairs.sets"])
    return "MIMIC" if sets == {"mimic"} else "all" if {"ptbxl", "chapman", "mimic"} <= sets else None


def books_of(settings: Settings) -> str | None:
    """Which row of Table 8 a run is; None with books of its own, such as the handbook of this project."""
    if settings["describe.top_k"] == 0:
        return "none"
    return {"books": "both", "books/huff": "Huff", "books/garcia": "Garcia"}.get(settings["chunk.books"])


def _books_may_differ(present: Settings, other: Settings) -> set[str]:
    """Without books a language model must write; the extractive writer has nothing to take its sentences from."""
    without = "none" in (books_of(present), books_of(other))
    return {"chunk.books", *(MODEL_OF_THE_DESCRIPTIONS if without else ())}


COMPONENTS = Variation(component_left_out, _components_may_differ)
ENCODERS = Variation(encoder_of, _encoders_may_differ)
SETS = Variation(sets_of, lambda _, __: {"pairs.sets"})
TOP_K = Variation(lambda settings: str(settings["describe.top_k"]), lambda _, __: {"describe.top_k"})
BOOKS = Variation(books_of, _books_may_differ)
PAIRS = Variation(lambda settings: str(settings["pairs.limit"]), lambda _, __: {"pairs.limit"})
SHUFFLED = Variation(lambda settings: str(settings["pairs.shuffled"]), lambda _, __: {"pairs.shuffled"})

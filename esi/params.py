"""params.yaml as frozen, checked settings. Nothing else in the project reads params.yaml.

An unknown key, a wrong type or a value out of range is an error that names the key and what is allowed. The sections are in
`esi.settings`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError, model_validator
from ruamel.yaml import YAML, YAMLError  # PyYAML reads 1e-4 as a string

from esi.errors import EsiError
from esi.settings.cqa import Chunk, Describe, Embed, Retrieve, Score
from esi.settings.data import Ingest, Quality, Signal, Simulate, SimulatedSet, Statements
from esi.settings.evaluation import (
    Caption,
    Distribution,
    Evaluate,
    FineTune,
    Identify,
    LinearProbe,
    Report,
    Retrieval,
    TaskRow,
    ZeroShot,
)
from esi.settings.learning import Model, Pretrain, SimCLR, Train
from esi.settings.pairs import Pairs
from esi.settings.section import Section


class ParamsError(EsiError):
    """params.yaml holds something that the pipeline does not know."""


class Params(Section):
    signal: Signal
    simulate: Simulate
    ingest: dict[str, Ingest]
    quality: Quality
    statements: Statements
    chunk: Chunk
    embed: Embed
    retrieve: Retrieve
    describe: Describe
    score: Score
    pairs: Pairs
    model: Model
    pretrain: Pretrain
    simclr: SimCLR
    train: Train
    tasks: dict[str, TaskRow]
    evaluate: Evaluate
    zero_shot: ZeroShot
    linear_probe: LinearProbe
    fine_tune: FineTune
    identify: Identify
    retrieval: Retrieval
    caption: Caption
    distribution: Distribution
    report: Report

    @model_validator(mode="before")
    @classmethod
    def _simulated_roots(cls, content: Any) -> Any:
        """A set whose root is simulate.folder is the simulated set of its name: one place tells where the cohort lies."""
        match content:
            case {"simulate": {"folder": str(folder)}, "ingest": dict(sets)}:
                drawn = {name: release for name, release in sets.items() if release and release.get("root") == folder}
                if others := sorted(set(drawn) - set(get_args(SimulatedSet))):
                    raise ValueError(
                        f"ingest.{others[0]}.root is simulate.folder, which holds {', '.join(get_args(SimulatedSet))}: give "
                        "the folder of one of them, or of the set's own release"
                    )
                placed = {name: {**release, "root": str(Path(folder) / name)} for name, release in drawn.items()}
                return {**content, "ingest": {**sets, **placed}}
        return content

    @model_validator(mode="after")
    def _sets_exist(self) -> Params:
        named = {
            f"{name}.sets": getattr(self, name).sets
            for name in ("statements", "pairs", "retrieval", "caption", "distribution")
        }
        named |= {f"tasks.{name}.dataset": [row.dataset] for name, row in self.tasks.items()}
        named["identify.seconds"] = list(self.identify.seconds)
        for key, sets in named.items():
            unknown = sorted(set(sets) - set(self.ingest))
            if unknown:
                raise ValueError(f"{key} names {unknown}, which ingest does not have: it has {sorted(self.ingest)}")
        return self

    @model_validator(mode="after")
    def _tasks_exist(self) -> Params:
        unknown = sorted(set(self.fine_tune.tasks) - set(self.tasks))
        if unknown:
            raise ValueError(f"fine_tune.tasks names {unknown}, which tasks does not have: it has {sorted(self.tasks)}")
        return self


def load(path: Path | str = "params.yaml") -> Params:
    """Read and check params.yaml.

    Raises:
        ParamsError: one line for each thing that is wrong, with its key, its value and what is expected; or the file is
            absent, cut or no YAML: `dvc exp run -S` writes it in place, so that a kill may leave half of it.
    """
    restore = f"`git checkout -- {path}` brings back what was committed"
    try:
        content = YAML(typ="safe").load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path} is missing: run this at the root of the project; {restore}") from None
    except (YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} is no YAML ({' '.join(str(error).split())[:200]}): correct it; {restore}") from None
    if not isinstance(content, dict):
        raise ParamsError(f"{path} holds no settings: {restore}")
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            # pydantic puts the format that it chose behind `ingest.<set>`; the file has no such level
            parts = [str(part) for part in problem["loc"]]
            key = ".".join(parts[:2] + parts[3:] if parts[:1] == ["ingest"] and len(parts) > 3 else parts)
            if problem["type"] == "extra_forbidden":
                lines.append(f"{path}: unknown parameter {key}: remove it or correct its name")
            elif problem["type"] == "missing":
                lines.append(f"{path}: parameter {key} is missing: add it (see the params.yaml in git)")
            else:
                lines.append(
                    f"{path}: {key or 'settings'}: {problem['msg']}" + (f" (got {problem['input']!r})" if key else "")
                )
        raise ParamsError("\n".join(lines)) from None

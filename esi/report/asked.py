"""A figure that the report asks of a run: where it stands there, what it depends on, and the command that makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from esi.evaluate.models.registry import EVALUATED, ROCKET, SUPERVISED
from esi.report.inputs import CLASSIFICATION, Line, number, where
from esi.report.summary import at_share, full_labels
from esi.report.variation import DESCRIPTIONS, PRETRAINING, RECORDS, SEED, Settings

TASKS = {"ptbxl": "ptbxl-super", "icbeb": "icbeb-nine"}  # the paper's two diagnosis tasks
TITLES = {"ptbxl": "PTB-XL", "icbeb": "ICBEB"}
WITH_ROCKET = "pip install -e '.[rocket]' && dvc exp run -S 'evaluate.controls=[hand,rocket]'"
FINE_TUNE = "dvc exp run -S 'fine_tune.tasks=[ptbxl-super,icbeb-nine]'"
FINE_TUNE_FEW = "dvc exp run -S 'fine_tune.shares=[0.05,1.0]'"
IDENTIFY_FINE_TUNED = "dvc exp run -S identify.fine_tune_epochs=60"


class Source(Protocol):
    """Where a run's figures are read."""

    def details(self, protocol: str, name: str) -> list[Line]: ...

    def numbers(self, stage: str) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Asked:
    """A figure.

    Attributes:
        protocol: of evaluation, or the stage `score_descriptions`, or `pretrain` (the encoder's size in millions).
        key: its column. model: whose.
        share: of the labels, in diagnosis; None: all (zero-shot: none). A smaller share never stands for all.
        method, trial: of identification; a trial is parts of one strip, or recordings of one subject.
        digits: decimals that are shown.
    """

    protocol: str
    dataset: str = "ptbxl"
    key: str = "auroc"
    model: str = EVALUATED
    share: float | None = None
    method: str = ""
    trial: str = "strip"
    digits: int = 3

    def line(self, source: Source) -> Line:
        """Where a run says it; {} where it does not."""
        if self.protocol == "score_descriptions":
            scores = source.numbers(self.protocol)
            line = {key.removeprefix("bertscore_"): str(value) for key, value in scores.items()}
        elif self.protocol == "pretrain":
            size = source.numbers(self.protocol).get("parameters_signal_encoder")
            line = {self.key: str(size / 1e6)} if size else {}
        elif self.protocol == "identification":
            line = self._where(source, protocol=self.trial, method=self.method)
        elif self.protocol == "distribution":
            line = self._where(source, space="pooled")
        else:
            line = self._diagnosis(source.details(self.protocol, TASKS[self.dataset]))
        return line if line.get(self.key) else {}

    def _where(self, source: Source, **values: str) -> Line:
        return where(source.details(self.protocol, self.dataset), model=self.model, **values)

    def _diagnosis(self, details: list[Line]) -> Line:
        if self.share is not None:
            return at_share(details, self.model, self.share)
        line = full_labels(details, self.model)
        return line if self.protocol == "zero_shot" or number(line, "share") == 1.0 else {}

    def parts(self, present: Settings) -> frozenset[str]:
        """The parts of a run in whose settings it may not differ from the present one."""
        if self.protocol == "score_descriptions":
            return DESCRIPTIONS | {"score"}
        if self.protocol == "pretrain":
            return PRETRAINING  # a size does not depend on the seed
        made = RECORDS | {"encoder"} if self.model == SUPERVISED else PRETRAINING | SEED
        if self.protocol in CLASSIFICATION:
            made |= {"tasks"}
        if self.method == "fine_tune" and present.get("identify.fine_tune_epochs"):  # else the present run has none
            made |= {"fine_tuning"}
        return made | {"evaluate", self.protocol}

    @property
    def command(self) -> str:
        """What makes it, with the settings of the present run."""
        if self.protocol == "score_descriptions":
            return "dvc repro score_descriptions"
        if self.protocol == "fine_tune":
            return FINE_TUNE if self.share is None else FINE_TUNE_FEW
        if self.method == "fine_tune":
            return IDENTIFY_FINE_TUNED
        return WITH_ROCKET if self.model == ROCKET else "dvc repro"

"""Our figures where the paper's tables ask for them, of this run or kept ones, and commands for those that are absent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from esi.params import Params
from esi.report.inputs import Inputs, Line, number, where
from esi.report.kept import read_experiments
from esi.report.runs import Run, Source, cell, standing
from esi.report.summary import OURS, at_share, full_labels
from esi.report.table import DIGITS, Cell, Table
from esi.report.variation import ENCODERS, Basis, Variation, basis, settings_of

TASKS = {"ptbxl": "ptbxl-super", "icbeb": "icbeb-nine"}  # the paper's two diagnosis tasks
TITLES = {"ptbxl": "PTB-XL", "icbeb": "ICBEB"}
PAPERS_ENCODERS = {"ESI-tiny": "tiny", "ESI": "base", "ConvNeXt-tiny": "tiny", "ConvNeXt-base": "base"}
WITH_ENCODER = "dvc exp run -n {0} -S model.signal_encoder={0}"
WITH_ROCKET = "pip install -e '.[rocket]' && dvc exp run -S 'evaluate.controls=[hand,rocket]'"
FINE_TUNE = "dvc exp run -S 'fine_tune.tasks=[ptbxl-super,icbeb-nine]'"
FINE_TUNE_FEW = "dvc exp run -S 'fine_tune.shares=[0.05,1.0]'"
IDENTIFY_FINE_TUNED = "dvc exp run -S identify.fine_tune_epochs=60"
EVALUATE = "dvc repro"


@dataclass(frozen=True)
class At:
    """A row of a table: what the table varies, which of its rows this is, and the command that makes a run of that row."""

    varied: Variation
    row: str | None
    command: str


@dataclass(frozen=True)
class Ours:
    """Our figures for cells of the paper's tables."""

    params: Params
    inputs: Inputs

    @property
    def encoder(self) -> str:
        """The size of this run's signal encoder."""
        return self.params.model.signal_encoder

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """This run, and behind it the kept experiments by name."""
        records = {
            f"ingest.{name}.records": self.inputs.numbers(f"ingest/{name}").get("records") for name in self.params.ingest
        }
        present = Run("", settings_of(self.params) | records, self.inputs)
        kept = read_experiments(self.inputs.data / "experiments")
        return present, *(Run(experiment.name, experiment.settings, experiment) for experiment in kept)

    def here(self, varied: Variation = ENCODERS) -> At:
        """The row of the present run."""
        return At(varied, varied.row(self.runs[0].settings), "")

    def figure(
        self,
        table: Table,
        at: At,
        of: Basis,
        key: str,
        line_of: Callable[[Source], Line],
        command: str,
        digits: int = DIGITS,
    ) -> Cell:
        """A figure of the runs of a row, or the command that makes one.

        Args:
            of: what the figure depends on. line_of: where it stands in a run. command: for a run of the present one's row.
        """
        found = standing(self.runs, at.varied, at.row, of, line_of)
        if found:
            return cell(table, self.runs[0].settings, found, key, of, digits)
        return table.todo(command if at.row == self.here(at.varied).row else at.command)

    def diagnosis(
        self,
        table: Table,
        protocol: str,
        dataset: str,
        model: str = OURS,
        key: str = "auroc",
        share: float | None = None,
        at: At | None = None,
    ) -> Cell:
        """A figure of one of the paper's two diagnosis tasks, at one share of the labels (None: all; zero-shot: none)."""
        command = WITH_ROCKET if model == "rocket" else EVALUATE
        if protocol == "fine_tune":
            command = FINE_TUNE if share is None else FINE_TUNE_FEW
        return self.figure(
            table,
            at or self.here(),
            basis(protocol, model),
            key,
            lambda source: diagnosis_line(source, protocol, dataset, model, key, share),
            command,
        )

    def identification(
        self,
        table: Table,
        dataset: str,
        method: str,
        model: str = OURS,
        key: str = "auc",
        protocol: str = "strip",
        at: At | None = None,
    ) -> Cell:
        """A figure of identification: parts of one strip, or recordings of one subject, which not every data set has."""
        details = self.inputs.details("identification", dataset)
        if details and not where(details, protocol=protocol):
            return Cell()
        of = basis("identification", model, method)
        if method == "fine_tune" and not self.params.identify.fine_tune_epochs:  # switched off here, so that nothing differs
            of = Basis(of.keys, (*of.but, "identify.fine_tune_epochs", "identify.fine_tune_lr"))
        return self.figure(
            table,
            at or self.here(),
            of,
            key,
            lambda source: identification_line(source, dataset, method, model, key, protocol),
            IDENTIFY_FINE_TUNED if method == "fine_tune" else EVALUATE,
        )


def diagnosis_line(
    source: Source, protocol: str, dataset: str, model: str = OURS, key: str = "auroc", share: float | None = None
) -> Line:
    """The line of a diagnosis figure; {} where the run lacks it. A smaller share of the labels never stands for all."""
    details = source.details(protocol, TASKS[dataset])
    line = full_labels(details, model) if share is None else at_share(details, model, share)
    if share is None and protocol != "zero_shot" and number(line, "share") != 1.0:
        return {}
    return line if line.get(key) else {}


def identification_line(
    source: Source, dataset: str, method: str, model: str = OURS, key: str = "auc", protocol: str = "strip"
) -> Line:
    """The line of an identification figure; {} where the run does not have it."""
    line = where(source.details("identification", dataset), protocol=protocol, method=method, model=model)
    return line if line.get(key) else {}


def scores_line(source: Source) -> Line:
    """BERTScore of the descriptions (precision, recall, f1, each with _sd); {} where the run does not have it."""
    found = source.numbers("score_descriptions")
    return {key.removeprefix("bertscore_"): str(value) for key, value in found.items() if key.startswith("bertscore_")}


def parameters_line(source: Source) -> Line:
    """The signal encoder's size in millions; {} where the run does not have it."""
    size = source.numbers("pretrain").get("parameters_signal_encoder")
    return {"parameters_millions": str(size / 1e6)} if size else {}

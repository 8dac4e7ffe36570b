"""Figures of this run where the paper's tables ask for them, and the commands that make those which are absent."""

from __future__ import annotations

from dataclasses import dataclass

from esi.params import Params
from esi.report.inputs import Inputs, where
from esi.report.summary import OURS, at_share, full_labels
from esi.report.table import Cell, Table, measured

TASKS = {"ptbxl": "ptbxl-super", "icbeb": "icbeb-nine"}  # the paper's two diagnosis tasks
TITLES = {"ptbxl": "PTB-XL", "icbeb": "ICBEB"}
PAPERS_ENCODERS = {"ESI-tiny": "tiny", "ESI": "base", "ConvNeXt-tiny": "tiny", "ConvNeXt-base": "base"}
WITH_ENCODER = "dvc exp run -n {0} -S model.signal_encoder={0}"
WITH_ROCKET = "pip install -e '.[rocket]' && dvc exp run -S 'evaluate.controls=[hand,rocket]'"
FINE_TUNE = "dvc exp run -S 'fine_tune.tasks=[ptbxl-super,icbeb-nine]'"
FINE_TUNE_FEW = "dvc exp run -S 'fine_tune.shares=[0.05,1.0]'"
IDENTIFY_FINE_TUNED = "dvc exp run -S identify.fine_tune_epochs=20"
EVALUATE = "dvc repro"


@dataclass(frozen=True)
class Ours:
    """This run's figures for cells of the paper's tables."""

    params: Params
    inputs: Inputs

    @property
    def encoder(self) -> str:
        """The size of this run's signal encoder."""
        return self.params.model.signal_encoder

    def diagnosis(
        self, table: Table, protocol: str, dataset: str, model: str = OURS, key: str = "auroc", share: float | None = None
    ) -> Cell:
        """A figure of one of the paper's two diagnosis tasks, at one share of the labels (None: the largest)."""
        details = self.inputs.details(protocol, TASKS[dataset])
        line = full_labels(details, model) if share is None else at_share(details, model, share)
        if line.get(key):
            return measured(line, key, kind="ours")
        if protocol == "fine_tune":
            return table.todo(FINE_TUNE if share is None else FINE_TUNE_FEW)
        return table.todo(WITH_ROCKET if model == "rocket" else EVALUATE)

    def identification(
        self, table: Table, dataset: str, method: str, model: str = OURS, key: str = "auc", protocol: str = "strip"
    ) -> Cell:
        """A figure of identification: parts of one strip, or recordings of one subject, which not every data set has."""
        details = self.inputs.details("identification", dataset)
        line = where(details, protocol=protocol, method=method, model=model)
        if line.get(key):
            return measured(line, key, kind="ours")
        if details and not where(details, protocol=protocol):
            return Cell()
        return table.todo(IDENTIFY_FINE_TUNED if method == "fine_tune" else EVALUATE)

"""Resume state in the machine-local cache: written whole or not at all, found by what the run is, deleted when it is done.

It is never a DVC out: a finished run's state would make the next experiment resume at its end and train nothing. A run that
is through keeps its final weights there until its caller has written what comes of them.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

import torch

from esi import files, sealed

STATE = "state.pt"


class Checkpoint:
    """One run's state.

    Args:
        identity: everything that decides the run's result (parameters, data fingerprints, first weights, code): a run with
            another identity never sees this state.
    """

    def __init__(self, identity: Mapping[str, Any]) -> None:
        self.folder = files.cache_folder("checkpoints", files.json_hash(identity))

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the state; a kill at any moment leaves the old or the new one."""
        with sealed.sealing(self.folder / STATE) as temporary:
            torch.save(dict(state), temporary)
        files.hold(self.folder)

    def load(self) -> dict[str, Any] | None:
        """The state on the CPU, or None if the run has not saved any, or it was damaged and is dropped.

        Only tensors and plain values are read, never code.
        """
        path = self.folder / STATE
        files.hold(self.folder)
        return torch.load(path, map_location="cpu", weights_only=True) if sealed.intact(path) else None

    def delete(self) -> None:
        """To be called once the run's results are written."""
        files.let_go(self.folder)
        shutil.rmtree(self.folder, ignore_errors=True)

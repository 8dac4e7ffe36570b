"""Where a fine-tuning run goes on after a kill: state in the machine-local cache, never a DVC out.

A run that is through keeps its best weights there until the stage has written its results, so that a stage of many runs
fits none of them twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from typing import Any

import torch

from esi import sealed
from esi.files import cache_folder, hold, json_hash, let_go


class Checkpoint:
    """One run's state.

    Args:
        identity: everything that decides the run's result: settings, data, first weights, code. A run with another
            identity never sees this state.
    """

    def __init__(self, identity: Mapping[str, Any]) -> None:
        self._folder = cache_folder("fine_tune") / json_hash(identity)[:32]

    def save(self, state: Mapping[str, Any]) -> None:
        """Replace the state; a kill at any moment leaves the old or the new one."""
        with sealed.sealing(self._folder / "state.pt") as temporary:
            torch.save(dict(state), temporary)
        hold(self._folder)

    def load(self) -> dict[str, Any] | None:
        """The state on the CPU, or None if the run has not saved any, or it was damaged and is dropped.

        Only tensors and plain values are read, never code.
        """
        path = self._folder / "state.pt"
        hold(self._folder)
        return torch.load(path, map_location="cpu", weights_only=True) if sealed.intact(path) else None

    def delete(self) -> None:
        """To be called once the results are written."""
        let_go(self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)

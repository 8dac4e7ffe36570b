"""Any exported model, by what its config says it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from esi.model import export
from esi.model.ecg_model import EcgModel
from esi.model.esi import ESI
from esi.model.signal_model import SignalModel

ARCHITECTURES: dict[str, type[EcgModel]] = {"esi": ESI, "signal_encoder": SignalModel}


def load(name: Path | str, **hub: Any) -> EcgModel:
    """The model in a folder or Hub repository, in evaluation mode, on the CPU: of the class that its config names.

    Look at its `abilities` before asking for more than `encode_ecg`; what has `zero_shot` or `caption` is an `ESI`.

    Args:
        name: a folder, or the id of a Hub repository. hub: see `EcgModel.from_pretrained`.

    Raises:
        EsiError: as `EcgModel.from_pretrained`.
    """
    folder = export.located(name, **hub)
    return ARCHITECTURES[export.read_config(folder).architecture].from_pretrained(folder)

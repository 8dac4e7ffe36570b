"""The pretraining methods by name (`pretrain.method` in params.yaml): a new one is a module and a line here."""

from __future__ import annotations

from esi.errors import EsiError
from esi.pretrain.method import Method
from esi.pretrain.methods import esi, simclr

METHODS: dict[str, Method] = {
    "esi": esi.Esi(),
    "simclr": simclr.SimCLR(),
}


def method_of(name: str) -> Method:
    """A method by its name.

    Raises:
        EsiError: there is none of this name.
    """
    if name not in METHODS:
        raise EsiError(f"there is no pretraining method {name!r}: set pretrain.method to one of {', '.join(METHODS)}")
    return METHODS[name]

"""What the controls make of a data set's ECGs, computed once a data set."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

import numpy as np

from esi.closure import code_hash
from esi.ecg.signals import SignalStore
from esi.errors import EsiError
from esi.evaluate.models.registry import HAND, ROCKET
from esi.files import cache_folder, content_hash
from esi.sealed import read_arrays, write_arrays

# Each module's `features(store, records by split)` gives an array [N, D] float32 a split, and learns from "train" alone.
MODULES = {HAND: "hand_features", ROCKET: "rocket"}
# Those that are not always there are an extra of the control's name.
LIBRARIES = {HAND: ["numpy", "scipy"], ROCKET: ["sktime", "numba"]}


def control_features(control: str, store: SignalStore, records: Mapping[str, list[str]]) -> dict[str, np.ndarray]:
    """Features [N, D] float32 of the records of each split, in their order, from the cache where they are there.

    Args:
        control: hand or rocket. store: the data set's signals. records: record ids by split, "train" among them.

    Raises:
        EsiError: the control's library is not installed.
    """
    try:
        releases = [version(library) for library in LIBRARIES[control]]
    except PackageNotFoundError as error:
        raise EsiError(
            f"evaluate.controls names {control}, and {error.name} is not installed: "
            f"pip install -c constraints.txt -e '.[{control}]', or take {control} out"
        ) from None
    listed = (f"{name} {content_hash(*records[name])}" for name in sorted(records))
    key = content_hash(control, *releases, _code_hash(control), store.key, *listed)
    path = cache_folder("controls") / f"{key[:32]}.npz"
    by_split = read_arrays(path)
    if by_split is None:
        by_split = _module(control).features(store, records)
        write_arrays(path, by_split)
    return {name: by_split[name] for name in records}


def _module(control: str) -> ModuleType:
    """The control's own, imported when it is asked for: a library may be absent."""
    if control == HAND:
        from esi.evaluate.controls import hand_features

        return hand_features
    from esi.evaluate.controls import rocket

    return rocket


def _code_hash(control: str) -> str:
    others = {f"{__package__}.{module}" for name, module in MODULES.items() if name != control}
    return code_hash(__name__, without=frozenset(others))

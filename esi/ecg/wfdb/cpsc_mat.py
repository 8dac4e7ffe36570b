"""Records as CPSC2018 (ICBEB) first published them: A0001.mat, a MATLAB struct `ECG` with sex, age and data.

Liu et al. 2018, doi:10.1166/jmihi.2018.2442: `data` holds millivolts [12, T] at 500 Hz in the order I II III aVR aVL aVF
V1..V6, `sex` is "Male" or "Female", `age` is in years (NaN in five records).
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from esi.ecg.leads import LEADS
from esi.ecg.wfdb.header import RecordError

RATE = 500.0


def read_signals(path: Path) -> tuple[np.ndarray, list[str], float]:
    """Read a record's signals.

    Returns:
        Millivolts [12, T] as float64, the lead names, the rate in Hz.

    Raises:
        RecordError: the file is absent, damaged, or not of this kind.
    """
    data = np.asarray(_struct(path)["data"])
    if data.ndim != 2 or data.shape[0] != len(LEADS) or data.dtype.kind not in "fiu":
        raise RecordError(
            "unreadable", f"{path}: ECG.data is {data.dtype} of shape {data.shape}, not numbers of shape (12, samples)"
        )
    return np.ascontiguousarray(data, np.float64), list(LEADS), RATE


def read_person(path: Path) -> dict[str, str]:
    """What a record's file says of `age` and `sex`, as text ("74.0", "Male"; "nan" where the age is unknown).

    Raises:
        RecordError: the file is absent, damaged, or not of this kind.
    """
    struct = _struct(path)
    return {name: str(struct[name]) for name in ("age", "sex") if name in struct}


def _struct(path: Path) -> dict[str, Any]:
    try:
        file = BytesIO(path.read_bytes())
    except OSError as error:
        raise RecordError("missing file", f"{path}: cannot be read: {error.strerror}") from None
    try:
        content = loadmat(file, simplify_cells=True)
    except Exception as error:  # scipy raises whatever its parsing of a damaged file meets
        raise RecordError("unreadable", f"{path}: is not a MATLAB file of version 5 to 7: {error}") from None
    struct = content.get("ECG")
    if not isinstance(struct, dict) or "data" not in struct:
        kept = sorted(name for name in content if not name.startswith("__"))
        raise RecordError("unreadable", f"{path}: holds {kept}, not CPSC2018's struct ECG with data")
    return struct

"""The signals of a few records, read from the tables of their data set without a memory map of all of it.

Legend: N records, C leads, T samples.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from esi.ecg.tables import signals_of, table_paths
from esi.errors import EsiError


def signals_by_record(folder: Path, records: list[str]) -> dict[str, tuple[np.ndarray, int]]:
    """Signals int16 microvolts [12, 5000] and their valid samples by record id; only row groups that hold one are decoded.

    Args:
        folder: of an ingested data set (data/ecg/<set>).

    Raises:
        EsiError: a record is not there.
    """
    signals: dict[str, tuple[np.ndarray, int]] = {}
    wanted = set(records)
    for path in table_paths(folder) if wanted else []:
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            ids = file.read_row_group(group, columns=["record_id"])["record_id"].to_pylist()
            if wanted.isdisjoint(ids):
                continue
            table = file.read_row_group(group, columns=["signal", "valid_samples"]).combine_chunks()
            signals_NCT, valid_N = signals_of(table["signal"].chunk(0)), table["valid_samples"].to_pylist()
            for n, record in enumerate(ids):
                if record in wanted:
                    signals[record] = (signals_NCT[n].copy(), valid_N[n])
    absent = sorted(wanted - set(signals))
    if absent:
        raise EsiError(f"{folder} has no record {', '.join(absent)}, which data/predictions names: run `dvc repro` again")
    return signals

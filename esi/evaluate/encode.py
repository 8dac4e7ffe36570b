"""A data set's ECGs through a model's signal encoder, computed once a model and data set.

Legend: N records, B batch, C leads, T samples, D encoder width, E embedding width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from tqdm import tqdm

from esi.closure import code_hash
from esi.ecg.signals import SignalStore, gather_millivolts
from esi.errors import EsiError
from esi.files import cache_folder, content_hash
from esi.model.ecg_model import EcgModel
from esi.sealed import read_arrays, write_arrays


@dataclass(frozen=True)
class Encoded:
    """Records as a model sees them, in the order that was asked for."""

    pooled_ND: np.ndarray  # the encoder's pooled output: what probes read
    z_NE: np.ndarray  # normalised contrastive embedding, what zero-shot and retrieval read; [N, 0] of a model without one

    def of(self, places: Sequence[int]) -> Encoded:
        """Those of some records."""
        return Encoded(self.pooled_ND[places], self.z_NE[places])


@dataclass(frozen=True)
class Strip:
    """A part of each record, in samples at the model's rate."""

    start: int
    length: int


@torch.inference_mode()
def encode(
    model: EcgModel, model_key: str, store: SignalStore, records: Sequence[str], batch_size: int, strip: Strip | None = None
) -> Encoded:
    """Encode records of one store, or take them from the cache.

    Args:
        model: in evaluation mode, on the device that it is to run on.
        model_key: content hash of its weights.
        store: the data set's signals. records: record ids. batch_size: records at a time.
        strip: what part of each record is seen; None: all of it. A record that
            ends within it is padded; one that ends before it is an error.

    Raises:
        EsiError: an embedding is not finite; it names the record.
    """
    part = "" if strip is None else f"{strip.start}+{strip.length}"
    # Kind of device and size of the batches decide the last bits, the code all of them.
    seen = (model_key, code_hash(__name__), model.device.type, str(batch_size), store.key, part)
    path = cache_folder("embeddings") / f"{content_hash(*seen, *records)[:32]}.npz"
    arrays = read_arrays(path)
    if arrays is None:
        rows = [store.row_of[record] for record in records]
        pooled, z = [], []
        starts = range(0, len(rows), batch_size)
        for start in tqdm(starts, desc="encode", unit="batch", leave=False, disable=len(starts) < 10):
            some = [(store, row) for row in rows[start : start + batch_size]]
            ecg_BCT, valid_B = map(torch.from_numpy, gather_millivolts(some))
            if strip is not None:
                ecg_BCT = ecg_BCT[..., strip.start : strip.start + strip.length]
                valid_B = (valid_B - strip.start).clamp(max=strip.length)
            out = model.encode_ecg(ecg_BCT, valid_B)  # valid lengths stay where the encoder counts with them
            pooled.append(out["pooled"].float().cpu().numpy())
            z.append(out["z"].float().cpu().numpy() if "z" in out else np.zeros((len(some), 0), np.float32))
        arrays = {"pooled": np.concatenate(pooled), "z": np.concatenate(z)}
        bad_N = ~(np.isfinite(arrays["pooled"]).all(axis=1) & np.isfinite(arrays["z"]).all(axis=1))
        if bad_N.any():
            raise EsiError(
                f"the model gives embeddings that are not finite for {bad_N.sum()} of {len(records)} records, first "
                f"{records[int(bad_N.argmax())]}: look at its signal, or pretrain the model anew"
            )
        write_arrays(path, arrays)
    return Encoded(arrays["pooled"], arrays["z"])

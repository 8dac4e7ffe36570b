"""Who is to be recognised from what: the gallery (an ECG of each known subject) and the probes (ECGs to be named)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
import torch

from esi.ecg.leads import RATE
from esi.ecg.signals import SignalStore, gather_millivolts
from esi.evaluate.encode import Strip


@dataclass(frozen=True)
class Trial:
    """One identification test. Legend: G subjects in the gallery, P probes."""

    protocol: str  # strip, recording
    gallery: list[str]  # record ids, one a subject
    probes: list[str]  # record ids
    place_P: np.ndarray  # of each probe's subject in the gallery
    gallery_strip: Strip | None  # None: the whole record
    probe_strip: Strip | None
    left_out: int  # subjects without a record that is long enough


def strip_trial(records: pl.DataFrame, seconds: float, rate: int) -> Trial:
    """The published protocol (paper, 4.4): the first `seconds` of a subject's record are the gallery, the next `seconds` the
    probe. One record a subject, the first that holds both; subjects who have none are left out, for strips that overlap, or
    padding in their place, would be another task.

    Args:
        records: of one split, in the release's order. seconds: of a strip. rate: of the signals that the model sees, Hz.
    """
    first = _recordings(records)
    enough = first.filter(pl.col("valid_samples") >= 2 * round(seconds * RATE)).unique(
        "subject_id", keep="first", maintain_order=True
    )
    chosen = enough["record_id"].to_list()
    length = round(seconds * rate)
    return Trial(
        "strip",
        gallery=chosen,
        probes=chosen,
        place_P=np.arange(len(chosen)),
        gallery_strip=Strip(0, length),
        probe_strip=Strip(length, length),
        left_out=first["subject_id"].n_unique() - len(chosen),
    )


def recording_trial(records: pl.DataFrame) -> Trial:
    """From one recording to another: the first record of every subject is the gallery, the second of those who have several
    is the probe. The subjects with one record stay in the gallery, so that chance is the same as with strips.

    Args:
        records: of one split, in the release's order.
    """
    recordings = _recordings(records).with_columns(number=pl.int_range(pl.len()).over("subject_id"))
    gallery, probes = (recordings.filter(pl.col("number") == number) for number in (0, 1))
    place_of = {subject: place for place, subject in enumerate(gallery["subject_id"])}
    return Trial(
        "recording",
        gallery=gallery["record_id"].to_list(),
        probes=probes["record_id"].to_list(),
        place_P=np.array([place_of[subject] for subject in probes["subject_id"]], dtype=np.int64),
        gallery_strip=None,
        probe_strip=None,
        left_out=0,
    )


def _recordings(records: pl.DataFrame) -> pl.DataFrame:
    """Each recording once: further windows of a long one and second copies of a signal are no other recording."""
    return records.filter(pl.col("window") == 0).unique("signal_hash", keep="first", maintain_order=True)


def signals(store: SignalStore, records: list[str], strip: Strip | None) -> tuple[torch.Tensor, torch.Tensor]:
    """A strip of each record, or all of it: float32 millivolts [N, 12, T] and valid samples [N]."""
    ecg_NCT, valid_N = map(torch.from_numpy, gather_millivolts([(store, store.row_of[record]) for record in records]))
    if strip is None:
        return ecg_NCT, valid_N
    return ecg_NCT[..., strip.start : strip.start + strip.length], (valid_N - strip.start).clamp(max=strip.length)

"""How far a test set's ECGs lie from the pretraining ECGs as an encoder sees them: maximum mean discrepancy (paper, 5.4).

Two encoders are compared with care: MMD is 0 for one that tells nothing apart, too. What it shows is a shift that an encoder
sees, or no longer sees; that it still sees diagnoses is for the other figures.

Legend: N records of both samples, X of pretraining, Y of test, D features, P permutations.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.spatial.distance import pdist, squareform

from esi.ecg.signals import open_store
from esi.errors import EsiError
from esi.evaluate.ecg_set import EcgSet
from esi.evaluate.encode import Encoded, encode
from esi.model.esi import ESI
from esi.settings.data import Signal

DRAWN = ("dataset", "record_id", "subject_id")
BATCH = 16_384  # records whose names are Python objects at one time
ROUNDING = 1e-12  # two sums of the same kernel values in another order


@dataclass(frozen=True)
class Discrepancy:
    """Two samples, compared."""

    pretraining_records: int
    test_records: int
    bandwidth: float
    mmd2: float  # unbiased: below 0 by chance where the distributions are the same; at most 2
    p_value: float


def draw(records: pa.Table, most: int) -> pa.Table:
    """At most so many records with the lowest SHA-256 of "dataset/record_id", one a subject, lowest first.

    One a subject, because the permutation test takes records for independent. By the hashes, because `pairs.limit` goes by
    the same: however many pairs a model was trained on, it is tested with the same of them (Fig. 6), if there are enough.
    660,000 records: 0.6 s.

    Args:
        records: columns DRAWN.
    """
    table = records.select(list(DRAWN))
    order = np.argsort(np.fromiter(_numbers(table), np.uint64, len(table)), kind="stable")
    rows: list[int] = []
    seen: set[tuple[str, str]] = set()
    for row in order:
        if len(rows) == most:
            break
        subject = (table["dataset"][row].as_py(), table["subject_id"][row].as_py())
        if subject not in seen:
            seen.add(subject)
            rows.append(int(row))
    return table.take(pa.array(rows, pa.int64()))


def _numbers(table: pa.Table) -> Iterator[int]:
    """The first 8 bytes of each record's hash."""
    for batch in table.to_batches(BATCH):
        for dataset, record in zip(batch["dataset"].to_pylist(), batch["record_id"].to_pylist(), strict=True):
            yield int.from_bytes(hashlib.sha256(f"{dataset}/{record}".encode()).digest()[:8], "big")


def draw_test(ecgs: EcgSet, most: int) -> list[str]:
    """At most so many test records of a set, as `draw` draws.

    Raises:
        EsiError: it has fewer than two test subjects.
    """
    drawn: list[str] = draw(ecgs.of("test").to_arrow(), most)["record_id"].to_pylist()
    if len(drawn) < 2:
        raise EsiError(
            f"distribution.sets: {ecgs.dataset} has {len(drawn)} test subjects, and MMD needs two: remove it there, or give "
            f"ingest.{ecgs.dataset}.folds.test another fold in params.yaml"
        )
    return drawn


class PretrainingSample:
    """ECGs out of the pairs that the model was trained on.

    Attributes:
        records: columns DRAWN, by data set, in the order of their embeddings.

    Args:
        pairs: data/pairs/pairs.parquet. ecg_folder: data/ecg. most: how many are drawn at most.
        batch_size: records that are encoded at a time.

    Raises:
        EsiError: they are of fewer than two subjects.
    """

    def __init__(self, pairs: Path, ecg_folder: Path, signal: Signal, most: int, batch_size: int) -> None:
        table = pq.read_table(pairs, columns=list(DRAWN), filters=pc.field("split") == "train")
        self.records = pl.DataFrame(draw(table, most)).sort("dataset", maintain_order=True)
        if self.records.height < 2:
            raise EsiError(
                f"{pairs} holds training pairs of {self.records.height} subjects, and MMD needs two: raise pairs.limit"
            )
        self._batch_size = batch_size
        self._parts = [
            (open_store(ecg_folder / str(dataset), signal), part["record_id"].to_list())
            for (dataset,), part in self.records.group_by("dataset", maintain_order=True)
        ]

    def encode(self, model: ESI, key: str) -> Encoded:
        """The sample through a model of `candidates`."""
        parts = [encode(model, key, store, records, self._batch_size) for store, records in self._parts]
        return Encoded(np.concatenate([part.pooled_ND for part in parts]), np.concatenate([part.z_NE for part in parts]))


def discrepancy(pretraining_XD: np.ndarray, test_YD: np.ndarray, permutations: int, seed: int) -> Discrepancy:
    """Compare two samples of features, two records or more of either.

    Every feature is standardised over both samples, so that neither its unit nor one loud feature decides, and the figures
    of two encoders, or of two spaces, are on one scale. Gaussian kernel exp(-d^2 / (2 s^2)) with s the median distance
    between two records of the pooled sample (Gretton et al. 2012, JMLR 13, section 8). Both are blind to which sample a
    record is from, so that the permutation test stays exact. 500 records of either, 512 features, 500 permutations: 0.1 s;
    memory grows with the square of the records.
    """
    first, second = len(pretraining_XD), len(test_YD)
    distances = pdist(_standardised(np.concatenate([pretraining_XD, test_YD])))
    bandwidth = float(np.median(distances))
    kernel_NN = gaussian_kernel(squareform(distances), bandwidth)
    chosen_PN = _splits(first + second, first, permutations, seed)
    observed, *permuted = mmd2(kernel_NN, chosen_PN)
    as_large = int(np.count_nonzero(np.array(permuted) >= observed - ROUNDING))
    return Discrepancy(first, second, bandwidth, float(observed), (1 + as_large) / (1 + permutations))


def gaussian_kernel(distances_NN: np.ndarray, bandwidth: float) -> np.ndarray:
    """Kernel values [N, N]; where the bandwidth is 0 (most records are the same) the limit: 1 for equal records, else 0."""
    if bandwidth == 0:
        return (distances_NN == 0).astype(float)
    kernel_NN: np.ndarray = np.exp(-np.square(distances_NN / bandwidth) / 2)
    return kernel_NN


def mmd2(kernel_NN: np.ndarray, chosen_PN: np.ndarray) -> np.ndarray:
    """Unbiased squared MMD [P] (Gretton et al. 2012, lemma 6) for many ways to split the pooled sample in two.

    Args:
        chosen_PN: 1.0 for records of the first sample, 0.0 for those of the second; either has two or more in each row.
    """
    off_NN = kernel_NN - np.diag(np.diag(kernel_NN))  # a record is not compared with itself
    x, n = chosen_PN.sum(axis=1), len(kernel_NN)
    y = n - x
    within_first = np.einsum("pn,pn->p", chosen_PN @ off_NN, chosen_PN)
    with_all = chosen_PN @ off_NN.sum(axis=1)
    between = with_all - within_first
    within_second = off_NN.sum() - with_all - between
    values: np.ndarray = within_first / (x * (x - 1)) + within_second / (y * (y - 1)) - 2 * between / (x * y)
    return values


def _splits(n: int, first: int, permutations: int, seed: int) -> np.ndarray:
    """The observed split, then as many random ones [1 + P, N]."""
    chosen = np.zeros((1 + permutations, n))
    chosen[:, :first] = 1
    np.random.default_rng(seed).permuted(chosen[1:], axis=1, out=chosen[1:])
    return chosen


def _standardised(features_ND: np.ndarray) -> np.ndarray:
    """Mean 0 and standard deviation 1 a feature, in float64; a constant feature becomes 0."""
    centred = features_ND.astype(np.float64) - features_ND.mean(axis=0, dtype=np.float64)
    deviation = centred.std(axis=0)
    constant = deviation <= 1e-6 * np.abs(features_ND).max(axis=0)  # float32 noise around a constant
    centred[:, constant] = 0
    return centred / np.where(constant, 1, deviation)

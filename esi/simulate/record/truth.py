"""The ground truth of each record: its intervals and axis, and where every P, QRS and T begins and ends."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from esi.simulate.heart import beat
from esi.simulate.heart.beat import QRS, Beats
from esi.simulate.heart.subjects import Subjects
from esi.simulate.record.ectopic_beats import Pool, p_waves
from esi.simulate.record.rendering import p_ms, qt_ms
from esi.simulate.rhythm.rhythm import Rhythm
from esi.simulate.rhythm.strip import ATRIAL, VENTRICULAR

Floats = NDArray[np.float64]
FILE_NAME = "ground_truth.parquet"


@dataclass(frozen=True)
class GroundTruth:
    """One record. Axis, QRS and QT are those of its prevailing beat (extra beats do not count)."""

    rate: float  # beats a minute, of all ventricular beats in the record
    atrial_rate: float | None  # a minute: P or F waves; None: no two of them (fibrillation, hidden P)
    rr_ms: float  # mean
    pr_ms: float | None  # median of the beats that a P wave conducts; None: there are none
    p_ms: float | None
    qrs_ms: float
    qt_ms: float
    qtc_ms: float  # Fridericia
    axis_deg: float  # QRS in the frontal plane, -180..180
    sokolow_mV: float  # SV1 + max(RV5, RV6)
    onsets_s: tuple[float, ...]  # of the QRS complexes inside the record
    offsets_s: tuple[float, ...]  # their ends
    t_ends_s: tuple[float, ...]
    kinds: tuple[int, ...]  # strip.CONDUCTED, ATRIAL, VENTRICULAR, JUNCTIONAL, ESCAPE, PACED
    prs_ms: tuple[float | None, ...]  # of each beat; None: no P wave conducted it
    p_onsets_s: tuple[float, ...]  # of all P waves that begin inside the record, conducted or not
    p_offsets_s: tuple[float, ...]
    p_waves: tuple[int, ...]  # strip.PWave


def truths(rhythm: Rhythm, pool: Pool, own: Beats, leads: Floats, subjects: Subjects, seconds: Floats) -> list[GroundTruth]:
    """The ground truth of each record of a batch. `leads` [N, 8, 3], `seconds` [N]."""
    count = len(own)
    leads = leads[pool.record]
    axes = beat.frontal_axis(pool.beats, leads)
    eight = np.einsum("nlc,ncm->nlm", leads, beat.dipole(pool.beats, QRS, np.arange(0.0, 240.0)))
    sokolow = beat.sokolow_lyon(eight)
    rows = pool.rows(rhythm.record, rhythm.look)
    qrs, qtc = pool.beats.qrs_ms[rows], pool.beats.qtc_ms[rows]
    qt = qt_ms(qtc, qrs, rhythm.rr)
    p_end = rhythm.p_time + p_ms(own, rhythm.p_record, p_waves(own, subjects, rhythm.p_record, rhythm.p_wave)[1]) / 1000
    usual_p_ms = p_ms(own, np.arange(count), own.p_gap_ms)
    edges, p_edges = (np.searchsorted(each, np.arange(count + 1)) for each in (rhythm.record, rhythm.p_record))
    result = []
    for row in range(count):
        part, atria = slice(edges[row], edges[row + 1]), slice(p_edges[row], p_edges[row + 1])
        seen = np.arange(part.start, part.stop)[(rhythm.time[part] >= 0) & (rhythm.time[part] < seconds[row])]
        p_seen = np.arange(atria.start, atria.stop)[(rhythm.p_time[atria] >= 0) & (rhythm.p_time[atria] < seconds[row])]
        onset, pr, kinds = rhythm.time[seen], rhythm.pr[seen], rhythm.kind[seen]
        basic = seen[(kinds != ATRIAL) & (kinds != VENTRICULAR)] if len(seen) else seen
        main = int(np.bincount(rows[basic]).argmax()) if len(basic) else row
        rr = float(np.mean(np.diff(onset)))
        usual = float(np.median(rhythm.rr[seen]))
        interval = float(qt_ms(pool.beats.qtc_ms[main], pool.beats.qrs_ms[main], np.array(usual)))
        conducted = pr[~np.isnan(pr) & (kinds != ATRIAL)]
        flutter = rhythm.flutter.get(row)
        p_rate = 60 / float(np.median(np.diff(rhythm.p_time[p_seen]))) if len(p_seen) > 1 else None
        result.append(
            GroundTruth(
                rate=60 / rr,
                atrial_rate=60 / flutter.cycle if flutter else p_rate,
                rr_ms=1000 * rr,
                pr_ms=1000 * float(np.median(conducted)) if len(conducted) else None,
                p_ms=float(usual_p_ms[row]) if len(p_seen) else None,
                qrs_ms=float(pool.beats.qrs_ms[main]),
                qt_ms=interval,
                qtc_ms=interval / float(np.cbrt(usual)),
                axis_deg=float(axes[main]),
                sokolow_mV=float(sokolow[main]),
                onsets_s=tuple(onset.tolist()),
                offsets_s=tuple((onset + qrs[seen] / 1000).tolist()),
                t_ends_s=tuple((onset + qt[seen] / 1000).tolist()),
                kinds=tuple(kinds.tolist()),
                prs_ms=tuple(None if np.isnan(each) else 1000 * each for each in pr.tolist()),
                p_onsets_s=tuple(rhythm.p_time[p_seen].tolist()),
                p_offsets_s=tuple(p_end[p_seen].tolist()),
                p_waves=tuple(rhythm.p_wave[p_seen].tolist()),
            )
        )
    return result


_LISTS = {"kinds": pa.int8(), "p_waves": pa.int8(), "prs_ms": pa.float32()}
SCHEMA = pa.schema(
    [("record_id", pa.string())]
    + [
        (each.name, pa.list_(_LISTS.get(each.name, pa.float64())) if "tuple" in str(each.type) else pa.float64())
        for each in fields(GroundTruth)
    ]
)


class TruthTable:
    """Writes `ground_truth.parquet` of one simulated set, a row a record; the same rows give the same bytes."""

    def __init__(self, folder: Path, rows_a_group: int = 4096) -> None:
        self._writer = pq.ParquetWriter(folder / FILE_NAME, SCHEMA, compression="zstd")
        self._rows: list[dict[str, object]] = []
        self._rows_a_group = rows_a_group

    def add(self, ids: list[str], truths: list[GroundTruth]) -> None:
        """Add records by their ids, as the reader of this set names them."""
        for record_id, truth in zip(ids, truths, strict=True):
            self._rows.append({"record_id": record_id} | vars(truth))
        if len(self._rows) >= self._rows_a_group:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, SCHEMA))
            self._rows = []

    def close(self) -> None:
        """Write what is left; the file is whole only now."""
        self._flush()
        self._writer.close()

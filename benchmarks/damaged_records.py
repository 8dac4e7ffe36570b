"""Do damaged records crash a reader, hang it, get lost, or pass as sound? `python -m benchmarks.damaged_records`

Records in every layout (PTB-XL, MIMIC-IV-ECG, Challenge, CPSC2018's own, and a folder of one's own in other formats, several
samples a frame and segments) are damaged, one damage each: bits and bytes of the samples, files cut or grown, signal lines
exchanged, lost or repeated, header bytes changed. Each set is then ingested as it always is, in a process that is watched.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from pydantic import TypeAdapter
from tqdm import tqdm

from benchmarks.damaged_originals import Original, originals, record_id, write_release
from benchmarks.damages import DAMAGES, NEED_A_HEADER, SAMPLE_DAMAGES
from benchmarks.report import report
from esi import params
from esi.ecg.ingest import ingest
from esi.ecg.tables import table_paths
from esi.errors import EsiError
from esi.settings.data import Ingest

BATCH = 500  # records a set
WATCH_S = 180  # for a set, which takes some seconds
STOPPED = 3  # exit status of a process whose ingest ended with a sentence
FAILURES = {"crash": "crashes", "hang": "hangs", "stop": "stopped"}


class Damaged(NamedTuple):
    """A record with one damage."""

    layout: str
    original: int
    damage: str
    files: dict[str, bytes]


class Outcome(NamedTuple):
    """The result of ingesting a record: a row of the table, or the reason of its quarantine."""

    signal: str | None  # the hash of what the table holds
    checksum_errors: int | None
    reason: str | None  # of the quarantine, or one of `FAILURES`


def damaged(sound: dict[str, list[Original]], records: int, seed: int) -> list[Damaged]:
    """Damaged records, all layouts and damages in turn."""
    rng = np.random.default_rng(seed)
    drawn = []
    layouts = sorted(sound)
    for number in range(records):
        layout = layouts[number % len(layouts)]
        original = int(rng.integers(len(sound[layout])))
        files = dict(sound[layout][original].files)
        possible = sorted(DAMAGES if "r.hea" in files else DAMAGES.keys() - NEED_A_HEADER)
        damage = possible[number // len(layouts) % len(possible)]
        DAMAGES[damage](files, rng)
        drawn.append(Damaged(layout, original, damage, files))
    return drawn


def outcomes(layout: str, sound: dict[str, bytes], records: list[dict[str, bytes]], watched: bool = True) -> list[Outcome]:
    """Ingest a set of these records and a sound one, so that nothing but a fault of the reader stops it. A set that crashes,
    hangs or stops is halved until the record is found.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = write_release(folder / "raw", layout, [sound, *records])
        failure = (_ingest_watched if watched else _ingest)(settings, folder)
        if failure is None:
            return _results(layout, folder / "out", 1 + len(records))[1:]
    if len(records) == 1:
        return [Outcome(None, None, failure)]
    half = len(records) // 2
    return [*outcomes(layout, sound, records[:half], watched), *outcomes(layout, sound, records[half:], watched)]


def _ingest(settings: dict[str, Any], folder: Path) -> str | None:
    """What of `FAILURES` befell it; a crash is an exception here."""
    os.environ["DVC_ROOT"] = str(folder)  # no shard of another run is found
    (folder / "out").mkdir()
    try:
        ingest("damaged", TypeAdapter(Ingest).validate_python(settings), params.load().quality, folder / "out", 1)
    except EsiError as error:
        print(error, file=sys.stderr)
        return "stop"
    return None


def _ingest_watched(settings: dict[str, Any], folder: Path) -> str | None:
    process = multiprocessing.get_context("spawn").Process(target=_exit_with, args=(settings, folder))
    process.start()
    process.join(WATCH_S)
    if process.is_alive():
        process.kill()
        process.join()
        return "hang"
    return {0: None, STOPPED: "stop"}.get(process.exitcode or 0, "crash")


def _exit_with(settings: dict[str, Any], folder: Path) -> None:
    sys.exit(STOPPED if _ingest(settings, folder) else 0)


def _results(layout: str, out: Path, count: int) -> list[Outcome]:
    rows = pl.scan_parquet(table_paths(out)).select("record_id", "signal_hash", "checksum_errors").collect()
    table = {record: (signal, errors) for record, signal, errors in rows.iter_rows()}
    quarantine = dict(pl.read_parquet(out / "quarantine.parquet").select("record_id", "reason").iter_rows())
    ids = [record_id(layout, number) for number in range(count)]
    return [Outcome(*table.get(record, (None, None)), quarantine.get(record)) for record in ids]


def examine(sound: dict[str, list[Original]], records: int, seed: int, watched: bool = True) -> dict[str, Any]:
    """Damage records and ingest them.

    Returns:
        Counts. `stopped` are records that keep a whole set from being ingested; `changed_unmarked` are rows of
        the table whose samples are not those of their lead in the sound record, while the lines with the checksums stayed
        whole and no mark tells of it; `header_values_changed` are rows that have other values because a gain, a unit, a rate
        or a name in the header changed, which no checksum covers.

    Raises:
        AssertionError: a sound record is refused or marked, so that the counts would mean nothing.
    """
    truth = {name: outcomes(name, kept[0].files, [one.files for one in kept], watched) for name, kept in sound.items()}
    for layout, read in truth.items():
        unsound = [one for one in read if one.signal is None or one.checksum_errors]
        assert not unsound, f"{layout}: sound records are refused or marked: {unsound[:3]}"
    counts: Counter[str] = Counter()
    unmarked: Counter[str] = Counter()
    by_layout: dict[str, list[Damaged]] = {}
    for one in damaged(sound, records, seed):
        by_layout.setdefault(one.layout, []).append(one)
    with tqdm(total=records, unit="record", desc="damaged records") as bar:
        for layout, drawn in by_layout.items():
            for start in range(0, len(drawn), BATCH):
                batch = drawn[start : start + BATCH]
                read = outcomes(layout, sound[layout][0].files, [one.files for one in batch], watched)
                for one, outcome in zip(batch, read, strict=True):
                    what = _verdict(one, outcome, truth[layout][one.original])
                    counts[what] += 1
                    if what == "changed_unmarked":
                        unmarked[f"{layout}: {one.damage}"] += 1
                bar.update(len(batch))
    kinds = (*FAILURES.values(), "lost", "quarantined", "marked", "unchanged", "header_values_changed", "changed_unmarked")
    return {"records": records, **{kind: counts[kind] for kind in kinds}, "unmarked": dict(unmarked)}


def _verdict(one: Damaged, outcome: Outcome, truth: Outcome) -> str:
    if outcome.reason in FAILURES:
        return FAILURES[outcome.reason]
    if outcome.signal is None:
        return "quarantined" if outcome.reason else "lost"
    if outcome.checksum_errors:
        return "marked"
    if outcome.signal == truth.signal:
        return "unchanged"
    return "changed_unmarked" if one.damage in SAMPLE_DAMAGES else "header_values_changed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=5000)
    parser.add_argument("--originals", type=int, default=24, help="sound records a layout")
    parser.add_argument(
        "--real", type=Path, help="a folder with ptb-xl/records500 and cinc2021, to damage real ones as well"
    )
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        sound = originals(Path(name), arguments.originals, arguments.seed, arguments.real)
    figures = examine(sound, arguments.records, arguments.seed)
    source = "simulated and real" if arguments.real else "simulated"
    summary = (
        f"{figures['records']} damaged {source} records in {len(sound)} layouts: {figures['crashes']} crashes, "
        f"{figures['hangs']} hangs, {figures['lost']} lost, {figures['changed_unmarked']} changed and unmarked"
    )
    report("damaged_records", summary, figures | {"layouts": sorted(sound), "seed": arguments.seed})


if __name__ == "__main__":
    main()

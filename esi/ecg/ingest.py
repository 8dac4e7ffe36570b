"""A public release in, Parquet tables of standard ECGs out; what cannot be used is listed with its reason.

The work goes in shards (esi/ecg/shards.py) on all cores. Finished shards lie in the machine-local cache until all are
finished, so that a killed run goes on with those that are missing.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
from tqdm import tqdm

from esi.command import ENDING
from esi.ecg.entries import ReleaseError
from esi.ecg.folds import assign_folds
from esi.ecg.identity import people
from esi.ecg.releases import list_entries, reader_of
from esi.ecg.shards import Shard, ShardFiles, write_shard
from esi.ecg.tables import QUARANTINE_SCHEMA, table_paths
from esi.errors import EsiError
from esi.files import cache_folder, content_hash, locked, write_table
from esi.sealed import sealed
from esi.settings.data import Ingest, Quality

SHARD_RECORDS = 512
MOST_BROKEN = 0.5  # of the rows of a set's table: beyond, it is not a table with damage but the wrong one


def ingest(dataset: str, settings: Ingest, limits: Quality, folder: Path, workers: int | None = None) -> dict[str, Any]:
    """Read a whole release into `folder`: part-00000.parquet, ... and quarantine.parquet.

    Args:
        dataset: the name that the rows get.
        settings: format, place and folds of the release.
        limits: what a record may show and still be used.
        folder: an existing folder, which receives the tables.
        workers: processes; None for one a core.

    Returns:
        Plain figures for the metrics: records, subjects, splits, quarantine by reason; and `content`, which is another
        one when a part file is.

    Raises:
        ReleaseError: the release is missing, or not one of its records can be used.
        EsiError: the disk is full, or the system ended one of the processes.
    """
    entries, broken = _usable(dataset, settings, list_entries(settings))
    _refuse_repeated(settings, entries["record_id"])
    entries = entries.with_columns(people(settings, entries), fold=assign_folds(entries))
    splits = {fold: settings.folds.split_of(fold) for fold in entries["fold"].unique()}
    entries = entries.with_columns(split=pl.col("fold").replace_strict(splits, return_dtype=pl.String))
    work = cache_folder("ingest", f"{dataset}-{content_hash(str(settings.root.resolve()))[:16]}")
    reader = reader_of(settings)
    with locked(work), _failures_as_sentences():
        shards = [
            Shard(dataset, reader, settings.windows == "all", limits, entries.slice(start, SHARD_RECORDS), work)
            for start in range(0, entries.height, SHARD_RECORDS)
        ]
        written = list(_write_shards(shards, workers or os.cpu_count() or 1))
        quarantine = pl.concat([broken, *(pl.read_parquet(shard.quarantine) for shard in written)])
        usable = [shard for shard in written if pq.read_metadata(shard.part).num_rows]
        if not usable:
            raise ReleaseError(
                f"{settings.root}: none of {entries.height + broken.height} records can be used, for "
                f"{dict(quarantine['reason'].value_counts(sort=True).iter_rows())}; first: {quarantine['message'][0]}"
            )
        content = content_hash(*(str(sealed(shard.sums)[shard.part.name]) for shard in usable))[:32]
        for number, shard in enumerate(usable):
            shutil.move(shard.part, folder / f"part-{number:05d}.parquet")
        write_table(folder / "quarantine.parquet", quarantine.to_arrow().cast(QUARANTINE_SCHEMA))
        shutil.rmtree(work)
    return _count_records(folder) | {"content": content}


def _usable(dataset: str, settings: Ingest, entries: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The entries without a fault, and those with one as rows of the quarantine.

    Raises:
        ReleaseError: there is none without, or more than half have one: the table is not what the settings say, or damaged.
    """
    if entries.is_empty():
        raise ReleaseError(f"{settings.root}: its table lists no record: complete it")
    broken = entries.filter(pl.col("fault").is_not_null())
    if broken.height > entries.height * MOST_BROKEN:
        raise ReleaseError(
            f"{broken['fault'][0]} (and {broken.height - 1} more of {entries.height} rows cannot be used: most likely the "
            "table is another than params.yaml says, or damaged)"
        )
    rows = broken.select(
        dataset=pl.lit(dataset),
        record_id="record_id",
        reason=pl.lit("broken row"),
        message=pl.col("fault").str.replace_all(f"{settings.root}/", "", literal=True),
    )
    return entries.filter(pl.col("fault").is_null()), rows


def _refuse_repeated(settings: Ingest, ids: pl.Series) -> None:
    """Two records of one id would be one wherever they are looked up; so would "A-w1" and the second window of "A"."""
    repeated = ids.filter(ids.is_duplicated()).unique(maintain_order=True)
    if settings.windows == "all":
        windows = ids.filter(ids.str.contains(r"-w\d+$"))
        repeated.extend(windows.filter(windows.str.replace(r"-w\d+$", "").is_in(ids.implode())))
    if len(repeated):
        raise ReleaseError(
            f"{settings.root}: record ids {repeated[:5].to_list()} stand there more than once: give each record one"
        )


@contextmanager
def _failures_as_sentences() -> Iterator[None]:
    """What the machine refuses, with what to do; the finished shards stay where the next run finds them."""
    try:
        yield
    except BrokenProcessPool:
        raise EsiError(
            "the system ended one of the processes, most likely for want of memory: free some and run it again; what is "
            "finished is kept"
        ) from None
    except OSError as error:
        raise EsiError(
            f"{error.filename or 'the tables'} cannot be written ({error.strerror or error}): mend that and run it again; "
            "what is finished is kept"
        ) from None


def _count_records(folder: Path) -> dict[str, Any]:
    rows = pl.scan_parquet(table_paths(folder)).drop("signal", "signal_hash", "signal_shapes").collect()
    reasons = pl.read_parquet(folder / "quarantine.parquet")["reason"].value_counts().sort("reason")
    return {
        "records": rows.height,
        "subjects": rows["subject_id"].n_unique(),
        **{f"records_{name}": (rows["split"] == name).sum() for name in ("train", "validation", "test", "unused")},
        "without_statements": (rows["statements"].list.len() == 0).sum(),
        "further_windows": (rows["window"] > 0).sum(),
        "with_checksum_errors": (rows["checksum_errors"] > 0).sum(),
        "without_checksums": rows["checksum_errors"].null_count(),
        "with_derived_leads": (rows["derived_leads"] > 0).sum(),
        "hours": round(rows["valid_samples"].sum() / 500 / 3600, 3),
        "quarantined": reasons["count"].sum(),
        **{
            f"quarantined_{reason.replace(' ', '_').replace('-', '_')}": count
            for reason, count in reasons.select("reason", "count").iter_rows()
        },
    }


def _write_shards(shards: Sequence[Shard], workers: int) -> Iterator[ShardFiles]:
    """Write all shards, on several processes where that pays; yields their files in order."""
    total = sum(shard.entries.height for shard in shards)
    with tqdm(total=total, desc=f"ingest {shards[0].dataset}", unit="record") as bar:
        if len(shards) == 1 or workers == 1:
            yield from [write_shard(shard, bar.update) for shard in shards]
            return
        # spawn: polars holds threads in this process, and a forked child would inherit their locks
        context = multiprocessing.get_context("spawn")
        counter = context.Value("q")
        with ProcessPoolExecutor(min(workers, len(shards)), context, _begin_worker, (counter,)) as pool:
            with _signals_for_this_process_alone():
                running = [pool.submit(_write_shard_counted, shard) for shard in shards]
            waiting = set(running)
            try:
                while waiting:
                    done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_EXCEPTION)
                    for future in done:
                        future.result()
                    bar.update(counter.value - bar.n)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            yield from (future.result() for future in running)


@contextmanager
def _signals_for_this_process_alone() -> Iterator[None]:
    """Processes that are started here never see Ctrl-C or SIGTERM: the parent ends them when their shard is written."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_progress: Any = None  # of a worker process: the counter that it shares with the parent


def _begin_worker(counter: Any) -> None:
    global _progress
    _progress = counter
    parent = multiprocessing.parent_process()

    def end_with_parent() -> None:  # a killed parent cannot tell its workers to end
        if parent is not None:
            connection.wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _write_shard_counted(shard: Shard) -> ShardFiles:
    def advance(records: int) -> None:
        with _progress.get_lock():
            _progress.value += records

    return write_shard(shard, advance)

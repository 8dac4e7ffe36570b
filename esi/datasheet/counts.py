"""The numbers of one data set, counted from its tables without reading a signal.

A row of the tables is an ECG of ten seconds; a record of the release may have several (`windows: all`). People and sources
are counted by record, signals and their quality by ECG.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import polars as pl

from esi.ecg.leads import SAMPLES
from esi.ecg.tables import table_paths
from esi.errors import EsiError

SPLITS = ("train", "validation", "test", "unused")
NOISES = ("wander_uv", "mains_uv", "muscle_uv")
AGE_BIN = 5  # years
OLDEST = 120  # ages below 0 or above this are counted as implausible
NOISE_BINS = 10  # a decade
LEAST_NOISE_UV = 0.1  # what is below counts as this in the histograms
WINDOW_S = 10
EXAMPLES = 3  # quarantined records that are named, a reason
COUNTED = (
    "subject_id",
    "split",
    "age",
    "sex",
    "source_rate",
    "source_seconds",
    "valid_samples",
    "flat_leads",
    "flat_fraction",
    "nonfinite",
    "clipped",
    *NOISES,
    "signal_hash",
)


@dataclass(frozen=True)
class People:
    """Of some records: how many, of how many subjects, and of what age and sex. None where no age is known."""

    records: int
    subjects: int
    age_median: float | None
    age_p25: float | None
    age_p75: float | None
    age_min: float | None
    age_max: float | None
    age_missing: int
    female: int
    male: int
    sex_missing: int


@dataclass(frozen=True)
class Counts:
    """All of one data set but its labels."""

    everyone: People
    by_split: dict[str, People]  # the splits that hold records, in the order of SPLITS
    values: dict[str, int | float]  # the further numbers, by their key in the metrics; what is undefined is absent
    rates: dict[float, int]  # Hz -> records
    ages: pl.DataFrame  # age (lower end of five years), sex (female, male, unknown), records
    noise: dict[str, pl.DataFrame]  # a figure of NOISES -> uv (lower end, logarithmic), ecgs
    quarantine: pl.DataFrame  # reason, records, examples (ids)
    hashes: pl.Series  # the distinct signal hashes


def count(folder: Path) -> Counts:
    """Count what the tables of an ingested data set hold.

    Args:
        folder: with part-*.parquet and quarantine.parquet (esi.ecg.tables).

    Raises:
        EsiError: a table is missing, or was written by an earlier version of the ingest.
    """
    ecgs = read_columns(folder, COUNTED).collect()
    records = ecgs.filter("first_of_record")
    quarantine = _quarantine(folder)
    a_subject = records.group_by("subject_id").agg(records=pl.len(), splits=pl.col("split").n_unique())
    by_hash = ecgs.group_by("signal_hash").agg(ecgs=pl.len(), splits=pl.col("split").n_unique())
    seconds = records["source_seconds"].cast(pl.Float64).round(2)
    ages = _ages(records)
    noise_values: dict[str, int | float] = {}
    for name in NOISES:
        noise_values |= _spread(ecgs[name], name)
    return Counts(
        everyone=_people(records),
        by_split={split: _people(part) for split in SPLITS if len(part := records.filter(pl.col("split") == split))},
        values={
            "ecgs": len(ecgs),
            "padded_ecgs": int((ecgs["valid_samples"] < SAMPLES).sum()),
            "records_a_subject_median": _rounded(a_subject["records"].median()),
            "records_a_subject_max": int(a_subject["records"].max()),  # type: ignore[arg-type]
            "subjects_with_several_records": int((a_subject["records"] > 1).sum()),
            "subjects_in_several_splits": int((a_subject["splits"] > 1).sum()),
            "signals_repeated": int((by_hash["ecgs"] > 1).sum()),
            "signals_copies": len(ecgs) - len(by_hash),
            "signals_in_several_splits": int((by_hash["splits"] > 1).sum()),
            "age_implausible": int(((records["age"] < 0) | (records["age"] > OLDEST)).sum()),
            "seconds_median": _rounded(seconds.median()),
            "seconds_min": _rounded(seconds.min()),
            "seconds_max": _rounded(seconds.max()),
            "shorter_than_10_s": int((seconds < WINDOW_S).sum()),
            "longer_than_10_s": int((seconds > WINDOW_S).sum()),
            **noise_values,
            "ecgs_with_flat_leads": int((ecgs["flat_leads"] > 0).sum()),
            "ecgs_with_flat_stretches": int((ecgs["flat_fraction"] > 0).sum()),
            "ecgs_with_interpolated_samples": int((ecgs["nonfinite"] > 0).sum()),
            "ecgs_with_clipped_samples": int((ecgs["clipped"] > 0).sum()),
            "quarantined": int(quarantine["records"].sum()),
        },
        rates=dict(records.group_by("source_rate").len().sort("source_rate").iter_rows()),
        ages=ages,
        noise={name: _noise_histogram(ecgs[name]) for name in NOISES},
        quarantine=quarantine,
        hashes=by_hash["signal_hash"],
    )


def read_columns(folder: Path, columns: Sequence[str]) -> pl.LazyFrame:
    """Columns of all parts, and `first_of_record`: whether a row is the first of its record's windows.

    Raises:
        EsiError: there is no table, or it lacks columns.
    """
    table = pl.scan_parquet(table_paths(folder))
    absent = sorted({*columns, "record_id", "window"} - set(table.collect_schema().names()))
    if absent:
        raise EsiError(f"{folder}: the tables have no {', '.join(absent)}: run `dvc repro ingest@{folder.name}`")
    whole = pl.col("record_id").str.replace(r"-w\d+$", "")  # as the ingest names further windows
    record = pl.when(pl.col("window") > 0).then(whole).otherwise("record_id")
    return table.select(*columns, first_of_record=record.is_first_distinct())


def shared_signals(hashes: dict[str, pl.Series]) -> dict[tuple[str, str], int]:
    """How many signals each two data sets have in common; pairs without one are absent.

    Args:
        hashes: the distinct signal hashes of each data set.
    """
    names = list(hashes)
    pairs = [(first, second) for i, first in enumerate(names) for second in names[i + 1 :]]
    common = {
        (first, second): len(hashes[first].to_frame().join(hashes[second].to_frame(), on="signal_hash", how="semi"))
        for first, second in pairs
    }
    return {pair: count for pair, count in common.items() if count}


def metrics_of(counts: Counts) -> dict[str, int | float]:
    """A data set's numbers under plain keys, `<key>_<split>` for those of a split; undefined ones are left out."""
    plain = {key: value for key, value in asdict(counts.everyone).items() if value is not None}
    for split, people in counts.by_split.items():
        plain |= {f"{key}_{split}": value for key, value in asdict(people).items() if value is not None}
    plain |= counts.values
    plain |= {f"records_at_{rate:g}_hz": records for rate, records in counts.rates.items()}
    for reason, records, _ in counts.quarantine.iter_rows():
        plain[f"quarantined_{reason.replace(' ', '_').replace('-', '_')}"] = records
    return plain


def _people(records: pl.DataFrame) -> People:
    age = records["age"].cast(pl.Float64).fill_nan(None)
    return People(
        records=len(records),
        subjects=records["subject_id"].n_unique(),
        age_median=_rounded(age.median(), 1),
        age_p25=_rounded(age.quantile(0.25, "linear"), 1),
        age_p75=_rounded(age.quantile(0.75, "linear"), 1),
        age_min=_rounded(age.min(), 1),
        age_max=_rounded(age.max(), 1),
        age_missing=age.null_count(),
        female=int((records["sex"] == "female").sum()),
        male=int((records["sex"] == "male").sum()),
        sex_missing=len(records) - int(records["sex"].is_in(["female", "male"]).sum()),
    )


def _ages(records: pl.DataFrame) -> pl.DataFrame:
    sex = pl.when(pl.col("sex").is_in(["female", "male"])).then("sex").otherwise(pl.lit("unknown"))
    known = records.filter(pl.col("age").is_between(0, OLDEST))
    return (
        known.group_by(age=(pl.col("age") // AGE_BIN).cast(pl.Int32) * AGE_BIN, sex=sex)
        .agg(records=pl.len())
        .sort("age", "sex")
    )


def _spread(values: pl.Series, name: str) -> dict[str, int | float]:
    known = values.cast(pl.Float64).fill_nan(None)
    figures: dict[str, int | float] = {f"{name}_missing": known.null_count()}
    for key, level in (("p5", 0.05), ("median", 0.5), ("p95", 0.95)):
        if (at_level := known.quantile(level, "linear")) is not None:
            figures[f"{name}_{key}"] = _rounded(at_level)
    return figures


def _noise_histogram(values: pl.Series) -> pl.DataFrame:
    """ECGs by tenths of a decade."""
    known = values.cast(pl.Float64).fill_nan(None).drop_nulls().clip(LEAST_NOISE_UV)
    step = (known.log10() * NOISE_BINS).floor().cast(pl.Int32)
    counts = pl.DataFrame({"step": step}).group_by("step").agg(ecgs=pl.len()).sort("step")
    return counts.select(uv=10 ** (pl.col("step") / NOISE_BINS), ecgs="ecgs")


def _quarantine(folder: Path) -> pl.DataFrame:
    path = folder / "quarantine.parquet"
    if not path.exists():
        raise EsiError(f"{path} is missing: run `dvc repro ingest@{folder.name}`")
    table = pl.read_parquet(path, columns=["record_id", "reason"])
    by_reason = table.group_by("reason").agg(records=pl.len(), examples=pl.col("record_id").sort().head(EXAMPLES))
    return by_reason.sort(["records", "reason"], descending=[True, False])


def _rounded(value: object, digits: int = 2) -> float:
    return None if value is None else round(float(value), digits)  # type: ignore[arg-type, return-value]

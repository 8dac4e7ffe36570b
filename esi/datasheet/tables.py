"""The datasheet's tables in Markdown: a row a data set, or a data set and a split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from esi.datasheet.counts import NOISES, Counts, People
from esi.datasheet.labels import shown
from esi.datasheet.releases import Origin
from esi.markdown import code, escaped
from esi.settings.data import Ingest

UNKNOWN = "–"
TOP_LABELS = 10


@dataclass(frozen=True)
class Sheet:
    """All that the page says of one data set."""

    settings: Ingest
    origin: Origin
    counts: Counts
    labels: pl.DataFrame  # esi.datasheet.labels.label_frequencies
    unlabelled: int  # records
    pretraining: bool  # whether its training fold is in the pairs

    @property
    def what(self) -> str:
        """In a few words, what this is; a simulated set is never called by the release's name alone."""
        if self.origin.simulated:
            return f"**simulated**, in the layout of {self.origin.layout}" if self.origin.layout else "**simulated**"
        return self.origin.facts.name if self.origin.facts else "not described"


Sheets = Mapping[str, Sheet]


def table(header: Sequence[str], rows: Iterable[Sequence[str]], text_columns: int = 1) -> str:
    """A Markdown table; the first columns are text, the others numbers, set to the right."""
    rules = ["---"] * text_columns + ["---:"] * (len(header) - text_columns)
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(header), rules, *cells])


def number(value: float | None, digits: int | None = None) -> str:
    """With thousands separators and `digits` decimals, or one where there is something behind the point; a dash for what is
    undefined."""
    if value is None:
        return UNKNOWN
    return f"{value:,.{(0 if float(value).is_integer() else 1) if digits is None else digits}f}"


def share(part: int, whole: int) -> str:
    """A count with its percentage."""
    return number(part) if not part or not whole else f"{part:,} ({_per_cent(part / whole)})"


def _per_cent(fraction: float) -> str:
    return f"{fraction:.1%}".replace("%", " %") if fraction >= 0.001 else "< 0.1 %"


def _median_age(people: People) -> str:
    if people.age_median is None:
        return UNKNOWN
    return f"{number(people.age_median)} ({number(people.age_p25)}–{number(people.age_p75)})"


def overview(sheets: Sheets) -> str:
    """What each set is, and how much of it there is."""
    header = [
        "data set",
        "what it is",
        "records",
        "published",
        "subjects",
        "distinct labels",
        "without label",
        "quarantined",
        "pretraining",
    ]
    rows = []
    for name, sheet in sheets.items():
        people, facts = sheet.counts.everyone, sheet.origin.facts
        rows.append(
            [
                f"`{name}`",
                sheet.what,
                number(people.records),
                number(facts.records if facts else None),
                number(people.subjects),
                number(len(shown(sheet.labels))),
                share(sheet.unlabelled, people.records),
                number(sheet.counts.values["quarantined"]),
                "yes" if sheet.pretraining else "no",
            ]
        )
    return table(header, rows, text_columns=2)


def people(sheets: Sheets) -> str:
    """Ages and sexes, over all and by split."""
    header = [
        "data set",
        "split",
        "records",
        "subjects",
        "median age (IQR)",
        "youngest–oldest",
        "age unknown",
        "female",
        "male",
        "sex unknown",
    ]
    rows = []
    for name, sheet in sheets.items():
        splits = sheet.counts.by_split
        groups = {"all": sheet.counts.everyone, **(splits if len(splits) > 1 else {})}
        for split, group in groups.items():
            extremes = f"{number(group.age_min)}–{number(group.age_max)}" if group.age_min is not None else UNKNOWN
            rows.append(
                [
                    f"`{name}`" if split == "all" else "",
                    split if len(splits) > 1 else f"all ({next(iter(splits))})",
                    number(group.records),
                    number(group.subjects),
                    _median_age(group),
                    extremes,
                    share(group.age_missing, group.records),
                    share(group.female, group.records),
                    share(group.male, group.records),
                    share(group.sex_missing, group.records),
                ]
            )
    return table(header, rows, text_columns=2)


def subjects(sheets: Sheets) -> str:
    """Records a subject, and subjects in more than one split."""
    header = [
        "data set",
        "subjects",
        "with several records",
        "records a subject, median",
        "at most",
        "subjects in more than one split",
    ]
    rows = []
    for name, sheet in sheets.items():
        values, everyone = sheet.counts.values, sheet.counts.everyone
        rows.append(
            [
                f"`{name}`",
                number(everyone.subjects),
                share(int(values["subjects_with_several_records"]), everyone.subjects),
                number(values["records_a_subject_median"]),
                number(values["records_a_subject_max"]),
                f"**{number(values['subjects_in_several_splits'])}**",
            ]
        )
    return table(header, rows)


def repeats(sheets: Sheets) -> str:
    """ECGs whose 12 x 5000 samples are the same as another's."""
    header = [
        "data set",
        "ECGs",
        "signals that occur more than once",
        "ECGs that repeat another",
        "signals in more than one split",
    ]
    keys = ["ecgs", "signals_repeated", "signals_copies", "signals_in_several_splits"]
    return table(
        header, [[f"`{name}`", *(number(sheet.counts.values[key]) for key in keys)] for name, sheet in sheets.items()]
    )


def sources(sheets: Sheets) -> str:
    """Rates and lengths of the files, and the windows taken from them."""
    header = [
        "data set",
        "rate of the files (records)",
        "length: median (shortest–longest)",
        "below 10 s",
        "beyond 10 s",
        "windows taken",
        "ECGs",
        "padded",
    ]
    rows = []
    for name, sheet in sheets.items():
        values = sheet.counts.values
        rows.append(
            [
                f"`{name}`",
                ", ".join(f"{rate:g} Hz ({number(records)})" for rate, records in sheet.counts.rates.items()),
                f"{number(values['seconds_median'])} s ({number(values['seconds_min'])}–{number(values['seconds_max'])} s)",
                number(values["shorter_than_10_s"]),
                number(values["longer_than_10_s"]),
                sheet.settings.windows,
                number(values["ecgs"]),
                number(values["padded_ecgs"]),
            ]
        )
    return table(header, rows, text_columns=3)


def quality(sheets: Sheets) -> str:
    """The noise figures, and ECGs with flat, interpolated or clipped parts."""
    header = [
        "data set",
        "ECGs",
        "wander",
        "mains",
        "muscle",
        "with a flat lead",
        "with a flat stretch",
        "with interpolated samples",
        "with clipped samples",
    ]
    counted = [
        "ecgs_with_flat_leads",
        "ecgs_with_flat_stretches",
        "ecgs_with_interpolated_samples",
        "ecgs_with_clipped_samples",
    ]
    rows = []
    for name, sheet in sheets.items():
        values = sheet.counts.values
        ecgs = int(values["ecgs"])
        noises = []
        for noise in NOISES:
            median, p5, p95 = (number(values.get(f"{noise}_{key}"), 1) for key in ("median", "p5", "p95"))
            noises.append("not measurable" if median == UNKNOWN else f"{median} ({p5}–{p95})")
        rows.append([f"`{name}`", number(ecgs), *noises, *(share(int(values[key]), ecgs) for key in counted)])
    return table(header, rows)


def quarantine(sheets: Sheets) -> str:
    """What was refused, by reason, with the ids of a few; "" where nothing was."""
    rows = [
        [code(name), escaped(reason), ", ".join(map(code, examples)), number(records)]
        for name, sheet in sheets.items()
        for reason, records, examples in sheet.counts.quarantine.iter_rows()
    ]
    return table(["data set", "reason", "for example", "ECGs"], rows, text_columns=3) if rows else ""


def labels(sheet: Sheet) -> str:
    """The commonest labels of one data set."""
    rows = [
        [f"{code(row['label'])} {escaped(row['name'] or '')}".rstrip() if row["type"] == "code" else escaped(row["label"])]
        + [share(row["records"], sheet.counts.everyone.records)]
        + [number(row[split]) for split in sheet.counts.by_split]
        for row in shown(sheet.labels).head(TOP_LABELS).iter_rows(named=True)
    ]
    return table(["label", "records", *sheet.counts.by_split], rows)

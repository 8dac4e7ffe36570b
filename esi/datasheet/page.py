"""The datasheet as a page: the sections of Gebru et al. 2021, every number from the tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from esi.datasheet import tables
from esi.datasheet.counts import OLDEST
from esi.datasheet.labels import shown
from esi.datasheet.tables import Sheets, number
from esi.markdown import code
from esi.settings.data import Quality


def render(sheets: Sheets, shared: Mapping[tuple[str, str], int], quality: Quality, pictures: Sequence[str]) -> str:
    """The page in Markdown.

    Args:
        sheets: by data set.
        shared: how many signals each two data sets have in common, where any.
        quality: the limits of the quarantine.
        pictures: which of the pictures lie beside the page.
    """
    parts = [
        "# Datasheet of the ECG data sets",
        "After Gebru et al., *Datasheets for datasets* (Communications of the ACM 64(12), 2021). Every number is counted "
        "from the tables in `data/ecg`; what is said of the public releases comes from `data/datasheet/releases.toml`. The "
        "stage `datasheet` writes this page: do not edit it.",
        *_simulated(sheets),
        tables.overview(sheets),
        *_undescribed(sheets),
        "*published*: records of the whole release, by its makers. *pretraining*: whether the training fold is in the pairs "
        "(`pairs.sets`).",
        "## Motivation",
        *_facts(sheets, {"For what": "purpose", "By whom": "creators", "Funding": "funding"}),
        "## Composition",
        "A row of the tables is an ECG: 12 leads in the order I II III aVR aVL aVF V1–V6, ten seconds at 500 Hz, int16 "
        "microvolts. A record of more than ten seconds is one row or several (`ingest.<set>.windows`).",
        *_picture(pictures, "splits.png", "Records by split, and quarantined ECGs by reason"),
        "### Ages and sexes",
        "By record; ages in years at the recording.",
        tables.people(sheets),
        *_implausible_ages(sheets),
        *_picture(pictures, "ages.png", "Ages by sex"),
        "### Subjects",
        tables.subjects(sheets),
        *_leaks(sheets),
        "### Repeated signals",
        "Two ECGs are the same signal when all their samples are equal.",
        tables.repeats(sheets),
        *_copies(sheets),
        _shared(shared),
        "### Labels",
        "[labels.csv](labels.csv) has all of them, by split: codes with their names, and statements in their normal "
        "wording. The statements of a set with codes are the codes' descriptions and are not shown here.",
        *_picture(pictures, "labels.png", "The commonest labels of each data set"),
        *_labels(sheets),
        "## Collection process",
        *_facts(sheets, {"How": "collection", "To know": "notes"}),
        tables.sources(sheets),
        "## Preprocessing, cleaning, labelling",
        *_facts(sheets, {"Labels": "labelling"}),
        _preprocessing(quality),
        "### Quality",
        "Microvolts RMS, median (5–95 %): baseline wander below 0.5 Hz, mains hum at 50 or 60 Hz, muscle noise from 40 Hz "
        "upwards. Mains cannot be measured in files of 100 Hz. In the picture, what is below 0.1 µV stands at 0.1.",
        tables.quality(sheets),
        *_picture(pictures, "quality.png", "Noise of the ECGs"),
        "### Quarantine",
        *_quarantine(sheets),
        "## Uses",
        *_uses(sheets),
        "## Distribution",
        "No ECG is passed on with this project. Each data set comes from its makers, under their licence.",
        *_facts(sheets, {"Licence": "licence", "Access": "access", "Page": "url", "Cite": "citations"}),
        "## Maintenance",
        *_facts(sheets, {"Release": "maintenance", "Sources of what is said here": "sources"}),
        "This page is written anew whenever the tables, the parameters or `data/datasheet/releases.toml` change.",
    ]
    return "\n\n".join(parts) + "\n"


def _picture(pictures: Sequence[str], name: str, caption: str) -> list[str]:
    return [f"![{caption}]({name})"] if name in pictures else []


def _simulated(sheets: Sheets) -> list[str]:
    names = [name for name, sheet in sheets.items() if sheet.origin.simulated]
    if not names:
        return []
    which = "All data sets" if len(names) == len(sheets) else _listed(names)
    return [
        f"> **Simulated data: {which}.** Computed, not recorded. No patient stands behind it, and its numbers "
        "say nothing of the public release whose layout it has."
    ]


def _facts(sheets: Sheets, questions: Mapping[str, str]) -> list[str]:
    """Each release's answers as a list; data sets of one release share it."""
    releases: dict[str, list[str]] = {}
    for name, sheet in sheets.items():
        if sheet.origin.facts:
            releases.setdefault(sheet.origin.facts.name, []).append(name)
    parts = []
    for release, names in releases.items():
        lines = [f"{_listed(names)}: **{release}**", ""]
        for question, key in questions.items():
            answer = getattr(sheets[names[0]].origin.facts, key)
            if isinstance(answer, tuple):
                answer = answer[0] if len(answer) == 1 else "".join(f"\n  - {item}" for item in answer)
            if answer:
                lines.append(f"- *{question}*: {answer}".replace(": \n", ":\n"))
        parts.append("\n".join(lines))
    undescribed = [name for name, sheet in sheets.items() if not sheet.origin.facts]
    if undescribed:
        parts.append(f"{_listed(undescribed)}: **not described** (see above).")
    return parts


def _undescribed(sheets: Sheets) -> list[str]:
    return [
        f"**`{name}` is not described.** What its tables hold is counted below; what they cannot tell (makers, funding, "
        f'licence, how it was recorded and labelled) is missing. Add a `[[release]]` with `sets = ["{name}"]` to '
        "`data/datasheet/releases.toml`, whose head says how, and run `dvc repro datasheet`."
        for name, sheet in sheets.items()
        if not sheet.origin.facts
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(code, names))


def _implausible_ages(sheets: Sheets) -> list[str]:
    found = [(name, sheet.counts.values["age_implausible"]) for name, sheet in sheets.items()]
    texts = [f"{number(count)} in `{name}`" for name, count in found if count]
    return (
        [f"**Ages below 0 or above {OLDEST}**: {', '.join(texts)}. They count above and are not in the picture."]
        if texts
        else []
    )


def _leaks(sheets: Sheets) -> list[str]:
    leaking = [name for name, sheet in sheets.items() if sheet.counts.values["subjects_in_several_splits"]]
    if not leaking:
        return ["Every subject is in one split only."]
    return [
        f"**Leak: subjects of {_listed(leaking)} are in more than one split.** Figures on their validation and test folds "
        "are too good; give each subject one fold and ingest the set anew."
    ]


def _copies(sheets: Sheets) -> list[str]:
    leaking = [name for name, sheet in sheets.items() if sheet.counts.values["signals_in_several_splits"]]
    if not leaking:
        return []
    return [
        f"**The same signal is in more than one split of {_listed(leaking)}**, under two record ids: the release holds it "
        "twice and does not say that it is of one subject."
    ]


def _shared(shared: Mapping[tuple[str, str], int]) -> str:
    if not shared:
        return "No signal is in two data sets."
    pairs = [f"{number(count)} in `{first}` and `{second}`" for (first, second), count in shared.items()]
    return f"**Signals in two data sets**: {'; '.join(pairs)}. The stage `pairs` refuses to train on one that is tested on."


def _labels(sheets: Sheets) -> list[str]:
    parts = []
    for name, sheet in sheets.items():
        count = len(shown(sheet.labels))
        if not count:
            parts.append(f"**`{name}`** has no labels.")
            continue
        top = (
            f"the {tables.TOP_LABELS} commonest of {number(count)}" if count > tables.TOP_LABELS else f"all {number(count)}"
        )
        parts += [f"<details><summary><code>{name}</code>: {top}</summary>", tables.labels(sheet), "</details>"]
    return parts


def _preprocessing(quality: Quality) -> str:
    limits = {
        "lasts less than {:g} s": quality.min_seconds,
        "has more than {:g} flat leads": quality.max_flat_leads,
        "has flat stretches in more than {:.3g} % of it": _per_cent(quality.max_flat_fraction),
        "has more than {:.3g} % invalid samples": _per_cent(quality.max_nonfinite),
        "has more than {:.3g} % of its samples beyond ±32.767 mV": _per_cent(quality.max_clipped),
        "has more than {:g} µV of baseline wander": quality.max_wander_uv,
        "has more than {:g} µV of mains hum": quality.max_mains_uv,
        "has more than {:g} µV of muscle noise": quality.max_muscle_uv,
    }
    set_limits = [text.format(limit) for text, limit in limits.items() if limit is not None]
    reasons = ["cannot be read", "lacks one of the 12 leads", *set_limits]
    return (
        "**By this project**: leads are put in order by name, volts follow the header's gain and baseline, other rates are "
        "resampled to 500 Hz (polyphase), longer records are windowed, shorter ones padded with their valid length stored, "
        "invalid samples are interpolated and counted. No filter is applied to what is stored. Codes and statements stay as "
        "the release has them. An ECG goes to quarantine, with its reason, when it "
        f"{', '.join(reasons[:-1])}, or {reasons[-1]} (parameters `quality`)."
    )


def _per_cent(share: float | None) -> float | None:
    return None if share is None else share * 100


def _quarantine(sheets: Sheets) -> list[str]:
    refused = tables.quarantine(sheets)
    if not refused:
        return ["No ECG was refused."]
    return ["`data/ecg/<set>/quarantine.parquet` names them all, each with a sentence.", refused]


def _uses(sheets: Sheets) -> list[str]:
    trained = [name for name, sheet in sheets.items() if sheet.pretraining]
    tested = [name for name, sheet in sheets.items() if "test" in sheet.counts.by_split]
    return [
        f"- *Pretraining*: the training folds of {_listed(trained) or 'no data set'}.\n"
        f"- *Evaluation*: {_listed(tested) or 'no data set'} can be tested on (a test fold); no ECG of a validation or test "
        "fold is in the pairs.\n"
        "- *Others*: self-supervised and supervised learning on ECGs, studies of label noise, of signal quality and of "
        "shift between hospitals.\n"
        "- *Not for*: diagnosing anybody, or prevalences in a population: hospital patients and chosen records are neither. "
        "Machine statements are not diagnoses. Nobody may try to find out who a subject is."
    ]

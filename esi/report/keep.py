"""Keeps the figures of other runs for the report: `python -m esi.report.keep NAME [NAME ...]`, and `--drop` forgets them.

A name is that of a DVC experiment, another git revision, or `workspace`. Nothing is run; only data/experiments is written.
"""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path

from esi.command import run
from esi.errors import EsiError
from esi.evaluate.models.registry import EVALUATED, SUPERVISED
from esi.files import write_json
from esi.paths import EXPERIMENTS
from esi.report.asked import TASKS
from esi.report.inputs import AGAIN, CLASSIFICATION, Line, checked
from esi.report.kept import COLUMNS, FIGURES, NUMBERS, Experiment, read_experiment
from esi.report.revision import Revision
from esi.report.variation import settings_in

MODELS = (EVALUATED, SUPERVISED)  # whose lines are kept: they follow from the experiment's settings


def keep(name: str) -> tuple[Experiment, list[str]]:
    """The settings and figures of a revision that the report uses, and a sentence for each figure that was left out.

    Raises:
        EsiError: there is no such revision, it has no figures of its own settings, or not as this version writes them.
    """
    revision = Revision(name)
    left_out, figures, tables = [], {}, {}
    for stage, keys in NUMBERS.items():
        numbers = revision.numbers(path := f"metrics/{stage}.json")
        if numbers and (reason := revision.why_old(path)):
            left_out.append(f"{stage}: {reason}")
        elif numbers:
            figures[stage] = {key: _number(name, path, key, numbers[key]) for key in keys if numbers.get(key) is not None}
    for protocol in COLUMNS:
        shown = TASKS.values() if protocol in CLASSIFICATION else TASKS
        tasks = [task for task in revision.names(f"metrics/{protocol}", ".json") if task in shown]
        if tasks and (reason := revision.why_old(f"metrics/{protocol}") or revision.why_old(f"metrics/details/{protocol}")):
            left_out.append(f"{protocol}: {reason}")
        elif tasks:
            tables[protocol] = {task: _table(revision, protocol, task) for task in tasks}
    if not tables and "score_descriptions" not in figures:
        reasons = "; ".join(left_out) or "metrics is empty"
        raise EsiError(
            f"{name} has no figures to keep ({reasons}): run `dvc exp run` for it, or `dvc repro` in the workspace"
        )
    settings = settings_in(revision.settings)
    for dataset in revision.settings.get("ingest") or {}:
        settings[f"ingest.{dataset}.records"] = revision.numbers(f"metrics/ingest/{dataset}.json").get("records")
    kept = Experiment(
        format=1, name=name, commit=revision.commit, settings=dict(sorted(settings.items())), figures=figures, tables=tables
    )
    return kept, left_out


def _table(revision: Revision, protocol: str, task: str) -> list[Line]:
    path = f"metrics/details/{protocol}/{task}.csv"
    lines = revision.lines(path)
    if lines is None:
        raise EsiError(f"{revision.name} has no {path}, but metrics/{protocol}/{task}.json: `dvc exp pull` or run it again")
    lines = checked(lines, protocol, f"{revision.name}: {path}")
    ours = [line for line in lines if line["model"] in MODELS and not line.get("variant")]
    for line in ours:
        for column in FIGURES[protocol]:
            _number(revision.name, path, column, line.get(column) or 0)
    return [{column: line[column] for column in COLUMNS[protocol] if column in line} for line in ours]


def _number(name: str, path: str, key: str, value: object) -> float:
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise EsiError(f"{name}: {path}: {key} says {value!r}, which is no number: {AGAIN}")
    return number


def file_of(name: str) -> Path:
    """Where an experiment is kept; characters that file names do not have everywhere become `-`.

    Raises:
        EsiError: another one is kept there.
    """
    path = EXPERIMENTS / f"{re.sub(r'[^A-Za-z0-9._-]', '-', name)}.json"
    if path.exists() and (other := read_experiment(path).name) != name:
        raise EsiError(
            f"{path} keeps {other}: `python -m esi.report.keep --drop {other}` first, or give {name} another name"
        )
    return path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m esi.report.keep", description="Figures of other runs for the report.")
    parser.add_argument("names", nargs="+", metavar="NAME", help="a DVC experiment, another git revision, or `workspace`")
    parser.add_argument("--drop", action="store_true", help="keep these no longer")
    arguments = parser.parse_args()
    files = {name: file_of(name) for name in arguments.names}
    if arguments.drop:
        unknown = [name for name, path in files.items() if not path.exists()]
        if unknown:
            raise EsiError(f"{', '.join(unknown)}: not kept in {EXPERIMENTS}: look there for the names")
        for path in files.values():
            path.unlink()
        return
    kept = {name: keep(name) for name in arguments.names}
    for name, (experiment, left_out) in kept.items():
        write_json(files[name], experiment.model_dump())
        print(f"{name}: kept {', '.join([*experiment.figures, *experiment.tables])} in {files[name]}")
        for sentence in left_out:
            print(f"  left out {sentence}")


if __name__ == "__main__":
    run(main)

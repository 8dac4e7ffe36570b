"""A set's own map: what its labels mean, as a table of label, concept and statement (docs/your-own-data.md)."""

from __future__ import annotations

import difflib
from collections import defaultdict
from pathlib import Path

from esi.ecg.concepts import read_concepts
from esi.ecg.entries import OwnLabels, ReleaseError, require
from esi.ecg.readers.codes import folded
from esi.ecg.readers.csv_files import column_names, read_columns
from esi.errors import shown

COLUMNS = ("label", "concept", "statement")
_REMEDY = "give it the columns label and concept, or label and statement, or all three"


def read_label_map(path: Path) -> OwnLabels:
    """The statements that each label stands for; none where a row gives neither concept nor statement.

    A concept is one of data/vocabulary/concepts.csv, by its slug or its name, and stands for the statement that is its
    name. A label with several rows stands for several statements.

    Args:
        path: a CSV file with the column `label` and one or both of `concept` and `statement`.

    Raises:
        ReleaseError: it is missing or no such table, a row is broken or gives both, or a concept is not known: the sentence
            names those that are called most like it.
    """
    require(
        path, "the set's own map of labels", "put it there, or set the data set's ingest label_map in params.yaml to null"
    )
    present = column_names(path, ["label"], _REMEDY)
    columns = [name for name in COLUMNS if name in present]
    if len(columns) == 1:
        raise ReleaseError(f"{path}: has neither a column concept nor a column statement: {_REMEDY}")
    table = read_columns(path, columns, _REMEDY)
    slugs = {concept.slug: concept for concept in read_concepts().values()}
    concepts = {folded(name): each.name for each in slugs.values() for name in (each.slug, each.name)}
    found: dict[str, list[str]] = defaultdict(list)
    for number, (cells, fault) in enumerate(zip(table.cells.iter_rows(named=True), table.faults, strict=True), start=1):
        place = f"{path}: row {number} below the header"
        label, concept, statement = (cells.get(name) for name in COLUMNS)
        if fault is None and not (label or concept or statement):
            continue
        if fault is not None or label is None:
            raise ReleaseError(f"{place} {fault or 'has no label'}: correct it or remove the row")
        if concept and statement:
            raise ReleaseError(f"{place} gives both a concept and a statement for {shown(label)!r}: empty one of the cells")
        if concept and folded(concept) not in concepts:
            near = difflib.get_close_matches(folded(concept), concepts, 4, 0.5)
            names = list(dict.fromkeys(slug for name in near for slug, each in slugs.items() if each.name == concepts[name]))
            raise ReleaseError(
                f"{place}: concept {shown(concept)!r} is not in data/vocabulary/concepts.csv"
                + (f"; the nearest are {', '.join(names)}" if names else "")
                + ": write one of that table, or the finding in your own words as a statement"
            )
        said = concepts[folded(concept)] if concept else statement
        found[label] += [said] if said and said not in found[label] else []
    return dict(found)

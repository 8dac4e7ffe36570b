"""Does the handbook entry of a label come first? `python -m benchmarks.retrieval --statements FILE`.

Queries are labels as the data sets word them: descriptions of SCP and SNOMED CT codes, and the canonical statements of a
file of raw ones (MIMIC-IV-ECG's). The right entry is not what some retrieval finds: the reviewed table in data/vocabulary
tells the one concept that a label claims, and a concept's entry is the one whose heading or synonym is, but for case,
hyphens and plurals, the name of the concept or of one of its codes. Labels whose concept no entry is named after are left
out and counted, and so are labels that claim several concepts.

A label that is itself a name of its entry is easy; `hard` are the others, `unseen` those of them that the project's tests
do not hold retrieval to (SCP descriptions and tests/cqa/scp_entries.py). Carts word some findings for every region of the
heart: `recall_1_by_entry` gives each entry the same weight.
"""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.report import report
from esi import params
from esi.cqa.books.chunks import chunk_table, entry_of
from esi.cqa.books.read import read_books
from esi.cqa.retrieve.embedding import encoder_name, encoder_of
from esi.cqa.retrieve.index import index_table
from esi.cqa.retrieve.retrieval import Method, Passage, retrieve
from esi.ecg.reference import scp_statements, snomed_descriptions
from esi.ecg.statements.kinds import kind_of
from esi.ecg.statements.wording import normalise
from esi.ecg.vocabulary import vocabulary
from esi.files import write_table
from tests.cqa.scp_entries import WORDINGS

WAYS: dict[str, tuple[Method, bool]] = {
    "dense": ("dense", False),
    "lexical": ("lexical", False),
    "hybrid": ("hybrid", False),
    "dense_names": ("dense", True),
    "lexical_names": ("lexical", True),
    "hybrid_names": ("hybrid", True),
}
DEPTH = 10  # passages a query


def plain(name: str) -> str:
    """A name without case, hyphens, brackets and plural s."""
    return " ".join(re.sub(r"s\b", "", word) for word in re.findall(r"[a-z0-9]+", normalise(name).lower()))


def entry_of_concepts(names: Mapping[str, str]) -> dict[str, str]:
    """The handbook's entry of each concept that has one by its name.

    Args:
        names: entry by `plain` name.
    """
    known = vocabulary()
    called = {slug: [concept.name] for slug, concept in known.concepts.items()}
    for scheme, descriptions in (("scp", scp_texts()), ("snomed", dict(snomed_descriptions()))):
        for code, text in descriptions.items():
            claims = known.claims(scheme, code)
            if len(claims) == 1:
                called[claims[0].concept].append(text)
    by_slug = {}
    for slug, candidates in called.items():
        entries = [names[plain(name)] for name in candidates if plain(name) in names]
        if entries:
            by_slug[slug] = entries[0]  # the concept's own name goes before those of its codes
    return by_slug


def scp_texts() -> dict[str, str]:
    """Description by SCP code."""
    return {code: row.description for code, row in scp_statements().items()}


def labels(statements: Path | None) -> dict[str, dict[str, str]]:
    """Concept by label, for each group of labels: those that claim exactly one concept (its regions' concepts aside)."""
    known = vocabulary()
    groups: dict[str, dict[str, str]] = {"scp": {}, "snomed": {}, "mimic": {}}
    for scheme, descriptions in (("scp", scp_texts()), ("snomed", dict(snomed_descriptions()))):
        for code, text in descriptions.items():
            claims = known.claims(scheme, code)
            if len(claims) == 1:
                groups[scheme][normalise(text)] = claims[0].concept
    if statements:
        for line in statements.read_text(encoding="utf-8").splitlines():
            text = normalise(line)
            claims = known.claims("statement", text)
            if kind_of(text) == "finding" and len(claims) == 1:
                groups["mimic"][text] = claims[0].concept
    return groups


def rank(passages: Sequence[Passage], entry: str) -> int:
    """Place of the first passage of an entry among the distinct entries found, from 1; 0 where it is not among them."""
    entries = list(dict.fromkeys(entry_of(passage.heading) for passage in passages))
    return entries.index(entry) + 1 if entry in entries else 0


def measure_recall(ranks: Mapping[str, int], wanted: Mapping[str, str]) -> dict[str, float]:
    """Recall at 1, 2 and 5 entries, the mean reciprocal rank among `DEPTH` passages, and recall at 1 averaged over entries.

    Args:
        ranks: place of the right entry by label, 0 where it was not found; wanted: that entry.
    """
    places = list(ranks.values())
    by_entry: dict[str, list[bool]] = {}
    for label, place in ranks.items():
        by_entry.setdefault(wanted[label], []).append(place == 1)
    recall = {f"recall_{k}": sum(0 < place <= k for place in places) / len(places) for k in (1, 2, 5)}
    recall["mrr"] = sum(1 / place for place in places if place) / len(places)
    recall["recall_1_by_entry"] = sum(sum(hits) / len(hits) for hits in by_entry.values()) / len(by_entry)
    return {name: round(value, 4) for name, value in recall.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--statements", type=Path, help="raw statements, one a line (MIMIC-IV-ECG's)")
    parser.add_argument("--errors", action="store_true", help="print what each way gets wrong among the unseen labels")
    arguments = parser.parse_args()
    settings = params.load()
    chunks = chunk_table(read_books(settings.chunk.books), settings.chunk.max_tokens, settings.chunk.overlap_tokens)
    called = {entry_of(row["heading"]): row["names"] for row in chunks.to_pylist()}
    entries = entry_of_concepts({plain(name): entry for entry, names in called.items() for name in reversed(names)})
    groups = labels(arguments.statements)
    wanted = {label: entries[concept] for group in groups.values() for label, concept in group.items() if concept in entries}
    easy = {label for label, entry in wanted.items() if plain(label) in {plain(name) for name in called[entry]}}
    seen = {normalise(text) for text in [*WORDINGS, *scp_texts().values()]}
    subsets = {name: [label for label in group if label in wanted] for name, group in groups.items()}
    subsets["all"] = list(wanted)
    subsets["hard"] = [label for label in wanted if label not in easy]
    subsets["unseen"] = [label for label in subsets["hard"] if label not in seen]
    content: dict[str, object] = {
        "labels": sum(map(len, groups.values())),
        "without_entry": sum(concept not in entries for group in groups.values() for concept in group.values()),
        "entries": len(called),
        "chunks": len(chunks),
        "queries": {name: len(found) for name, found in subsets.items()},
    }
    questions = {label: settings.describe.question.replace("{condition}", label) for label in wanted}
    encode, encoder = encoder_of(settings.embed), encoder_name(settings.embed)
    summary = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.parquet"
        write_table(path, index_table(chunks, encode, encoder))
        vectors = encode(list(questions.values()))
        for way, (method, names) in WAYS.items():
            found = retrieve(path, questions, lambda _: vectors, encoder, DEPTH, method=method, names=names)
            ranks = {label: rank(found[label], entry) for label, entry in wanted.items()}
            content[way] = {
                name: measure_recall({label: ranks[label] for label in subset}, wanted)
                for name, subset in subsets.items()
                if subset
            }
            first = measure_recall({label: ranks[label] for label in subsets["unseen"]}, wanted)
            summary.append(f"{way} {first['recall_1']:.3f} ({first['recall_1_by_entry']:.3f})")
            if arguments.errors:
                for label in subsets["unseen"]:
                    if ranks[label] != 1:
                        print(f"{way}: {label!r} -> {entry_of(found[label][0].heading)!r}, not {wanted[label]!r}")
    report("retrieval", f"recall@1 (by entry) of {len(subsets['unseen'])} unseen labels: {', '.join(summary)}", content)


if __name__ == "__main__":
    main()

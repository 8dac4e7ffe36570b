"""How much of a set's labels the vocabulary does not have: what the screen says, and when it stops."""

from __future__ import annotations

from collections.abc import Sequence

from esi.ecg.statements.folding import Statement, unmapped
from esi.errors import EsiError, shown

EXAMPLES = 5


def unmapped_share(statements: Sequence[Statement]) -> str:
    """Such as: 3 of 8 findings (12 of 40 labels, 30.0%) say no concept of the vocabulary, the commonest: ...; "" for none.

    Args:
        statements: of one set.
    """
    missed, findings = unmapped(statements), [each for each in statements if each.kind == "finding"]
    if not missed:
        return ""
    labels, of = sum(each.count for each in missed), sum(each.count for each in findings)
    return (
        f"{len(missed)} of {len(findings)} findings ({labels} of {of} labels, {labels / of:.1%}) say no concept of "
        f"data/vocabulary, the commonest: {_examples(missed)} (all: metrics/statements/unmapped.csv)"
    )


def refuse_foreign(dataset: str, statements: Sequence[Statement], has_map: bool) -> None:
    """Stop at a set of which no finding is known: another language, or codes taken for text. A mark alone ("?") is neither.

    Args:
        dataset: its name in params.yaml.
        statements: its own.
        has_map: whether it has a map of its labels, which is then what it is meant to be.

    Raises:
        EsiError: none of its findings says a concept, and it has no map.
    """
    findings = [each for each in statements if each.kind == "finding" and any(map(str.isalnum, each.statement))]
    missed = unmapped(findings)
    if findings and len(missed) == len(findings) and not has_map:
        raise EsiError(
            f"not one of the {len(findings)} findings of {dataset} says a concept of data/vocabulary, the commonest: "
            f"{_examples(missed)}: say in a table what its labels mean and set ingest.{dataset}.label_map to it "
            "(docs/your-own-data.md), or correct labels_are and separator there"
        )


def _examples(statements: Sequence[Statement]) -> str:
    return ", ".join(f"{shown(each.statement, 60)!r} ({each.count})" for each in statements[:EXAMPLES])

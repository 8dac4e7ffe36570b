"""Pages that are turned, and pages that cannot be read: one of them never costs the book."""

from __future__ import annotations

from pathlib import Path

import pytest
from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, NumberObject

from esi.cqa.books.pdf import read_pdf
from esi.cqa.books.read import read_books
from esi.errors import EsiError
from tests.cqa.test_pdf import damaged_page, raw_pdf

TEXT = ["The QRS complex is wide in lead V1.", "The PR interval is long in all leads.", "The T wave is flat in V5 and V6."]
UPRIGHT = {  # the text matrix that makes a page upright when it is shown turned by so many degrees, and where a line begins
    0: ("1 0 0 1", lambda row: (72, 700 - 20 * row)),
    90: ("0 1 -1 0", lambda row: (100 + 20 * row, 72)),
    180: ("-1 0 0 -1", lambda row: (540, 92 + 20 * row)),
    270: ("0 -1 1 0", lambda row: (512 - 20 * row, 720)),
}


def stream(rotation: int, lines: list[str], first: int = 0) -> str:
    matrix, place = UPRIGHT[rotation]
    shown = [f"{matrix} {x} {y} Tm ({line}) Tj" for row, line in enumerate(lines, first) for x, y in [place(row)]]
    return "BT /F1 10 Tf " + " ".join(shown) + " ET"


def turned_pdf(path: Path, pages: list[tuple[int, str]]) -> None:
    raw_pdf(path, [content for _, content in pages])
    writer = PdfWriter(clone_from=PdfReader(path))
    for page, (rotation, _) in zip(writer.pages, pages, strict=True):
        page[NameObject("/Rotate")] = NumberObject(rotation)
    writer.write(path)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270, -90, 450])
def test_a_turned_page_is_read_as_it_is_shown(tmp_path: Path, rotation: int) -> None:
    turned_pdf(tmp_path / "book.pdf", [(0, stream(0, ["Before it."])), (rotation, stream(rotation % 360, TEXT))])
    assert [page.text for page in read_pdf(tmp_path / "book.pdf")] == ["Before it.", " ".join(TEXT)]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_text_that_is_turned_on_the_page_is_read_too(tmp_path: Path, rotation: int) -> None:
    raw_pdf(tmp_path / "book.pdf", [stream(rotation, TEXT), stream(0, TEXT[:1]) + " " + stream(rotation, TEXT[1:], 1)])
    assert [page.text.split() for page in read_pdf(tmp_path / "book.pdf")] == [" ".join(TEXT).split()] * 2


def test_one_bad_page_is_left_out_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from esi.cqa.books import pdf

    whole = pdf.page_lines
    raw_pdf(tmp_path / "book.pdf", [stream(0, [line]) for line in TEXT])

    def fails_on(text: str) -> None:
        def lines(page: object) -> list:
            found = whole(page)  # type: ignore[arg-type]
            if any(text in line.text for line in found):
                raise RecursionError("a form calls itself")
            return found

        monkeypatch.setattr(pdf, "page_lines", lines)

    fails_on("PR interval")
    left_out: list[str] = []
    sections = read_books(tmp_path, left_out)
    assert [(section.page, section.text) for section in sections] == [(1, TEXT[0]), (3, TEXT[2])]
    assert left_out == ["book.pdf, page 2: cannot be read (RecursionError: a form calls itself)"]
    assert left_out[0] in caplog.text
    fails_on("The")
    with pytest.raises(EsiError, match="none of its 3 pages can be read"):
        read_books(tmp_path)


def test_a_damaged_page_of_a_real_file_is_left_out(tmp_path: Path) -> None:
    damaged_page(tmp_path / "book.pdf")
    left_out: list[str] = []
    assert [page.text for page in read_pdf(tmp_path / "book.pdf", left_out)] == ["One."]
    assert [sentence.partition(" (")[0] for sentence in left_out] == ["book.pdf, page 2: cannot be read"]


def test_a_line_of_another_encoding_is_left_out_with_its_number(tmp_path: Path) -> None:
    lines = [f"The QRS complex lasts {number} ms." for number in range(100, 130)]
    data = "\n\n".join(lines).encode() + b"\n\nIt rises by 50 \xb5V.\n"
    (tmp_path / "book.md").write_bytes(data)
    left_out: list[str] = []
    (section,) = read_books(tmp_path, left_out)
    assert section.text.split("\n\n") == lines
    assert left_out == ["book.md, lines 61: not UTF-8 (byte 945)"]
    (tmp_path / "book.md").write_bytes("\n".join(lines).encode("utf-16"))
    with pytest.raises(EsiError, match="not UTF-8"):
        read_books(tmp_path)

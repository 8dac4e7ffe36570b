"""Books -> sections: headings, pages, and one clear sentence for every file that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from pypdf import PdfReader, PdfWriter

from esi.cqa.books.read import Section, read_books
from esi.errors import EsiError

HANDBOOK = Path(__file__).parents[2] / "data" / "textbooks"


def pdf(path: Path, pages: list[str], image: bool = False) -> None:
    with PdfPages(path) as file:
        for text in pages:
            figure = Figure()
            if image:
                figure.figimage([[0.0, 1.0], [1.0, 0.0]])
            else:
                figure.text(0.1, 0.8, text)
            file.savefig(figure)


def test_markdown_headings_make_sections(tmp_path: Path) -> None:
    text = "<!-- licence -->\n# Title\n\nIntro *text*.\n\n## LBBB\n\n### Criteria\nQRS is\nwide.\n\n"
    text += "- R is **broad**\n- [S](x) deep\n\n## AF\nNo P.\n```\n# not a heading\n```\n"
    (tmp_path / "a.md").write_text(text)
    assert read_books(tmp_path) == [
        Section("a.md", "Title", None, "Intro text."),
        Section("a.md", "LBBB > Criteria", None, "QRS is wide.\n\nR is broad\n\nS deep"),
        Section("a.md", "AF", None, "No P. # not a heading"),
    ]


def test_markdown_with_an_entry_for_each_first_level_heading_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# AF\n## Criteria\nNo P.\n# LBBB\n## Criteria\nWide.\n")
    assert [section.heading for section in read_books(tmp_path)] == ["AF > Criteria", "LBBB > Criteria"]


def test_html(tmp_path: Path) -> None:
    head = "<html><head><title>x</title></head><nav>menu</nav><h1>Book</h1><h2>AF</h2>"
    (tmp_path / "sub").mkdir()
    body = "<p>No <b>P</b> waves &amp; more.</p><p>RR varies.</p><script>var x = 1;</script></html>"
    (tmp_path / "sub" / "a.html").write_text(head + body)
    assert read_books(tmp_path) == [Section("sub/a.html", "AF", None, "No P waves & more.\n\nRR varies.")]


def test_html_whose_head_is_not_closed(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text("<!doctype html><html><head><title>x</title><body><h1>AF</h1><p>No P waves.")
    assert read_books(tmp_path) == [Section("a.html", "AF", None, "No P waves.")]


def test_pdf_pages_and_bookmarks(tmp_path: Path) -> None:
    pdf(tmp_path / "plain.pdf", ["P waves are absent.", "QRS is wide.", "ST rises."])
    writer = PdfWriter(clone_from=PdfReader(tmp_path / "plain.pdf"))
    writer.add_outline_item(title="Conduction", page_number=1)
    writer.write(tmp_path / "book.pdf")
    (tmp_path / "plain.pdf").unlink()
    assert read_books(tmp_path) == [
        Section("book.pdf", "", 1, "P waves are absent."),
        Section("book.pdf", "Conduction", 2, "QRS is wide."),
        Section("book.pdf", "Conduction", 3, "ST rises."),
    ]


def test_unreadable_books_are_one_sentence(tmp_path: Path) -> None:
    def message() -> str:
        with pytest.raises(EsiError) as caught:
            read_books(tmp_path)
        return str(caught.value)

    assert "there is no book" in message()
    book = tmp_path / "book.pdf"
    pdf(book, ["", ""], image=True)
    assert "book.pdf is a scan without text (2 of 2 pages, from page 1)" in message()
    assert "text recognition" in message()
    book.write_bytes(b"%PDF-1.4 broken")
    assert "book.pdf cannot be read as PDF" in message()
    pdf(book, ["text"])
    writer = PdfWriter(clone_from=PdfReader(book))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(book)
    assert "locked with a password" in message()
    book.unlink()
    (tmp_path / "book.epub").write_text("x")
    assert "book.epub is none of .pdf" in message()
    (tmp_path / "book.epub").unlink()
    (tmp_path / "book.txt").write_bytes(b"caf\xe9")
    assert "book.txt is not UTF-8" in message()
    (tmp_path / "book.txt").write_text(" \n")
    assert "book.txt holds no text" in message()


def test_hidden_files_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("x")
    (tmp_path / "a.txt").write_text("One.\n\nTwo\nlines.")
    assert read_books(tmp_path) == [Section("a.txt", "", None, "One.\n\nTwo lines.")]


def test_every_entry_of_the_handbook_is_complete() -> None:
    parts: dict[str, list[str]] = {}
    for section in read_books(HANDBOOK):
        entry, part = section.heading.split(" > ")
        parts.setdefault(entry, []).append(part)
    assert len(parts) >= 71
    assert {tuple(found) for found in parts.values()} == {("Definition", "ECG criteria", "Look-alikes", "Sources")}


def test_real_textbook_chapters(real: Path) -> None:
    sections = read_books(real / "textbooks")
    assert sum(len(section.text.split()) for section in sections) > 8000

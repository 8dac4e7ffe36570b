"""PDF books: reading order, running lines, broken words and headings, on pages that the test writes from real chapters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from pypdf import PdfReader, PdfWriter
from pypdf.generic import ArrayObject, DecodedStreamObject, DictionaryObject, FloatObject, NameObject

from esi.cqa.books.pdf import read_pdf
from esi.errors import EsiError

Draw = tuple[float, float, float, str]  # x and y in points from below left, size of the letters, text
WIDTH, HEIGHT = 612, 792


def write_pdf(path: Path, pages: Sequence[Sequence[Draw]]) -> None:
    with PdfPages(path) as file:
        for page in pages:
            figure = Figure(figsize=(WIDTH / 72, HEIGHT / 72))
            for x, y, size, text in page:
                figure.text(x / WIDTH, y / HEIGHT, text, fontsize=size, parse_math=False)
            file.savefig(figure)


def raw_pdf(path: Path, streams: Sequence[str], form: bool = False) -> None:
    """Pages from content streams; with `form` the text is drawn by a form that the page calls."""
    writer = PdfWriter()
    font = DictionaryObject({NameObject("/Type"): NameObject("/Font"), NameObject("/Subtype"): NameObject("/Type1")})
    font[NameObject("/BaseFont")] = NameObject("/Helvetica")
    for text in streams:
        page = writer.add_blank_page(WIDTH, HEIGHT)
        fonts = DictionaryObject({NameObject("/Font"): DictionaryObject({NameObject("/F1"): writer._add_object(font)})})
        stream = DecodedStreamObject()
        stream.set_data(text.encode())
        page[NameObject("/Resources")] = fonts
        if form:
            box = ArrayObject(map(FloatObject, (0, 0, WIDTH, HEIGHT)))
            stream.update({NameObject("/Type"): NameObject("/XObject"), NameObject("/Subtype"): NameObject("/Form")})
            stream.update({NameObject("/BBox"): box, NameObject("/Resources"): fonts})
            called = DictionaryObject(
                {NameObject("/XObject"): DictionaryObject({NameObject("/X"): writer._add_object(stream)})}
            )
            page[NameObject("/Resources")] = called
            stream = DecodedStreamObject()
            stream.set_data(b"/X Do")
        page[NameObject("/Contents")] = writer._add_object(stream)
    writer.write(path)


def broken_lines(text: str, width: int) -> list[str]:
    """Lines of at most `width` characters; long words are broken with a hyphen."""
    lines, current = [], ""
    for word in text.split():
        room = width - len(current) - 1
        if len(word) <= room:
            current = f"{current} {word}".strip()
            continue
        if len(word) >= 9 and word.isalpha() and word.islower() and room >= 6:
            cut = min(room - 1, len(word) - 3)
            lines.append(f"{current} {word[:cut]}-".strip())
            current = word[cut:]
        else:
            lines.append(current)
            current = word
    return [*lines, current]


def two_columns(lines: Sequence[str], by_rows: bool, per_column: int = 45) -> Iterator[list[Draw]]:
    """Pages of a book: a running head that changes sides, a title over both columns, a number below."""
    for number, start in enumerate(range(0, len(lines), 2 * per_column), start=117):
        page: list[Draw] = [
            (
                60 if number % 2 else 400,
                760,
                7,
                f"Cardiac electrical activity {number}" if number % 2 else f"{number} The heart",
            )
        ]
        body = [
            (60 + 260 * column, 720 - 14 * row, 8, line)
            for column in (0, 1)
            for row, line in enumerate(lines[start + column * per_column : start + (column + 1) * per_column])
        ]
        yield page + (sorted(body, key=lambda item: -item[1]) if by_rows else body) + [(300, 30, 7, str(number))]


@pytest.mark.parametrize("by_rows", [False, True])
def test_two_columns_of_a_real_chapter_come_back_word_for_word(real: Path, tmp_path: Path, by_rows: bool) -> None:
    words = (real / "textbooks/openstax_m46661.txt").read_text().split()[:2200]
    lines = broken_lines(" ".join(words), 52)
    assert sum(line.endswith("-") for line in lines) > 20
    write_pdf(tmp_path / "book.pdf", list(two_columns(lines, by_rows)))
    texts = read_pdf(tmp_path / "book.pdf")
    assert [text.page for text in texts] == list(range(1, len(PdfReader(tmp_path / "book.pdf").pages) + 1))
    assert " ".join(text.text for text in texts).split() == words


def test_columns_drawn_row_by_row_in_one_text_object(tmp_path: Path) -> None:
    """As some converters write them: one text object, which jumps from column to column at each line."""
    rows = [(f"left {name} of the", f"right {name} of the") for name in ("one", "two", "three", "four", "five")]
    stream = "BT /F1 10 Tf 72 700 Td " + " ".join(f"({left}) Tj 250 0 Td ({right}) Tj -250 -12 Td" for left, right in rows)
    raw_pdf(tmp_path / "book.pdf", [stream + " ET"])
    (page,) = read_pdf(tmp_path / "book.pdf")
    assert page.text.split() == [word for column in (0, 1) for row in rows for word in row[column].split()]


def test_a_title_over_both_columns_divides_them(tmp_path: Path) -> None:
    def block(name: str, top: int) -> list[Draw]:
        return [
            (60 + 260 * column, top - 12 * row, 9, f"{name} {column} {row} of this column")
            for row in range(6)
            for column in (0, 1)
        ]

    title = "A title that runs over both of the columns of this page and is long"
    write_pdf(tmp_path / "book.pdf", [[*block("upper", 700), (60, 600, 9, title), *block("lower", 560)]])
    (page,) = read_pdf(tmp_path / "book.pdf")
    order = re.findall(r"(upper|lower) (\d) (\d)|(A title)", page.text)
    expected = [("upper", str(c), str(r), "") for c in (0, 1) for r in range(6)] + [("", "", "", "A title")]
    assert order == expected + [("lower", str(c), str(r), "") for c in (0, 1) for r in range(6)]


def test_text_inside_a_form_is_not_lost(tmp_path: Path) -> None:
    """Its places on the page are unknown: the plain order is taken, and still only outer lines can be running lines."""
    texts = [
        ["Cardiology", f"Wave {name}.", "The same line.", f"See {name}.", str(page)] for page, name in enumerate("PQRS", 1)
    ]
    raw_pdf(
        tmp_path / "book.pdf",
        ["BT /F1 10 Tf 12 TL 72 700 Td " + " ".join(f"({line}) Tj T*" for line in lines) + " ET" for lines in texts],
        form=True,
    )
    assert [page.text for page in read_pdf(tmp_path / "book.pdf")] == [" ".join(lines[1:4]) for lines in texts]


def test_one_column_stays_whole_though_a_table_has_gaps(tmp_path: Path) -> None:
    prose: list[Draw] = [
        (60, 700 - 12 * row, 9, f"Line {row} runs over the whole width of the page and has words.") for row in range(12)
    ]
    table: list[Draw] = [
        (x, 540 - 12 * row, 9, text)
        for row, cells in enumerate([("V1", "rS"), ("V6", "qR")])
        for x, text in zip((60, 250), cells, strict=True)
    ]
    write_pdf(tmp_path / "book.pdf", [[*prose, *table]])
    (page,) = read_pdf(tmp_path / "book.pdf")
    assert page.text.split("\n\n")[-1].endswith("V1 rS V6 qR")


def test_running_lines_go_and_the_text_beside_them_stays(tmp_path: Path) -> None:
    edges = {
        "P": ("Cardiology", "i"),
        "Q": ("2 Cardiology", "- 2 -"),
        "R": ("Rhythm 3", "Page 3 of 5"),  # a chapter's one page
        "S": ("4 Cardiology", "4"),
        "T": ("Waves 5", "5"),
    }
    pages = []
    for name, (head, foot) in edges.items():
        text = [
            (60.0, 720.0, 10.0, f"The {name} wave is seen in lead {name}."),
            (60.0, 706.0, 10.0, f"It ends {name} in V6."),
        ]
        pages.append([(60.0, 760.0, 7.0, head), *text, (300.0, 30.0, 7.0, foot)])
    write_pdf(tmp_path / "book.pdf", pages)
    texts = [page.text for page in read_pdf(tmp_path / "book.pdf")]
    assert texts == [f"The {name} wave is seen in lead {name}. It ends {name} in V6." for name in edges]


def test_a_hyphen_that_belongs_to_the_word_stays(tmp_path: Path) -> None:
    lines = [
        "A T-wave and a left-sided heart. The ventri-",
        "cle has a left-",
        "sided wall, an ST-",
        "segment and a T-",
        "wave of 3-",
        "5 mm and the efﬁcient pump.",
    ]
    write_pdf(tmp_path / "book.pdf", [[(60, 700 - 12 * row, 10, line) for row, line in enumerate(lines)]])
    (page,) = read_pdf(tmp_path / "book.pdf")
    assert page.text == (
        "A T-wave and a left-sided heart. The ventricle has a left-sided wall, an ST-segment and a T-wave of 3-5 mm "
        "and the efficient pump."
    )


def test_headings_are_told_by_the_size_of_the_letters(tmp_path: Path) -> None:
    first = [
        (60, 720, 20, "Conduction"),
        (60, 690, 14, "Bundle branch"),
        (60, 672, 14, "block"),
        (60, 640, 10, "The QRS complex is wide and the"),
    ]
    second = [
        (60, 720, 10, "T wave is inverted. It lasts."),
        (60, 690, 14, "Hemiblock"),
        (60, 670, 10, "The axis turns to the left."),
        (60, 600, 30, "3"),
    ]
    write_pdf(tmp_path / "book.pdf", [first, second])
    found = [(page.heading, page.page, page.text) for page in read_pdf(tmp_path / "book.pdf")]
    assert found == [
        (("Conduction", "Bundle branch block"), 1, "The QRS complex is wide and the T wave is inverted."),
        (("Conduction", "Bundle branch block"), 2, "It lasts."),
        (("Conduction", "Hemiblock"), 2, "The axis turns to the left."),
    ]  # the sentence overleaf belongs to the page where it begins, the lonely 3 is a page number


def test_a_bookmark_holds_from_the_line_that_repeats_it(tmp_path: Path) -> None:
    page: list[Draw] = [
        (60, 720, 10, "End of the chapter on waves."),
        (60, 690, 10, "2. Atrial"),
        (60, 678, 10, "flutter"),
        (60, 650, 10, "F waves are seen."),
    ]
    write_pdf(tmp_path / "plain.pdf", [page])
    writer = PdfWriter(clone_from=PdfReader(tmp_path / "plain.pdf"))
    parent = writer.add_outline_item(title="Rhythm", page_number=0)
    writer.add_outline_item(title="Atrial flutter", page_number=0, parent=parent)
    writer.write(tmp_path / "book.pdf")
    assert [(page.heading, page.text) for page in read_pdf(tmp_path / "book.pdf")] == [
        (("Rhythm",), "End of the chapter on waves."),
        (("Rhythm", "Atrial flutter"), "F waves are seen."),
    ]


def locked(path: Path, algorithm: str, user: str) -> None:
    writer = PdfWriter(clone_from=PdfReader(path))
    writer.encrypt(user, owner_password="owner", algorithm=algorithm)
    writer.write(path)


def scanned(path: Path, with_text: int, pictures: int) -> None:
    with PdfPages(path) as file:
        for number in range(with_text + pictures):
            figure = Figure()
            if number < with_text:
                figure.text(0.1, 0.5, f"The wave {'PQRST'[number]} has text.")
            else:
                figure.figimage([[0.0, 1.0], [1.0, 0.0]])
            file.savefig(figure)


def damaged_page(path: Path) -> None:
    raw_pdf(path, ["BT /F1 10 Tf 72 700 Td (One.) Tj ET", "BT /F1 10 Tf 72 700 Td (Two.) Tj ET"])
    writer = PdfWriter(clone_from=PdfReader(path))
    contents = DecodedStreamObject()
    contents.set_data(b"no deflated data")
    contents[NameObject("/Filter")] = NameObject("/NoSuchFilter")
    writer.pages[1][NameObject("/Contents")] = writer._add_object(contents)
    writer.write(path)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path: locked(path, "RC4-128", "secret"), r"book.pdf is locked with a password: .*qpdf --decrypt"),
        (lambda path: locked(path, "AES-256", "secret"), r"book.pdf is locked with a password: .*qpdf --decrypt"),
        (lambda path: path.write_bytes(path.read_bytes()[:400]), r"book.pdf cannot be read as PDF .*whole copy"),
        (lambda path: path.write_bytes(b""), r"book.pdf cannot be read as PDF .*whole copy"),
        (lambda path: PdfWriter().write(path), r"book.pdf (has no page|cannot be read).*whole copy"),
        (lambda path: scanned(path, 0, 2), r"a scan without text \(2 of 2 pages, from page 1\).*ocrmypdf"),
        (lambda path: scanned(path, 1, 2), r"a scan without text \(2 of 3 pages, from page 2\).*ocrmypdf"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    book = tmp_path / "book.pdf"
    write_pdf(book, [[(60, 700, 10, "P waves are absent.")]])
    spoil(book)
    with pytest.raises(EsiError, match=message) as caught:
        read_pdf(book)
    assert "\n" not in str(caught.value)


def test_a_book_that_only_its_owner_may_change_is_read(tmp_path: Path) -> None:
    book = tmp_path / "book.pdf"
    write_pdf(book, [[(60, 700, 10, "P waves are absent.")]])
    locked(book, "AES-256", "")
    assert [page.text for page in read_pdf(book)] == ["P waves are absent."]


def test_pages_that_are_pictures_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    scanned(tmp_path / "book.pdf", 3, 1)
    assert len(read_pdf(tmp_path / "book.pdf")) == 3
    assert "1 pages are pictures without text, and nothing of them is read: 4" in caplog.text

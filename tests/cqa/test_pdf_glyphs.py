"""Ligatures without letters: mended where one word fits, never a wrong word in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from esi.cqa.books import pdf
from esi.cqa.books.pdf import read_pdf
from esi.cqa.books.pdf_glyphs import mended
from esi.cqa.books.pdf_layout import Line
from esi.errors import EsiError
from tests.cqa.test_pdf import raw_pdf

PROSE = "In fibrillation there are no P waves, and the RR intervals differ from beat to beat in every lead of the record."


def test_names_of_glyphs_and_unique_words_are_mended() -> None:
    words = {"fibrillation", "flutter", "different", "flat", "fiat"}
    assert mended("/f_ibrillation and a di/f_ferent /f_lutter", words) == "fibrillation and a different flutter"
    assert mended("\x00brillation, \ue001utter, di\uf001erent", words) == "fibrillation, flutter, different"
    assert mended("\uf0b7 an item", words) == "• an item"
    assert mended("a \x00at wave, a \x00xed one", words) == "a \x00at wave, a \x00xed one"  # two readings; none


def test_what_cannot_be_mended_is_left_out_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    raw_pdf(tmp_path / "book.pdf", ["BT /F1 10 Tf 72 700 Td (x) Tj ET"] * 2)
    texts = iter([f"{PROSE} A \x00xed rate is seen. In \x00brillation it is not.", "\x00\x00\x00 \x00\x00\x00\x00 mostly"])
    monkeypatch.setattr(pdf, "page_lines", lambda page: [Line(0, 500, 700, 10, next(texts))])
    left_out: list[str] = []
    (page,) = read_pdf(tmp_path / "book.pdf", left_out)
    assert page.text == f"{PROSE} In fibrillation it is not."
    assert "page 1: 1 of" in caplog.text
    assert ["page 2: 7 of" in sentence for sentence in left_out] == [True]
    monkeypatch.setattr(pdf, "page_lines", lambda page: [Line(0, 500, 700, 10, "\x00\x00\x00 mostly")])
    with pytest.raises(EsiError, match="nothing of its 2 pages can be read"):
        read_pdf(tmp_path / "book.pdf")

"""Chunks: whole, bounded, overlapping, never across sections, and named by their content."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from esi.cqa.books.chunk_report import chunk_figures, draw_sizes
from esi.cqa.books.chunks import chunk_table, count_tokens, split_text
from esi.cqa.books.read import Section
from esi.cqa.sentences import content_words, name_fit, split_sentences

TEXT = (
    "P waves are absent. The QRS complex lasts 0.12 s or more. ST segments fall in V5, e.g. by 0.1 mV. T waves are inverted."
)


def test_token_counts_are_those_of_cl100k_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("the vocabulary was looked for on the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert count_tokens("hello world") == 2
    assert count_tokens("<|endoftext|>") == 7  # plain text, not the special token


def test_sentences_end_where_they_do() -> None:
    assert split_sentences(TEXT) == [
        "P waves are absent.",
        "The QRS complex lasts 0.12 s or more.",
        "ST segments fall in V5, e.g. by 0.1 mV.",
        "T waves are inverted.",
    ]


def test_overlap_repeats_the_last_sentences() -> None:
    count = lambda text: len(text.split())  # noqa: E731
    assert split_text("A one. B two. C three. D four.", 4, 2, count) == [
        "A one. B two.",
        "B two. C three.",
        "C three. D four.",
    ]
    assert split_text("A one. B two. C three.", 4, 0, count) == ["A one. B two.", "C three."]


words = st.text(alphabet="abcdefgXYZ ÄöÜ心.!?\n0123456789-", max_size=400)


@settings(max_examples=150, deadline=None)
@given(text=words, limit=st.integers(16, 60), overlap=st.integers(0, 15))
def test_chunks_lose_nothing_and_stay_below_the_limit(text: str, limit: int, overlap: int) -> None:
    chunks = split_text(text, limit, overlap)
    assert all(count_tokens(chunk) <= limit for chunk in chunks)
    without_overlap = split_text(text, limit, 0)
    assert "".join("".join(chunk.split()) for chunk in without_overlap) == "".join(text.split())
    assert all(
        any(sentence in chunk for chunk in chunks) for sentence in split_sentences(text) if count_tokens(sentence) <= limit
    )


def test_a_chunk_never_spans_two_sections_and_bibliographies_are_left_out() -> None:
    sections = [
        Section("a.md", "AF > ECG criteria", None, "P waves are absent."),
        Section("a.md", "AF > Look-alikes", None, "Flutter has waves."),
        Section("a.md", "AF > Sources", None, "Somebody, 2009."),
        Section("a.md", "LBBB", None, "QRS is wide."),
    ]
    table = chunk_table(sections, 160, 32)
    assert table["text"].to_pylist() == ["P waves are absent.", "QRS is wide."]
    assert chunk_figures(sections, table) == {
        "books": 1,
        "sections": 4,
        "sections_without_heading": 0,
        "words": 12,
        "chunks": 2,
        "tokens_min": 4,
        "tokens_median": 4.5,
        "tokens_mean": 4.5,
        "tokens_max": 5,
    }


def test_the_picture_of_the_sizes_is_the_same_twice(tmp_path: Path) -> None:
    sections = [Section(f"{number:02}.md", "AF", None, f"P waves are absent {number}.") for number in range(12)]
    for name in ("a.png", "b.png"):
        draw_sizes(tmp_path / name, chunk_table(sections, 160, 32), 160)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    draw_sizes(tmp_path / "c.png", chunk_table(sections[:1], 160, 32), 160)
    assert (tmp_path / "c.png").read_bytes() != (tmp_path / "a.png").read_bytes()


def test_repeated_words_of_a_pdf_keep_their_first_page() -> None:
    sections = [
        Section("a.pdf", "", 1, "P waves."),
        Section("a.pdf", "", 2, "P waves."),
        Section("a.pdf", "", 3, "T waves."),
    ]
    assert chunk_table(sections, 160, 32)["page"].to_pylist() == [1, 3]


def test_an_entry_gets_the_synonyms_of_its_opening_sentence() -> None:
    sections = [
        Section("a.md", "Atrial flutter > Definition", None, "Atrial flutter (AFLT, AFL) is a tachycardia (fast)."),
        Section("a.md", "Atrial flutter > ECG criteria", None, "Sawtooth waves (F) are seen."),
        Section("a.md", "LBBB > Definition", None, "Left bundle branch block (wide) is a block."),
        Section("b.pdf", "", 1, "Text (in brackets) without heading."),
    ]
    names = chunk_table(sections, 160, 32)["names"].to_pylist()
    assert names == [["Atrial flutter", "AFLT", "AFL"], ["Atrial flutter", "AFLT", "AFL"], ["LBBB"], []]


def test_a_chunk_keeps_its_id_until_its_own_content_changes() -> None:
    sections = [Section("a.md", "AF", None, "P waves are absent."), Section("a.md", "LBBB", None, "QRS is wide.")]
    before = chunk_table(sections, 160, 32)["chunk_id"].to_pylist()
    edited = [Section("a.md", "AF", None, "No P waves."), *sections[1:], Section("new.md", "WPW", None, "A delta wave.")]
    after = chunk_table(edited, 160, 32)["chunk_id"].to_pylist()
    assert before[0] != after[0]
    assert before[1] == after[1]
    assert len(set(after)) == 3


def test_repeated_text_stays_once() -> None:
    assert len(chunk_table([Section("a.md", "AF", None, "No P."), Section("b.md", "AF", None, "No P.")], 160, 32)) == 1


def test_names_are_compared_by_their_content_words() -> None:
    assert content_words("complete LEFT bundle-branch blocks") == {"complet", "left", "bundle", "branch", "block"}
    assert name_fit("1st degree AV block", "First-degree AV block") == 1.0
    assert name_fit("ischemic in anterolateral leads", "Ischemia of the anterolateral wall") == pytest.approx(0.8)
    assert name_fit("in the ECG", "lead") == 0.0


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("left atrial hypertrophy", "right atrial hypertrophy"),
        ("ventricular fibrillation", "atrial fibrillation"),
        ("second degree AV block", "first degree AV block"),
        ("AV block", "third-degree AV block"),  # left open by the statement
        ("inferior ischemia", "lateral ischemia"),
        ("inferior T wave changes", "ischemic changes in inferior leads"),  # nobody said ischemia
        ("Q waves in septal leads", "septal myocardial infarction"),
    ],
)
def test_another_side_chamber_degree_or_territory_does_not_fit_at_all(statement: str, name: str) -> None:
    assert name_fit(statement, name) == 0.0


def test_a_general_name_fits_a_special_statement() -> None:
    assert name_fit("inferior T wave abnormality", "T-wave abnormality") > 0.5
    assert name_fit("lateral ischaemia", "lateral ischemia") == 1.0
